"""Volumes of stock solutions that come nearest to a liquid: each is zero, or a minimum and whole steps above it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

TIME_LIMIT_S = 5.0
#: What should not be in the liquid counts as if it were this share of the batch.
TRACE_SHARE = 0.02
#: Using one stock more must gain this much relative error.
STOCK_PENALTY = 1e-4


@dataclass(frozen=True)
class Source:
    """A stock in the dispenser."""

    g_per_mL: Mapping[str, float]
    min_volume_mL: float
    step_mL: float


@dataclass(frozen=True)
class Volumes:
    """What to dispense."""

    volumes_mL: tuple[float, ...]
    """Of each source; zero where it is not used."""
    is_best: bool
    """Whether no better volumes exist; False where the time limit came first."""


def solve(target_g: Mapping[str, float], sources: Sequence[Source], *, tolerance: float) -> Volumes:
    """The dispensable volumes whose mixture is nearest to ``target_g``: least sum of the components' relative errors.

    A mixed-integer linear programme (HiGHS through ``scipy.optimize.milp``): a whole number of steps n_k of each
    stock, used or not z_k, the batch's size s within ``1 ± tolerance``, and errors e_i+, e_i- of each component,

        sum_k step_k c_ik n_k - s b_i = e_i+ - e_i-,   min_k z_k <= step_k n_k <= largest_k z_k.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp

    names, b, C, weight = _system(target_g, sources)
    n, m = len(sources), len(names)
    steps = np.array([source.step_mL for source in sources])
    largest = np.floor((1 + tolerance) * 1.5 * b.sum() / np.maximum(C.sum(0), 1e-12) / steps) + 1
    fewest = np.array([math.ceil(source.min_volume_mL / source.step_mL - 1e-9) for source in sources])
    balance = np.hstack([C * steps, np.zeros((m, n)), -b[:, None], -np.eye(m), np.eye(m)])
    at_least = np.hstack([np.eye(n), -np.diag(fewest), np.zeros((n, 1 + 2 * m))])
    at_most = np.hstack([np.eye(n), -np.diag(largest), np.zeros((n, 1 + 2 * m))])
    cost = np.concatenate([np.zeros(n), np.full(n, STOCK_PENALTY), [0.0], weight, weight])
    lower = np.concatenate([np.zeros(2 * n), [1 - tolerance], np.zeros(2 * m)])
    upper = np.concatenate([largest, np.ones(n), [1 + tolerance], np.full(2 * m, np.inf)])
    found = milp(
        cost,
        integrality=np.concatenate([np.ones(2 * n), np.zeros(1 + 2 * m)]),
        bounds=Bounds(lower, upper),
        constraints=[
            LinearConstraint(balance, 0, 0),
            LinearConstraint(at_least, 0, np.inf),
            LinearConstraint(at_most, -np.inf, 0),
        ],
        options={"time_limit": TIME_LIMIT_S},
    )
    if found.x is None:
        return Volumes((0.0,) * n, False)
    volumes = tuple(round(float(round(count) * step), 9) for count, step in zip(found.x[:n], steps, strict=True))
    return Volumes(volumes, found.status == 0)


def best_unrounded_error(target_g: Mapping[str, float], sources: Sequence[Source]) -> float:
    """Largest relative error of a component if any volumes could be dispensed (non-negative least squares)."""
    from scipy.optimize import nnls

    names, b, C, weight = _system(target_g, sources)
    x, _ = nnls(C * weight[:, None], b * weight)
    return float(np.max(np.abs(C @ x - b) * weight)) if names else 0.0


def _system(
    target_g: Mapping[str, float], sources: Sequence[Source]
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Component names, target masses (m), masses per volume (m x n), and the weight of an error in each (m)."""
    names = sorted(target_g.keys() | {name for source in sources for name in source.g_per_mL})
    b = np.array([target_g.get(name, 0.0) for name in names])
    C = np.array([[source.g_per_mL.get(name, 0.0) for source in sources] for name in names])
    weight = 1 / np.where(b > 0, b, TRACE_SHARE * b.sum())
    return names, b, C, weight
