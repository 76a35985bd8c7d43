from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from saltloop.chemistry import Formulation, load_dataset, load_literature
from saltloop.chemistry.literature import (
    CAPIGLIA,
    CORRELATION,
    CORRELATIONS,
    ECKER,
    LANDESFEIND,
    NYMAN,
    VALOEN,
    XU,
    Correlation,
)

OVERLAP_TOLERANCE = 0.06
"""Two laboratories' correlations for one liquid: about twice the 3 to 4 % each is given."""


def correlation(doi: str, *solvents: str) -> Correlation:
    (found,) = [one for one in CORRELATIONS if one.doi == doi and (not solvents or set(solvents) == set(one.solvents))]
    return found


def test_the_set_is_a_few_hundred_rows_each_with_a_doi_a_method_and_an_uncertainty() -> None:
    dataset = load_literature()
    assert 300 < len(dataset) < 500
    for one in dataset.measurements:
        assert one.reference.startswith("10.")
        assert one.source == "experiment"
        assert one.method
        assert 0.02 <= one.standard_uncertainty / one.value <= 0.15


def test_rows_evaluated_from_a_correlation_are_marked() -> None:
    marked = Counter(one.reference for one in load_literature().measurements if one.method.startswith(CORRELATION))
    assert set(marked) == {LANDESFEIND, VALOEN, NYMAN, ECKER, CAPIGLIA}
    assert marked[LANDESFEIND] == 224


@pytest.mark.parametrize("one", CORRELATIONS, ids=lambda one: one.name)
def test_a_correlation_is_refused_outside_its_range(one: Correlation) -> None:
    at_K = one.temperatures_K[0]
    inside = one.concentrations_mol_L[0]
    assert one.evaluate(inside, at_K) > 0
    with pytest.raises(ValueError, match=r"holds from .* mol/L, not at 5 mol/L"):
        one.evaluate(5.0, at_K)
    with pytest.raises(ValueError, match=r"holds from .* K, not at 400 K"):
        one.evaluate(inside, 400.0)


@pytest.mark.parametrize("c", [0.3, 0.5, 0.75, 1.0, 1.5, 2.0])
def test_landesfeind_and_nyman_agree_on_ec_emc(c: float) -> None:
    ours = correlation(LANDESFEIND, "EC", "EMC").evaluate(c, 298.15)
    assert correlation(NYMAN).evaluate(c, 298.15) == pytest.approx(ours, rel=OVERLAP_TOLERANCE)


@pytest.mark.parametrize("temperature_K", [283.15, 293.15, 303.15, 313.15, 323.15])
@pytest.mark.parametrize("c", [0.5, 0.75, 1.0, 1.25])
def test_landesfeind_and_valoen_agree_on_liquids_of_one_kind(c: float, temperature_K: float) -> None:
    # EC:DMC 1:1 by mass and PC:EC:DMC 10:27:63 by volume are alike, not the same: twice the tolerance.
    ours = correlation(LANDESFEIND, "EC", "DMC").evaluate(c, temperature_K)
    assert correlation(VALOEN).evaluate(c, temperature_K) == pytest.approx(ours, rel=2 * OVERLAP_TOLERANCE)


def test_the_best_known_electrolyte_has_its_best_known_value() -> None:
    liquid = Formulation.parse("1 mol/L LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K")
    values = [one.value for one in load_literature().measurements if one.formulation == liquid]
    assert len(values) == 2
    assert values == pytest.approx([9.45, 9.45], rel=0.05)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 mol/L LiPF6 in PC", 5.8),
        ("1 mol/L LiAsF6 in EC:DMC 1:1 (w/w)", 11.1),
        ("1 mol/L LiCF3SO3 in PC", 1.7),
    ],
)
def test_xus_table_is_there_as_printed(text: str, value: float) -> None:
    liquid = Formulation.parse(text)
    assert value in [
        one.value for one in load_literature().measurements if (one.formulation, one.reference) == (liquid, XU)
    ]


def test_the_compiled_points_are_those_of_the_reference_table(shared_data: Path) -> None:
    with (shared_data / "md_reference.csv").open(encoding="utf-8") as file:
        expected = {
            (row["source"], float(row["value"])) for row in csv.DictReader(file) if row["quantity"] == "conductivity"
        }
    points = {(one.reference, one.value) for one in load_literature().measurements if "CALiSol" in one.method}
    assert len(points) == 20
    assert points < expected


def test_correlations_agree_with_the_rows_of_their_own_papers(shared_data: Path) -> None:
    with (shared_data / "calisol23.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["k"] != "NaN" and row["doi"] == LANDESFEIND]
    for names in (("EC", "DMC"), ("EC", "EMC"), ("EMC", "FEC")):
        fit = correlation(LANDESFEIND, *names)
        low, high = fit.concentration_range_mol_L
        errors = sorted(
            abs(fit.evaluate(float(row["c"]), float(row["T"])) / float(row["k"]) - 1)
            for row in rows
            if all(float(row[name]) > 0 for name in names) and low <= float(row["c"]) <= high
        )
        assert len(errors) > 25
        assert errors[len(errors) // 2] < 0.03


def test_the_set_loads_by_name_and_twice_the_same() -> None:
    assert load_dataset("literature") == load_literature()
    assert len({one.measurement_id for one in load_literature().measurements}) == len(load_literature())
