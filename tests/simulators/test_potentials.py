"""The conformance suite of potentials: on a cheap analytic one, on SevenNet-0 and D3, and on ones that break it."""

import importlib.util

import numpy as np
import pytest
from analytic_potential import Anchored, HalfTheVirial, Leaning, NotAGradient, SpringLiquid
from saltloop.simulators.forces.species_parameters import all_parameters, lithium
from saltloop.simulators.oracle import OracleSpecError
from saltloop.simulators.potentials import testing
from saltloop.simulators.potentials.dispersion import D3BJ
from saltloop.simulators.potentials.interface import HasVirial, Sum, atomic_numbers_of
from saltloop.simulators.potentials.sevennet import SevenNet
from saltloop.simulators.potentials.testing import CHECKS, PotentialCase

needs_sevenn = pytest.mark.skipif(
    importlib.util.find_spec("sevenn") is None, reason="the extra is missing: pip install 'saltloop[mlff]'"
)
needs_dftd3 = pytest.mark.skipif(
    importlib.util.find_spec("dftd3") is None, reason="the extra is missing: pip install 'saltloop[mlff]'"
)
AN = all_parameters()["AN"]
MOLECULES = ((lithium(), 1), (AN, 2))
EDGE_NM = 1.05


def warm_positions():
    """Li+ between two AN molecules, distorted: nm, 13 x 3."""
    shape = np.array(AN.coordinates) - np.mean(AN.coordinates, axis=0)
    positions = np.concatenate([[[0.35, 0.30, 0.30]], shape, shape + np.array([0.30, 0.45, 0.50])])
    return positions + np.random.default_rng(0).normal(scale=0.004, size=positions.shape)


def case_of(make, edge_nm, **settings):
    return PotentialCase(make=make, molecules=MOLECULES, positions_nm=warm_positions(), edge_nm=edge_nm, **settings)


def sevennet(molecules, **settings):
    return SevenNet(atomic_numbers_of(molecules), device="cpu", **settings)


each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
each_edge = pytest.mark.parametrize("edge_nm", [None, EDGE_NM], ids=["vacuum", "box"])


@each_edge
@each_check
def test_the_analytic_potential_conforms(check, edge_nm):
    check(case_of(SpringLiquid, edge_nm, bonds_are_given=True, dynamics_steps=400))


@needs_dftd3
@each_edge
@each_check
def test_dispersion_conforms(check, edge_nm):
    # Its coordination numbers have a sharp cutoff.
    check(case_of(lambda molecules: D3BJ(atomic_numbers_of(molecules)), edge_nm, gradient_tolerance=1e-3))


@pytest.fixture(scope="module")
def precise():
    """SevenNet-0 in double precision, loaded once."""
    return sevennet(MOLECULES, precision="double")


@needs_sevenn
@each_edge
@each_check
def test_sevennet_conforms_in_double_precision(check, edge_nm, precise):
    check(case_of(lambda molecules: precise, edge_nm, dynamics_steps=20))


@pytest.fixture(scope="module")
def single():
    """SevenNet-0 in single precision with dispersion, as simulations use it."""
    return Sum((sevennet(MOLECULES), D3BJ(atomic_numbers_of(MOLECULES))))


@needs_sevenn
@needs_dftd3
@each_check
def test_sevennet_with_dispersion_conforms_in_single_precision(check, single):
    settings = {"tolerance": 1e-5, "gradient_tolerance": 1e-2, "step_nm": 1e-3}
    check(case_of(lambda molecules: single, EDGE_NM, dynamics_steps=20, **settings))


@needs_sevenn
def test_sevennet_gives_what_its_own_ase_calculator_gives(precise):
    from ase import Atoms
    from sevenn.calculator import SevenNetCalculator

    ours = sevennet(MOLECULES)
    atoms = Atoms(ours.atomic_numbers, warm_positions() * 10, cell=[EDGE_NM * 10] * 3, pbc=True)
    atoms.calc = SevenNetCalculator("7net-0", device="cpu")
    energy, forces = ours.energy_and_forces(warm_positions(), EDGE_NM)
    to_kJ_mol = 96.48533212331
    assert energy == pytest.approx(atoms.get_potential_energy() * to_kJ_mol, rel=1e-6)
    theirs = atoms.get_forces() * 10 * to_kJ_mol
    assert np.abs(forces - theirs).max() < 1e-5 * np.abs(theirs).max()
    virial = -atoms.get_stress(voigt=False) * (EDGE_NM * 10) ** 3 * to_kJ_mol
    assert np.abs(ours.virial(warm_positions(), EDGE_NM) - virial).max() < 1e-4 * np.abs(virial).max()


@needs_sevenn
def test_single_precision_is_good_to_a_thousandth_of_the_forces(precise):
    _, exact = precise.energy_and_forces(warm_positions(), EDGE_NM)
    _, single = sevennet(MOLECULES).energy_and_forces(warm_positions(), EDGE_NM)
    assert np.abs(single - exact).max() < 1e-3 * np.abs(exact).max()


@needs_sevenn
@pytest.mark.slow
@pytest.mark.parametrize("model", ["sevennet-l3i5", "sevennet-mf-0"])
def test_the_other_models_conform(model):
    found = sevennet(MOLECULES, model=model, precision="double")
    for check in (testing.gives_forces_that_are_the_gradient, testing.turns_with_the_atoms):
        check(case_of(lambda molecules: found, EDGE_NM))


@needs_sevenn
def test_a_model_and_an_element_that_are_unknown_are_named():
    with pytest.raises(OracleSpecError, match="sevennet-9"):
        SevenNet((1,), model="sevennet-9")
    with pytest.raises(OracleSpecError, match="never saw atomic number"):
        SevenNet((1, 118), device="cpu")


@needs_dftd3
def test_an_unknown_functional_is_named():
    with pytest.raises(OracleSpecError, match="no-such-functional"):
        D3BJ((1,), functional="no-such-functional")


@needs_dftd3
def test_dispersion_attracts_and_reaches_beyond_the_box():
    near, far = (
        D3BJ(atomic_numbers_of(MOLECULES), cutoff_nm=cutoff).energy_and_forces(warm_positions(), EDGE_NM)[0]
        for cutoff in (0.8, 2.0)
    )
    assert far < near < 0


def test_a_sum_adds_energies_forces_and_virials():
    one, two = SpringLiquid(MOLECULES), SpringLiquid(MOLECULES, height_kJ_mol=100.0)
    both = Sum((one, two))
    assert isinstance(both, HasVirial)
    found = both.energy_and_forces(warm_positions(), EDGE_NM)
    parts = [part.energy_and_forces(warm_positions(), EDGE_NM) for part in (one, two)]
    assert found[0] == pytest.approx(parts[0][0] + parts[1][0])
    assert np.allclose(found[1], parts[0][1] + parts[1][1])
    virials = [part.virial(warm_positions(), EDGE_NM) for part in (one, two)]
    assert np.allclose(both.virial(warm_positions(), EDGE_NM), virials[0] + virials[1])
    assert both.describe()["plus"] == [two.describe()]


@pytest.mark.parametrize(
    ("make", "check", "words"),
    [
        (NotAGradient, testing.gives_forces_that_are_the_gradient, "in which the force is"),
        (NotAGradient, testing.keeps_energy_and_momentum_in_motion, "drifts"),
        (Anchored, testing.does_not_change_when_everything_moves, "after a translation"),
        (Anchored, testing.pushes_nothing_as_a_whole, "the forces sum to"),
        (Leaning, testing.turns_with_the_atoms, "after a rotation"),
        (Leaning, testing.does_not_tell_like_particles_apart, "as order"),
        (HalfTheVirial, testing.gives_a_virial_that_is_the_work_of_volume, "virial's trace"),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_broken_promises_are_found(make, check, words):
    with pytest.raises(AssertionError, match=words):
        check(case_of(make, EDGE_NM, bonds_are_given=True, dynamics_steps=400, drift_tolerance=1e-4))
