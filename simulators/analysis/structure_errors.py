"""How sure an average over lithium ions is, when the run may be too short for their surroundings to exchange."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .transport import mean_of_replicas, small_sample_factor

Array = NDArray[np.float64]


def mean_over_lithium(runs: Sequence[Array]) -> tuple[float, float]:
    """Mean of a number that each lithium has in each sample (``n_samples x n_lithium``), and its standard error.

    The largest of three: fluctuations in time, the spread between replicas, and the spread between the means of single
    ions, each of which is one witness however long it was watched.
    """
    mean, error = mean_of_replicas([run.mean(axis=1) for run in runs])
    single = np.concatenate([run.mean(axis=0) for run in runs])
    if single.size < 2:
        return mean, error
    spread = float(single.std(ddof=1)) / math.sqrt(single.size) * small_sample_factor(single.size)
    return mean, max(error, spread)


def fraction_of_lithium(runs: Sequence[NDArray[np.bool_]]) -> tuple[float, float]:
    """Fraction of lithium in a state (``n_samples x n_lithium``), and its standard error.

    As ``mean_over_lithium``, and at least that of so many independent draws as there are ions and returns to a state
    (two changes each). That error is taken at (successes + 1) / (draws + 2), Laplace's rule, so that three ions which
    were all found in one state do not make it certain.
    """
    fraction, error = mean_over_lithium([run.astype(float) for run in runs])
    n_changes = sum(int((run[1:] != run[:-1]).sum()) for run in runs)
    n_draws = sum(run.shape[1] for run in runs) + n_changes / 2
    likely = (fraction * n_draws + 1) / (n_draws + 2)
    return fraction, max(error, math.sqrt(likely * (1 - likely) / n_draws))
