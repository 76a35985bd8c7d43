"""Results as they stand in events, and values that cannot be right."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from saltloop.chemistry.measurement import Measurement

#: Beyond any liquid electrolyte near room temperature (mS/cm); concentrated aqueous acids reach 800.
HIGHEST_CONDUCTIVITY_MS_CM = 200.0
DENSITY_RANGE_G_CM3 = (0.5, 3.0)
POSITIVE = frozenset({"viscosity", "diffusion_coefficient", "relative_permittivity", "conductivity"})

#: What an entry says beside its measurement, where nothing else is known.
PLAIN: Mapping[str, Any] = MappingProxyType(
    {
        "status": "ok",  # or 'censored': kept, shown, never learned from
        "limit": None,  # of a censored value: 'below' or 'above'
        "note": "",  # how the liquid differs from the one that was asked for
        "cost": None,  # money, in place of the oracle's price
        "report": None,  # the lab's own words (LabResult.to_dict), None for a job's result
        "expected": None,  # what the model said before: mean, standard_deviation (mS/cm), deviations, weights_sha256
    }
)


def result_entry(
    measurement: Measurement, candidate_id: str | None, job_key: str | None, **more: Any
) -> dict[str, Any]:
    """One measurement as it stands in an event; ``more``: what ``PLAIN`` names, or a quarantine's stage and reason."""
    return {
        "measurement_id": measurement.measurement_id,
        "measurement": measurement.to_dict(),
        "candidate_id": candidate_id,
        "job_key": job_key,
        **PLAIN,
        **more,
    }


def why_unphysical(measurement: Measurement) -> str:
    """The reason why a value cannot be right, or an empty string."""
    value = measurement.value
    if measurement.quantity in POSITIVE and value <= 0:
        return f"a {measurement.quantity} of {value:g} {measurement.unit} is not positive"
    if measurement.quantity == "conductivity" and measurement.in_unit("mS/cm").value > HIGHEST_CONDUCTIVITY_MS_CM:
        return f"a conductivity of {value:g} {measurement.unit} is above any liquid electrolyte's"
    if measurement.quantity == "density":
        low, high = DENSITY_RANGE_G_CM3
        if not low <= measurement.in_unit("g/cm3").value <= high:
            return f"a density of {value:g} {measurement.unit} is outside {low}-{high} g/cm3"
    return ""
