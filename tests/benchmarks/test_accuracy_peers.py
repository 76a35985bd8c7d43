"""Peers of the accuracy benchmark that are our own code."""

import accuracy_peers
import numpy as np
import pytest
from accuracy_gp import matern_gp
from accuracy_sampling import SMALLEST_BIN, undersample
from accuracy_scan import descriptors, scan_network
from saltloop.chemistry import Formulation
from saltloop.chemistry.measurement import Measurement


def test_scan_sees_the_shares_and_units_as_they_are_listed():
    row = Measurement(
        formulation=Formulation.parse("1 mol/L LiPF6 in EC:DMC 1:1 (v/v) at 300 K"),
        value=10.0,
        unit="mS/cm",
        standard_uncertainty=0.1,
        source="experiment",
    )
    X = descriptors([row])
    assert X.shape == (1, 34)
    assert X[0, 28:] == pytest.approx([3.0, 1.0, 0.0, 1.0, 0.0, 1.0])
    assert np.abs(X[0, :28]).max() <= 1.0


def test_networks_of_different_folds_learn_their_own_data():
    generator = np.random.default_rng(0)
    X = generator.uniform(size=(300, 34))
    low, high = np.full(300, 1.0), np.full(120, 9.0)
    first, second = scan_network([(X, low), (X[:120], high)], [X[:5], X[:7]], epochs=120)
    assert first == pytest.approx(np.full(5, 1.0), abs=0.4)
    assert second == pytest.approx(np.full(7, 9.0), abs=2.0)


def test_the_process_interpolates_and_knows_where_it_knows_nothing():
    generator = np.random.default_rng(0)
    X = generator.uniform(-2, 2, size=(120, 2))
    y = np.sin(X[:, 0]) + X[:, 1]
    mean, std = matern_gp(X, y, np.array([[0.5, 0.5], [30.0, 30.0]]))
    assert mean[0] == pytest.approx(np.sin(0.5) + 0.5, abs=0.1)
    assert std[1] > 5 * std[0]


def test_undersampling_keeps_rare_rows_and_drops_repetitive_ones():
    generator = np.random.default_rng(0)
    X = generator.uniform(size=(2 * SMALLEST_BIN + 100, 2))
    y = np.where(np.arange(len(X)) < 50, 20.0, 2.0)
    kept, values = undersample(X, y)
    assert (values == 20.0).sum() == 50
    assert len(kept) < len(X)


def test_models_of_scikit_learn_can_be_fitted():
    rows = [
        Measurement(
            formulation=Formulation.parse(f"{c} mol/kg LiPF6 in EC:EMC 3:7 (w/w) at {T} K"),
            value=5.0 + c,
            unit="mS/cm",
            standard_uncertainty=0.1,
            source="experiment",
        )
        for c in (0.2, 0.5, 1.0, 1.5)
        for T in (273.15, 283.15, 293.15, 303.15, 313.15)
    ]
    assert accuracy_peers.mlp(rows, rows[:3]).mean.shape == (3,)
    assert accuracy_peers.svr(rows, rows[:3]).mean == pytest.approx([5.2, 5.2, 5.2], abs=0.2)
