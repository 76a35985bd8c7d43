"""Backtests over seeds: one file a seed, written after each round, so that what was interrupted goes on from there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltloop.loop.backtest.backtest import Start, Strategy, Trace, replay, start_points
from saltloop.loop.backtest.pool import Pool
from saltloop.loop.errors import BacktestError
from saltloop.loop.events import content_hash
from saltloop.loop.workers import WorkerProcesses
from saltloop.simulators.checkpoints import write_durably

POLL_S = 0.5
ABOUT = "backtest.json"


@dataclass(frozen=True)
class Plan:
    """What every seed of a backtest does."""

    pool: Pool
    strategy: Strategy
    start: Start
    n_start: int
    batch_size: int
    n_queries: int


def run_seeds(
    plan: Plan,
    seeds: Sequence[int],
    folder: Path,
    *,
    about: dict[str, Any],
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Trace]:
    """Replay each seed and return the traces in the order of ``seeds``.

    Args:
        folder: of the traces (``SEED.json``). Finished seeds are read, interrupted ones go on after their last round.
        about: what decides the outcome, as plain JSON: it is kept beside the traces, and must be the same to go on.
        workers: processes; 1 runs here.
        progress: called with queries done and in all.

    Raises:
        BacktestError: the folder holds a backtest of something else, or a seed failed.
    """
    claim_folder(plan, folder, about)
    files = {seed: folder / f"{seed}.json" for seed in seeds}
    unfinished = [seed for seed in seeds if not _is_finished(plan, files[seed], seed)]

    def tell() -> None:
        if progress:
            progress(sum(_n_done(plan, file, seed) for seed, file in files.items()), len(files) * plan.n_queries)

    tell()
    if workers == 1:
        for seed in unfinished:
            run_seed(plan, seed, files[seed], tell)
    elif unfinished:
        _in_processes(plan, {seed: files[seed] for seed in unfinished}, workers, tell)
    return [_read(files[seed], seed, plan.n_queries) for seed in seeds]


def run_seed(plan: Plan, seed: int, file: Path, after_round: Callable[[], None] | None = None) -> None:
    """Replay one seed, from its file if that has rounds already."""
    from saltloop.surrogates.threads import one_torch_thread

    def keep(trace: Trace) -> None:
        _write(file, trace)
        if after_round:
            after_round()

    so_far = _read(file, seed) if file.exists() else None
    with one_torch_thread():
        replay(
            plan.pool,
            plan.strategy,
            start=start_points(plan.pool, plan.start, plan.n_start, seed),
            batch_size=plan.batch_size,
            n_queries=plan.n_queries,
            seed=seed,
            so_far=so_far,
            after_round=keep,
        )


def claim_folder(plan: Plan, folder: Path, about: dict[str, Any]) -> None:
    """Write down what the folder's traces are of; refuse a folder of something else."""
    ids = [one.formulation_id for one in plan.pool.formulations]
    found = {
        **about,
        "start": plan.start,
        "n_start": plan.n_start,
        "batch_size": plan.batch_size,
        "pool_sha256": content_hash([ids, plan.pool.values.tolist()]),
    }
    note = folder / ABOUT
    if note.exists():
        recorded = _recorded(note)
        if other := sorted(key for key in recorded.keys() | found.keys() if recorded.get(key) != found.get(key)):
            raise BacktestError(
                f"{folder} holds traces of another backtest (it differs in {', '.join(other)}); "
                "name another folder, or delete this one."
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(note, (json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode())


def _recorded(note: Path) -> dict[str, Any]:
    try:
        recorded: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BacktestError(f"{note} cannot be read ({error}); delete its folder, or name another one.") from None
    return recorded


def _in_processes(plan: Plan, files: dict[int, Path], workers: int, tell: Callable[[], None]) -> None:
    pool = WorkerProcesses(workers)
    try:
        running = {seed: pool.submit(run_seed, plan, seed, file) for seed, file in files.items()}
        while running:
            done, _ = wait(running.values(), timeout=POLL_S, return_when=FIRST_COMPLETED)
            tell()
            for seed in [seed for seed, future in running.items() if future in done]:
                if (error := running.pop(seed).exception()) is not None:
                    raise BacktestError(f"Seed {seed} failed: {error}") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _write(file: Path, trace: Trace) -> None:
    content = {"seed": trace.seed, "n_start": trace.n_start, "order": trace.order, "seconds": trace.seconds}
    write_durably(file, json.dumps(content).encode())


def _read(file: Path, seed: int, n_queries: int | None = None) -> Trace:
    """A seed's trace, cut to ``n_queries`` where it has more."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        n_start = int(content["n_start"])
        order = tuple(content["order"])[: None if n_queries is None else n_start + n_queries]
        return Trace(seed, order, n_start, tuple(content["seconds"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BacktestError(f"{file} is not a trace of a backtest ({error}); delete it, and it is run again.") from None


def _n_done(plan: Plan, file: Path, seed: int) -> int:
    return min(_read(file, seed).n_queries, plan.n_queries) if file.exists() else 0


def _is_finished(plan: Plan, file: Path, seed: int) -> bool:
    return _n_done(plan, file, seed) >= min(plan.n_queries, len(plan.pool) - plan.n_start)


def read_finished(folder: Path, n_queries: int) -> list[Trace]:
    """The traces of a folder that have at least so many queries, whole, by seed."""
    files = sorted((path for path in folder.glob("*.json") if path.stem.isdigit()), key=lambda path: int(path.stem))
    traces = [_read(path, int(path.stem)) for path in files]
    return [trace for trace in traces if trace.n_queries >= n_queries]
