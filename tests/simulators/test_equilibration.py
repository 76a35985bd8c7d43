"""Where a series has equilibrated, against series with a known answer."""

import numpy as np
import pytest
from saltloop.simulators.md.equilibration import equilibrated, statistical_inefficiency, why_not_converged


def correlated(n, tau, *, seed=0, sigma=0.01, mean=1.2):
    """A first-order autoregressive series: its statistical inefficiency is (1 + a) / (1 - a) with a = exp(-1/tau)."""
    rng = np.random.default_rng(seed)
    a = np.exp(-1 / tau)
    noise = rng.normal(size=n)
    series = np.empty(n)
    series[0] = noise[0]
    for index in range(1, n):
        series[index] = a * series[index - 1] + np.sqrt(1 - a * a) * noise[index]
    return mean + sigma * series


@pytest.mark.parametrize("tau", [0.3, 3.0, 10.0])
def test_correlated_samples_count_for_as_many_as_they_should(tau):
    a = np.exp(-1 / tau)
    found = np.mean([statistical_inefficiency(correlated(4000, tau, seed=seed)) for seed in range(8)])
    assert found == pytest.approx((1 + a) / (1 - a), rel=0.25)


def test_a_constant_series_has_no_correlation():
    assert statistical_inefficiency(np.ones(50)) == 1.0


def test_the_drift_at_the_start_is_found_and_left_out():
    series = correlated(1000, 3.0)
    series += -0.2 * np.exp(-np.arange(1000) / 60)
    found = equilibrated(series)
    assert 100 <= found.n_discarded <= 400
    assert found.mean == pytest.approx(1.2, abs=3 * found.standard_error)


def test_the_stated_error_holds_the_mean():
    found = [equilibrated(correlated(600, 4.0, seed=seed)) for seed in range(100)]
    inside = [abs(one.mean - 1.2) < 2 * one.standard_error for one in found]
    assert np.mean(inside) > 0.85


def test_a_series_that_drifts_to_its_end_has_not_converged():
    series = correlated(400, 2.0, sigma=0.001) + np.linspace(0, 0.05, 400)
    assert why_not_converged(series, 0.002)


def test_a_settled_series_has_converged_and_a_tighter_error_says_what_is_missing():
    series = correlated(2000, 3.0)
    assert why_not_converged(series, 0.003) == ""
    assert "standard error" in why_not_converged(series, 1e-5)


def test_few_independent_samples_never_converge():
    assert "independent" in why_not_converged(correlated(6, 0.1), 0.05)


def test_one_sample_is_no_series():
    with pytest.raises(ValueError, match="1 sample"):
        equilibrated(np.ones(1))
