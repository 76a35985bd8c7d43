"""Molecule counts and packing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.contents import AVOGADRO_PER_MOL
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.md import boxes
from saltloop.simulators.md.protocols import BoxSettings

BOOK = SpeciesBook.builtin()
ELECTROLYTE = Formulation.parse("1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K")


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.3, 3.0),
    st.floats(0.1, 0.9),
    st.sampled_from(["LiPF6", "LiTFSI", "LiFSI", "LiBF4"]),
    st.sampled_from([("EC", "EMC"), ("PC", "DME"), ("AN", "GBL")]),
    st.integers(600, 2500),
)
def test_boxes_are_neutral_and_near_size_and_composition(molality, share, salt, pair, target):
    asked = Formulation.create({salt: molality}, {pair[0]: share, pair[1]: 1 - share})
    contents = boxes.contents_of(asked, BoxSettings(target_atoms=target), BOOK)
    assert sum(species.formal_charge * count for species, count in contents.molecules) == 0
    assert contents.counts["Li+"] >= 4
    assert contents.n_atoms >= 0.85 * target
    assert contents.formulation.molality[salt] == pytest.approx(molality, rel=0.15)
    assert contents.formulation.mass_fractions[pair[0]] == pytest.approx(share, abs=0.06)


def test_the_reported_formulation_is_the_one_that_the_numbers_of_molecules_make():
    contents = boxes.contents_of(ELECTROLYTE, BoxSettings(), BOOK)
    n_ec, n_emc, n_li = (contents.counts[name] for name in ("EC", "EMC", "Li+"))
    kg = (n_ec * BOOK.solvent("EC").molar_mass + n_emc * BOOK.solvent("EMC").molar_mass) / 1e3
    assert contents.formulation.molality["LiPF6"] == pytest.approx(n_li / kg, abs=2e-5)
    assert contents.formulation.mole_fractions["EC"] == pytest.approx(n_ec / (n_ec + n_emc), abs=2e-5)
    assert contents.formulation.basis == "mass"
    assert contents.formulation.temperature_K == ELECTROLYTE.temperature_K
    assert len(str(contents.formulation)) < 80


def test_mass_and_volume_give_the_density():
    contents = boxes.contents_of(Formulation.parse("AN at 298.15 K"), BoxSettings(target_atoms=600), BOOK)
    assert contents.counts == {"AN": 100}
    assert contents.density_g_cm3(contents.edge_nm(0.777) ** 3) == pytest.approx(0.777)
    assert contents.mass_g == pytest.approx(100 * 41.053 / AVOGADRO_PER_MOL, rel=1e-4)


def test_a_dilute_solution_gets_a_larger_box_and_a_hopeless_one_an_error():
    dilute = Formulation.parse("0.1 mol/kg LiPF6 in EC:EMC 3:7 (w/w)")
    contents = boxes.contents_of(dilute, BoxSettings(target_atoms=800, min_ion_pairs=4), BOOK)
    assert contents.counts["Li+"] >= 4
    assert contents.n_atoms > 3000
    with pytest.raises(FormulationError, match="max_atoms"):
        boxes.contents_of(Formulation.parse("0.001 mol/kg LiPF6 in EC"), BoxSettings(), BOOK)


def test_two_salts_share_the_lithium():
    mixed = Formulation.parse("0.8 mol/kg LiPF6 + 0.4 mol/kg LiFSI in EC:DMC 1:1 (w/w)")
    contents = boxes.contents_of(mixed, BoxSettings(target_atoms=1500), BOOK)
    assert contents.counts["Li+"] == contents.counts["PF6-"] + contents.counts["FSI-"]
    assert contents.counts["PF6-"] == pytest.approx(2 * contents.counts["FSI-"], rel=0.25)


def test_packing_is_the_same_for_the_same_seed_and_another_for_another(tmp_path):
    small = BoxSettings(target_atoms=150, min_ion_pairs=1)
    contents = boxes.contents_of(ELECTROLYTE, small, BOOK)
    edge = contents.edge_nm(1.0)
    first, again, other = (
        boxes.pack(contents, edge, small, tmp_path / name, seed) for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    assert first.shape == (contents.n_atoms, 3)


def test_packed_molecules_do_not_overlap_across_the_periodic_edge(tmp_path):
    small = BoxSettings(target_atoms=150, min_ion_pairs=1, packing_tolerance_nm=0.18)
    contents = boxes.contents_of(ELECTROLYTE, small, BOOK)
    edge = contents.edge_nm(0.9)
    positions = boxes.pack(contents, edge, small, tmp_path, 1)
    owner = np.repeat(
        np.arange(sum(count for _, count in contents.molecules)),
        [species.n_atoms for species, count in contents.molecules for _ in range(count)],
    )
    apart = positions[:, None] - positions[None]
    apart -= edge * np.round(apart / edge)
    distance = np.linalg.norm(apart, axis=-1)[owner[:, None] != owner[None]]
    assert distance.min() > 0.17


def test_an_impossible_packing_is_a_failure_with_a_remedy(tmp_path):
    crowded = BoxSettings(target_atoms=150, min_ion_pairs=1, packing_timeout_s=20)
    contents = boxes.contents_of(ELECTROLYTE, crowded, BOOK)
    with pytest.raises(SimulationFailureError, match="packing_density_factor") as caught:
        boxes.pack(contents, contents.edge_nm(30.0), crowded, tmp_path, 1)
    assert caught.value.kind == "packing"


def test_a_missing_packmol_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(boxes.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(boxes.shutil, "which", lambda name: None)
    with pytest.raises(SimulationFailureError, match="pip install packmol"):
        boxes.find_packmol()


def test_density_is_estimated_or_said_to_be_a_guess():
    value, is_known = boxes.estimated_density_g_cm3(ELECTROLYTE)
    assert is_known
    assert value == pytest.approx(1.19, abs=0.06)


def test_a_disk_that_is_full_while_packing_is_no_bad_packing(tmp_path, monkeypatch):
    class Full:
        stdout, stderr = "", "At line 12 of file output.f90: No space left on device"

    monkeypatch.setattr(boxes.subprocess, "run", lambda *_args, **_more: Full)
    contents = boxes.contents_of(Formulation.parse("AN"), BoxSettings(target_atoms=100), SpeciesBook.builtin())
    with pytest.raises(OSError, match="No space left"):
        boxes.pack(contents, 1.5, BoxSettings(), tmp_path, 1)
