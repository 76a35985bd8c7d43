"""Peers of the backtest choose new liquids, as many as they are asked for, and the same ones each time."""

import backtest
import backtest_features
import backtest_peers
import numpy as np
import pytest
from saltloop.chemistry import Formulation
from saltloop.loop.backtest.pool import Pool


@pytest.fixture(scope="module")
def pool():
    formulations = tuple(
        Formulation.create({salt: molality}, {"EC": share, "DMC": 1 - share})
        for salt in ("LiPF6", "LiBF4")
        for share in (0.2, 0.4, 0.6, 0.8)
        for molality in (0.5, 1.0, 1.5)
    )
    values = [10 * m * np.exp(-m) + f.mole_fractions["DMC"] for f in formulations for m in [sum(f.molality.values())]]
    return Pool(formulations, np.array(values), np.full(len(values), 0.1))


def check(pool, name):
    strategy = backtest_peers.METHODS[name]
    measured = {i: pool.measure(i) for i in (1, 5, 8, 14, 17, 22)}
    chosen = strategy.choose(pool.formulations, measured, n=4, seed=3)
    assert len(set(chosen)) == 4
    assert not set(chosen) & set(measured)
    assert strategy.choose(pool.formulations, measured, n=4, seed=3) == chosen


@pytest.mark.parametrize(
    "name", ["random", "extra-trees-ei", "extra-trees-ucb", "extra-trees-thompson", "matern-gp-ei", "saltloop-qlognei"]
)
def test_a_strategy_chooses_new_liquids_and_repeats_itself(pool, name):
    check(pool, name)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "package"), [("baybe", "baybe"), ("ax", "ax")])
def test_so_do_the_packages_of_others_where_they_are_installed(pool, name, package):
    pytest.importorskip(package)
    check(pool, name)


def test_features_are_shares_and_molality_without_constant_columns(pool):
    X, names = backtest_features.features(pool.formulations)
    assert names == ["LiPF6", "LiBF4", "EC", "DMC", "molality"]
    assert X[0, :2].tolist() == [1.0, 0.0]
    assert X[0, 2:4].sum() == pytest.approx(1.0)
    assert X[0, 4] == pytest.approx(0.5)


def test_liquids_with_the_same_features_are_picked_one_after_the_other():
    rows = np.array([[0.0], [1.0], [1.0], [2.0]])
    assert backtest_features.positions(np.array([[1.0], [1.0]]), rows, np.array([1, 2, 3])) == [1, 2]


def test_the_halves_make_up_the_pool(pool):
    even, odd = (backtest.half_of(pool, half) for half in ("even", "odd"))
    assert {*even.formulations, *odd.formulations} == set(pool.formulations)
    assert len(even) + len(odd) == len(pool)


def test_the_table_has_a_row_for_each_method_with_finished_seeds(pool, tmp_path):
    from saltloop.loop.backtest.run import Plan, run_seeds

    strategy = backtest_peers.METHODS["random"]
    run_seeds(Plan(pool, strategy, "bottom", 4, 5, 10), [0, 1, 2], tmp_path, about={})
    text = backtest.table(pool, "bottom", {"random": tmp_path, "ax": tmp_path / "none"}, 10)
    assert "| random |" in text
    assert "of 3 in 10 |" in text
    assert "| ax |" not in text
