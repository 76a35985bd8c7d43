from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saltloop.chemistry import DataError, Formulation, Measurement, UnitError

LIQUID = Formulation.parse("1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K")


def measured(**changes: Any) -> Measurement:
    settings = {"value": 9.5, "unit": "mS/cm", "standard_uncertainty": 0.2, "source": "experiment"} | changes
    return Measurement(formulation=LIQUID, **settings)


@given(st.floats(1e-6, 100), st.floats(1e-6, 10), st.sampled_from(["", "lab-7"]))
def test_plain_json_reads_back_as_the_same_measurement(value: float, uncertainty: float, external_id: str) -> None:
    one = measured(value=value, standard_uncertainty=uncertainty, external_id=external_id, method="EIS")
    again = Measurement.from_dict(one.to_dict())
    assert again == one
    assert again.measurement_id == one.measurement_id


def test_value_and_uncertainty_change_unit_together() -> None:
    one = measured().in_unit("S/m")
    assert (one.value, one.unit) == (pytest.approx(0.95), "S/m")
    assert one.standard_uncertainty == pytest.approx(0.02)


def test_a_temperature_difference_is_not_shifted_by_the_zero_of_celsius() -> None:
    one = measured(quantity="melting_point", value=310.0, unit="K", standard_uncertainty=0.5).in_unit("°C")
    assert (one.value, one.standard_uncertainty) == (pytest.approx(36.85), pytest.approx(0.5))


def test_an_external_id_makes_a_measurement_recognisable_whatever_else_changes() -> None:
    assert measured(external_id="a").measurement_id == measured(external_id="a", value=9.6).measurement_id
    assert measured(external_id="a").measurement_id != measured(external_id="b").measurement_id
    assert measured(external_id="a").measurement_id != measured(external_id="a", source="openmm").measurement_id


@given(st.floats(1e-3, 100), st.sampled_from(["S/m", "S/cm", "µS/cm"]))
def test_a_change_of_unit_leaves_the_id_as_it_is(value: float, unit: str) -> None:
    one = measured(value=round(value, 5) or 1.0).in_unit(unit)
    assert Measurement.from_dict(one.to_dict()).measurement_id == one.in_unit("mS/cm").measurement_id


def test_without_an_external_id_the_content_decides() -> None:
    assert measured().measurement_id == measured().measurement_id
    assert measured().measurement_id != measured(value=9.6).measurement_id
    assert measured().measurement_id == "m627057dd03ea487"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_must_be_finite(value: float) -> None:
    with pytest.raises(DataError, match="not a finite number; leave a failed measurement out"):
        measured(value=value)


@pytest.mark.parametrize("uncertainty", [0.0, -1.0, float("nan"), float("inf")])
def test_an_uncertainty_must_be_above_zero(uncertainty: float) -> None:
    with pytest.raises(DataError, match="must be a number above zero"):
        measured(standard_uncertainty=uncertainty)


def test_the_unit_must_fit_the_quantity() -> None:
    with pytest.raises(UnitError, match="'g/cm3' is a unit of density, but the quantity is conductivity: use 'mS/cm'"):
        measured(unit="g/cm3")


def test_a_measurement_needs_a_source() -> None:
    with pytest.raises(DataError, match="needs a source"):
        measured(source=" ")


def test_a_dictionary_without_a_formulation_is_refused() -> None:
    with pytest.raises(DataError, match="needs a 'formulation'"):
        Measurement.from_dict({"value": 1.0})
