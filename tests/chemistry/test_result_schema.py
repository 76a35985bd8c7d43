"""What a lab reports: amounts in every basis give one liquid, repeats and impedances a value with its uncertainty."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saltloop.chemistry import DataError, Formulation, LabResult, SpeciesBook, UnitError, lab_result
from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.result_files import read_rows
from saltloop.chemistry.result_liquid import difference, from_components, liquid_of
from saltloop.chemistry.result_schema import component_from_text
from saltloop.chemistry.result_value import reading
from saltloop.chemistry.units import convert

BOOK = SpeciesBook.builtin()
LIQUID = Formulation.create({"LiPF6": 1.0}, {"EC": 0.3, "EMC": 0.7})
GRAMS = {"EC": 3.0, "EMC": 7.0, "LiPF6": 1.5190533}


def components(text):
    return tuple(component_from_text(piece) for piece in text.split(";"))


def as_text(unit, amounts):
    return "; ".join(f"{name} {amount:.12g} {unit}" for name, amount in amounts.items())


def weighed(unit):
    """The same vial, its amounts in another unit."""
    molar = {name: BOOK.find(name).molar_mass for name in GRAMS}
    moles = {name: grams / molar[name] for name, grams in GRAMS.items()}
    total_g, total_mol = sum(GRAMS.values()), sum(moles.values())
    return as_text(
        unit,
        {
            "g": GRAMS,
            "mg": {name: 1e3 * grams for name, grams in GRAMS.items()},
            "mol": moles,
            "% mass_fraction": {name: 100 * grams / total_g for name, grams in GRAMS.items()},
            "mole_fraction": {name: n / total_mol for name, n in moles.items()},
        }[unit],
    )


@pytest.mark.parametrize("unit", ["g", "mg", "mol", "% mass_fraction", "mole_fraction"])
def test_amounts_in_any_basis_are_one_liquid(unit):
    made = from_components(components(weighed(unit)), temperature_K=298.15, species=BOOK)
    assert difference(LIQUID, made) == ""
    assert made.molality["LiPF6"] == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "EC 3 g; EMC 7 g; LiPF6 1 mol/kg",
        "EC 0.3 mass_fraction; EMC 0.7 mass_fraction; LiPF6 1000 mmol/kg",
        "ethylene carbonate 30 % mass_fraction; EMC 70 % mass_fraction; LiPF6 1 mol/kg",
    ],
)
def test_a_salt_by_concentration_goes_with_solvents_by_amount_or_fraction(text):
    assert from_components(components(text), temperature_K=298.15, species=BOOK) == LIQUID


def test_volumes_are_of_pure_liquids_and_molarities_of_the_solution():
    asked = Formulation.parse("1 mol/L LiPF6 in DMC:EMC 1:1 (v/v) at 298.15 K")
    for text in ("DMC 5 mL; EMC 5 mL; LiPF6 1 mol/L", "DMC 0.5 volume_fraction; EMC 50 % volume_fraction; LiPF6 1 M"):
        made = from_components(components(text), temperature_K=298.15, species=BOOK)
        assert difference(asked, made) == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EC 3 g; EMC 0.7 mass_fraction", "do not go together"),
        ("EC 0.3 mass_fraction; EMC 0.6 mass_fraction", "sum to 0.9, not 1"),
        ("EC 1.7e308 mass_fraction; EMC 1.7e308 mass_fraction", "sum to inf, not 1"),
        ("LiPF6 1 mL; EC 1 g", "is a salt; give its mass or moles"),
        ("EC 1 mol/kg; EMC 1 g", "is a solvent; a molality is of a salt"),
        ("EC 1 g; EC 2 g", "EC is given twice"),
        ("LiPF6 1 g", "at least one solvent"),
        ("EC 1 g; LiPF6 1 mol/kg; LiFSI 1 mol/L", "Salts in different bases"),
        ("EC 1 g; LiXF6 1 g", "LiPF6"),
    ],
)
def test_what_is_no_liquid_is_refused(text, message):
    with pytest.raises(SaltloopError, match=message):
        from_components(components(text), temperature_K=298.15, species=BOOK)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EC", "NAME AMOUNT UNIT"),
        ("EC 3 furlong", "furlong"),
        ("EC 0.3 %", "needs a basis"),
        ("EC 3 g molality", "not of a"),
    ],
)
def test_an_amount_needs_a_unit_and_a_basis_that_fit(text, message):
    with pytest.raises((ValueError, UnitError), match=message):
        component_from_text(text)


@pytest.mark.parametrize(("value", "unit"), [(298.15, "K"), (25, "degC"), (25, "°C"), (77, "degF")])
def test_temperatures_have_a_unit(value, unit):
    result = lab_result({"formulation": "EC:EMC 3:7", "temperature": value, "temperature_unit": unit, "value": 1})
    assert liquid_of(result).temperature_K == pytest.approx(298.15)
    assert convert(convert(value, unit, "degF"), "degF", unit) == pytest.approx(value)


def test_what_was_really_made_comes_before_what_was_written():
    result = lab_result({"formulation": str(LIQUID), "actual": "EC 3.2 g; EMC 6.8 g; LiPF6 1 mol/kg", "value": 1})
    made = liquid_of(result)
    assert made.mass_fractions["EC"] == pytest.approx(0.32)
    assert "EC 35.7 instead of 33.6 mol %" in difference(LIQUID, made)


def test_repeats_give_the_mean_and_its_standard_error():
    told = {"formulation": str(LIQUID), "unit": "mS/cm"}
    value, unit, uncertainty = reading(lab_result({**told, "replicates": [9.0, 9.2, 9.4]}))
    assert (value, unit) == (pytest.approx(9.2), "mS/cm")
    assert uncertainty == pytest.approx(0.2 / math.sqrt(3))
    stated = reading(lab_result({**told, "replicates": [9.0, 9.2, 9.4], "standard_uncertainty": 0.3}))
    assert stated.standard_uncertainty == 0.3
    assert reading(lab_result({**told, "value": 9.2, "standard_deviation": 0.2, "n": 4})).standard_uncertainty == 0.1


def test_an_impedance_gives_the_conductivity_with_its_uncertainty():
    told = {"resistance_ohm": 105.0, "resistance_uncertainty_ohm": 1.05, "cell_constant_per_cm": 1.0}
    told |= {"cell_constant_uncertainty_per_cm": 0.02, "formulation": str(LIQUID)}
    value, unit, uncertainty = reading(lab_result(told))
    assert (value, unit) == (pytest.approx(1e3 / 105), "mS/cm")
    assert uncertainty / value == pytest.approx(math.hypot(0.01, 0.02))
    assert reading(lab_result({**told, "unit": "S/m"})).value == pytest.approx(100 / 105)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"value": 9.0, "unit": "mS/cm"}, "no standard_uncertainty"),
        ({"value": 9.0, "standard_uncertainty": 0.1}, "no unit"),
        ({"value": 9.0, "standard_uncertainty": 0.1, "unit": "g/cm3"}, "unit of density"),
        ({"replicates": [9.0, 9.0], "unit": "mS/cm"}, "the replicates are all equal"),
        ({"replicates": [9.0, 9.2], "value": 12.0, "unit": "mS/cm"}, "the value is 12, but the mean"),
        ({"replicates": [9.0, 9.2], "n": 3, "unit": "mS/cm"}, "n is 3, but there are 2"),
        ({"value": 9.0, "unit": "mS/cm", "standard_deviation": 0.2}, "needs n"),
        ({"resistance_ohm": 100.0}, "needs both"),
        ({"resistance_ohm": 100.0, "cell_constant_per_cm": 1.0}, "no uncertainty: give resistance_uncertainty_ohm"),
        ({"value": 1.0, "unit": "1", "standard_uncertainty": 0.1, "quantity": "colour"}, "'colour' is unknown"),
        ({}, "no value"),
        ({"replicates": [1.7e308, 1.7e308], "unit": "mS/cm"}, "is too large to be a conductivity"),
        ({"replicates": [1.7e308, -1.7e308], "unit": "mS/cm"}, "is too large to be a conductivity"),
        ({"value": 9.0, "standard_uncertainty": 1.7e308, "unit": "S/m"}, "too large to be computed with"),
    ],
)
def test_a_value_that_is_not_whole_is_refused(told, message):
    with pytest.raises(SaltloopError, match=message):
        reading(lab_result({"formulation": str(LIQUID), **told}))


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({}, "what was measured"),
        ({"candidate_id": "c1", "temperature": 25.0}, "go together"),
        ({"candidate_id": "c1", "measured_at": "2026-11-21T10:00:00"}, "timezone"),
        ({"candidate_id": "c1", "measured_at": 1700000000}, "ISO 8601"),
        ({"candidate_id": "c1", "value": "9.1"}, "value: .*number"),
        ({"candidate_id": "c1", "value": True}, "value: .*number"),
        ({"candidate_id": "c1", "status": "failed", "value": 1.0}, "keep the one that is true"),
        ({"candidate_id": "c1", "status": "censored", "value": 1.0}, "'below' or 'above'"),
        ({"candidate_id": "c1", "amends": True}, "needs the external_id"),
        ({"candidate_id": "c1", "external_id": "a\nb"}, "external_id"),
        ({"candidate_id": "c1", "colour": 1}, "there is no field 'colour'"),
        ({"candidate_id": "c1", "raw_sha256": "f" * 64}, "raw_file"),
        ([], "valid dictionary"),
    ],
)
def test_a_report_that_cannot_be_is_refused_in_words(told, message):
    with pytest.raises(DataError, match=message):
        lab_result(told)


def test_csv_json_and_json_lines_are_one_schema():
    told = {
        "external_id": "r1", "formulation": str(LIQUID), "replicates": [9.1, 9.3], "unit": "mS/cm", "temperature": 25.0,
        "temperature_unit": "degC", "measured_at": "2026-11-21T10:00:00Z",
        "actual": "EC 3.01 g; EMC 7.02 g; LiPF6 1.5 g",
        "note": "=1+1",
    }  # fmt: skip
    cells = {**told, "replicates": "9.1; 9.3", "note": "'=1+1"}
    csv = ",".join(cells) + "\n" + ",".join(f'"{value}"' for value in cells.values()) + "\n"
    texts = {
        "a.csv": csv,
        "a.json": json.dumps([told]),
        "b.json": json.dumps({"results": [told]}),
        "c.jsonl": json.dumps(told),
    }
    results = [read_rows(name, text.encode())[0].result for name, text in texts.items()]
    assert all(result == results[0] for result in results)
    assert LabResult.model_validate(results[0].to_dict()) == results[0]


def test_the_published_schema_is_that_of_the_code():
    published = json.loads((Path(__file__).parents[2] / "docs" / "result.schema.json").read_text())
    assert published == LabResult.model_json_schema(), "saltloop data result-schema > docs/result.schema.json"


@given(
    st.dictionaries(
        st.sampled_from(sorted(LabResult.model_fields)),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=30)
        | st.lists(st.floats(), max_size=3),
        max_size=8,
    )
)
@settings(max_examples=200, deadline=None)
def test_no_field_breaks_the_schema(told):
    try:
        result = lab_result(told)
        reading(result)
        liquid_of(result)
    except SaltloopError:
        pass
