"""Lines through mean square displacements: the covariance, the window, the error bars."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saltloop.simulators.analysis import fitting


def overlap_by_counting(n, m, n_frames):
    """Covariance of two mean square displacements from the overlap of every pair of windows."""
    starts_n, starts_m = np.arange(n_frames - n), np.arange(n_frames - m)
    ends = np.minimum.outer(starts_n + n, starts_m + m)
    overlap = np.clip(ends - np.maximum.outer(starts_n, starts_m), 0, None)
    return 2 * float(np.mean(overlap.astype(float) ** 2))


@settings(max_examples=40, deadline=None)
@given(st.integers(12, 60), st.data())
def test_the_covariance_is_the_sum_over_all_pairs_of_windows(n_frames, data):
    n = data.draw(st.integers(1, n_frames - 2))
    m = data.draw(st.integers(n, n_frames - 1))
    found = fitting.brownian_covariance(np.array([n, m]), n_frames)
    assert found[0, 1] == pytest.approx(overlap_by_counting(n, m, n_frames))
    assert found[1, 1] == pytest.approx(overlap_by_counting(m, m, n_frames))


def test_runs_of_one_length_pool_to_the_covariance_over_their_number():
    lags = np.array([1, 5, 20])
    pooled = fitting.pooled_covariance(lags, (100, 100, 100))
    np.testing.assert_allclose(pooled, fitting.brownian_covariance(lags, 100) / 3)


def test_weights_give_back_the_slope_of_a_line_whatever_its_intercept():
    lags = fitting.lag_grid(500)[10:25]
    weights, variance = fitting.line_weights(lags, (500,))
    assert float(weights @ (3.0 * lags + 7.0)) == pytest.approx(3.0)
    assert variance > 0


def test_generalised_least_squares_are_more_certain_than_a_plain_line():
    lags = np.array([10, 14, 20, 28, 40, 57, 80, 100])
    _, variance = fitting.line_weights(lags, (2000,))
    centred = lags - lags.mean()
    plain = centred / (centred @ centred)
    assert variance < 0.4 * float(plain @ fitting.brownian_covariance(lags, 2000) @ plain)


def test_the_window_starts_where_the_cage_has_been_left():
    lags = fitting.lag_grid(4000)
    caged = 0.05 * lags + 2.0 * (1 - np.exp(-lags / 30.0))
    window = fitting.diffusive_window(lags, caged, (4000,), 3000)
    assert window.is_diffusive
    assert window.start > 60
    assert window.log_slope == pytest.approx(1.0, abs=0.1)
    free = fitting.diffusive_window(lags, 0.05 * lags, (4000,), 3000)
    assert free.start == 1
    assert free.end == pytest.approx(10, abs=1)


def test_the_passage_from_flight_to_cage_is_not_taken_for_diffusion():
    lags = fitting.lag_grid(1000)
    flight_then_cage = 1.0 / (1 / lags**2 + 1 / (20.0 * lags**0.2))
    window = fitting.diffusive_window(lags, flight_then_cage, (1000,), 3000)
    assert not window.is_diffusive
    assert window.start > 100


def test_no_window_starts_earlier_than_asked():
    lags = fitting.lag_grid(1000)
    assert fitting.diffusive_window(lags, lags.astype(float), (1000,), 30, earliest=40).start >= 40


@settings(max_examples=25, deadline=None)
@given(st.floats(0.02, 0.3), st.floats(0.35, 0.5), st.integers(30, 400))
def test_explicit_windows_hold_four_lags_of_the_run(start, end, n_frames):
    lags = fitting.lag_grid(n_frames)
    edges = (max(1, round(start * n_frames)), round(end * n_frames))
    window = fitting.explicit_window(lags, lags.astype(float), (n_frames,), 9, *edges)
    assert 1 <= window.start < window.end <= n_frames // 2
    assert fitting.lags_inside(lags, *edges).sum() >= 4


def test_too_few_frames_are_an_error():
    with pytest.raises(ValueError, match="too few"):
        fitting.lag_grid(11)


@pytest.mark.parametrize("degrees", [6, 20, 200])
def test_errors_of_variance_like_estimates_hold_the_truth_in_95_of_100_cases(degrees):
    share = fitting.calibrated_relative_error(degrees)
    estimates = np.random.default_rng(1).chisquare(degrees, 20_000) / degrees
    assert np.mean(np.abs(1 - estimates) < 2 * share * estimates) == pytest.approx(0.954, abs=0.01)
    assert share >= math.sqrt(2 / degrees)
