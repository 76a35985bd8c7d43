"""Straight lines through mean square displacements: by generalised least squares, over a window that is found.

The values of a mean square displacement at different lags are strongly correlated; for Brownian motion their covariance
is known exactly (Qian, Sheetz and Elson, Biophys. J. 60 (1991) 910; Michalet, Phys. Rev. E 82 (2010) 041914). With it,
generalised least squares gives the most certain slope and says how certain it is (as kinisi does with a covariance
estimated from the data: McCluskey et al., J. Chem. Theory Comput. 21 (2025) 79). Lags are whole numbers of frames here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SLOPE_TOLERANCE = 0.05
"""A log-log slope this near to 1 is diffusion, however certain it is."""
SLOPE_SIGMAS = 1.5
"""Standard errors by which a log-log slope may differ from 1."""
VETO_SIGMAS = 3.0
"""Standard errors beyond which a later window shows that an earlier one was not diffusion yet."""
MAX_SLOPE_TOLERANCE = 0.3
"""A window whose slope is farther from 1 is never taken."""
LAGS_PER_DECADE = 14
DECADE = 10.0
MIN_SPAN = 2.0
"""A window ends at least at this many times its start."""
MIN_LAGS = 4


@dataclass(frozen=True)
class Window:
    """A range of lags in which displacements are fitted, and how they grow there."""

    start: int
    end: int
    """Both in frames and both fitted."""
    log_slope: float
    """d ln MSD / d ln t: 1 for diffusion, 2 for free flight, below 1 in a cage."""
    log_slope_error: float
    is_diffusive: bool

    @property
    def is_surely_not_diffusive(self) -> bool:
        return abs(self.log_slope - 1) > max(SLOPE_TOLERANCE, VETO_SIGMAS * self.log_slope_error)


def lag_grid(n_frames: int) -> NDArray[np.int64]:
    """Lags at which displacements are evaluated: 1 to half the run, evenly spread in their logarithm.

    Raises:
        ValueError: fewer than 12 frames.
    """
    if n_frames < 12:
        raise ValueError(f"{n_frames} frames are too few for an analysis of displacements; at least 12 are needed")
    last = n_frames // 2
    n = math.ceil(LAGS_PER_DECADE * math.log10(last)) + 1
    return np.unique(np.round(np.geomspace(1, last, n)).astype(np.int64))


def brownian_covariance(lags: NDArray[np.int64], n_frames: int) -> Array:
    """Covariance of the mean square displacements (all time origins) of one axis of one Brownian particle.

    In units in which the expectation at lag n is n. With K_n = n_frames - n windows of lag n <= m, and windows that
    overlap in o steps contributing 2 o^2: the sum over all pairs of windows, in closed form.
    """
    n = np.minimum.outer(lags, lags).astype(float)
    m = np.maximum.outer(lags, lags).astype(float)
    windows_n, windows_m = n_frames - n, n_frames - m
    # Overlaps of n steps; then of n - 1, n - 2, ... (u) steps at both sides, as far as the run reaches.
    full = (m - n + 1) * windows_m * n**2
    least = np.maximum(1.0, n - windows_m + 1)
    partial = (windows_m - n) * (_sum2(n - 1) - _sum2(least - 1)) + _sum3(n - 1) - _sum3(least - 1)
    return np.asarray(2 * (full + 2 * partial) / (windows_n * windows_m))


def pooled_covariance(lags: NDArray[np.int64], n_frames: tuple[int, ...]) -> Array:
    """Covariance for one axis of the displacements pooled over runs of different lengths, each window counting once."""
    shares = np.array([np.maximum(length - lags, 0) for length in n_frames], dtype=float)
    shares /= shares.sum(axis=0)
    total = np.zeros((len(lags), len(lags)))
    for length, share in zip(n_frames, shares, strict=True):
        inside = lags < length
        part = np.zeros_like(total)
        part[np.ix_(inside, inside)] = brownian_covariance(lags[inside], length)
        total += np.outer(share, share) * part
    return total


def line_weights(lags: NDArray[np.int64], n_frames: tuple[int, ...]) -> tuple[Array, float]:
    """Weights w so that the slope per frame is w . MSD(lags), and its variance for one axis of unit slope.

    A straight line with an intercept (what the cage adds), by generalised least squares.
    """
    weights, variance = _line_weights(tuple(int(lag) for lag in lags), n_frames)
    return np.array(weights), variance


def window_at(lags: NDArray[np.int64], msd: Array, n_frames: tuple[int, ...], n_axes: float, start: int) -> Window:
    """The window of up to a decade from ``start`` (frames) on; ``msd`` at ``lags`` is the mean over ``n_axes`` axes."""
    return explicit_window(lags, msd, n_frames, n_axes, start, min(int(start * DECADE), int(lags[-1])))


def explicit_window(
    lags: NDArray[np.int64], msd: Array, n_frames: tuple[int, ...], n_axes: float, start: int, end: int
) -> Window:
    """The window between two lags (frames), with the log-log slope in it; at least four lags of the grid."""
    inside = lags_inside(lags, start, end)
    chosen, values = lags[inside], msd[inside]
    if np.any(values <= 0):
        return Window(int(chosen[0]), int(chosen[-1]), 0.0, 1.0, False)
    covariance = pooled_covariance(chosen, n_frames) / np.outer(chosen, chosen) / n_axes
    design = np.stack([np.log(chosen), np.ones(len(chosen))], axis=1)
    inverse = np.linalg.pinv(covariance, rcond=1e-10)
    information = design.T @ inverse @ design
    slope = float(np.linalg.solve(information, design.T @ inverse @ np.log(values))[0])
    error = math.sqrt(float(np.linalg.inv(information)[0, 0]))
    tolerance = min(max(SLOPE_TOLERANCE, SLOPE_SIGMAS * error), MAX_SLOPE_TOLERANCE)
    return Window(int(chosen[0]), int(chosen[-1]), slope, error, abs(slope - 1) <= tolerance)


def diffusive_window(
    lags: NDArray[np.int64], msd: Array, n_frames: tuple[int, ...], n_axes: float, *, earliest: int = 1
) -> Window:
    """The earliest window of a decade (or what is left of the run) in which displacements grow as t.

    No later window may surely be anything else, so that the passage from flight to cage is not taken for diffusion.
    Where there is none, the last window is returned, with ``is_diffusive`` False.
    """
    starts = [int(lag) for lag in lags[:-MIN_LAGS] if lag * MIN_SPAN <= lags[-1]]
    starts = [lag for lag in starts if lag >= earliest] or starts[-1:]
    windows = []
    for start in reversed(starts):
        windows.append(window_at(lags, msd, n_frames, n_axes, start))
        if windows[-1].is_surely_not_diffusive:
            break
    return next((window for window in reversed(windows) if window.is_diffusive), windows[0])


def lags_inside(lags: NDArray[np.int64], start: int, end: int) -> NDArray[np.bool_]:
    """Which lags of the grid lie in a window; the next longer (then shorter) ones too where that is fewer than four."""
    inside = (lags >= start) & (lags <= end)
    while inside.sum() < MIN_LAGS:
        first = int(np.argmax(inside)) if inside.any() else int(np.searchsorted(lags, start))
        last = first + int(inside.sum())
        if last < len(lags):
            inside[last] = True
        else:
            inside[first - 1] = True
    return inside


def calibrated_relative_error(degrees: float) -> float:
    """Relative standard error s of a variance-like estimate with so many degrees of freedom.

    So that estimate (1 -+ 2 s) holds the truth in 95 % of cases although the estimate itself scatters as chi squared:
    P(1/(1 + 2 s) < chi2/degrees < 1/(1 - 2 s)) = 0.95. For many degrees it is sqrt(2/degrees).
    """
    return _calibrated(round(math.log(max(degrees, 4.0)), 2))


@cache
def _calibrated(log_degrees: float) -> float:
    from scipy.optimize import brentq
    from scipy.stats import chi2

    degrees = math.exp(log_degrees)

    def excess(s: float) -> float:
        upper = chi2.cdf(degrees / (1 - 2 * s), degrees) if 2 * s < 1 else 1.0
        return float(upper - chi2.cdf(degrees / (1 + 2 * s), degrees) - 0.9545)

    return float(brentq(excess, 1e-6, 20.0))


@cache
def _line_weights(lags: tuple[int, ...], n_frames: tuple[int, ...]) -> tuple[tuple[float, ...], float]:
    times = np.array(lags)
    covariance = pooled_covariance(times, n_frames)
    inverse = np.linalg.pinv(covariance, rcond=1e-12, hermitian=True)
    design = np.stack([times.astype(float), np.ones(len(times))], axis=1)
    weights = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse)[0]
    return tuple(float(w) for w in weights), float(weights @ covariance @ weights)


def _sum2(n: Array) -> Array:
    """1 + 4 + ... + n^2."""
    return n * (n + 1) * (2 * n + 1) / 6


def _sum3(n: Array) -> Array:
    """1 + 8 + ... + n^3."""
    return (n * (n + 1) / 2) ** 2
