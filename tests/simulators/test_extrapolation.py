import math

import numpy as np
import pytest
from saltloop.simulators.analysis.extrapolation import ExtrapolationError, TemperaturePoint, extrapolate
from saltloop.simulators.analysis.temperature_laws import ELECTROLYTES

HOT_K = (340.0, 370.0, 400.0, 430.0)


def vft(temperature_K, ln_a=5.0, b_K=600.0, t0_K=165.0):
    return math.exp(ln_a - b_K / (temperature_K - t0_K))


def series(law, temperatures=HOT_K, relative_error=0.02):
    return [TemperaturePoint(t, law(t), relative_error * law(t)) for t in temperatures]


def test_exact_vft_points_are_extrapolated_within_the_stated_error():
    found = extrapolate(series(vft), 298.15)
    assert found.law == "vft"
    assert abs(found.value - vft(298.15)) < 2 * found.standard_error
    assert found.interval[0] < vft(298.15) < found.interval[1]
    assert found.standard_error < 0.25 * found.value


def test_arrhenius_points_under_the_arrhenius_law_give_the_activation_energy():
    found = extrapolate(series(lambda t: math.exp(8 - 2000 / t)), 298.15, law="arrhenius")
    assert found.value == pytest.approx(math.exp(8 - 2000 / 298.15), rel=1e-3)
    assert found.parameters == pytest.approx({"ln_A": 8.0, "B_K": 2000.0}, rel=1e-3)
    assert found.covariance.shape == (2, 2)


def test_many_precise_points_fix_t0_whatever_the_prior_says():
    wide = np.linspace(260, 420, 17)
    found = extrapolate(series(lambda t: vft(t, t0_K=110), wide, 0.005), 240.0)
    assert found.parameters["T0_K"] == pytest.approx(110, abs=10)
    assert not found.notes


def test_two_points_leave_t0_to_the_prior_and_say_so():
    found = extrapolate(series(vft, (380.0, 420.0), 0.05), 298.15)
    assert any("do not fix T0" in note for note in found.notes)
    assert found.parameters["T0_K"] == pytest.approx(ELECTROLYTES.mean_K, abs=15)


def test_the_choice_of_the_law_is_part_of_the_error():
    points = series(vft, (380.0, 420.0), 0.01)
    both = extrapolate(points, 298.15)
    one = extrapolate(points, 298.15, law="arrhenius")
    assert both.standard_error / both.value > 1.5 * one.standard_error / one.value
    assert 0 < both.weights["arrhenius"] < both.weights["vft"]


def test_the_error_grows_with_the_distance():
    near, far = (extrapolate(series(vft, relative_error=0.05), t) for t in (320.0, 260.0))
    assert far.standard_error / far.value > 2 * near.standard_error / near.value


def test_scatter_beyond_the_errors_enlarges_them():
    points = [
        TemperaturePoint(p.temperature_K, p.value * factor, 0.01 * p.value)
        for p, factor in zip(series(vft), (1.2, 0.8, 1.2, 0.8), strict=True)
    ]
    found = extrapolate(points, 298.15)
    assert any("scatter" in note for note in found.notes)
    assert found.standard_error > 0.2 * found.value


def test_an_upper_bound_pulls_the_value_down_and_a_lower_bound_up():
    points = series(vft, (380.0, 420.0), 0.1)
    free = extrapolate(points, 298.15)
    capped = extrapolate([*points, TemperaturePoint(320.0, 0.5 * vft(320), 0.0, is_upper_bound=True)], 298.15)
    lifted = extrapolate([*points, TemperaturePoint(320.0, 1.6 * vft(320), 0.0, is_lower_bound=True)], 298.15)
    assert capped.value < 0.8 * free.value < 1.2 * free.value < lifted.value
    assert not capped.is_bound


def test_a_bound_that_is_kept_anyway_changes_little():
    points = series(vft)
    more = [*points, TemperaturePoint(310.0, 10 * vft(310), 0.0, is_upper_bound=True)]
    assert extrapolate(more, 298.15).value == pytest.approx(extrapolate(points, 298.15).value, rel=0.01)


def test_only_upper_bounds_give_a_bound():
    points = [TemperaturePoint(t, v, 0.1, is_upper_bound=True) for t, v in ((350.0, 3.0), (400.0, 9.0))]
    found = extrapolate(points, 298.15)
    assert found.is_bound
    assert found.value == 3.0
    assert found.standard_error == math.inf
    assert "at most 3" in found.notes[-1]


def test_a_value_and_a_bound_give_the_bound():
    points = [TemperaturePoint(350.0, 3.0, 0.1), TemperaturePoint(320.0, 2.0, 0.1, is_upper_bound=True)]
    assert extrapolate(points, 298.15).interval == (0.0, 2.0)


def test_one_point_is_refused():
    with pytest.raises(ExtrapolationError, match="two temperatures are the least"):
        extrapolate([TemperaturePoint(350.0, 3.0, 0.1)], 298.15)


def test_two_points_at_one_temperature_are_refused():
    with pytest.raises(ExtrapolationError, match="two temperatures"):
        extrapolate([TemperaturePoint(350.0, 3.0, 0.1), TemperaturePoint(350.0, 3.1, 0.1)], 298.15)


def test_lower_bounds_of_hotter_temperatures_bound_nothing():
    points = [TemperaturePoint(t, 3.0, 0.1, is_lower_bound=True) for t in (350.0, 400.0)]
    with pytest.raises(ExtrapolationError, match="no point bounds"):
        extrapolate(points, 298.15)


def test_a_value_that_is_zero_within_its_error_counts_as_an_upper_bound():
    points = [*series(vft), TemperaturePoint(310.0, -0.1, 5.0)]
    found = extrapolate(points, 298.15)
    assert any("counts as at most 9.9" in note for note in found.notes)
    assert found.value == pytest.approx(extrapolate(series(vft), 298.15).value, rel=0.05)


def test_a_point_that_is_no_number_is_refused():
    with pytest.raises(ExtrapolationError, match="no point"):
        TemperaturePoint(300.0, math.nan, 1.0)


@pytest.mark.parametrize("relative_error", [0.03, 0.15])
def test_stated_intervals_hold_the_truth_over_many_liquids(relative_error):
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(100):
        t0, b = rng.normal(160, 25), rng.uniform(400, 900)
        points = [
            TemperaturePoint(
                t,
                vft(t, b_K=b, t0_K=t0) * math.exp(relative_error * rng.normal()),
                relative_error * vft(t, b_K=b, t0_K=t0),
            )
            for t in HOT_K
        ]
        low, high = extrapolate(points, 298.15).interval
        hits += low < vft(298.15, b_K=b, t0_K=t0) < high
    assert hits >= 90
