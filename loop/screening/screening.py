"""Screening: every candidate of a space is scored, filtered and ranked into one file, in bounded memory.

Worker threads take ranges of candidate numbers: work out what they are, drop those that a constraint forbids, ask
the surrogate, and write a sorted part (``screening_parts``). The parts are merged into the ranked file at the end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from saltloop.loop.screening.folder import PartsFolder
from saltloop.loop.screening.table import RankedTable
from saltloop.loop.screening.work import Progress, Scorer, ScreeningPlan, ScreeningWork
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.space.columns import EncoderColumns
from saltloop.surrogates.threads import one_torch_thread

LEAST_PART = 262_144
MOST_PARTS = 512


@dataclass
class ScreeningResult:
    """What came of a screening."""

    path: Path
    n_candidates: int
    n_rows: int
    """Rows of the file."""
    dropped: dict[str, int]
    """Reason -> candidates dropped for it; each is counted once."""
    n_resumed: int
    """Candidates whose scores an earlier, killed run had left."""
    seconds: float
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    """Processor time by stage, over all threads, of this run."""


def screen(
    space: CandidateSpace,
    scorer: Scorer,
    columns: EncoderColumns,
    out: Path,
    plan: ScreeningPlan,
    *,
    identity: Mapping[str, Any],
    progress: Callable[[int, int], None] | None = None,
) -> ScreeningResult:
    """Score the space into ``out``, a Parquet file that is there whole or not at all.

    Args:
        identity: what, besides space and plan, decides the outcome (the model's hash); kept in the file, and compared
            when a killed screening is resumed from ``OUT.parts``.

    Raises:
        ScreeningError: the parts of another screening are in the way.
    """
    start = time.perf_counter()
    work = ScreeningWork(space, scorer, columns, plan)
    size = max(LEAST_PART, -(-len(space) // MOST_PARTS))
    ranges = [(low, min(low + size, len(space))) for low in range(0, len(space), size)]
    settings = {
        "space": space.settings.model_dump(mode="json"),
        "species": {one.name: one.inchikey for one in (*space.salts, *space.solvents)},
        "rank": plan.rank,
        "keep": plan.keep,
        "width": plan.width,
        **identity,
    }
    with PartsFolder(out, {**settings, "part_size": size}) as folder:
        done = folder.finished()
        resumed = sum(high - low for number, (low, high) in enumerate(ranges) if number in done)
        report = Progress(progress, resumed, len(space))
        with one_torch_thread():
            _run(work, folder.path, [(n, r) for n, r in enumerate(ranges) if n not in done], plan.workers, report)
        dropped, n_rows = work.merge(folder.path, len(ranges), RankedTable(out, space, width=plan.width), settings)
        folder.remove()
    return ScreeningResult(
        path=out,
        n_candidates=len(space),
        n_rows=n_rows,
        dropped=dropped,
        n_resumed=resumed,
        seconds=time.perf_counter() - start,
        cpu_seconds=dict(work.cpu_seconds),
    )


def _run(
    work: ScreeningWork, folder: Path, todo: list[tuple[int, tuple[int, int]]], workers: int, report: Progress
) -> None:
    """Score the ranges in threads: the network's arithmetic and most of numpy's runs outside Python's lock."""
    stop = threading.Event()
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        futures = [pool.submit(work.part, folder, number, *limits, stop, report) for number, limits in todo]
        try:
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
