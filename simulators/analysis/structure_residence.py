"""How long a molecule stays bound to a lithium ion."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE_PS = 2.0
"""A shorter absence does not end a stay (Impey, Madden and McDonald, J. Phys. Chem. 87 (1983) 5071), and a shorter stay
does not count."""
BOUND_EVENTS = 3.0
"""Where no stay ended, a mean below time / 3 is excluded with 95 % (the rule of three)."""


@dataclass(frozen=True)
class Residence:
    """Mean time for which a molecule stays with a lithium ion, ps."""

    time_ps: float
    standard_error_ps: float
    n_departures: int
    is_lower_bound: bool
    """No departure was seen: the time is the shortest that is compatible (95 %)."""


def residence(
    runs: Iterable[tuple[NDArray[np.int64], NDArray[np.int64], int, float]],
) -> Residence | None:
    """From bound pairs: for each run the samples and numbers of the pairs (sorted by pair, then sample), the number of
    samples and the time between them (ps). None where nothing is bound for longer than the tolerance.

    Time bound over number of departures: the maximum-likelihood estimate for a constant rate of leaving, in which stays
    that the end of the run cuts off count with the time seen. Stays count from the tolerance on.
    """
    bound_ps, n_departures = 0.0, 0
    for samples, pairs, n_samples, sample_ps in runs:
        if not samples.size:
            continue
        gap = max(1, math.ceil(TOLERANCE_PS / sample_ps))
        is_new = np.ones(samples.size, dtype=bool)
        is_new[1:] = (np.diff(pairs) != 0) | (np.diff(samples) > gap)
        starts = np.flatnonzero(is_new)
        ends = np.append(starts[1:], samples.size) - 1
        lasted = samples[ends] - samples[starts] + 1 - gap
        has_left = samples[ends] + gap < n_samples
        counts = lasted > 0
        bound_ps += float(lasted[counts].sum()) * sample_ps
        n_departures += int((counts & has_left).sum())
    if not bound_ps:
        return None
    if not n_departures:
        time = bound_ps / BOUND_EVENTS
        return Residence(time, time, 0, True)
    time = bound_ps / n_departures
    return Residence(time, time / math.sqrt(n_departures), n_departures, False)
