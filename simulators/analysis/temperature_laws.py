"""Arrhenius and Vogel-Fulcher-Tammann laws through a few points, averaged over the parameter that sets them apart.

Both are ln(value) = ln A - B / (T - T0), with T0 = 0 for Arrhenius. Each T0 counts by its prior and by how well the
points are met with it, so that what is predicted holds the choice of the law as well as the scatter of the points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Law = Literal["auto", "arrhenius", "vft"]
Array = NDArray[np.float64]

ARRHENIUS_WEIGHT = 0.1
"""Prior weight of Arrhenius under ``auto``: T0 is below 50 K in 1 % of CALiSol-23's series; cautiously more."""
MIN_LIQUID_K = 15.0
"""T0 lies at least this far below every temperature concerned."""
MIN_RELATIVE_ERROR = 0.005
_T0_STEPS, _NODES = 80, 15


@dataclass(frozen=True)
class T0Prior:
    """What is known of the Vogel temperature before any point is seen: a normal distribution, K."""

    mean_K: float
    standard_deviation_K: float


ELECTROLYTES = T0Prior(160.0, 25.0)
"""From the measured conductivities of CALiSol-23 (doi 10.1038/s41597-024-03575-8): VFT fits to its 628 series of one
liquid with five temperatures over 40 K or more that fix T0 give 162 K with a standard deviation of 20 K
(``benchmarks/md_extrapolation.py``); widened, because a force field's liquid is not the measured one."""


def t0_grid(law: Law, coldest_K: float, prior: T0Prior) -> tuple[Array, Array]:
    """Values of T0 below the coldest temperature, and the logarithm of each one's prior weight; 0 is Arrhenius."""
    shares = {"arrhenius": (1.0, 0.0), "vft": (0.0, 1.0), "auto": (ARRHENIUS_WEIGHT, 1 - ARRHENIUS_WEIGHT)}[law]
    t0 = np.linspace(0, coldest_K - MIN_LIQUID_K, _T0_STEPS + 1)[1:]
    normal = np.exp(-0.5 * ((t0 - prior.mean_K) / prior.standard_deviation_K) ** 2)
    weight = np.concatenate([[shares[0]], shares[1] * normal / normal.sum()])
    counts = weight > 0
    return np.concatenate([[0.0], t0])[counts], np.log(weight[counts])


@dataclass(frozen=True)
class Lines:
    """For each T0 the line ln(value) = a + b x; at the reference temperature x = 0 and dx/d(ln T) = 1."""

    t0: Array
    reference_K: float
    best: Array
    """a and b: n x 2."""
    covariance: Array
    """n x 2 x 2."""
    log_evidence: Array
    """With the posterior's volume: what a law must not gain by having more freedom."""
    excess: float
    """How many times the points scatter beyond their errors; the errors were multiplied by it where it is above 1."""

    def x(self, temperature_K: float) -> Array:
        return _x(temperature_K, self.t0, self.reference_K)


def fit_lines(temperature_K: Array, value: Array, standard_error: Array, t0: Array) -> Lines:
    """Weighted least squares in 1/(T - T0) for each T0, flat prior on a and b.

    Errors grow by the square root of the best reduced chi-squared where that is above one (Birge, Phys. Rev. 40 (1932)
    207).
    """
    y = np.log(value)
    error = np.maximum(standard_error / value, MIN_RELATIVE_ERROR)
    reference_K = float(np.average(temperature_K, weights=error**-2))
    x = _x(temperature_K[None, :], t0[:, None], reference_K)
    design = np.stack([np.ones_like(x), x], axis=2)

    def fit(error: Array) -> tuple[Array, Array, Array]:
        weighted = design / error[:, None] ** 2
        covariance = np.linalg.inv(np.einsum("nki,nkj->nij", weighted, design))
        best = np.einsum("nij,nkj,k->ni", covariance, weighted, y)
        misfit = (y - np.einsum("nki,ni->nk", design, best)) / error
        return best, covariance, np.sum(misfit**2, axis=1)

    best, covariance, chi2 = fit(error)
    degrees = len(y) - (3 if len(t0) > 1 and len(y) > 3 else 2)
    excess = math.sqrt(float(chi2.min()) / degrees) if degrees > 0 else 0.0
    if excess > 1:
        best, covariance, chi2 = fit(error * excess)
    log_evidence = -0.5 * chi2 + 0.5 * np.linalg.slogdet(covariance)[1]
    return Lines(t0, reference_K, best, covariance, log_evidence, excess)


def _x(temperature_K: Array | float, t0: Array, reference_K: float) -> Array:
    gap = reference_K - t0
    return np.asarray(-(gap**2) / reference_K * (1 / (temperature_K - t0) - 1 / gap))


class Posterior:
    """What points and bounds leave possible: weights on a grid of T0, a and b that sum to one."""

    def __init__(self, lines: Lines, log_prior: Array) -> None:
        unit = np.linspace(-4.2, 4.2, _NODES)
        pairs = np.stack([axis.ravel() for axis in np.meshgrid(unit, unit)], axis=1)
        roots = np.linalg.cholesky(lines.covariance)
        nodes = lines.best[:, None, :] + pairs @ roots.transpose(0, 2, 1)
        self._lines, self._a, self._b = lines, nodes[..., 0], nodes[..., 1]
        self._log_weight = (log_prior + lines.log_evidence)[:, None] - 0.5 * (pairs**2).sum(axis=1)

    @property
    def weight(self) -> Array:
        weight = np.exp(self._log_weight - self._log_weight.max())
        return np.asarray(weight / weight.sum())

    def keep_bound(self, temperature_K: float, value: float, standard_error: float, *, is_lower: bool) -> None:
        """Weigh by the probability of keeping a bound that is itself known to its standard error, at least 5 %."""
        from scipy.stats import norm

        width = max(standard_error / value, 10 * MIN_RELATIVE_ERROR)
        distance = (self._logarithm(temperature_K) - math.log(value)) / width
        self._log_weight = self._log_weight + norm.logcdf(distance if is_lower else -distance)

    def prediction(self, temperature_K: float, levels: tuple[float, ...]) -> tuple[tuple[float, ...], float]:
        """Quantiles of ln(value) at a temperature, and its standard deviation."""
        logarithm, weight = self._logarithm(temperature_K).ravel(), self.weight.ravel()
        order = np.argsort(logarithm)
        quantiles = np.interp(levels, np.cumsum(weight[order]), logarithm[order])
        variance = float(weight @ (logarithm - weight @ logarithm) ** 2)
        return tuple(float(one) for one in quantiles), math.sqrt(variance)

    def parameters(self, law: str) -> tuple[dict[str, float], Array]:
        """Means of ln A, B and, for VFT, T0; and their covariance."""
        mine = (self._lines.t0 > 0) == (law == "vft")
        t0 = np.broadcast_to(self._lines.t0[mine, None], self._a[mine].shape)
        gap = self._lines.reference_K - t0
        b_K = self._b[mine] * gap**2 / self._lines.reference_K
        columns = {"ln_A": self._a[mine] + b_K / gap, "B_K": b_K, **({"T0_K": t0} if law == "vft" else {})}
        stacked = np.stack([column.ravel() for column in columns.values()])
        weight = self.weight[mine].ravel() / self.weight[mine].sum()
        means = stacked @ weight
        covariance = ((stacked - means[:, None]) * weight) @ (stacked - means[:, None]).T
        return dict(zip(columns, (float(mean) for mean in means), strict=True)), covariance

    def _logarithm(self, temperature_K: float) -> Array:
        return np.asarray(self._a + self._b * self._lines.x(temperature_K)[:, None])
