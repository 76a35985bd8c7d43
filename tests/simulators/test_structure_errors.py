"""Averages over lithium ions whose surroundings may never exchange."""

import numpy as np
import pytest
from saltloop.simulators.analysis.structure_errors import fraction_of_lithium, mean_over_lithium

N_SAMPLES = 400


def test_ions_that_never_change_are_one_witness_each():
    frozen = np.tile([4.0, 5.0, 6.0, 5.0], (N_SAMPLES, 1))
    mean, error = mean_over_lithium([frozen])
    assert mean == pytest.approx(5.0)
    assert 0.4 < error < 0.8


def test_three_frozen_ions_do_not_make_a_fraction_certain():
    fraction, error = fraction_of_lithium([np.tile([True, False, False], (N_SAMPLES, 1))])
    assert fraction == pytest.approx(1 / 3)
    assert error > 0.25
    all_alike, error = fraction_of_lithium([np.ones((N_SAMPLES, 3), dtype=bool)])
    assert all_alike == 1.0
    assert error > 0.2


def test_fast_exchange_makes_a_fraction_sure():
    random = np.random.default_rng(3).random((N_SAMPLES, 3)) < 0.4
    fraction, error = fraction_of_lithium([random])
    assert abs(fraction - 0.4) < 3 * error
    assert error < 0.05


def test_intervals_hold_the_truth_for_slow_exchange():
    generator, truth, n_inside = np.random.default_rng(5), 0.3, 0
    for _ in range(100):
        states = np.empty((N_SAMPLES, 5), dtype=bool)
        states[0] = generator.random(5) < truth
        for sample in range(1, N_SAMPLES):
            renewed = generator.random(5) < 0.01
            states[sample] = np.where(renewed, generator.random(5) < truth, states[sample - 1])
        fraction, error = fraction_of_lithium([states])
        n_inside += abs(fraction - truth) < 2 * error
    assert n_inside >= 90
