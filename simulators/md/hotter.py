"""Liquids that are too slow to sample: hotter temperatures are simulated and extrapolated, and the result says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saltloop.chemistry.measurement import Measurement
from saltloop.simulators.analysis.extrapolation import Extrapolated, ExtrapolationError, TemperaturePoint, extrapolate
from saltloop.simulators.failures import SimulationFailureError

from .control_settings import SlowLiquid
from .md_oracle import TEMPERATURES_K
from .slowness import conductivity_at_most_mS_cm

if TYPE_CHECKING:
    from .replicas import Sampled


def temperatures_K(target_K: float, settings: SlowLiquid) -> tuple[float, ...]:
    """The hotter temperatures, rising: those above the target that the oracle simulates; none where it is only one."""
    wanted = settings.temperatures_K or tuple(round(target_K * factor, 2) for factor in settings.factors)
    found = tuple(sorted({one for one in wanted if target_K < one <= TEMPERATURES_K[1]}))
    return found if len(found) > 1 else ()


def at_most_mS_cm(sampled: Sampled) -> float:
    """What the conductivity is at most where ions have not diffused; the size correction two standard errors up."""
    first, motion = sampled.trajectories[0], sampled.results.motion
    correction = motion.size_correction_m2_s * (1 + 2 * motion.viscosity.relative_error)
    return conductivity_at_most_mS_cm(sampled.ions, first.volume_nm3, first.temperature_K, correction)


def too_slow(sampled: Sampled, why_not_more: str) -> SimulationFailureError:
    """The failure that holds a bound instead of a number."""
    return SimulationFailureError(
        "too_slow",
        f"the ions have not diffused ({'; '.join(sampled.slow)}): the conductivity is at most "
        f"{at_most_mS_cm(sampled):.3g} mS/cm; {why_not_more}",
        is_retryable=False,
    )


@dataclass(frozen=True)
class HotterResults:
    """Measurements of the slow liquid."""

    measurements: tuple[Measurement, ...]
    warnings: tuple[str, ...]
    details: dict[str, Any]
    """Plain JSON for the provenance: temperatures, values, laws and parameters by quantity."""
    points: tuple[TemperaturePoint, ...] = ()
    """Of the conductivity."""


def extrapolated(target: Sampled, hotter: Sequence[Sampled], settings: SlowLiquid) -> HotterResults:
    """Conductivities and diffusion coefficients of the slow liquid from hotter ones; its density is its own.

    The target's own upper bound of the conductivity counts. Everything else that the target's simulation gave hangs on
    motion that did not happen, and is left out.

    Raises:
        SimulationFailureError: ``too_slow``, where the hotter temperatures give no more than a bound.
    """
    target_K = target.trajectories[0].temperature_K
    kept = [one for one in target.results.measurements if one.quantity == "density"]
    measurements, warnings, details = [], [], {}
    conductivities: list[TemperaturePoint] = []
    for one in target.results.measurements:
        if not one.quantity.startswith(("conductivity", "diffusion_coefficient")):
            continue
        points = [point for sampled in hotter if (point := _point(sampled, one.quantity)) is not None]
        if one.quantity.startswith("conductivity"):
            points.append(TemperaturePoint(target_K, at_most_mS_cm(target), 0.0, is_upper_bound=True))
        try:
            found = extrapolate(points, target_K, settings.law)
        except ExtrapolationError as error:
            if one.quantity == "conductivity":
                raise too_slow(target, str(error)) from None
            warnings.append(f"{one.quantity} could not be extrapolated: {error}")
            continue
        if found.is_bound:
            if one.quantity == "conductivity":
                raise too_slow(target, "; ".join(found.notes))
            warnings.append(f"{one.quantity}: {'; '.join(found.notes)}")
            continue
        words = ", ".join(f"{sampled.trajectories[0].temperature_K:g}" for sampled in hotter)
        how = next(same.method for same in hotter[-1].results.measurements if same.quantity == one.quantity)
        measurements.append(
            one.model_copy(
                update={
                    "value": found.value,
                    "standard_uncertainty": found.standard_error,
                    "method": f"extrapolated from {words} K by {found.law}; {how}",
                }
            )
        )
        warnings += [f"{one.quantity}: {note}" for note in found.notes]
        if one.quantity == "conductivity":
            conductivities = points
        details[one.quantity] = _describe(found, points)
    left_out = sorted(
        {one.quantity for one in target.results.measurements} - {one.quantity for one in measurements} - {"density"}
    )
    if left_out:
        warnings.append(f"too slow for {', '.join(left_out)}: left out")
    warnings.append(f"extrapolated, because at {target_K:g} K {'; '.join(target.slow)}")
    return HotterResults((measurements[0], *kept, *measurements[1:]), tuple(warnings), details, tuple(conductivities))


def _point(sampled: Sampled, quantity: str) -> TemperaturePoint | None:
    """A hotter temperature's value, or its bound where it is slow itself; None where it says nothing."""
    found = next((one for one in sampled.results.measurements if one.quantity == quantity), None)
    temperature_K = sampled.trajectories[0].temperature_K
    if sampled.slow:
        if not quantity.startswith("conductivity"):
            return None
        return TemperaturePoint(temperature_K, at_most_mS_cm(sampled), 0.0, is_upper_bound=True)
    return TemperaturePoint(temperature_K, found.value, found.standard_uncertainty) if found else None


def _describe(found: Extrapolated, points: Sequence[TemperaturePoint]) -> dict[str, Any]:
    return {
        "law": found.law,
        "parameters": {name: float(f"{value:.6g}") for name, value in found.parameters.items()},
        "interval_95": [float(f"{value:.6g}") for value in found.interval],
        "points": [
            {
                "temperature_K": point.temperature_K,
                "value": float(f"{point.value:.6g}"),
                "standard_error": float(f"{point.standard_error:.4g}"),
                "is_bound": point.is_bound,
            }
            for point in points
        ],
    }
