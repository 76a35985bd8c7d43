"""The combinatorics of a space: shares on a grid within bounds, and sets of solvents by their number."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
from saltloop.loop.errors import CampaignFileError

#: More ratios of one set of solvents than this are a slip of the pen.
MOST_RATIOS = 10_000_000


def ratios(bounds: Sequence[tuple[float, float, float]]) -> np.ndarray:
    """Shares that sum to 1, each within its ``(least, most, step)``; n x len(bounds), in lexicographic order.

    Each share is on the grid ``least, least + step, ...`` of its own, except the one with the widest bounds (of
    equals, the last), which takes what is left.

    Raises:
        CampaignFileError: more than 10 million.
    """
    widths = [round(most - least, 9) for least, most, _ in bounds]
    rest = max(range(len(bounds)), key=lambda i: (widths[i], i))
    left = np.ones((1, 1))
    shares = np.zeros((1, len(bounds)))
    for position, (least, most, step) in enumerate(bounds):
        if position == rest:
            continue
        grid = np.round(np.arange(least, most + step * 1e-6, step), 6)
        still = sum(b[0] for i, b in enumerate(bounds) if i == rest or i > position)
        if len(shares) * len(grid) > MOST_RATIOS:
            raise CampaignFileError(
                f"{len(bounds)} solvents have more than {MOST_RATIOS:,} ratios in steps of {step:g}; take a larger "
                "fraction_step (refinement goes between its steps anyway)."
            )
        fits = left - grid >= still - 1e-9  # What is left must do for the solvents still to come.
        before, at = np.nonzero(fits)
        shares, left = shares[before], (left - grid)[before, at][:, None]
        shares[:, position] = grid[at]
    least, most, _ = bounds[rest]
    shares[:, rest] = np.round(1 - shares.sum(axis=1), 6)
    return shares[(shares[:, rest] >= least - 1e-9) & (shares[:, rest] <= most + 1e-9)]


def solvent_sets(n: int, size: int) -> np.ndarray:
    """The sets of ``size`` among ``n``, in lexicographic order; comb(n, size) x size."""
    rest = np.arange(comb(n, size), dtype=np.int64)
    sets = np.empty((len(rest), size), dtype=np.int16)
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
