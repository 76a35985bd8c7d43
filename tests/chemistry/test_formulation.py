from __future__ import annotations

import pickle
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saltloop.chemistry import Formulation, FormulationError, SpeciesBook, SpeciesDefinition, UnknownSpeciesError

BOOK = SpeciesBook.builtin()
SALTS = [one.name for one in BOOK.salts]
SOLVENTS = [one.name for one in BOOK.solvents]
BASES = ["mass", "volume", "mole"]


def concentrations(unit: str) -> st.SearchStrategy[float]:
    return st.floats(0.01, 1.0 if unit == "mol/L" else 4.0)


@st.composite
def formulations(draw: st.DrawFn) -> Formulation:
    """Any liquid of one to four solvents and up to two salts, written any way."""
    unit = draw(st.sampled_from(["mol/kg", "mol/L"]))
    salts = draw(st.dictionaries(st.sampled_from(SALTS), concentrations(unit), max_size=2))
    parts = draw(st.dictionaries(st.sampled_from(SOLVENTS), st.floats(0.01, 1.0), min_size=1, max_size=4))
    total = sum(parts.values())
    return Formulation.create(
        salts,
        {name: part / total for name, part in parts.items()},
        concentration_unit=unit,
        basis=draw(st.sampled_from(BASES)),
        temperature_K=draw(st.floats(200.0, 400.0)),
    )


@given(formulations())
def test_the_text_form_reads_back_as_the_same_liquid(formulation: Formulation) -> None:
    again = Formulation.parse(formulation.text())
    assert again == formulation
    assert again.basis == formulation.basis or len(formulation.solvents) == 1


@given(formulations(), st.sampled_from(BASES), st.sampled_from(["mol/kg", "mol/L"]))
def test_every_way_to_write_a_liquid_has_one_id(formulation: Formulation, basis: Any, unit: Any) -> None:
    assert formulation.in_terms_of(basis, unit).formulation_id == formulation.formulation_id
    assert Formulation.parse(formulation.text(basis, unit)) == formulation


@given(formulations())
def test_plain_json_reads_back_as_the_same_liquid(formulation: Formulation) -> None:
    assert Formulation.from_dict(formulation.to_dict()) == formulation


@given(formulations())
def test_canonical_form_is_mole_fractions_and_molality(formulation: Formulation) -> None:
    canonical = formulation.to_canonical()
    assert (canonical.basis, canonical.concentration_unit) == ("mole", "mol/kg")
    assert canonical == formulation
    assert sum(canonical.mole_fractions.values()) == pytest.approx(1.0)


@given(formulations())
def test_conversion_through_every_basis_and_unit_returns_the_same_numbers(formulation: Formulation) -> None:
    around = formulation.in_terms_of("volume", "mol/L").in_terms_of("mass", "mol/kg").in_terms_of("mole", "mol/L")
    back = around.in_terms_of(formulation.basis, formulation.concentration_unit)
    assert dict(back.solvents) == pytest.approx(dict(formulation.solvents), rel=1e-9)
    assert dict(back.salts) == pytest.approx(dict(formulation.salts), rel=1e-9)


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        Formulation.parse(text)
    except (FormulationError, UnknownSpeciesError):
        return


def test_the_text_form_is_what_a_chemist_types() -> None:
    text = "1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K"
    assert Formulation.parse("1.0 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K").text() == text
    assert str(Formulation.create({"LiPF6": 1}, {"EC": 0.3, "EMC": 0.7})) == text


@pytest.mark.parametrize(
    "text",
    [
        "1 mol/kg LiPF6 in EC:EMC 30:70 (w/w) at 25 °C",
        "1.0 mol/kg  lipf6 in ethylene carbonate:EMC 0.3:0.7",
        "1000 mmol/kg LiPF6 in EMC:EC 7:3 (wt/wt) at 298.15 K",
        "1 mol/kg LiPF6 in EC:EMC 3/7 (w/w)",
        "1mol/kg LiPF6 in EC:EMC 3 : 7 (w/w) at 25 C",
    ],
)
def test_one_liquid_may_be_typed_in_several_ways(text: str) -> None:
    assert Formulation.parse(text) == Formulation.create({"LiPF6": 1.0}, {"EC": 0.3, "EMC": 0.7})


def test_a_pure_solvent_and_a_name_that_ends_in_a_number() -> None:
    assert Formulation.parse("EC at 313.15 K").text() == "EC at 313.15 K"
    assert Formulation.parse("Freon 11 at 290 K").mole_fractions == {"Freon 11": 1.0}
    assert set(Formulation.parse("EC:Freon 11 1:1 (v/v)").volume_fractions) == {"EC", "Freon 11"}


def test_several_salts() -> None:
    text = "0.8 mol/kg LiPF6 + 0.2 mol/kg LiFSI in EC:DMC 1:1 (n/n) at 298.15 K"
    formulation = Formulation.parse(text)
    assert formulation.molality == {"LiPF6": 0.8, "LiFSI": 0.2}
    assert formulation.text() == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        ("1 mol/kg LiPF6 in EC:EMC", "'EC:EMC' has no ratio: write one, such as 'EC:EMC 1:1"),
        ("1 mol/kg LiPF6 in EC:EMC 1:1:1", "2 solvents .* but 3 numbers"),
        ("1 LiPF6 in EC", "not a concentration with unit and salt"),
        ("1 mol/kgg LiPF6 in EC", "'mol/kgg' is not a unit of concentration"),
        ("1 mol/kg LiPF6 + 1 mol/L LiFSI in EC", "concentrations in both mol/kg and mol/L"),
        ("1 mol/kg LiPF6 + 1 mol/kg LiPF6 in EC", "LiPF6 is given twice"),
        ("EC:EC 1:1", "EC is given twice"),
        ("EC:ethylene carbonate 1:1", "EC is given twice"),
        ("EC:EMC 1:0 (w/w)", "positive numbers"),
        ("EC:EMC 1e400:1 (w/w)", "positive numbers"),
        ("EC:EMC 1e99999999:1 (w/w)", "positive numbers"),
        ("EC:EMC 1.7e308:1.7e308 (w/w)", "positive numbers"),
        ("EC:EMC 1:1 (x/x)", r"'\(x/x\)' is no basis"),
        ("EC at 300", "the temperature 300 has no unit: write '300 K' or '300 °C'"),
        ("EC at 300 furlongs", "'furlongs' is not a unit of temperature"),
        ("EC at 25 K", "outside 150 to 600 K. If that is in °C, it is 298.15 K"),
        ("-1 mol/kg LiPF6 in EC", "concentration of LiPF6 is -1.0"),
        ("100 mol/kg LiPF6 in EC", "100 mol/kg of salt is more than 20 mol/kg"),
        ("30 mol/L LiPF6 in EC", "leaves no room for solvent"),
    ],
)
def test_a_text_that_describes_no_liquid_is_refused_with_the_piece_and_the_remedy(text: str, message: str) -> None:
    with pytest.raises(FormulationError, match=message):
        Formulation.parse(text)


def test_an_unknown_species_in_a_text_suggests_the_nearest() -> None:
    with pytest.raises(UnknownSpeciesError, match="did you mean 'EMC'"):
        Formulation.parse("1 mol/kg LiPF6 in EC:EMCC 3:7 (w/w)")


def test_fractions_that_do_not_sum_to_one_are_refused_with_their_sum() -> None:
    with pytest.raises(FormulationError, match=r"sum to 0.9, not 1 \(EC 0.3, EMC 0.6\)"):
        Formulation.create({"LiPF6": 1.0}, {"EC": 0.3, "EMC": 0.6})


def test_fractions_within_a_thousandth_of_one_are_scaled() -> None:
    formulation = Formulation.create({}, {"EC": 0.3333, "DMC": 0.3333, "DEC": 0.3333})
    assert sum(formulation.mass_fractions.values()) == pytest.approx(1.0, abs=1e-15)


def test_zero_amounts_are_dropped() -> None:
    formulation = Formulation.create({"LiPF6": 1.0, "LiFSI": 0.0}, {"EC": 1.0, "DMC": 0.0})
    assert (list(formulation.molality), list(formulation.mole_fractions)) == (["LiPF6"], ["EC"])


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -0.1, "0.3", None])
def test_a_fraction_must_be_a_number(bad: Any) -> None:
    with pytest.raises(FormulationError, match=r"[Tt]he fraction of EC"):
        Formulation.create({}, {"EC": bad, "EMC": 0.7})


@pytest.mark.parametrize("bad", [25.0, -20.0, 1000.0, float("nan"), "warm", None])
def test_a_temperature_that_no_electrolyte_has_is_refused(bad: Any) -> None:
    with pytest.raises(FormulationError, match=r"[Tt]emperature"):
        Formulation.create({}, {"EC": 1.0}, temperature_K=bad)


def test_no_solvent_is_refused() -> None:
    with pytest.raises(FormulationError, match="at least one solvent"):
        Formulation.create({"LiPF6": 1.0}, {})


def test_a_missing_density_is_named_with_the_remedy() -> None:
    book = BOOK.with_species([SpeciesDefinition(name="PN", kind="solvent", smiles="CCC#N")])
    assert Formulation.create({"LiPF6": 1.0}, {"PN": 0.5, "EC": 0.5}, species=book).mole_fractions["PN"] > 0.5
    with pytest.raises(FormulationError, match=r"No density is known for 'PN'.*by mass or mole and mol/kg"):
        Formulation.create({"LiPF6": 1.0}, {"PN": 0.5, "EC": 0.5}, basis="volume", species=book)
    with pytest.raises(FormulationError, match="No density is known for 'PN'"):
        Formulation.create({"LiPF6": 1.0}, {"PN": 1.0}, concentration_unit="mol/L", species=book)


def test_mass_fractions_become_mole_fractions_by_molar_mass() -> None:
    formulation = Formulation.create({}, {"EC": 0.3, "EMC": 0.7})
    expected = (0.3 / 88.062) / (0.3 / 88.062 + 0.7 / 104.105)
    assert formulation.mole_fractions["EC"] == pytest.approx(expected, rel=1e-6)


def test_volume_fractions_become_mass_fractions_by_density() -> None:
    formulation = Formulation.create({}, {"DMC": 0.5, "DEC": 0.5}, basis="volume")
    assert formulation.mass_fractions["DMC"] == pytest.approx(1.063 / (1.063 + 0.969), rel=1e-9)


def test_a_molar_solution_in_carbonates_is_a_little_less_than_molal() -> None:
    formulation = Formulation.parse("1 mol/L LiPF6 in EC:EMC 3:7 (w/w)")
    assert formulation.molality["LiPF6"] == pytest.approx(0.97, abs=0.03)


def test_ids_are_stable() -> None:
    ids = {
        "1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K": "fe621e0f96373ca3",
        "0.5 mol/kg LiTFSI + 0.5 mol/kg LiFSI in DME:DOL 1:1 (n/n) at 298.15 K": "fd299cd6c1d29b31",
        "PC at 300 K": "fa315a14fca52c3b",
    }
    assert {text: Formulation.parse(text).formulation_id for text in ids} == ids


def test_temperature_and_amounts_are_part_of_the_identity() -> None:
    base = Formulation.create({"LiPF6": 1.0}, {"EC": 0.3, "EMC": 0.7})
    others = [base.at(300.0), Formulation.create({"LiPF6": 1.001}, {"EC": 0.3, "EMC": 0.7})]
    assert len({base, *others}) == 3


def test_a_formulation_does_not_change() -> None:
    formulation = Formulation.create({}, {"EC": 1.0})
    with pytest.raises(AttributeError, match="does not change"):
        formulation.temperature_K = 300.0
    formulation.mole_fractions["EC"] = 0.0
    assert formulation.mole_fractions == {"EC": 1.0}


def test_a_formulation_survives_pickling_to_a_worker_process() -> None:
    formulation = Formulation.parse("1 mol/L LiPF6 in EC:EMC 3:7 (v/v) at 310 K")
    assert pickle.loads(pickle.dumps(formulation)).text() == formulation.text()


@pytest.mark.parametrize(
    "change", [{"basis": "weight"}, {"concentration_unit": "M"}, {"salts": ["LiPF6"]}, {"extra": 1}]
)
def test_a_damaged_dictionary_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(FormulationError):
        Formulation.from_dict(Formulation.create({"LiPF6": 1.0}, {"EC": 1.0}).to_dict() | change)


def test_13000_formulations_are_made_in_under_two_seconds() -> None:
    started = time.process_time()
    for step in range(13_302):
        Formulation.create(
            {"LiPF6": 0.5 + step * 1e-4}, {"EC": 0.3, "EMC": 0.7}, concentration_unit="mol/L", basis="volume"
        )
    assert time.process_time() - started < 2.0
