"""What a row's neighbours say it should be: a robust smooth fit of ln k in temperature, molality and composition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .audit_rows import LEAST_mS_cm, Rows

COMPOSITION_WINDOW = 0.06
"""Half the sum of the differences of mole fractions."""
SQRT_MOLALITY_WINDOW = 0.18
RECIPROCAL_WINDOW = 0.22
"""In 1000 K/T: about 20 K at room temperature."""
MOST_NEIGHBOURS = 60
FEWEST_NEIGHBOURS = 8
FEWEST_FOR_CURVATURE = 14

_SLOPE_PER_RECIPROCAL = -2.0
"""Typical d ln k / d(1000 K/T); where neighbours share one temperature, nothing else is known."""
_RIDGE = 0.015
_SOFT_STEPS, _HARD_STEPS = 4, 8
_SMALLEST_SCATTER = 0.04
"""The data's own uncertainty: no row is odd for differing by less."""


@dataclass(frozen=True)
class Local:
    """What the neighbours of each row say. Arrays of one entry a row; NaN where there are too few neighbours."""

    expected_mS_cm: np.ndarray
    residual: np.ndarray
    """ln of reported over expected."""
    deviations: np.ndarray
    """Residual over the neighbours' scatter (4 % at least) and 0.03 mS/cm, the two together."""
    neighbours: tuple[np.ndarray, ...]
    """Positions of those the fit rests on, the nearest first."""

    def resting_on(self, doubtful: np.ndarray) -> np.ndarray:
        """Positions of the rows that are doubtful themselves or whose fit rests on a doubtful one."""
        touched = [i for i, used in enumerate(self.neighbours) if doubtful[i] or doubtful[used].any()]
        return np.array(touched, dtype=int)

    def replaced(self, newer: Local, at: np.ndarray) -> Local:
        """These fits with newer ones at some positions."""
        mine = np.ones(len(self.residual), dtype=bool)
        mine[at] = False
        return Local(
            np.where(mine, self.expected_mS_cm, newer.expected_mS_cm),
            np.where(mine, self.residual, newer.residual),
            np.where(mine, self.deviations, newer.deviations),
            tuple(old if keep else new for old, new, keep in zip(self.neighbours, newer.neighbours, mine, strict=True)),
        )

    def odd(self, *, deviations: float, factor: float, least_mS_cm: float, k: np.ndarray) -> np.ndarray:
        """Where a row is off by so many deviations, by such a factor either way, and by so many mS/cm."""
        with np.errstate(invalid="ignore"):
            return (
                (np.abs(self.deviations) > deviations)
                & (np.abs(self.residual) > np.log(factor))
                & (np.abs(self.expected_mS_cm - k) > least_mS_cm)
            )


def local_fits(rows: Rows, *, trusted: np.ndarray, at: Iterable[int] | None = None, salt: str | None = None) -> Local:
    """Fit ln k around each row from the trusted rows of the same salt, the row itself left out.

    The neighbours are the nearest 60 within the three windows; the fit is a constant and slopes in 1/T and the root of
    the molality, with second-order terms from 14 neighbours on, weighted by nearness, and bisquare weights against
    neighbours that are odd themselves. ``at`` limits it to some positions, ``salt`` takes the neighbours from another
    salt.
    """
    frame = rows.frame
    n = len(frame)
    expected, deviations = np.full(n, np.nan), np.full(n, np.nan)
    used: list[np.ndarray] = [np.empty(0, dtype=int)] * n
    salts = frame["salt"].to_numpy()
    root, reciprocal = np.sqrt(frame["molality"].to_numpy()), 1000.0 / frame["T"].to_numpy()
    log_k, k = rows.log_k, np.maximum(frame["k"].to_numpy(), LEAST_mS_cm)
    pools = {name: np.flatnonzero((salts == name) & trusted) for name in {*salts, *([salt] if salt else [])}}
    for i in range(n) if at is None else at:
        pool = pools[salt or salts[i]]
        window = (np.abs(reciprocal[pool] - reciprocal[i]) < RECIPROCAL_WINDOW) & (
            np.abs(root[pool] - root[i]) < SQRT_MOLALITY_WINDOW
        )
        near = pool[window & (pool != i)]
        if len(near) < FEWEST_NEIGHBOURS:
            continue
        apart = 0.5 * np.abs(rows.shares[near] - rows.shares[i]).sum(axis=1) / COMPOSITION_WINDOW
        near, apart = near[apart < 1], apart[apart < 1]
        if len(near) < FEWEST_NEIGHBOURS:
            continue
        in_T = (reciprocal[near] - reciprocal[i]) / RECIPROCAL_WINDOW
        in_m = (root[near] - root[i]) / SQRT_MOLALITY_WINDOW
        distance = in_T**2 + in_m**2 + apart**2
        nearest = np.argsort(distance, kind="stable")[:MOST_NEIGHBOURS]
        near, in_T, in_m, distance = near[nearest], in_T[nearest], in_m[nearest], distance[nearest]
        error = _SMALLEST_SCATTER + LEAST_mS_cm / k[near]
        value, scatter, kept = _robust_fit(in_T, in_m, log_k[near], error, np.exp(-0.5 * distance))
        expected[i] = np.exp(value)
        resolved = LEAST_mS_cm / np.sqrt(k[i] * expected[i])
        deviations[i] = (log_k[i] - value) / np.hypot(max(scatter, _SMALLEST_SCATTER), resolved)
        used[i] = near[kept]
    return Local(expected, log_k - np.log(expected), deviations, tuple(used))


def _robust_fit(
    in_T: np.ndarray, in_m: np.ndarray, log_k: np.ndarray, error: np.ndarray, nearness: np.ndarray
) -> tuple[float, float, np.ndarray]:
    """ln k at the middle, the neighbours' scatter about the fit, and which of them it rests on."""
    columns = [np.ones_like(in_T), in_T, in_m]
    if len(log_k) >= FEWEST_FOR_CURVATURE:
        columns += [in_m**2, in_T**2, in_T * in_m]
    terms = np.stack(columns, axis=1)
    prior, ridge = np.zeros(terms.shape[1]), np.full(terms.shape[1], _RIDGE)
    prior[1], ridge[0] = _SLOPE_PER_RECIPROCAL * RECIPROCAL_WINDOW, 1e-7
    residual, weight = log_k - np.median(log_k), nearness
    for step in range(_SOFT_STEPS + _HARD_STEPS):
        spread = 1.4826 * float(np.median(np.abs(residual)))
        if 0 < step <= _SOFT_STEPS:
            weight = nearness / (1 + (residual / (2 * max(spread, 0.05))) ** 2)
        elif step > _SOFT_STEPS:
            far = residual / (4.0 * np.hypot(max(spread, 0.02), error))
            weight = nearness * np.clip(1 - far**2, 0, None) ** 2
        weighted = terms * (weight * (0.05 / error) ** 2)[:, None]
        solution = np.linalg.solve(terms.T @ weighted + np.diag(ridge), weighted.T @ log_k + ridge * prior)
        residual = log_k - terms @ solution
    kept = weight > 0.3 * nearness
    near = residual[nearness >= np.quantile(nearness, 0.3)]
    return float(solution[0]), 1.4826 * float(np.median(np.abs(near))), kept
