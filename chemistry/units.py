"""The one place where units are converted: exact, small tables."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .errors import UnitError

CELSIUS_ZERO_K = 273.15
FAHRENHEIT_ZERO_K = 273.15 - 32 / 1.8

# dimension -> unit -> factor to the dimension's first unit, which is the canonical one
_SCALES: dict[str, dict[str, float]] = {
    "conductivity": {"mS/cm": 1.0, "S/m": 10.0, "S/cm": 1e3, "mS/m": 0.01, "uS/cm": 1e-3, "µS/cm": 1e-3, "μS/cm": 1e-3},
    "temperature": {"K": 1.0},
    "density": {"g/cm3": 1.0, "g/cm^3": 1.0, "g/cm³": 1.0, "g/mL": 1.0, "g/ml": 1.0, "kg/L": 1.0, "kg/m3": 1e-3}
    | {"kg/m^3": 1e-3, "kg/m³": 1e-3},
    "viscosity": {"mPa s": 1.0, "mPa·s": 1.0, "mPa*s": 1.0, "cP": 1.0, "Pa s": 1e3, "Pa·s": 1e3, "Pa*s": 1e3},
    "molality": {"mol/kg": 1.0, "mmol/kg": 1e-3, "mmol/g": 1.0},
    "molarity": {"mol/L": 1.0, "mol/l": 1.0, "M": 1.0, "mol/dm3": 1.0, "mmol/L": 1e-3, "mmol/l": 1e-3, "mM": 1e-3}
    | {"mol/m3": 1e-3},
    "diffusion": {"m2/s": 1.0, "m^2/s": 1.0, "m²/s": 1.0, "cm2/s": 1e-4, "cm^2/s": 1e-4, "cm²/s": 1e-4},
    "fraction": {"1": 1.0, "": 1.0, "%": 0.01},
    "mass": {"g": 1.0, "mg": 1e-3, "kg": 1e3},
    "volume": {"mL": 1.0, "ml": 1.0, "uL": 1e-3, "µL": 1e-3, "μL": 1e-3, "L": 1e3, "l": 1e3, "cm3": 1.0},
    "amount": {"mol": 1.0, "mmol": 1e-3},
    "molar mass": {"g/mol": 1.0, "kg/mol": 1e3},
    "molar volume": {"cm3/mol": 1.0, "mL/mol": 1.0, "L/mol": 1e3},
    "thermal expansion": {"1/K": 1.0},
}
# unit -> kelvins per degree, and its zero in kelvin
_DEGREES = dict.fromkeys(("degC", "°C", "celsius"), (1.0, CELSIUS_ZERO_K)) | dict.fromkeys(
    ("degF", "°F", "fahrenheit"), (1 / 1.8, FAHRENHEIT_ZERO_K)
)
_DIMENSIONS = {unit: dimension for dimension, units in _SCALES.items() for unit in units} | dict.fromkeys(
    _DEGREES, "temperature"
)

CANONICAL_UNITS: Mapping[str, str] = MappingProxyType(
    {
        "conductivity": "mS/cm",
        "conductivity_nernst_einstein": "mS/cm",
        "conductivity_collective": "mS/cm",
        "conductivity_combined": "mS/cm",
        "ionicity": "1",
        "coordination_number": "1",
        "density": "g/cm3",
        "viscosity": "mPa s",
        "diffusion_coefficient": "m2/s",
        "transference_number": "1",
        "relative_permittivity": "1",
        "molar_mass": "g/mol",
        "melting_point": "K",
        "boiling_point": "K",
        "flash_point": "K",
        "thermal_expansion": "1/K",
        "apparent_molar_volume": "cm3/mol",
    }
)
"""Quantity -> the unit in which saltloop keeps and compares it."""


def dimension_of(unit: str, expected: str | None = None) -> str:
    """The dimension of a unit, such as ``conductivity`` for ``mS/cm``.

    ``expected``: the dimension that is wanted; an error then names the units of this one only.

    Raises:
        UnitError: the unit is not known.
    """
    try:
        return _DIMENSIONS[unit.strip()]
    except KeyError:
        known = ", ".join(
            sorted(one for one, dimension in _DIMENSIONS.items() if one and expected in (None, dimension))
        )
        raise UnitError(f"Unit {unit!r} is unknown; use one of: {known}.") from None


def convert(value: float, unit: str, to: str) -> float:
    """``value`` in ``unit``, expressed in the unit ``to``.

    >>> convert(1.0, "S/m", "mS/cm")
    10.0

    Raises:
        UnitError: a unit is unknown, or the two have different dimensions. Molality (mol/kg) and molarity (mol/L)
            differ in dimension: only a Formulation, which knows its densities, converts between them.
    """
    unit, to = unit.strip(), to.strip()
    if unit == to and unit in _DIMENSIONS:
        return value
    target = dimension_of(to)
    dimension = dimension_of(unit, expected=target)
    if dimension != target:
        remedy = f"give the value in a unit of {target}, such as {next(iter(_SCALES[target]))!r}"
        if {dimension, target} == {"molality", "molarity"}:
            remedy = "that needs the liquid's density: build a Formulation and read its molality or molarity"
        raise UnitError(f"{unit!r} is a unit of {dimension}, {to!r} of {target}: {remedy}.")
    if dimension == "temperature":
        size, zero_K = _DEGREES.get(unit, (1.0, 0.0))
        kelvin = value * size + zero_K
        size, zero_K = _DEGREES.get(to, (1.0, 0.0))
        return (kelvin - zero_K) / size
    scale = _SCALES[dimension]
    return value * scale[unit] / scale[to]
