from __future__ import annotations

import pytest
from saltloop.chemistry import Formulation, SpeciesBook
from saltloop.chemistry.density import mixture_density, solvent_density

BOOK = SpeciesBook.builtin()


def test_density_falls_with_temperature_and_its_error_grows_away_from_the_table_value() -> None:
    pc = BOOK.solvent("PC")
    at_25, at_60 = solvent_density(pc, 298.15), solvent_density(pc, 333.15)
    assert at_25.value == pytest.approx(1.200)
    assert at_60.value == pytest.approx(1.200 * (1 - 8e-4 * 35))
    assert at_25.relative_standard_error == pytest.approx(0.005)
    assert at_60.relative_standard_error > at_25.relative_standard_error


def test_solid_solvents_get_the_density_of_the_supercooled_liquid() -> None:
    # From 1.321 g/cm3 at 313.15 K, 15 K further down.
    assert solvent_density(BOOK.solvent("EC"), 298.15).value == pytest.approx(1.337, abs=0.001)
    assert solvent_density(BOOK.solvent("Sulfolane"), 298.15).value == pytest.approx(1.267, abs=0.001)


def test_volumes_of_solvents_add_up() -> None:
    dmc, dec = BOOK.solvent("DMC"), BOOK.solvent("DEC")
    mixed = mixture_density([(dmc, 0.5), (dec, 0.5)])
    assert mixed.value == pytest.approx(1 / (0.5 / 1.063 + 0.5 / 0.969))
    assert mixed.relative_standard_error >= 0.01


@pytest.mark.parametrize(
    ("text", "measured_g_cm3"),
    [
        # Product data of common ready-made electrolytes at 25 °C.
        ("1 mol/L LiPF6 in EC:DMC 1:1 (w/w)", 1.29),
        ("1 mol/L LiPF6 in EC:DEC 1:1 (w/w)", 1.26),
        ("1 mol/L LiPF6 in EC:EMC 3:7 (w/w)", 1.19),
    ],
)
def test_solution_densities_are_right_within_their_stated_error(text: str, measured_g_cm3: float) -> None:
    estimate = Formulation.parse(text).solution_density()
    assert abs(estimate.value / measured_g_cm3 - 1) < 2 * estimate.relative_standard_error
    assert estimate.relative_standard_error < 0.03
