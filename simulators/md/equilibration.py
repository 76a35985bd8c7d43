"""Where a series has equilibrated, what its mean is worth, and whether that is enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .stage_settings import Npt

N_CANDIDATES = 40
"""Starting points of the equilibrated part that are tried, evenly spaced over the series."""
MAX_DISCARDED = 0.5
"""More than this share of a series discarded: it has not converged."""
MIN_INDEPENDENT = 8
"""Fewer independent samples do not tell their own error."""
MAX_HALVES_SIGMA = 2.5
"""Difference of the two halves' means, over its standard error, that still counts as agreement."""


@dataclass(frozen=True)
class Equilibrated:
    """The equilibrated part of a series."""

    n_discarded: int
    """Samples before it."""
    mean: float
    standard_error: float
    n_independent: float
    """Effective number of samples in it."""


def statistical_inefficiency(series: NDArray[np.floating]) -> float:
    """How many successive samples count as one: 1 + 2 sum_t (1 - t/n) C(t), up to the first C(t) <= 0.

    C is the normalised autocorrelation. Chodera et al., J. Chem. Theory Comput. 3 (2007) 26.
    """
    n = len(series)
    centred = np.asarray(series, dtype=float) - np.mean(series)
    variance = float(centred @ centred)
    if n < 3 or variance <= 0:
        return 1.0
    spectrum = np.fft.rfft(centred, n=2 * n)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:n] / variance * n / np.arange(n, 0, -1)
    lags = np.arange(1, n)
    below = np.flatnonzero(correlation[1:] <= 0)
    last = int(below[0]) if below.size else n - 1
    return max(1.0, 1 + 2 * float(np.sum((1 - lags[:last] / n) * correlation[1 : last + 1])))


def equilibrated(series: NDArray[np.floating]) -> Equilibrated:
    """The part of a series with the most independent samples: it starts where drift no longer costs more than it gives.

    Chodera, J. Chem. Theory Comput. 12 (2016) 1799.

    Raises:
        ValueError: fewer than two samples.
    """
    n = len(series)
    if n < 2:
        raise ValueError(f"{n} sample(s) have no equilibrated part")
    best = (-1.0, 0)
    for start in sorted({round(share * (n - 2)) for share in np.linspace(0, 1, N_CANDIDATES, endpoint=False)}):
        n_independent = (n - start) / statistical_inefficiency(series[start:])
        if n_independent > best[0]:
            best = (n_independent, start)
    n_independent, start = best
    part = np.asarray(series[start:], dtype=float)
    return Equilibrated(start, float(part.mean()), _standard_error(part, n_independent), n_independent)


def averaged_part(series: NDArray[np.floating], settings: Npt) -> NDArray[np.floating]:
    """The part of the densities at constant pressure that is averaged."""
    if settings.converge:
        return series[equilibrated(series).n_discarded :]
    return series[-max(2, math.ceil(len(series) * settings.averaging_fraction)) :]


def why_not_converged(series: NDArray[np.floating], relative_error: float) -> str:
    """What is missing for the mean of a series to be known to ``relative_error``; empty where nothing is."""
    found = equilibrated(series)
    if found.n_discarded > MAX_DISCARDED * len(series):
        return f"it still drifts: {found.n_discarded} of {len(series)} samples count as equilibration"
    if found.n_independent < MIN_INDEPENDENT:
        return f"only {found.n_independent:.0f} samples are independent"
    if found.standard_error > relative_error * abs(found.mean):
        return f"its standard error is {found.standard_error / abs(found.mean):.2%}, above {relative_error:.2%}"
    halves = np.array_split(np.asarray(series[found.n_discarded :], dtype=float), 2)
    difference = float(halves[1].mean() - halves[0].mean())
    error = math.hypot(*(_standard_error(half, len(half) / statistical_inefficiency(half)) for half in halves))
    if abs(difference) > max(MAX_HALVES_SIGMA * error, relative_error * abs(found.mean)):
        return f"its two halves differ by {abs(difference / found.mean):.2%}"
    return ""


def _standard_error(part: NDArray[np.floating], n_independent: float) -> float:
    return float(part.std(ddof=1)) / math.sqrt(n_independent) if len(part) > 1 else math.inf
