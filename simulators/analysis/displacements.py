"""Mean square displacements of equivalent vectors in one or several runs, and the slope that diffusion gives them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .fitting import (
    Window,
    calibrated_relative_error,
    diffusive_window,
    explicit_window,
    lag_grid,
    lags_inside,
    line_weights,
    pooled_covariance,
)

Array = NDArray[np.float64]

N_BLOCKS = 4
"""Pieces of each run whose scatter is compared with what Brownian motion gives."""
CHUNK = 64
"""Vectors that are transformed at a time."""


@dataclass(frozen=True)
class Slope:
    """Growth of a mean square displacement with time, for one axis: twice the diffusion coefficient.

    ``value`` and ``standard_error`` in nm2/ps (times charge or mass squared for charge or mass displacements).
    """

    value: float
    standard_error: float
    degrees: float
    """Chi-squared degrees of freedom that the estimate has, from motion without correlation beyond the fit's."""
    window: Window
    window_ps: tuple[float, float]

    @property
    def is_diffusive(self) -> bool:
        return self.window.is_diffusive

    @property
    def log_slope(self) -> float:
        return self.window.log_slope


@dataclass(frozen=True)
class Displacements:
    """Mean square displacements of equivalent vectors at lags that are evenly spread in their logarithm."""

    frame_ps: float
    lags: NDArray[np.int64]
    """In frames."""
    n_frames: tuple[int, ...]
    """Of each run."""
    single: Array
    """``n_lags x n_runs x n_vectors x n_axes``: averaged over time origins only, nm2; 0 where a run is too short."""
    blocks: Array
    """``n_lags x n_runs * N_BLOCKS``: of pieces of the runs, averaged over vectors and axes; 0 where too short."""

    @property
    def n_axes(self) -> int:
        """Of one run, all vectors together."""
        return self.single.shape[2] * self.single.shape[3]

    @property
    def lag_ps(self) -> Array:
        return np.asarray(self.lags * self.frame_ps, dtype=float)

    @property
    def per_vector(self) -> Array:
        """``n_lags x n_vectors_of_all_runs``: mean over axes."""
        return np.asarray(self.single.mean(axis=3).reshape(len(self.lags), -1))

    @property
    def per_axis(self) -> Array:
        """Mean over vectors, axes and runs, each window of time counting once."""
        shares = np.maximum(np.array(self.n_frames) - self.lags[:, None], 0).astype(float)
        return np.asarray((self.single.mean(axis=(2, 3)) * shares).sum(axis=1) / shares.sum(axis=1))

    def scaled(self, factor: float) -> Displacements:
        """Squared displacements times a factor."""
        return replace(self, single=self.single * factor, blocks=self.blocks * factor)

    def slope(
        self, *, earliest_ps: float = 0.0, window_ps: tuple[float, float] | None = None, may_diffuse: bool = True
    ) -> Slope:
        """The slope in ``window_ps``, or in the window that ``diffusive_window`` finds from ``earliest_ps`` on.

        The standard error is the larger of what Brownian motion of so many axes gives, times the excess of the
        scatter of runs and their pieces over that (this one sees molecules that move together), and the spread of
        single vectors (it sees molecules in different surroundings). What the log-log slope differs from 1 beyond half
        its error, times the slope, is added in quadrature; all of it where the motion is not diffusive. It is not where
        ``may_diffuse`` is False, because what surrounds these molecules does not diffuse yet.
        """
        msd, axes = self.per_axis, self.n_axes
        if window_ps is None:
            earliest = max(1, round(earliest_ps / self.frame_ps))
            window = diffusive_window(self.lags, msd, self.n_frames, axes, earliest=earliest)
        else:
            start, end = (max(1, round(edge / self.frame_ps)) for edge in window_ps)
            window = explicit_window(self.lags, msd, self.n_frames, axes, start, end)
        window = replace(window, is_diffusive=window.is_diffusive and may_diffuse)
        inside = lags_inside(self.lags, window.start, window.end)
        lags = self.lags[inside]
        weights, variance = line_weights(lags, self.n_frames)
        value = float(weights @ msd[inside])
        middle = len(lags) // 2
        scale = max(abs(value), float(msd[inside][middle] / lags[middle]))
        excess = self._excess_scatter(inside, value, scale)
        relative = calibrated_relative_error(2 * axes / (variance * excess))
        error = max(scale * relative, self._spread_of_vectors(inside, weights))
        off = abs(1 - window.log_slope)
        error = math.hypot(error, scale * (max(0.0, off - window.log_slope_error / 2) if window.is_diffusive else off))
        edges = (float(lags[0] * self.frame_ps), float(lags[-1] * self.frame_ps))
        floor = float(np.finfo(float).tiny)
        return Slope(
            value / self.frame_ps, max(error / self.frame_ps, floor), 2 * axes / (variance * excess), window, edges
        )

    def running(self) -> tuple[Array, Array, Array]:
        """Slope for one axis (nm2/ps) between each lag and its double, by lag (ps), and its Brownian standard error."""
        msd = self.per_axis
        n = int(np.searchsorted(self.lags, self.lags[-1] // 2, side="right"))
        lags = self.lags[:n]
        slope = (np.interp(2 * lags, self.lags, msd) - msd[:n]) / lags
        errors = []
        for lag in lags:
            covariance = pooled_covariance(np.array([lag, 2 * lag]), self.n_frames)
            errors.append(math.sqrt((covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]) / self.n_axes) / lag)
        slope = np.asarray(slope / self.frame_ps, dtype=float)
        scale = np.maximum(np.abs(slope), msd[:n] / self.lag_ps[:n])
        return self.lag_ps[:n], slope, scale * np.array(errors)

    def _excess_scatter(self, inside: NDArray[np.bool_], value: float, scale: float) -> float:
        """Chi squared per degree of freedom of the slopes of pieces of the runs; at least 1."""
        lags = self.lags[inside]
        slopes, variances = [], []
        for index, column in enumerate(self.blocks.T):
            length = self.n_frames[index // N_BLOCKS] // N_BLOCKS
            if length >= 1.6 * lags[-1]:
                weights, variance = line_weights(lags, (length,))
                slopes.append(float(weights @ column[inside]))
                variances.append(variance * scale**2 / self.n_axes)
        if len(slopes) < 2 or scale <= 0:
            return self._excess_scatter_of_runs(inside, scale)
        shares = 1 / np.array(variances)
        mean = float(np.average(slopes, weights=shares))
        return max(1.0, float(np.sum(shares * (np.array(slopes) - mean) ** 2)) / (len(slopes) - 1))

    def _excess_scatter_of_runs(self, inside: NDArray[np.bool_], scale: float) -> float:
        lags = self.lags[inside]
        found = []
        for index, length in enumerate(self.n_frames):
            if length >= 1.6 * lags[-1] and scale > 0:
                weights, variance = line_weights(lags, (length,))
                slope = float(weights @ self.single[inside, index].mean(axis=(1, 2)))
                found.append((slope, variance * scale**2 / self.n_axes))
        if len(found) < 2:
            return 1.0
        slopes, shares = np.array([one for one, _ in found]), np.array([1 / variance for _, variance in found])
        mean = float(np.average(slopes, weights=shares))
        return max(1.0, float(np.sum(shares * (slopes - mean) ** 2)) / (len(found) - 1))

    def _spread_of_vectors(self, inside: NDArray[np.bool_], weights: Array) -> float:
        """Standard error of the mean from the spread over vectors that were followed through a whole run; 0 if few."""
        long_enough = [run for run, length in enumerate(self.n_frames) if length > self.lags[inside][-1]]
        slopes = np.tensordot(weights, self.single[inside][:, long_enough].mean(axis=3), axes=1).ravel()
        if slopes.size < 4:
            return 0.0
        return float(slopes.std(ddof=1)) / math.sqrt(slopes.size) * small_sample_factor(slopes.size)


def displacements(runs: Sequence[Array], frame_ps: float) -> Displacements:
    """Mean square displacements in runs of one liquid: unwrapped positions ``n_frames x n_vectors x n_axes`` each.

    Raises:
        ValueError: no run, or the longest has fewer than 12 frames.
    """
    if not runs:
        raise ValueError("there is no trajectory to analyse")
    n_frames = tuple(len(run) for run in runs)
    lags = lag_grid(max(n_frames))
    single = np.zeros((len(lags), len(runs), *runs[0].shape[1:]))
    blocks = np.zeros((len(lags), len(runs) * N_BLOCKS))
    for index, run in enumerate(runs):
        inside = lags < len(run)
        single[inside, index] = mean_square_displacement(run, lags[inside])
        length = len(run) // N_BLOCKS
        inside = lags < length
        for block in range(N_BLOCKS if inside.any() else 0):
            piece = run[block * length : (block + 1) * length]
            blocks[inside, index * N_BLOCKS + block] = mean_square_displacement(piece, lags[inside]).mean(axis=(1, 2))
    return Displacements(frame_ps, lags, n_frames, single, blocks)


def joined(parts: Sequence[Displacements]) -> Displacements:
    """Other vectors of the same runs, taken as equivalent."""
    shares = np.array([part.n_axes for part in parts], dtype=float)
    blocks = np.average([part.blocks for part in parts], axis=0, weights=shares)
    return replace(parts[0], single=np.concatenate([part.single for part in parts], axis=2), blocks=blocks)


def mean_square_displacement(positions: NDArray[np.floating], lags: NDArray[np.int64]) -> Array:
    """Squared displacement for each lag, averaged over all start times: ``n_lags x n_vectors x n_axes``.

    Computed by Fourier transform: <|r(t0+t) - r(t0)|^2> = <r^2(t0+t)> + <r^2(t0)> - 2 <r(t0+t) r(t0)>, as in Calandrini
    et al., Collection SFN 12 (2011) 201.
    """
    from scipy.fft import irfft, next_fast_len, rfft

    n_frames = len(positions)
    size = next_fast_len(2 * n_frames, real=True)
    found = np.empty((len(lags), *positions.shape[1:]))
    windows = (n_frames - lags)[:, None, None]
    for first in range(0, positions.shape[1], CHUNK):
        part = np.asarray(positions[:, first : first + CHUNK], dtype=float)
        part = part - part.mean(axis=0)
        correlation = irfft(np.abs(rfft(part, size, axis=0)) ** 2, size, axis=0)[lags]
        from_start = np.concatenate([np.zeros((1, *part.shape[1:])), np.cumsum(part**2, axis=0)])
        both = from_start[n_frames - lags] + from_start[n_frames] - from_start[lags]
        found[:, first : first + CHUNK] = np.maximum((both - 2 * correlation) / windows, 0.0)
    return found


def small_sample_factor(n: int) -> float:
    """Student's t for 68.3 % with n - 1 degrees of freedom, over 1; within 2 % of the exact value for n > 2."""
    degrees = n - 1
    return 1.84 if degrees == 1 else 1.0 + 0.5 / degrees + 0.4 / degrees**2
