"""Fitting bonds and angles to a Hessian, frequencies, and charges to a potential: known answers."""

import math

import numpy as np
import pytest
from forcefield_quantum import restrained_fit
from forcefield_species import superposed_rmsd
from saltloop.simulators.forces.one_molecule import minimised
from saltloop.simulators.forces.species_parameters import SpeciesParameters, all_parameters
from saltloop.simulators.parameters.hessian_fit import with_fitted_terms
from saltloop.simulators.parameters.own import OWN_SPECIES, equivalent_atoms, own_parameters
from saltloop.simulators.parameters.reference import read_reference
from saltloop.simulators.parameters.vibrations import hessian_of, normal_modes

DIATOMIC = SpeciesParameters.model_validate(
    {
        "schema_version": 1,
        "name": "N2",
        "kind": "solvent",
        "smiles": "N#N",
        "inchikeys": (),
        "formal_charge": 0,
        "scale14_lj": 0.5,
        "scale14_coulomb": 0.5,
        "atoms": [{"element": "N", "mass": 14.0, "charge": 0.0, "sigma": 0.3, "epsilon": 0.1}] * 2,
        "bonds": [(0, 1, 0.11, 1.0e6)],
        "angles": (),
        "torsions": (),
        "coordinates": [(0.0, 0.0, 0.0), (0.11, 0.0, 0.0)],
        "provenance": {},
    }
)


def masses(species):
    return np.array([atom.mass for atom in species.atoms])


def test_a_diatomic_vibrates_at_the_frequency_of_its_spring():
    positions = np.array(DIATOMIC.coordinates)
    found, _ = normal_modes(hessian_of(DIATOMIC, positions), masses(DIATOMIC), positions)
    # sqrt(k / mu) in 1/ps: 1e6 kJ/mol/nm2 is 1e6 u/ps2, mu is 7 u
    assert found == pytest.approx([math.sqrt(1e6 / 7) * 1e12 / (2 * math.pi * 2.99792458e10)], rel=1e-6)


def test_a_species_with_atoms_on_no_line_has_three_modes_less_than_a_line():
    for name, n_modes in (("EC", 24), ("PF6-", 15)):
        one = all_parameters()[name]
        positions = minimised(one, np.array(one.coordinates), 1e-4)
        found, _ = normal_modes(hessian_of(one, positions), masses(one), positions)
        assert len(found) == n_modes
        assert found[0] > 20


def test_a_saddle_point_has_a_negative_frequency():
    positions = np.array(DIATOMIC.coordinates)
    found, _ = normal_modes(-hessian_of(DIATOMIC, positions), masses(DIATOMIC), positions)
    assert found[0] < -1000


def test_the_fit_finds_the_force_constants_that_made_the_hessian():
    truth = all_parameters()["BF4-"]
    positions = minimised(truth, np.array(truth.coordinates), 1e-6)
    start = truth.model_copy(update={"bonds": tuple((i, j, 0.2, 1.0) for i, j, *_ in truth.bonds), "angles": ()})
    groups = (0, 1, 1, 1, 1)
    found = with_fitted_terms(start, {0, 1, 2, 3, 4}, groups, [], positions, hessian_of(truth, positions))
    assert [k for *_, k in found.bonds] == pytest.approx([k for *_, k in truth.bonds], rel=1e-3)
    assert [k for *_, k in found.angles] == pytest.approx([k for *_, k in truth.angles], rel=1e-3)
    assert [length for *_, length, _ in found.bonds] == pytest.approx([0.1394] * 4, abs=1e-5)


def test_the_fit_reproduces_a_ring_and_leaves_other_terms_alone():
    truth = all_parameters()["EC"]
    positions = minimised(truth, np.array(truth.coordinates), 1e-4)
    hessian = hessian_of(truth, positions)
    groups = tuple(range(truth.n_atoms))
    found = with_fitted_terms(truth, {1}, groups, [{1, 2, 3, 4, 5}], positions, hessian)
    assert superposed_rmsd(minimised(found, positions, 1e-4), positions) < 3e-4
    ours, _ = normal_modes(hessian_of(found, positions), masses(truth), positions)
    theirs, _ = normal_modes(hessian, masses(truth), positions)
    assert ours == pytest.approx(theirs, rel=0.08)
    assert found.torsions == truth.torsions
    assert {one for one in truth.bonds if 1 not in one[:2]} <= set(found.bonds)


def test_equivalent_atoms_do_not_depend_on_how_charges_and_double_bonds_are_drawn():
    groups = equivalent_atoms("N#Cc1nc([n-]c1C#N)C(F)(F)F")
    assert groups[3] == groups[5]
    assert groups[0] == groups[8]
    assert len(set(groups[-3:])) == 1
    assert len(set(equivalent_atoms("[O-]Cl(=O)(=O)=O"))) == 2


def test_charges_that_made_a_potential_are_found_with_their_sum():
    generator = np.random.default_rng(3)
    atoms, truth = generator.normal(size=(3, 3)), np.array([0.6, -0.8, -0.8])
    points = 6 * generator.normal(size=(400, 3)) + 4
    design = 1 / np.linalg.norm(points[:, None] - atoms, axis=2)
    found = restrained_fit(design, design @ truth, np.array([0, 1, 1]), [False] * 3, -1.0)
    assert found == pytest.approx([0.6, -0.8], abs=1e-6)
    held = restrained_fit(design, design @ truth, np.array([0, 1, 1]), [True] * 3, -1.0)
    assert held[0] + 2 * held[1] == pytest.approx(-1.0, abs=1e-9)


def test_superposing_a_turned_copy_leaves_nothing():
    positions = np.random.default_rng(5).normal(size=(7, 3))
    turn = np.linalg.qr(np.random.default_rng(6).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    assert superposed_rmsd(positions @ turn + 3.0, positions) < 1e-9
    assert superposed_rmsd(positions * [1, 1, -1], positions) > 0.1


@pytest.mark.parametrize("own", [one for one in OWN_SPECIES if one.analog is None], ids=lambda one: one.name)
def test_a_shipped_file_is_what_its_reference_gives(own):
    again, shipped = own_parameters(own), all_parameters()[own.name]
    assert [k for *_, k in again.bonds] == pytest.approx([k for *_, k in shipped.bonds], rel=1e-3)
    assert [atom.charge for atom in again.atoms] == pytest.approx([atom.charge for atom in shipped.atoms], abs=1e-6)


def test_a_missing_reference_names_the_script(tmp_path):
    with pytest.raises(FileNotFoundError, match="forcefield_quantum"):
        read_reference("XYZ-", tmp_path)
