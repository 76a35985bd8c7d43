"""What a backtest came to: the measures over its seeds, as an object, as JSON and as text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from saltloop.loop.backtest.backtest import Start, Trace
from saltloop.loop.backtest.measures import (
    Estimate,
    best_curve,
    estimate,
    n_needed,
    queries_to_find,
    random_queries,
    random_recall,
    recall_curve,
)
from saltloop.loop.backtest.pool import Pool

TOP, WIDE_TOP = 0.01, 0.05
CHECKPOINTS = (50, 100, 150, 200)


@dataclass(frozen=True)
class AtQueries:
    """Where the seeds are after some number of queries."""

    recall_1: Estimate
    """Mean share of the top 1 % that is measured."""
    recall_5: Estimate
    enhancement: Estimate
    """Mean recall of the top 1 % over what random search has found in expectation."""
    best: Estimate
    """Mean best conductivity, mS/cm."""


@dataclass(frozen=True)
class Summary:
    """Measures of one strategy from one kind of start."""

    n_seeds: int
    n_arrived: int
    n_pool: int
    n_top: int
    n_needed: int
    lowest_top: float
    """Conductivity (mS/cm) at which the top 1 % starts."""
    queries: Estimate
    """Median queries to 80 % of the top 1 %; infinite where most seeds did not arrive."""
    random_queries: float
    """What random search needs in expectation."""
    acceleration: Estimate
    """``random_queries`` over the median queries; 0 where most seeds did not arrive."""
    at_queries: dict[int, AtQueries]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; an infinite number is null."""
        found: dict[str, Any] = _finite(asdict(self))
        return found


def summarise(pool: Pool, traces: Sequence[Trace], *, start: Start, batch_size: int) -> Summary:
    """The measures over traces of one strategy; all must have the same number of queries."""
    top, wide = pool.top(TOP), pool.top(WIDE_TOP)
    n_start, n_queries = traces[0].n_start, min(trace.n_queries for trace in traces)
    needed = n_needed(len(top))
    queries = np.array([queries_to_find(trace, top, needed, batch_size) for trace in traces])
    expected = random_queries(len(pool), len(top), needed, start=start, n_start=n_start)
    recall_1 = np.array([recall_curve(trace, top)[: n_queries + 1] for trace in traces])
    recall_5 = np.array([recall_curve(trace, wide)[: n_queries + 1] for trace in traces])
    best = np.array([best_curve(trace, pool.values)[: n_queries + 1] for trace in traces])
    by_chance = random_recall(len(pool), np.arange(n_queries + 1), start=start, n_start=n_start)
    return Summary(
        n_seeds=len(traces),
        n_arrived=int(np.isfinite(queries).sum()),
        n_pool=len(pool),
        n_top=len(top),
        n_needed=needed,
        lowest_top=float(pool.values[top[-1]]),
        queries=estimate(queries, np.median),
        random_queries=expected,
        acceleration=estimate(queries, lambda q, axis: expected / np.maximum(np.median(q, axis=axis), 1.0)),
        at_queries={
            n: AtQueries(
                estimate(recall_1[:, n], np.mean),
                estimate(recall_5[:, n], np.mean),
                estimate(recall_1[:, n] / by_chance[n], np.mean),
                estimate(best[:, n], np.mean),
            )
            for n in sorted({*(one for one in CHECKPOINTS if one < n_queries), n_queries})
        },
    )


def describe(found: Summary) -> str:
    """A few lines for the screen."""
    lines = [
        f"{found.n_pool} liquids. Top 1 %: {found.n_top}, from {found.lowest_top:.1f} mS/cm; a seed arrives when "
        f"it has found {found.n_needed} of them.",
        f"{found.n_arrived} of {found.n_seeds} seeds arrived; queries {found.queries} in the median, random search "
        f"{found.random_queries:.0f} in expectation: acceleration {found.acceleration}.",
        "queries   recall of top 1 %     recall of top 5 %     enhancement           best so far, mS/cm",
    ]
    for n, at in found.at_queries.items():
        lines.append(f"{n:7d}   {at.recall_1!s:20s}  {at.recall_5!s:20s}  {at.enhancement!s:20s}  {at.best}")
    lines.append("In brackets: 95 % bootstrap interval over the seeds.")
    return "\n".join(lines)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
