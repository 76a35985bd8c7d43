"""Slopes of mean square displacements against motion whose diffusion coefficient is known."""

import math

import numpy as np
import pytest
from saltloop.simulators.analysis.displacements import displacements, mean_square_displacement
from scipy.signal import lfilter
from synthetic_trajectory import walks

D = 1e-3


def brownian(n_frames, n, seed):
    return walks(n_frames, n, 1.0, np.random.default_rng(seed), D)


def leaving_cages(n_frames, n, seed, size_nm=0.1, time=10.0):
    """Brownian motion and rattling in a harmonic cage that moves along: subdiffusive first, then diffusive with D."""
    generator = np.random.default_rng(seed + 1000)
    stays = math.exp(-1 / time)
    kicks = generator.normal(0, size_nm * math.sqrt(1 - stays**2), (n_frames, n, 3))
    kicks[0] /= math.sqrt(1 - stays**2)
    return brownian(n_frames, n, seed) + lfilter([1], [1, -stays], kicks, axis=0)


def slope_of(*runs):
    return displacements(runs, 1.0).slope()


def coverage(make, n_frames, n, n_runs=60):
    found = [slope_of(make(n_frames, n, seed)) for seed in range(n_runs)]
    return np.mean([abs(one.value - 2 * D) < 2 * one.standard_error for one in found])


def test_msd_by_fourier_transform_equals_the_plain_average_over_windows():
    positions = brownian(40, 70, 1)
    lags = np.arange(1, 30)
    fast = mean_square_displacement(positions, lags)
    for row, lag in enumerate(lags):
        plain = np.mean((positions[lag:] - positions[:-lag]) ** 2, axis=0)
        np.testing.assert_allclose(fast[row], plain, atol=1e-12)


def test_brownian_motion_gives_back_its_diffusion_coefficient():
    found = slope_of(brownian(3000, 40, 2))
    assert found.value == pytest.approx(2 * D, rel=0.05)
    assert found.is_diffusive
    assert found.log_slope == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("n_frames", "n"), [(150, 6), (400, 10), (1000, 1)])
def test_stated_errors_cover_the_truth_for_brownian_motion(n_frames, n):
    assert coverage(brownian, n_frames, n) >= 0.9


def test_stated_errors_cover_the_truth_for_motion_out_of_cages():
    assert coverage(leaving_cages, 600, 10) >= 0.9


def test_stated_errors_are_as_large_as_the_scatter():
    found = [slope_of(brownian(600, 8, seed)) for seed in range(60)]
    scatter = np.std([one.value for one in found])
    # A few runs take a later window, so that the median is compared and not the mean.
    near = np.median(np.abs(np.array([one.value for one in found]) - 2 * D)) * 1.4826
    assert 0.6 * near < np.median([one.standard_error for one in found]) < 2 * max(near, scatter)


def test_several_runs_are_more_certain_than_one():
    runs = [brownian(400, 8, seed) for seed in range(4)]
    assert slope_of(*runs).standard_error < 0.7 * slope_of(runs[0]).standard_error


def test_runs_of_different_lengths_are_pooled():
    found = slope_of(brownian(900, 20, 1), brownian(300, 20, 2))
    assert found.value == pytest.approx(2 * D, rel=0.1)


def test_runs_that_disagree_get_a_larger_error():
    slow, fast = brownian(600, 20, 3), 1.5 * brownian(600, 20, 4)
    assert slope_of(slow, fast).standard_error > 3 * slope_of(slow, brownian(600, 20, 4)).standard_error


def test_molecules_that_move_together_get_a_larger_error_than_independent_ones():
    def error(together, seed):
        moving = np.repeat(brownian(800, 1, seed), 12, axis=1) if together else brownian(800, 12, seed)
        return slope_of(moving + 0.02 * brownian(800, 12, seed + 50)).standard_error

    assert np.mean([error(True, s) for s in range(6)]) > 1.3 * np.mean([error(False, s) for s in range(6)])


def test_molecules_in_different_surroundings_get_a_larger_error():
    slow_and_fast = brownian(800, 12, 5) * np.where(np.arange(12) % 2, 0.4, 1.4)[:, None]
    assert slope_of(slow_and_fast).standard_error > 2 * slope_of(brownian(800, 12, 5)).standard_error


def test_flight_and_cages_are_not_taken_for_diffusion():
    generator = np.random.default_rng(5)
    flight = np.arange(200.0)[:, None, None] * generator.normal(0, 0.1, (1, 10, 3))
    caged = generator.normal(0, 0.05, (200, 10, 3))
    for positions in (flight, caged):
        found = slope_of(positions)
        assert not found.is_diffusive
        assert found.standard_error >= abs(found.value) * 0.5


def test_motionless_molecules_still_get_an_error_above_zero():
    found = slope_of(np.zeros((50, 3, 3)))
    assert found.value == 0
    assert found.standard_error > 0


def test_an_explicit_window_is_kept():
    found = displacements([brownian(500, 10, 6)], 0.5).slope(window_ps=(25.0, 100.0))
    assert found.window_ps[0] == pytest.approx(25, rel=0.2)
    assert found.window_ps[1] == pytest.approx(100, rel=0.2)


def test_running_slopes_are_flat_for_brownian_motion():
    lag, slope, error = displacements([brownian(2000, 30, 7)], 1.0).running()
    assert lag[0] == 1
    assert np.mean(np.abs(slope - 2 * D) < 3 * error) > 0.9
    assert error[-1] > error[0]


def test_no_run_is_an_error():
    with pytest.raises(ValueError, match="no trajectory"):
        displacements([], 1.0)
