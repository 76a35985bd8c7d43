"""From a streamed pool to a few hundred formulations of many kinds, in one pass and little memory.

Several rankings are kept while the pool goes by: optimistic values (posterior mean plus 0, 1, 2 and 4 standard
deviations; of several objectives, under several weights). In each, a family, that is one set of salts and solvents, has
a limited number of places, so that the best liquid does not bring its 255 twins along. Among all that was kept, joint
draws from the posterior then put their own best on the list.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from botorch.sampling.normal import IIDNormalSampler
from saltloop.chemistry.formulation import Formulation
from saltloop.loop.acquisition_settings import AcquisitionSettings
from saltloop.loop.acquisition_table import TableModel, table_of
from saltloop.loop.objectives import Objectives, scalarisations
from saltloop.surrogates.encoding import ABSENT, FormulationEncoder
from torch import Tensor

if TYPE_CHECKING:
    from saltloop.loop.acquisition_functions import Feasibility

#: Widths of the confidence bounds, in posterior standard deviations.
WIDTHS = (0.0, 1.0, 2.0, 4.0)
#: Deviations granted to a value that seems to break a limit.
DOUBT = 2.0
#: Share of the shortlist that joint draws may fill, and how many draws are made for each place.
DRAWN_SHARE, DRAWS_A_PLACE = 0.25, 4
#: Chunks of the pool that are predicted side by side.
MOST_THREADS = 4
#: A listed pool up to this size is kept whole.
LARGEST_WHOLE = 2048
#: A liquid that breaks a limit beyond doubt ranks this much lower, in units of the spread.
BARRED = 1e6
FAMILY_SEED = 20260101


class Pool(Protocol):
    """What is chosen from: a streamed space (``CandidateSpace``) or a list of formulations."""

    @property
    def is_listed(self) -> bool:
        """Whether it is a fixed list, between whose entries there is nothing."""

    def __len__(self) -> int: ...

    def stream(self, encoder: FormulationEncoder, *, chunk: int = 16_384) -> Iterator[np.ndarray]:
        """Encoded rows of all allowed candidates."""

    def contains(self, formulation: Formulation) -> bool:
        """Whether a formulation is allowed."""

    def as_weighed(self, row: Tensor, encoder: FormulationEncoder, *, digits: int = 4) -> Formulation:
        """A row as a formulation with amounts that can be weighed."""

    def neighbours(self, formulation: Formulation) -> list[Formulation]:
        """Allowed formulations one discrete move away."""


@dataclass(frozen=True)
class Shortlist:
    """The formulations to choose among, none of them known."""

    formulations: tuple[Formulation, ...]
    X: Tensor
    """n x dim."""
    n_screened: int
    uniform: tuple[int, ...] = ()
    """Positions of those drawn uniformly over the pool, in the order drawn."""


def screen(
    objectives: Objectives,
    encoder: FormulationEncoder,
    pool: Pool,
    settings: AcquisitionSettings,
    *,
    n: int,
    known_ids: frozenset[str],
    feasibility: Feasibility | None,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Shortlist:
    """Stream the pool once and keep what an acquisition function should look at."""
    candidates = _Candidates(pool, encoder, known_ids)
    is_whole = pool.is_listed and len(pool) <= LARGEST_WHOLE
    whole = _Ranking(LARGEST_WHOLE, LARGEST_WHOLE, candidates)
    rankings: list[tuple[Score, _Ranking]] = []
    uniform = _Ranking(n, n, candidates)
    generator = np.random.default_rng(seed)
    n_screened = 0
    chunks = pool.stream(encoder)
    told = ((chunk, None) for chunk in chunks) if is_whole else _told(chunks, objectives, feasibility)
    for chunk, prediction in told:
        if prediction is None:
            whole.offer(chunk, np.zeros(len(chunk)))
        else:
            mean, std, log_p = prediction
            if not rankings:
                spread = mean.std(0, correction=0) + std.mean(0)
                scores = _scores(objectives, spread.clamp_min(1e-9))
                rankings = [(s, _Ranking(settings.shortlist, settings.per_family, candidates)) for s in scores]
            for score, ranking in rankings:
                ranking.offer(chunk, score(mean, std, log_p).numpy())
        if settings.kind == "uniform":
            uniform.offer(chunk, generator.random(len(chunk)))
        n_screened += len(chunk)
        if progress:
            progress(n_screened, len(pool))
    kept = whole.rows if is_whole else _mix(objectives, [r.rows for _, r in rankings], settings.shortlist, seed)
    drawn = candidates.formulations(uniform.rows)
    listed = {one.formulation_id: one for one in (*drawn, *candidates.formulations(kept))}
    place = {key: index for index, key in enumerate(listed)}
    return Shortlist(
        tuple(listed.values()),
        encoder.encode(list(listed.values())),
        n_screened,
        tuple(dict.fromkeys(place[one.formulation_id] for one in drawn)),
    )


def _told(
    chunks: Iterator[np.ndarray], objectives: Objectives, feasibility: Feasibility | None
) -> Iterator[tuple[np.ndarray, tuple[Tensor, Tensor, Tensor]]]:
    """Each chunk with its predictions (each n x m) and log feasibility (n), in order; worked out ahead in threads."""

    def tell(chunk: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        rows = torch.from_numpy(chunk)
        with torch.no_grad():
            log_p = torch.zeros(len(rows)) if feasibility is None else feasibility.log_probability(rows)
        return (*objectives.predict(rows), log_p)

    first = next(chunks, None)
    if first is None:
        return
    # The first by itself: it fills what the models keep for later.
    yield first, tell(first)
    n_workers = min(MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    with one_torch_thread(), ThreadPoolExecutor(n_workers) as executor:
        ahead: deque[tuple[np.ndarray, Future[tuple[Tensor, Tensor, Tensor]]]] = deque()
        for chunk in chunks:
            ahead.append((chunk, executor.submit(tell, chunk)))
            if len(ahead) > n_workers:
                done, prediction = ahead.popleft()
                yield done, prediction.result()
        for done, prediction in ahead:
            yield done, prediction.result()


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """One thread for each operation: chunks are worked on side by side instead."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


Score = Callable[[Tensor, Tensor, Tensor], Tensor]


def _scores(objectives: Objectives, spread: Tensor) -> list[Score]:
    """Rankings by optimistic values: of predictions (each n x m) and log feasibility (n) to a number for each row.

    ``spread`` (m): by how much each objective varies; what several objectives gain is compared in these units.
    """
    reference = objectives.reference

    def under(weights: Tensor, width: float) -> Score:
        def score(mean: Tensor, std: Tensor, log_p: Tensor) -> Tensor:
            gain = (mean + width * std - reference) / spread
            # The least gain counts, an objective of more weight sooner (Chebyshev's scalarisation).
            value = torch.where(weights > 0, gain / weights.clamp_min(1e-9), torch.inf).amin(-1)
            value = torch.where(value > 0, value * log_p.exp(), value)
            return torch.where(objectives.allowed(mean, std, DOUBT), value, value - BARRED)

        return score

    return [under(weights, width) for width in WIDTHS for weights in scalarisations(objectives)]


class _Candidates:
    """Rows as formulations, each worked out once, and whether they are known already."""

    def __init__(self, pool: Pool, encoder: FormulationEncoder, known_ids: frozenset[str]) -> None:
        self._pool, self._encoder, self._known_ids = pool, encoder, known_ids
        self._found: dict[bytes, Formulation] = {}
        # A family is told by the sum of random numbers of its species: rows of one family have one sum.
        self._marks = np.random.default_rng(FAMILY_SEED).random(encoder.dim)
        self._marks[encoder.temperature_index] = 0.0

    def families(self, rows: np.ndarray) -> np.ndarray:
        """A number for each row (n x dim) that is the same for the same salts and solvents."""
        marks: np.ndarray = (rows > ABSENT) @ self._marks
        return marks

    def formulations(self, rows: np.ndarray) -> list[Formulation]:
        return [self._formulation(row) for row in rows]

    def is_known(self, rows: np.ndarray) -> np.ndarray:
        return np.array([self._formulation(row).formulation_id in self._known_ids for row in rows], dtype=bool)

    def _formulation(self, row: np.ndarray) -> Formulation:
        key = row.tobytes()
        if key not in self._found:
            self._found[key] = self._pool.as_weighed(torch.from_numpy(row), self._encoder)
        return self._found[key]


class _Ranking:
    """The best ``size`` unknown rows so far by one score, with at most ``per_family`` of a family; best first."""

    def __init__(self, size: int, per_family: int, candidates: _Candidates) -> None:
        self._size, self._per_family, self._candidates = size, per_family, candidates
        self.rows = np.empty((0, 0))
        self._scores = np.empty(0)

    def offer(self, rows: np.ndarray, scores: np.ndarray) -> None:
        """Take what belongs to the best from a chunk of rows (n x dim) with their scores (n)."""
        n_kept = len(self._scores)
        if n_kept == self._size:
            better = scores > self._scores[-1]
            rows, scores = rows[better], scores[better]
        if not len(rows):
            return
        rows = np.concatenate([self.rows, rows]) if n_kept else rows
        scores = np.concatenate([self._scores, scores])
        families = self._candidates.families(rows)
        is_new = np.arange(len(rows)) >= n_kept
        left = np.argsort(-scores, kind="stable")
        while True:
            order = left[_place_in_family(families[left]) < self._per_family][: self._size]
            fresh = order[is_new[order]]
            known = fresh[self._candidates.is_known(rows[fresh])]
            is_new[fresh] = False
            if not len(known):
                break
            left = left[~np.isin(left, known)]
        self.rows, self._scores = rows[order], scores[order]


def _place_in_family(families: np.ndarray) -> np.ndarray:
    """How many of the same family stand before each entry."""
    order = np.argsort(families, kind="stable")
    ordered = families[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    first = np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    place = np.empty(len(families), dtype=int)
    place[order] = np.arange(len(families)) - first
    return place


def _mix(objectives: Objectives, rankings: Sequence[np.ndarray], size: int, seed: int) -> np.ndarray:
    """``size`` different rows: first those that joint draws call best, then the heads of all rankings in turn."""
    turns = [row for row in itertools.chain(*itertools.zip_longest(*rankings)) if row is not None]
    wide = np.unique(np.array(turns), axis=0, return_index=True)[1]
    rows = np.array(turns)[np.sort(wide)]
    if len(rows) <= size:
        return rows
    n_drawn = int(DRAWN_SHARE * size)
    best = _best_of_draws(objectives, torch.from_numpy(rows[:LARGEST_WHOLE]), n_drawn * DRAWS_A_PLACE, seed)[:n_drawn]
    order = list(dict.fromkeys([*best, *range(len(rows))]))[:size]
    return rows[order]


def _best_of_draws(objectives: Objectives, X: Tensor, n_draws: int, seed: int) -> list[int]:
    """Rows (n x dim) that are best in a joint draw of the first objective, in the order drawn."""
    first = objectives.items[0]
    table = table_of(first.model, X)
    if not isinstance(table, TableModel):
        return []
    draws = table.draws(range(len(X)), IIDNormalSampler(torch.Size([n_draws]), seed=seed))
    return list(dict.fromkeys((draws * first.sign).argmax(-1).tolist()))
