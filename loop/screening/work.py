"""What a screening does with one range of candidates, and with all of them at the end."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from saltloop.loop.screening.parts import UNKNOWN_FLAG, Scored, merged, read_parts, write_part
from saltloop.loop.screening.table import RankedTable
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.space.columns import EncoderColumns
from saltloop.loop.space.rules import apply_constraint
from torch import Tensor

Rank = Literal["mean", "lower", "upper"]

#: Candidates worked out and scored in one go.
CHUNK = 16_384
#: Rows of a row group in the ranked file.
BLOCK = 262_144


class Scorer(Protocol):
    """What a screening asks of a surrogate; ``SurrogateModel`` is one.

    A scorer may also have ``in_domain_encoded(X: n x dim) -> n bool``: whether it has seen the like of a row.
    """

    def predict_encoded(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (mS/cm) of rows ``n x dim``, double; called from several threads."""


@dataclass(frozen=True)
class ScreeningPlan:
    """How a space is screened."""

    rank: Rank = "mean"
    #: Only the best so many go to the file; None for all.
    keep: int | None = None
    #: Standard deviations between the mean and the lower and upper columns.
    width: float = 1.96
    workers: int = 2


class ScreeningWork:
    """Scores ranges of candidates; shared by the threads."""

    def __init__(self, space: CandidateSpace, scorer: Scorer, columns: EncoderColumns, plan: ScreeningPlan) -> None:
        self._space, self._scorer, self._columns, self._plan = space, scorer, columns, plan
        self._in_domain: Callable[[Tensor], Tensor] | None = getattr(scorer, "in_domain_encoded", None)
        self._lock = threading.Lock()
        #: Processor time by stage, over all threads.
        self.cpu_seconds: dict[str, float] = defaultdict(float)

    def part(self, folder: Path, number: int, low: int, high: int, stop: threading.Event, report: Progress) -> None:
        """Score candidates ``low`` to ``high`` and write their part."""
        counts: Counter[str] = Counter()
        scored: list[Scored] = []
        for first in range(low, high, CHUNK):
            if stop.is_set():
                return
            index = np.arange(first, min(first + CHUNK, high))
            scored.append(self._chunk(index, counts))
            report.add(len(index))

        start = time.thread_time()
        whole = Scored(*(np.concatenate([getattr(s, name) for s in scored]) for name in vars(scored[0])))
        score = self._bounds(whole.mean, whole.std)[self._plan.rank]
        write_part(folder, number, low, whole, score, keep=self._plan.keep, counts=dict(counts))
        self._spent(sort=time.thread_time() - start)

    def merge(
        self, folder: Path, n_parts: int, table: RankedTable, settings: Mapping[str, Any]
    ) -> tuple[dict[str, int], int]:
        """Merge the parts into the ranked file; returns why candidates were dropped, and the number of rows."""
        start = time.thread_time()
        parts = read_parts(folder, range(n_parts))
        counts: Counter[str] = Counter()
        for part in parts:
            counts.update(part.counts)
        dropped = dict(counts.most_common())
        with table:
            for block in merged(parts, block=BLOCK, keep=self._plan.keep):
                table.write(block)
            table.finish({**settings, "n_candidates": len(self._space), "dropped": dropped})
        self.cpu_seconds["write"] += time.thread_time() - start
        return dropped, table.n_rows

    def _chunk(self, index: np.ndarray, counts: Counter[str]) -> Scored:
        start = time.thread_time()
        candidates = self._space.allowed(index, counts)
        X = torch.from_numpy(self._columns.encode(candidates))
        encoded = time.thread_time()
        mean, std, in_domain = self._predict(X)
        predicted = time.thread_time()
        kept = np.isfinite(mean) & np.isfinite(std)
        if not kept.all():
            counts["the surrogate gave no number"] += int((~kept).sum())
        bounds = {**self._bounds(mean, std), "std": std}
        for constraint in self._space.rules.on_predictions:
            kept = apply_constraint(constraint, kept, constraint.judge(candidates, bounds), counts)
        self._spent(enumerate=encoded - start + time.thread_time() - predicted, predict=predicted - encoded)
        return Scored(candidates.index[kept], mean[kept], std[kept], in_domain[kept])

    def _predict(self, X: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if not len(X):
            return np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, np.uint8)
        mean, std = (values.detach().float().numpy() for values in self._scorer.predict_encoded(X))
        if self._in_domain is None:
            return mean, std, np.full(len(X), UNKNOWN_FLAG, np.uint8)
        return mean, std, self._in_domain(X).numpy().astype(np.uint8)

    def _bounds(self, mean: np.ndarray, std: np.ndarray) -> dict[str, np.ndarray]:
        width = np.float32(self._plan.width)
        return {"mean": mean, "lower": mean - width * std, "upper": mean + width * std}

    def _spent(self, **seconds: float) -> None:
        with self._lock:
            for stage, more in seconds.items():
                self.cpu_seconds[stage] += more


class Progress:
    """Adds up what the threads have done."""

    def __init__(self, say: Callable[[int, int], None] | None, done: int, total: int) -> None:
        self._say, self._done, self._total = say, done, total
        self._lock = threading.Lock()

    def add(self, n: int) -> None:
        with self._lock:
            self._done += n
            if self._say:
                self._say(self._done, self._total)
