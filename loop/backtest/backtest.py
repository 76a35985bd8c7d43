"""Backtests: a campaign replayed on liquids whose conductivities are known. The pool answers as the oracle would."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.backtest.pool import Pool
from saltloop.loop.errors import BacktestError

Start = Literal["random", "bottom"]
#: Purposes that random numbers are drawn for: a seed's start is the same whatever the strategy.
START, CHOICE = 0, 1


class Strategy(Protocol):
    """What is backtested. Stateless: the same liquids, answers and seed give the same choice. Must be picklable."""

    def choose(
        self, formulations: Sequence[Formulation], measured: Mapping[int, Measurement], *, n: int, seed: int
    ) -> list[int]:
        """Positions of the ``n`` liquids to measure next.

        Args:
            formulations: the whole pool, without its values.
            measured: position to conductivity (in mS/cm) of what has been measured, in that order.
        """


@dataclass(frozen=True)
class Trace:
    """One replay: the positions of the pool in the order they were measured, start points first."""

    seed: int
    order: tuple[int, ...]
    n_start: int
    seconds: tuple[float, ...] = ()
    """What each decision took."""

    @property
    def n_queries(self) -> int:
        """Liquids measured after the start."""
        return len(self.order) - self.n_start


def start_points(pool: Pool, start: Start, n: int, seed: int) -> list[int]:
    """Positions of ``n`` different liquids: of all (``random``), or of those below the median (``bottom``).

    Raises:
        BacktestError: there are not so many.
    """
    ranked = np.argsort(-pool.values, kind="stable")
    candidates = np.arange(len(pool)) if start == "random" else np.sort(ranked[(len(pool) + 1) // 2 :])
    if n > len(candidates):
        where = "pool" if start == "random" else "pool's bottom half"
        raise BacktestError(f"{n} start points were asked for, but the {where} has {len(candidates)} liquids.")
    generator = np.random.default_rng(np.random.SeedSequence([seed, START]))
    return [int(i) for i in generator.choice(candidates, size=n, replace=False)]


def replay(
    pool: Pool,
    strategy: Strategy,
    *,
    start: Sequence[int],
    batch_size: int,
    n_queries: int,
    seed: int,
    so_far: Trace | None = None,
    after_round: Callable[[Trace], None] | None = None,
) -> Trace:
    """Let a strategy measure ``n_queries`` liquids of the pool in batches, from ``start`` or from where ``so_far`` is.

    The last batch is smaller where the pool or the number of queries ends.

    Raises:
        BacktestError: the strategy chose a liquid twice, one that is not there, or another number of them.
    """
    trace = so_far or Trace(seed, tuple(start), len(start))
    wanted = min(n_queries, len(pool) - trace.n_start)
    while trace.n_queries < wanted:
        n = min(batch_size, wanted - trace.n_queries)
        measured = {i: pool.measure(i) for i in trace.order}
        began = time.perf_counter()
        chosen = strategy.choose(pool.formulations, measured, n=n, seed=round_seed(seed, trace.n_queries))
        seconds = time.perf_counter() - began
        if len(set(chosen)) != n or set(chosen) & set(measured) or not set(chosen) <= set(range(len(pool))):
            raise BacktestError(f"The strategy was asked for {n} new liquids of the pool and chose {chosen}.")
        trace = Trace(seed, (*trace.order, *map(int, chosen)), trace.n_start, (*trace.seconds, round(seconds, 4)))
        if after_round:
            after_round(trace)
    return trace


def round_seed(seed: int, n_queries: int) -> int:
    """The seed of the decision after so many queries, a 32-bit integer."""
    return int(np.random.SeedSequence([seed, CHOICE, n_queries]).generate_state(1)[0])
