"""The picture of a backtest: best so far and recall against queries, beside random search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from saltloop.loop.backtest.backtest import Start, Trace
from saltloop.loop.backtest.measures import PART, best_curve, random_recall, recall_curve
from saltloop.loop.backtest.pool import Pool
from saltloop.loop.backtest.summary import TOP, WIDE_TOP
from saltloop.loop.reports.files import write_picture

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#8a8a8a"
#: Random replays that the expected best of random search is the mean of.
N_RANDOM = 2000


def plot_backtest(pool: Pool, traces: Sequence[Trace], start: Start, path: Path, *, title: str) -> None:
    """Draw both panels into one PNG: median of the seeds, and the band of its middle 80 %.

    Raises:
        CampaignError: the path cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    n_queries = min(trace.n_queries for trace in traces)
    queries, n_start = np.arange(n_queries + 1), traces[0].n_start
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10.5, 4.3), layout="constrained")
    best = np.array([best_curve(trace, pool.values)[: n_queries + 1] for trace in traces])
    _band(left, queries, best, BLUE, "this strategy, median and middle 80 %")
    left.plot(
        queries, random_best(pool, start, n_start, n_queries), color=GREY, ls="--", label="random search, expected"
    )
    left.axhline(pool.values.max(), color="black", lw=0.8, ls=":", label="best of the pool")
    left.set_title("Best so far", fontsize=11)
    left.set_ylabel("conductivity / mS cm$^{-1}$")
    for share, colour in ((TOP, BLUE), (WIDE_TOP, ORANGE)):
        recall = np.array([recall_curve(trace, pool.top(share))[: n_queries + 1] for trace in traces])
        _band(right, queries, recall, colour, f"top {share:.0%}, {len(pool.top(share))} of {len(pool)} liquids")
    by_chance = random_recall(len(pool), queries, start=start, n_start=n_start)
    right.plot(queries, by_chance, color=GREY, ls="--", label="random search, expected")
    right.axhline(PART, color="black", lw=0.8, ls=":", label=f"arrived: {PART:.0%} of the top {TOP:.0%}")
    right.set_title("Share of the best liquids that is found", fontsize=11)
    right.set_ylabel("recall")
    right.set_ylim(0, 1.02)
    for axes in (left, right):
        axes.set_xlabel(f"queries after {n_start} start points")
        axes.set_xlim(0, n_queries)
        axes.legend(fontsize=8, frameon=False, loc="lower right")
    figure.suptitle(f"{title}, {len(traces)} seeds", fontsize=12)
    pyplot.close(figure)
    write_picture(path, figure, dpi=150)


def random_best(pool: Pool, start: Start, n_start: int, n_queries: int) -> np.ndarray:
    """Mean best (mS/cm) of random search after 0, 1, 2 ... queries, from many random orders of the pool."""
    generator = np.random.default_rng(0)
    ranked = np.sort(pool.values)
    total = np.zeros(n_queries + 1)
    for _ in range(N_RANDOM):
        if start == "random":
            order = generator.permutation(ranked)
        else:
            first = generator.choice(len(ranked) // 2, n_start, replace=False)
            order = np.concatenate([ranked[first], generator.permutation(np.delete(ranked, first))])
        total += np.maximum.accumulate(order[: n_start + n_queries])[n_start - 1 :]
    return total / N_RANDOM


def _band(axes: Any, queries: np.ndarray, curves: np.ndarray, colour: str, label: str) -> None:
    low, middle, high = np.quantile(curves, (0.1, 0.5, 0.9), axis=0)
    axes.fill_between(queries, low, high, color=colour, alpha=0.2, lw=0)
    axes.plot(queries, middle, color=colour, lw=1.6, label=label)
