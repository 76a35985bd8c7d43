from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saltloop.chemistry import CANONICAL_UNITS, UnitError, convert
from saltloop.chemistry.units import dimension_of


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (1.0, "S/m", "mS/cm", 10.0),
        (0.0095, "S/cm", "mS/cm", 9.5),
        (950.0, "mS/m", "mS/cm", 9.5),
        (9500.0, "µS/cm", "mS/cm", 9.5),
        (9500.0, "uS/cm", "mS/cm", 9.5),
        (25.0, "degC", "K", 298.15),
        (298.15, "K", "°C", 25.0),
        (1200.0, "kg/m3", "g/cm3", 1.2),
        (2.53, "cP", "mPa s", 2.53),
        (0.00253, "Pa s", "mPa s", 2.53),
        (1.0, "M", "mol/L", 1.0),
        (500.0, "mmol/L", "mol/L", 0.5),
        (1.0e-5, "cm2/s", "m2/s", 1.0e-9),
    ],
)
def test_a_value_keeps_its_meaning_in_another_unit(value: float, unit: str, to: str, expected: float) -> None:
    assert convert(value, unit, to) == pytest.approx(expected, rel=1e-12)


@given(st.floats(-1e6, 1e6), st.sampled_from(["mS/cm", "S/m", "S/cm", "mS/m", "uS/cm"]))
def test_conversion_there_and_back_changes_nothing(value: float, unit: str) -> None:
    assert convert(convert(value, "mS/cm", unit), unit, "mS/cm") == pytest.approx(value, rel=1e-12, abs=1e-12)


def test_an_unknown_unit_is_named_with_those_of_what_is_wanted() -> None:
    with pytest.raises(UnitError, match=r"'mS/inch' is unknown; use one of: S/cm, S/m, mS/cm, [^K]*\.$"):
        convert(1.0, "mS/inch", "mS/cm")


def test_different_dimensions_do_not_convert() -> None:
    with pytest.raises(UnitError, match="'mol/kg' is a unit of molality, 'mS/cm' of conductivity"):
        convert(1.0, "mol/kg", "mS/cm")


def test_molality_to_molarity_needs_a_formulation() -> None:
    with pytest.raises(UnitError, match="needs the liquid's density: build a Formulation"):
        convert(1.0, "mol/kg", "mol/L")


def test_every_canonical_unit_is_a_known_unit() -> None:
    assert {dimension_of(unit) for unit in CANONICAL_UNITS.values()} >= {"conductivity", "density", "viscosity"}
