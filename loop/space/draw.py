"""Numbers of candidates drawn from a space: all over it, or at random among those that are allowed."""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd
from typing import Protocol

import numpy as np
from saltloop.loop.space.candidates import Candidates

CHUNK = 16_384
#: Spaces up to this size, or a few times the number drawn, are gone through rather than tried at random.
SMALL = 262_144
GOLDEN = 0.6180339887498949


class Numbered(Protocol):
    """A space, as far as drawing is concerned."""

    def __len__(self) -> int: ...

    def allowed(self, index: np.ndarray) -> Candidates: ...


def drawn(space: Numbered, n: int, generator: np.random.Generator) -> np.ndarray:
    """Numbers of ``n`` allowed candidates, none twice, each as likely as any other, in random order; fewer where the
    space has fewer."""
    if len(space) <= max(SMALL, 4 * n):
        return _some(_all_allowed(space), n, generator)
    found = np.zeros(0, dtype=np.int64)
    n_tried = 0
    while len(found) < n:
        if n_tried >= len(space):  # So much is forbidden that going through the space is no slower.
            return _some(_all_allowed(space), n, generator)
        rate = max(len(found) / n_tried, 1e-3) if n_tried else 1.0
        wanted = min(int((n - len(found)) / rate * 1.02) + 64, 4_000_000)
        tried = generator.integers(0, len(space), wanted)
        kept = [space.allowed(tried[i : i + CHUNK]).index for i in range(0, wanted, CHUNK)]
        found = np.concatenate([found, *kept])
        _, first = np.unique(found, return_index=True)
        found = found[np.sort(first)]
        n_tried += wanted
    return found[:n]


def all_over(n: int, chunk: int, most: int) -> Iterator[np.ndarray]:
    """The numbers below ``n``, each once, up to ``most`` of them: steps of a golden section, so that already the first
    chunk lies evenly over the whole."""
    step = max(1, round(n * GOLDEN))
    while gcd(step, n) > 1:
        step += 1
    for first in range(0, min(n, most), chunk):
        size = min(chunk, n - first)
        yield (first * step % n + np.arange(size) * step) % n


def _all_allowed(space: Numbered) -> np.ndarray:
    chunks = (np.arange(first, min(first + CHUNK, len(space))) for first in range(0, len(space), CHUNK))
    return np.concatenate([space.allowed(chunk).index for chunk in chunks])


def _some(numbers: np.ndarray, n: int, generator: np.random.Generator) -> np.ndarray:
    chosen: np.ndarray = generator.permutation(numbers)[:n]
    return chosen
