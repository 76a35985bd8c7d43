"""How good a replay was: what it found of the best liquids, after how many queries, against random search.

A query is a liquid that the strategy chose; start points are given, not chosen. Random search starts from the same
points. Definitions as in benchmarks of self-driving laboratories: Rohr et al., Chem. Sci. 2020, 11, 2696.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from saltloop.loop.backtest.backtest import Start, Trace

#: Part of the top that a campaign must find to have arrived.
PART = 0.8
N_BOOTSTRAP = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A statistic over seeds and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = ("∞" if math.isinf(one) else f"{one:.3g}" for one in (self.value, self.low, self.high))
        return f"{value} ({low}–{high})"


def n_needed(n_top: int, part: float = PART) -> int:
    """How many of ``n_top`` liquids are at least this part of them."""
    return math.ceil(part * n_top - 1e-9)


def recall_curve(trace: Trace, top: Sequence[int] | np.ndarray) -> np.ndarray:
    """Share of ``top`` that is measured after 0, 1, 2 ... queries; length n_queries + 1."""
    found = np.cumsum(np.isin(trace.order, top))
    return found[trace.n_start - 1 :] / len(top)


def best_curve(trace: Trace, values: np.ndarray) -> np.ndarray:
    """Best conductivity (mS/cm) after 0, 1, 2 ... queries."""
    return np.maximum.accumulate(values[list(trace.order)])[trace.n_start - 1 :]


def queries_to_find(trace: Trace, top: Sequence[int] | np.ndarray, n: int, batch_size: int) -> float:
    """Queries until ``n`` of ``top`` are measured, in whole batches; infinite if the replay ended before."""
    curve = np.rint(recall_curve(trace, top) * len(top))
    arrived = np.flatnonzero(curve >= n)
    if not len(arrived):
        return math.inf
    return float(min(math.ceil(arrived[0] / batch_size) * batch_size, trace.n_queries))


def random_queries(n_pool: int, n_top: int, n: int, *, start: Start, n_start: int) -> float:
    """Queries that random search needs in expectation to find ``n`` of the ``n_top`` best liquids.

    Drawing without replacement from ``N`` liquids, the n-th of the top comes at ``n (N + 1) / (n_top + 1)`` on average
    (order statistics). Start points of the bottom half hold none of the top, so that ``N`` is what is left of the pool;
    random ones are the first draws.
    """
    if start == "bottom":
        return n * (n_pool - n_start + 1) / (n_top + 1)
    # The mean of max(0, T - n_start) is the sum over t >= n_start of P(T > t) = P(fewer than n among t draws).
    total = math.comb(n_pool, n_top)
    missing = 0
    for t in range(n_start, n_pool):
        missing += sum(math.comb(t, k) * math.comb(n_pool - t, n_top - k) for k in range(n))
    return missing / total


def random_recall(n_pool: int, queries: np.ndarray, *, start: Start, n_start: int) -> np.ndarray:
    """Share of the top that random search has found in expectation after so many queries."""
    if start == "bottom":
        return np.minimum(queries / (n_pool - n_start), 1.0)
    return np.minimum((queries + n_start) / n_pool, 1.0)


def estimate(values: Sequence[float] | np.ndarray, statistic: Callable[..., np.ndarray], *, seed: int = 0) -> Estimate:
    """A statistic (``numpy.mean``, ``numpy.median`` ...) and its interval by resampling the seeds."""
    data = np.asarray(values, dtype=float)
    draws = np.random.default_rng(seed).integers(len(data), size=(N_BOOTSTRAP, len(data)))
    resampled = np.sort(statistic(data[draws], axis=1))
    low, high = (resampled[round(q * (N_BOOTSTRAP - 1))] for q in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Estimate(float(statistic(data, axis=0)), float(low), float(high))
