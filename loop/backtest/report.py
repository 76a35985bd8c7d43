"""The traces of a backtest as a table: one row a measured liquid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from saltloop.loop.backtest.backtest import Trace
from saltloop.loop.backtest.pool import Pool
from saltloop.loop.backtest.summary import TOP, WIDE_TOP
from saltloop.loop.errors import BacktestError

if TYPE_CHECKING:
    import pandas


def trace_table(pool: Pool, traces: Sequence[Trace]) -> pandas.DataFrame:
    """Rows by seed and query. Start points are query 0 and below; ``best_mS_cm`` and recalls count what came so far."""
    import pandas

    return pandas.concat([_rows(pool, trace) for trace in traces], ignore_index=True)


def write_traces(pool: Pool, traces: Sequence[Trace], path: Path) -> None:
    """Write the table as Parquet or CSV, by the ending of ``path``.

    Raises:
        BacktestError: another ending.
    """
    table = trace_table(pool, traces)
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    elif path.suffix == ".csv":
        table.to_csv(path, index=False)
    else:
        raise BacktestError(f"Traces are written as .parquet or .csv, not as {path.name!r}.")


def _rows(pool: Pool, trace: Trace) -> pandas.DataFrame:
    import pandas

    order = np.array(trace.order)
    values = pool.values[order]
    liquids = [pool.formulations[i] for i in trace.order]
    recalls = {
        name: np.cumsum(np.isin(order, top)) / len(top)
        for name, top in (("recall_top_1", pool.top(TOP)), ("recall_top_5", pool.top(WIDE_TOP)))
    }
    return pandas.DataFrame(
        {
            "seed": trace.seed,
            "query": np.arange(len(order)) - trace.n_start + 1,
            "formulation_id": [one.formulation_id for one in liquids],
            "formulation": [str(one) for one in liquids],
            "conductivity_mS_cm": values,
            "best_mS_cm": np.maximum.accumulate(values),
            **recalls,
        }
    )
