"""From hotter temperatures to one that is too slow to simulate, by the laws of ``temperature_laws``.

The law is that of the value itself (conductivity or diffusion coefficient), not of the value times T.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from saltloop.chemistry.errors import SaltloopError

from .temperature_laws import ELECTROLYTES, Array, Law, Posterior, T0Prior, fit_lines, t0_grid

MAX_SILENT_EXCESS = 2.0
"""Points that scatter further than this times their errors give a note."""


class ExtrapolationError(SaltloopError, ValueError):
    """Points that determine neither a value nor a bound."""


@dataclass(frozen=True)
class TemperaturePoint:
    """A conductivity or diffusion coefficient at one temperature; or the bound that a run too short for it gives."""

    temperature_K: float
    value: float
    standard_error: float
    is_lower_bound: bool = False
    is_upper_bound: bool = False

    def __post_init__(self) -> None:
        if not (self.temperature_K > 0 and math.isfinite(self.value) and self.standard_error >= 0):
            raise ExtrapolationError(f"{self} is no point of a temperature series")
        if self.is_lower_bound and self.is_upper_bound:
            raise ExtrapolationError(f"{self} is called a lower and an upper bound; it can be one of them")
        if self.is_bound and self.value <= 0:
            raise ExtrapolationError(f"{self} is a bound that is not above zero")

    @property
    def is_bound(self) -> bool:
        return self.is_lower_bound or self.is_upper_bound


@dataclass(frozen=True)
class Extrapolated:
    """A value at a temperature that was not simulated."""

    value: float
    standard_error: float
    """Infinite for a bound: it says on which side the value lies, not how far."""
    law: str
    """``vft`` or ``arrhenius`` (under ``auto`` the one that weighs more); ``none`` for a bound."""
    parameters: Mapping[str, float]
    """``ln_A``, ``B_K`` and for VFT ``T0_K``: means over everything the points allow."""
    is_bound: bool
    notes: tuple[str, ...]
    interval: tuple[float, float] = (0.0, math.inf)
    """Holds the value with 95 % probability; for a bound, from what is known to what is not."""
    covariance: Array = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    """Of the parameters, in their order."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How much each law counts, given the points."""


def extrapolate(
    points: Sequence[TemperaturePoint], target_K: float, law: Law = "auto", *, prior: T0Prior = ELECTROLYTES
) -> Extrapolated:
    """The value at ``target_K`` from points at other temperatures, by the law, with its uncertainty.

    ``auto`` averages over both laws. Bounds count by the probability of keeping them. A value not above its own
    standard error counts as an upper bound, value + 2 standard errors. With fewer than two values only a bound can come
    out; it holds if the quantity grows with temperature.

    Raises:
        ExtrapolationError: fewer than two usable points, or nothing that bounds the value.
    """
    notes: list[str] = []
    points = [_usable(point, notes) for point in points]
    measured = [point for point in points if not point.is_bound]
    if len({point.temperature_K for point in measured}) < 2:
        if len(measured) == len(points):
            raise ExtrapolationError(
                f"{len(measured)} usable point(s) cannot be extrapolated to {target_K:g} K: two temperatures are the "
                "least, three or more are better; add hotter ones"
            )
        return _bound(points, target_K, notes)
    t0, log_prior = t0_grid(law, min([target_K, *(point.temperature_K for point in points)]), prior)
    temperature, value, error = np.array([(one.temperature_K, one.value, one.standard_error) for one in measured]).T
    lines = fit_lines(temperature, value, error, t0)
    if lines.excess > MAX_SILENT_EXCESS:
        notes.append(f"the points scatter {lines.excess:.1f} times as far around the law as their errors say")
    posterior = Posterior(lines, log_prior)
    for point in points:
        if point.is_bound:
            posterior.keep_bound(point.temperature_K, point.value, point.standard_error, is_lower=point.is_lower_bound)
    (low, middle, high), spread = posterior.prediction(target_K, (0.025, 0.5, 0.975))
    weights = {"arrhenius": float(posterior.weight[t0 == 0].sum()), "vft": float(posterior.weight[t0 > 0].sum())}
    leading = max(weights, key=lambda name: weights[name])
    parameters, covariance = posterior.parameters(leading)
    if leading == "vft" and math.sqrt(covariance[2, 2]) > 0.8 * prior.standard_deviation_K:
        notes.append(
            f"the points do not fix T0; it is that of measured electrolytes ({prior.mean_K:g} +- "
            f"{prior.standard_deviation_K:g} K)"
        )
    if spread > 1:
        notes.append(f"the extrapolation to {target_K:g} K is uncertain by a factor of {math.exp(spread):.1f}")
    return Extrapolated(
        value=math.exp(middle),
        standard_error=math.exp(middle) * spread,
        law=leading,
        parameters=parameters,
        is_bound=False,
        notes=tuple(notes),
        interval=(math.exp(low), math.exp(high)),
        covariance=covariance,
        weights=weights,
    )


def _usable(point: TemperaturePoint, notes: list[str]) -> TemperaturePoint:
    """A value that is zero within its error says only how large it is at most."""
    if point.is_bound or point.value > point.standard_error:
        return point
    most = point.value + 2 * point.standard_error
    if most <= 0:
        raise ExtrapolationError(f"{point} is below zero by more than two standard errors")
    notes.append(
        f"{point.value:.3g} +- {point.standard_error:.2g} at {point.temperature_K:g} K counts as at most {most:.3g}"
    )
    return TemperaturePoint(point.temperature_K, most, point.standard_error, is_upper_bound=True)


def _bound(points: Sequence[TemperaturePoint], target_K: float, notes: list[str]) -> Extrapolated:
    """What monotony says: at most the value of a hotter temperature, at least that of a colder one."""
    margin = {id(point): 0.0 if point.is_bound else 2 * point.standard_error for point in points}
    above = [
        point.value + margin[id(point)]
        for point in points
        if point.temperature_K >= target_K and not point.is_lower_bound
    ]
    below = [
        point.value - margin[id(point)]
        for point in points
        if point.temperature_K <= target_K and not point.is_upper_bound
    ]
    low, high = max([0.0, *below]), min([math.inf, *above])
    if low == 0 and high == math.inf:
        raise ExtrapolationError(
            f"no point bounds the value at {target_K:g} K: that takes an upper bound at a hotter temperature or a "
            "lower bound at a colder one"
        )
    words = f"at most {high:.3g}" if high < math.inf else f"at least {low:.3g}"
    notes.append(f"only a bound at {target_K:g} K: {words}, if the quantity grows with temperature")
    return Extrapolated(
        value=high if high < math.inf else low,
        standard_error=math.inf,
        law="none",
        parameters={},
        is_bound=True,
        notes=tuple(notes),
        interval=(low, high),
    )
