"""The OpenMM system built from the files."""

import numpy as np
import openmm
import pytest
from saltloop.simulators.forces.force_model import physics_of
from saltloop.simulators.forces.forcefield import ClassicalForceField, build_system, molecule_ranges, scaled
from saltloop.simulators.forces.settings import ForceFieldSettings
from saltloop.simulators.forces.species_parameters import all_parameters

COULOMB = 138.935456  # kJ nm / (mol e2)


def energy(system, positions):
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(positions)
    return context.getState(energy=True).getPotentialEnergy()._value


def nonbonded(system):
    """The force lives only as long as its system: keep that in a variable."""
    return next(force for force in system.getForces() if isinstance(force, openmm.NonbondedForce))


def test_two_lithium_ions_have_the_energy_of_the_formula():
    lithium = all_parameters()["Li+"]
    system = build_system([(lithium, 2)], ForceFieldSettings(ion_charge_scale=0.8), None)
    sigma, epsilon, r = 0.143969, 0.435087, 0.3
    expected = COULOMB * 0.8**2 / r + 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)
    assert energy(system, [[0, 0, 0], [r, 0, 0]]) == pytest.approx(expected, rel=1e-6)


def test_unlike_atoms_mix_by_lorentz_and_berthelot():
    lithium, anion = all_parameters()["Li+"], all_parameters()["BF4-"]
    boron = anion.model_copy(
        update={"atoms": anion.atoms[:1], "bonds": (), "angles": (), "torsions": (), "coordinates": ((0, 0, 0),)}
    )
    system = build_system([(lithium, 1), (boron, 1)], ForceFieldSettings(ion_charge_scale=1.0), None)
    sigma, epsilon, r = (0.143969 + 0.358) / 2, (0.435087 * 0.3975) ** 0.5, 0.35
    expected = COULOMB * 0.96 / r + 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)
    assert energy(system, [[0, 0, 0], [r, 0, 0]]) == pytest.approx(expected, rel=1e-6)


def test_ions_can_be_scaled_alone():
    settings = ForceFieldSettings.as_filed().model_copy(update={"ion_charge_scale": 0.8})
    system = build_system([(all_parameters()["PF6-"], 1), (all_parameters()["EC"], 1)], settings, None)
    charges = [nonbonded(system).getParticleParameters(i)[0]._value for i in range(17)]
    assert sum(charges[:7]) == pytest.approx(-0.8)
    np.testing.assert_allclose(charges[7:], [atom.charge for atom in all_parameters()["EC"].atoms])


def test_one_four_pairs_are_scaled_as_the_species_says_and_nearer_ones_excluded():
    butane_like = all_parameters()["DME"]
    system = build_system([(butane_like, 1)], ForceFieldSettings.as_filed(), None)
    force = nonbonded(system)
    exceptions = {}
    for index in range(force.getNumExceptions()):
        i, j, charge, _, epsilon = force.getExceptionParameters(index)
        exceptions[min(i, j), max(i, j)] = (charge._value, epsilon._value)
    atoms = butane_like.atoms
    # C-O-C-C: atoms 0 (methyl) and 3 are three bonds apart; SMILES COCCOC numbers the heavy atoms along the chain.
    charge, epsilon = exceptions[0, 3]
    assert charge == pytest.approx(atoms[0].charge * atoms[3].charge / 1.2, rel=1e-6)
    assert epsilon == pytest.approx((atoms[0].epsilon * atoms[3].epsilon) ** 0.5 / 2, rel=1e-6)
    assert exceptions[0, 1] == (0.0, 0.0)
    assert exceptions[0, 2] == (0.0, 0.0)
    assert (0, 5) not in exceptions


def test_ring_atoms_are_not_both_neighbours_and_one_four_pairs():
    system = build_system([(all_parameters()["EC"], 1)], ForceFieldSettings(), None)
    force = nonbonded(system)
    pairs = [tuple(sorted(force.getExceptionParameters(i)[:2])) for i in range(force.getNumExceptions())]
    assert len(pairs) == len(set(pairs))


def test_heavy_hydrogens_keep_the_mass_of_the_molecule_and_bonds_to_them_are_constrained():
    solvent = all_parameters()["EMC"]
    system = build_system([(solvent, 2)], ForceFieldSettings(hydrogen_mass_u=3.0), None)
    masses = [system.getParticleMass(i)._value for i in range(system.getNumParticles())]
    assert sum(masses) == pytest.approx(2 * solvent.molar_mass)
    hydrogens = [i for i, atom in enumerate(solvent.atoms) if atom.element == "H"]
    assert all(masses[i] == 3.0 for i in hydrogens)
    assert min(masses) >= 3.0
    assert system.getNumConstraints() == 2 * len(hydrogens)


def test_a_periodic_box_uses_ewald_sums_and_the_dispersion_correction():
    settings = ForceFieldSettings(cutoff_nm=0.5)
    system = build_system([(all_parameters()["EC"], 20)], settings, 1.4)
    force = nonbonded(system)
    assert force.getNonbondedMethod() == openmm.NonbondedForce.PME
    assert force.getUseDispersionCorrection()
    assert force.getCutoffDistance()._value == pytest.approx(0.5)


def test_molecules_are_listed_in_the_order_of_their_atoms():
    ranges = molecule_ranges([(all_parameters()["Li+"], 2), (all_parameters()["AN"], 2)])
    assert [(species.name, atoms) for species, atoms in ranges] == [
        ("Li+", range(0, 1)),
        ("Li+", range(1, 2)),
        ("AN", range(2, 8)),
        ("AN", range(8, 14)),
    ]


def test_solvents_are_scaled_and_ions_keep_their_size():
    settings = ForceFieldSettings(
        ion_charge_scale=0.8, solvent_charge_scale=0.9, solvent_sigma_scale=0.98, solvent_epsilon_scale=0.8
    )
    for name, factors in {"DME": (0.9, 0.98, 0.8), "PF6-": (0.8, 1.0, 1.0)}.items():
        filed = all_parameters()[name]
        for before, after in zip(filed.atoms, scaled(filed, settings).atoms, strict=True):
            assert (after.charge, after.sigma, after.epsilon) == pytest.approx(
                (before.charge * factors[0], before.sigma * factors[1], before.epsilon * factors[2])
            )


def test_parameters_as_filed_are_not_scaled():
    filed = all_parameters()["EC"]
    assert scaled(filed, ForceFieldSettings.as_filed()) == filed


def test_carbonates_have_scalings_of_their_own():
    settings = ForceFieldSettings.as_filed().model_copy(update={"carbonate_epsilon_scale": 0.8})
    for name, factor in {"EMC": 0.8, "EC": 0.8, "EA": 1.0, "GBL": 1.0, "DME": 1.0, "BF4-": 1.0}.items():
        filed = all_parameters()[name]
        after = [atom.epsilon for atom in scaled(filed, settings).atoms]
        np.testing.assert_allclose(after, [factor * atom.epsilon for atom in filed.atoms])


def test_a_corrected_citation_leaves_the_physics_as_it_was_and_a_corrected_number_does_not():
    lithium = all_parameters()["Li+"]
    cited = lithium.model_copy(update={"provenance": {**lithium.provenance, "source": "a better citation"}})
    heavier = lithium.model_copy(update={"atoms": (lithium.atoms[0].model_copy(update={"mass": 7.0}),)})
    model = ClassicalForceField(ForceFieldSettings())
    as_filed = physics_of(model.describe([(lithium, 1)]))
    assert physics_of(model.describe([(cited, 1)])) == as_filed
    assert physics_of(model.describe([(heavier, 1)])) != as_filed
