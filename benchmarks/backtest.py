"""Campaigns replayed on CALiSol-23 at 298.15 K, beside random search, extra trees, a Gaussian process, BayBE and Ax.

    python benchmarks/backtest.py --out FOLDER                        # every peer, both starts, 20 seeds: hours
    python benchmarks/backtest.py --out FOLDER --method random,extra-trees-ei --start random
    python benchmarks/backtest.py --out FOLDER --table                # Markdown of what is there

Traces go to FOLDER/METHOD/START/SEED.json after each round, and a run that was killed goes on. Same pool, same start
points, same batches of ten for all. ``--half even`` or ``odd`` replays on half of the pool (by a hash of each
formulation's id): strategies are designed on the even half and scored once on all. SALTLOOP_SHARED finds the data
(../shared). docs/backtests.md has the definitions; the peers are described in backtest_peers.py.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path
from typing import Any

from backtest_peers import METHODS
from saltloop.loop.backtest.pool import Pool, isothermal_pool
from saltloop.loop.backtest.run import Plan, read_finished, run_seeds
from saltloop.loop.backtest.summary import summarise

STARTS = ("random", "bottom")
N_START, BATCH_SIZE = 20, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="all", help=f"{', '.join(METHODS)}, several with commas, or all")
    parser.add_argument("--start", default="all", help="random, bottom or all")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--half", choices=["all", "even", "odd"], default="all")
    parser.add_argument("--out", type=Path, required=True, help="folder of the traces")
    parser.add_argument("--table", action="store_true", help="print a table of what is in the folder, and run nothing")
    arguments = parser.parse_args()
    methods = chosen(arguments.method, METHODS, parser)
    starts = chosen(arguments.start, STARTS, parser)
    pool = the_pool(arguments.half)
    for start in starts:
        if arguments.table:
            print(table(pool, start, {name: arguments.out / name / start for name in methods}, arguments.queries))
            continue
        for name in methods:
            plan = Plan(pool, METHODS[name], start, N_START, BATCH_SIZE, arguments.queries)
            print(f"{name}, {start} start", flush=True)
            run_seeds(
                plan,
                range(arguments.seeds),
                arguments.out / name / start,
                about={"method": name, "half": arguments.half},
                workers=arguments.workers,
                progress=lambda done, total: print(f"  {done} of {total} queries", flush=True),
            )


def chosen(text: str, known: Any, parser: argparse.ArgumentParser) -> list[str]:
    names = list(known) if text == "all" else text.split(",")
    for name in names:
        if name not in known:
            parser.error(f"{name!r} is none of {', '.join(known)}")
    return names


def the_pool(half: str) -> Pool:
    """All published rows of CALiSol-23 at 298.15 K, or half of these liquids."""
    from saltloop.chemistry.calisol import load_calisol

    shared = Path(os.environ.get("SALTLOOP_SHARED", "../shared"))
    pool = isothermal_pool(load_calisol(shared / "data" / "calisol23.csv", clean=False).measurements)
    return pool if half == "all" else half_of(pool, half)


def half_of(pool: Pool, half: str) -> Pool:
    """The liquids whose formulation id has an even, or an odd, SHA-256."""
    parities = [int(hashlib.sha256(f.formulation_id.encode()).hexdigest(), 16) % 2 for f in pool.formulations]
    return pool.select([i for i, parity in enumerate(parities) if parity == (half == "odd")])


def table(pool: Pool, start: Any, folders: dict[str, Path], n_queries: int) -> str:
    """Markdown: one row a method with seeds of at least ``n_queries``; "in" says of how many queries."""
    mark = min(100, n_queries)
    lines = [
        f"**{start.capitalize()} start** ({len(pool)} liquids)\n",
        f"| method | acceleration | queries, median | recall of top 1 % at {mark} | recall of top 5 % at {mark} "
        f"| enhancement at {mark} | seeds arrived |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, folder in folders.items():
        traces = read_finished(folder, n_queries)
        if not traces:
            continue
        found = summarise(pool, traces, start=start, batch_size=BATCH_SIZE)
        at = found.at_queries[mark]
        lines.append(
            f"| {name} | {found.acceleration} | {found.queries} | {at.recall_1} | {at.recall_5} | {at.enhancement} "
            f"| {found.n_arrived} of {found.n_seeds} in {min(trace.n_queries for trace in traces)} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
