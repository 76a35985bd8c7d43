"""Rankings of a pool's rows as they go by: the best so far, with a limited number of places for each family."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from saltloop.chemistry.formulation import Formulation
from saltloop.surrogates.encoding import ABSENT
from torch import Tensor

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder

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


class Candidates:
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


class Ranking:
    """The best ``size`` unknown rows so far by one score, with at most ``per_family`` of a family; best first."""

    def __init__(self, size: int, per_family: int, candidates: Candidates) -> None:
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
