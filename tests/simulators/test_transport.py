"""Diffusion and conductivities against motion for which they are known."""

import math

import numpy as np
import pytest
from saltloop.simulators.analysis import transport
from saltloop.simulators.analysis.displacements import displacements
from saltloop.simulators.analysis.onsager import charge_motion
from synthetic_trajectory import walks

STATE = {"volume_nm3": 27.0, "temperature_K": 300.0}
CHARGES = np.array([1.0] * 10 + [-1.0] * 10)


def moving(n_frames, n, frame_ps, seed):
    return walks(n_frames, n, frame_ps, np.random.default_rng(seed))


def diffusion(positions, frame_ps=1.0):
    return transport.self_diffusion(displacements([positions], frame_ps).slope(), positions.shape[1])


def collective(positions, frame_ps=1.0, charges=CHARGES):
    found = charge_motion([positions], np.ones(len(charges)), charges, frame_ps, earliest_ps=0.0)
    factor = transport.conductivity_factor(**STATE) / 2
    return found, found.slope.value * factor, found.slope.standard_error * factor


def test_einsteins_relation():
    found = diffusion(moving(2000, 40, 0.5, 2), 0.5)
    assert found.value_m2_s == pytest.approx(1e-9, rel=0.05)
    assert abs(found.value_m2_s - 1e-9) < 3 * found.standard_error_m2_s
    corrected = found.plus(2e-10, 1e-10)
    assert corrected.value_m2_s == found.value_m2_s + 2e-10
    assert corrected.standard_error_m2_s == pytest.approx(math.hypot(found.standard_error_m2_s, 1e-10))


def test_independent_ions_have_equal_nernst_einstein_and_collective_conductivity():
    # sigma = e^2 (N+ D+ + N- D-) / (V kB T): 10 + 10 ions of 1e-9 m2/s in 27 nm3 at 300 K.
    expected = transport.ELEMENTARY_CHARGE_C**2 * 20 * 1e-9 / (27e-27 * transport.BOLTZMANN_J_K * 300) * 10
    positions = moving(10_000, 20, 0.5, 6)
    ions = {"Li+": diffusion(positions[:, :10], 0.5), "PF6-": diffusion(positions[:, 10:], 0.5)}
    independent = transport.nernst_einstein_conductivity(ions, {"Li+": 1, "PF6-": -1}, **STATE)
    _, value, error = collective(positions, 0.5)
    assert independent.value_mS_cm == pytest.approx(expected, rel=0.05)
    assert abs(independent.value_mS_cm - expected) < 3 * independent.standard_error_mS_cm
    assert value == pytest.approx(expected, rel=0.2)
    assert abs(value - expected) < 3 * error
    assert error > independent.standard_error_mS_cm


def test_bound_ion_pairs_carry_no_collective_current():
    pairs = moving(2000, 10, 1.0, 7)
    jitter = np.random.default_rng(8).normal(0, 0.01, (2000, 20, 3))
    positions = np.concatenate([pairs, pairs], axis=1) + jitter
    ions = {"Li+": diffusion(positions[:, :10]), "PF6-": diffusion(positions[:, 10:])}
    independent = transport.nernst_einstein_conductivity(ions, {"Li+": 1, "PF6-": -1}, **STATE)
    assert abs(collective(positions)[1]) < 0.02 * independent.value_mS_cm


def test_opposite_ions_that_flee_each_other_carry_more_than_independent_ones():
    # The charge displacement doubles for r- = -r+, so that its square is four times that of the cations alone.
    cations = moving(6000, 10, 1.0, 9)
    both = collective(np.concatenate([cations, -cations], axis=1))[1]
    alone = collective(cations, charges=np.ones(10))[1]
    assert both == pytest.approx(4 * alone)


def test_onsager_coefficients_and_transference_number_of_independent_ions():
    # Anions with three times the diffusion coefficient: L++ = 10 D, L-- = 30 D, L+- = 0, t+ = 1/4.
    positions = moving(8000, 20, 1.0, 10) * np.where(CHARGES > 0, 1.0, math.sqrt(3))[:, None]
    onsager = collective(positions)[0].barycentric
    assert onsager.matrix[0, 0] == pytest.approx(10e-3, rel=0.1)
    assert onsager.matrix[1, 1] == pytest.approx(30e-3, rel=0.1)
    assert abs(onsager.matrix[0, 1]) < 3 * onsager.errors[0, 1]
    number, error = onsager.transference
    assert abs(number - 0.25) < 3 * error
    assert error < 0.05


def test_stated_errors_of_transference_numbers_cover_the_truth():
    covered = []
    for seed in range(40):
        if found := collective(moving(400, 20, 1.0, seed))[0].barycentric.transference:
            covered.append(abs(found[0] - 0.5) < 2 * found[1])
    assert len(covered) >= 35
    assert np.mean(covered) >= 0.9


def test_there_is_no_transference_number_where_the_charge_does_not_move():
    # Pairs that stay together: each ion diffuses, their charge as a whole rattles.
    generator = np.random.default_rng(4)
    pairs = walks(400, 10, 1.0, generator)
    rattling = np.concatenate([pairs, pairs], axis=1) + generator.normal(0, 0.05, (400, 20, 3))
    assert collective(rattling)[0].barycentric.transference is None


def test_the_transference_number_depends_on_what_positions_are_relative_to():
    # Heavy anions hold the centre of mass; a light solvent that moves with the cations makes them stand still in it.
    generator = np.random.default_rng(3)
    anions, cloud = walks(4000, 10, 1.0, generator), walks(4000, 1, 1.0, generator)
    cations = np.repeat(cloud, 10, axis=1)
    solvent = np.repeat(cloud, 5, axis=1)
    masses, charges = np.array([7.0] * 10 + [145.0] * 10 + [50.0] * 5), np.concatenate([CHARGES, np.zeros(5)])
    found = charge_motion([np.concatenate([cations, anions, solvent], axis=1)], masses, charges, 1.0, earliest_ps=0.0)
    assert found.barycentric.matrix[0, 0] > 10 * abs(found.relative_to_solvent.matrix[0, 0])
    assert found.relative_to_solvent.transference[0] == pytest.approx(0.0, abs=0.05)


def test_nernst_einstein_needs_a_charge_for_each_ion():
    one = diffusion(moving(100, 2, 1.0, 1))
    with pytest.raises(ValueError, match="charges of"):
        transport.nernst_einstein_conductivity({"Li+": one}, {"PF6-": -1}, **STATE)


def test_unwrapping_undoes_jumps_over_the_box_edge():
    true = moving(500, 5, 2.0, 10)
    unwrapped = transport.unwrap(true % 2.0, 2.0)
    np.testing.assert_allclose(unwrapped - unwrapped[0], true - true[0], atol=1e-9)


def test_drift_of_the_whole_box_is_removed():
    masses = np.array([7.0, 145.0, 88.0])
    positions = moving(100, 3, 1.0, 11) + np.linspace(0, 50, 100)[:, None, None]
    still = transport.remove_drift(positions, masses)
    np.testing.assert_allclose(np.einsum("fmx,m->fx", still, masses), 0, atol=1e-9)


def test_block_average_of_a_correlated_series_sees_the_correlation():
    generator = np.random.default_rng(12)
    series = np.zeros(4000)
    for i in range(1, 4000):
        series[i] = 0.95 * series[i - 1] + generator.normal()
    mean, error = transport.block_average(series + 5)
    naive = series.std() / math.sqrt(series.size)
    assert error > 3 * naive
    assert abs(mean - 5) < 3 * error


def test_replicas_that_disagree_widen_the_error_of_their_mean():
    generator = np.random.default_rng(13)
    alike = [1.2 + generator.normal(0, 0.01, 400) for _ in range(3)]
    mean, error = transport.mean_of_replicas(alike)
    assert mean == pytest.approx(1.2, abs=0.003)
    apart = [series + shift for series, shift in zip(alike, (-0.02, 0.0, 0.02), strict=True)]
    assert transport.mean_of_replicas(apart)[1] > 4 * error


def test_a_longer_replica_weighs_more():
    mean, _ = transport.mean_of_replicas([np.full(300, 1.0), np.full(100, 2.0)])
    assert mean == pytest.approx(1.25)
