"""The combinatorics of a screening: ratios on a grid, and sets of solvents by their number."""

from __future__ import annotations

from collections.abc import Iterator
from math import comb

import numpy as np


def ratios(n_solvents: int, low: float, step: float) -> Iterator[tuple[float, ...]]:
    """Fractions that sum to 1: all but the last on the grid ``low, low + step, ...``, the last at least ``low``."""
    if n_solvents == 1:
        yield (1.0,)
        return
    grid = np.round(np.arange(low, 1 - low + step * 1e-6, step), 6)
    for position in np.ndindex(*(len(grid),) * (n_solvents - 1)):
        first = [float(grid[i]) for i in position]
        last = round(1 - sum(first), 6)
        if last >= low - 1e-9:
            yield (*first, last)


def solvent_sets(number: np.ndarray, n: int, size: int) -> np.ndarray:
    """The sets of ``size`` among ``n`` that have these numbers in lexicographic order; n_numbers x size."""
    low, high = int(number.min()), int(number.max())
    if high - low < len(number) - 1:  # Work out each set once, although many candidates share it.
        return solvent_sets(np.arange(low, high + 1), n, size)[number - low]
    sets = np.empty((len(number), size), dtype=np.int32)
    rest = number.astype(np.int64)
    for position in range(size):
        left = size - position
        # Sets of ``left`` whose smallest member is below i, for each i.
        before = np.array([comb(n, left) - comb(n - i, left) for i in range(n + 1)])
        smallest = np.searchsorted(before, rest, side="right") - 1
        sets[:, position] = smallest
        # The sets of one fewer from the members after the smallest are the last ones of all such sets.
        after = np.array([comb(n, left - 1) - comb(n - 1 - i, left - 1) if i < n else 0 for i in range(n + 1)])
        rest = rest - before[smallest] + after[smallest]
    return sets
