"""The analysis against motion whose diffusion coefficient and conductivity are known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saltloop.simulators import transport


def brownian(diffusion_nm2_ps, n_frames, n_molecules, frame_ps, seed):
    """Unwrapped positions (nm) of free Brownian particles with a known D (nm2/ps)."""
    steps = np.random.default_rng(seed).normal(
        0, math.sqrt(2 * diffusion_nm2_ps * frame_ps), (n_frames - 1, n_molecules, 3)
    )
    return np.concatenate([np.zeros((1, n_molecules, 3)), np.cumsum(steps, axis=0)])


def test_msd_by_fourier_transform_equals_the_plain_average_over_windows():
    positions = brownian(1e-3, 40, 3, 1.0, 1)
    fast = transport.mean_square_displacement(positions)
    for lag in range(40):
        plain = np.mean((positions[lag:] - positions[: 40 - lag]) ** 2, axis=0)
        np.testing.assert_allclose(fast[lag], plain, atol=1e-12)


def test_brownian_motion_gives_back_its_diffusion_coefficient():
    found = transport.diffusion_coefficient(brownian(1e-3, 4000, 60, 0.5, 2), 0.5, 0.02, 0.1)
    assert found.value_m2_s == pytest.approx(1e-9, rel=0.15)
    assert abs(found.value_m2_s - 1e-9) < 3 * found.standard_error_m2_s
    assert found.standard_error_m2_s < 0.3e-9
    assert found.log_slope == pytest.approx(1.0, abs=0.15)
    assert found.is_diffusive


def test_stated_errors_cover_the_truth_in_short_runs():
    covered = [
        abs(one.value_m2_s - 1e-9) < 2 * one.standard_error_m2_s
        for one in (transport.diffusion_coefficient(brownian(1e-3, 150, 6, 0.5, seed), 0.5) for seed in range(100))
    ]
    assert np.mean(covered) >= 0.93


def test_stated_errors_shrink_with_the_length_of_the_run_as_the_scatter_does():
    def mean_error(n_frames):
        runs = [transport.diffusion_coefficient(brownian(1e-3, n_frames, 8, 0.5, s), 0.5, 0.02, 0.1) for s in range(20)]
        scatter = np.std([run.value_m2_s for run in runs])
        return np.mean([run.standard_error_m2_s for run in runs]) / scatter

    for n_frames in (200, 1600):
        assert 0.7 < mean_error(n_frames) < 3.0


def test_molecules_that_move_together_get_a_larger_error_than_independent_ones():
    free = brownian(1e-3, 400, 12, 1.0, 3)
    together = np.repeat(brownian(1e-3, 400, 1, 1.0, 3), 12, axis=1) + 0.02 * brownian(1e-3, 400, 12, 1.0, 4)
    assert (
        transport.diffusion_coefficient(together, 1.0).standard_error_m2_s
        > 1.5 * transport.diffusion_coefficient(free, 1.0).standard_error_m2_s
    )


def test_ballistic_and_caged_motion_are_not_taken_for_diffusion():
    generator = np.random.default_rng(5)
    times = np.arange(200.0)[:, None, None]
    flight = times * generator.normal(0, 0.1, (1, 10, 3))
    caged = generator.normal(0, 0.05, (200, 10, 3))
    for positions in (flight, caged):
        found = transport.diffusion_coefficient(positions, 1.0)
        assert not found.is_diffusive
        assert found.standard_error_m2_s >= abs(found.value_m2_s) * 0.5


def test_motionless_molecules_still_get_an_error_above_zero():
    found = transport.diffusion_coefficient(np.zeros((50, 3, 3)), 1.0)
    assert found.value_m2_s == 0
    assert found.standard_error_m2_s > 0


def test_independent_ions_have_equal_nernst_einstein_and_collective_conductivity():
    # sigma = e^2 (N+ D+ + N- D-) / (V kB T): 10 + 10 ions of 1e-9 m2/s in 27 nm3 at 300 K.
    expected = transport.ELEMENTARY_CHARGE_C**2 * 20 * 1e-9 / (27e-27 * transport.BOLTZMANN_J_K * 300) * 10
    positions = brownian(1e-3, 20_000, 20, 0.5, 6)
    charges = np.array([1.0] * 10 + [-1.0] * 10)
    state = {"volume_nm3": 27.0, "temperature_K": 300.0}
    diffusion = {
        "Li+": transport.diffusion_coefficient(positions[:, :10], 0.5, 0.01, 0.05),
        "PF6-": transport.diffusion_coefficient(positions[:, 10:], 0.5, 0.01, 0.05),
    }
    independent = transport.nernst_einstein_conductivity(diffusion, {"Li+": 1, "PF6-": -1}, **state)
    collective = transport.collective_conductivity(
        positions, charges, 0.5, start_fraction=0.01, end_fraction=0.05, **state
    )
    assert independent.value_mS_cm == pytest.approx(expected, rel=0.1)
    assert abs(independent.value_mS_cm - expected) < 3 * independent.standard_error_mS_cm
    assert collective.value_mS_cm == pytest.approx(expected, rel=0.5)
    assert abs(collective.value_mS_cm - expected) < 3 * collective.standard_error_mS_cm
    assert collective.standard_error_mS_cm > independent.standard_error_mS_cm


def test_bound_ion_pairs_carry_no_collective_current():
    pairs = brownian(1e-3, 2000, 8, 1.0, 7)
    jitter = np.random.default_rng(8).normal(0, 0.01, (2000, 16, 3))
    positions = np.concatenate([pairs, pairs], axis=1) + jitter
    charges = np.array([1.0] * 8 + [-1.0] * 8)
    state = {"volume_nm3": 27.0, "temperature_K": 300.0}
    diffusion = {
        "Li+": transport.diffusion_coefficient(positions[:, :8], 1.0),
        "PF6-": transport.diffusion_coefficient(positions[:, 8:], 1.0),
    }
    independent = transport.nernst_einstein_conductivity(diffusion, {"Li+": 1, "PF6-": -1}, **state)
    collective = transport.collective_conductivity(positions, charges, 1.0, **state)
    assert abs(collective.value_mS_cm) < 0.02 * independent.value_mS_cm


def test_opposite_ions_that_flee_each_other_carry_more_than_independent_ones():
    # M = sum z r doubles for r- = -r+, so that its square is twice that of independent ions.
    cations = brownian(1e-3, 6000, 10, 1.0, 9)
    positions = np.concatenate([cations, -cations], axis=1)
    charges = np.array([1.0] * 10 + [-1.0] * 10)
    state = {"volume_nm3": 27.0, "temperature_K": 300.0, "start_fraction": 0.01, "end_fraction": 0.05}
    both = transport.collective_conductivity(positions, charges, 1.0, **state)
    alone = transport.collective_conductivity(positions[:, :10], charges[:10], 1.0, **state)
    assert both.value_mS_cm == pytest.approx(4 * alone.value_mS_cm)


def test_nernst_einstein_needs_a_charge_for_each_ion():
    one = transport.diffusion_coefficient(brownian(1e-3, 100, 2, 1.0, 1), 1.0)
    with pytest.raises(ValueError, match="charges of"):
        transport.nernst_einstein_conductivity({"Li+": one}, {"PF6-": -1}, volume_nm3=1.0, temperature_K=300.0)


def test_unwrapping_undoes_jumps_over_the_box_edge():
    true = brownian(2e-3, 500, 5, 1.0, 10)
    wrapped = true % 2.0
    unwrapped = transport.unwrap(wrapped, 2.0)
    np.testing.assert_allclose(unwrapped - unwrapped[0], true - true[0], atol=1e-9)


def test_drift_of_the_whole_box_is_removed():
    masses = np.array([7.0, 145.0, 88.0])
    positions = brownian(1e-3, 100, 3, 1.0, 11) + np.linspace(0, 50, 100)[:, None, None]
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


@settings(max_examples=25, deadline=None)
@given(st.floats(0.02, 0.3), st.floats(0.35, 0.6), st.integers(30, 400))
def test_fit_windows_lie_inside_the_run_and_hold_four_lags(start, end, n_frames):
    window = transport.fit_window(n_frames, start, end)
    assert 1 <= window.start < window.stop <= n_frames
    assert window.stop - window.start >= 4


def test_too_few_frames_for_a_fit_are_an_error():
    with pytest.raises(ValueError, match="too few"):
        transport.fit_window(4, 0.1, 0.4)


def test_a_window_of_longer_lags_is_less_certain():
    assert transport.relative_error_of_brownian_slope(0.1, 0.4) > transport.relative_error_of_brownian_slope(0.02, 0.1)
