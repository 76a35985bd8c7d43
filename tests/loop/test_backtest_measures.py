"""What a replay found, against cases worked out by hand and random search against simulation."""

import math

import numpy as np
import pytest
from saltloop.chemistry import Formulation
from saltloop.loop.backtest.backtest import Trace
from saltloop.loop.backtest.measures import (
    best_curve,
    estimate,
    n_needed,
    queries_to_find,
    random_queries,
    random_recall,
    recall_curve,
)
from saltloop.loop.backtest.pool import Pool
from saltloop.loop.backtest.summary import describe, summarise

TOP = [7, 8, 9]
#: Starts with positions 0 and 7; then finds 8 as the second query and 9 as the fifth.
TRACE = Trace(0, (0, 7, 1, 8, 2, 3, 9, 4), 2)


@pytest.mark.parametrize(("n_top", "needed"), [(1, 1), (5, 4), (10, 8), (11, 9), (12, 10), (100, 80)])
def test_eighty_per_cent_are_counted_in_whole_liquids(n_top, needed):
    assert n_needed(n_top) == needed


def test_recall_counts_start_points_that_are_of_the_top():
    assert recall_curve(TRACE, TOP) == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3, 2 / 3, 1.0, 1.0])


def test_best_so_far_never_falls():
    values = np.array([5.0, 1, 2, 3, 4, 0, 0, 6, 9, 8])
    assert best_curve(TRACE, values).tolist() == [6, 6, 9, 9, 9, 9, 9]


@pytest.mark.parametrize(("n", "batch", "queries"), [(1, 3, 0), (2, 1, 2), (2, 3, 3), (3, 1, 5), (3, 2, 6), (3, 4, 6)])
def test_queries_are_counted_in_whole_batches_after_the_start(n, batch, queries):
    assert queries_to_find(TRACE, TOP, n, batch) == queries


def test_what_was_not_found_takes_for_ever():
    assert queries_to_find(TRACE, [5, 7], 2, 2) == math.inf


def test_random_search_in_closed_form():
    # One of three, no start points: (1 + 2 + 3) / 3; both of two among three: (2 + 3 + 3) / 3.
    assert random_queries(3, 1, 1, start="random", n_start=0) == pytest.approx(2.0)
    assert random_queries(3, 2, 2, start="random", n_start=0) == pytest.approx(8 / 3)
    assert random_queries(1151, 12, 10, start="random", n_start=0) == pytest.approx(10 * 1152 / 13)
    assert random_queries(23, 2, 2, start="bottom", n_start=20) == pytest.approx(8 / 3)


@pytest.mark.parametrize("start", ["random", "bottom"])
def test_random_search_agrees_with_simulation(start):
    generator, n_pool, n_start, n_top, needed = np.random.default_rng(0), 40, 6, 5, 4
    found = []
    for _ in range(4000):
        # The top is the last five positions; the bottom half the first twenty.
        first = generator.choice(n_pool if start == "random" else n_pool // 2, n_start, replace=False)
        rest = generator.permutation(np.setdiff1d(np.arange(n_pool), first))
        trace = Trace(0, (*first.tolist(), *rest.tolist()), n_start)
        found.append(queries_to_find(trace, range(n_pool - n_top, n_pool), needed, 1))
    expected = random_queries(n_pool, n_top, needed, start=start, n_start=n_start)
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / math.sqrt(len(found)))


def test_random_recall_is_the_share_of_the_pool_that_was_measured():
    queries = np.array([0, 10, 80])
    assert random_recall(100, queries, start="random", n_start=20) == pytest.approx([0.2, 0.3, 1.0])
    assert random_recall(100, queries, start="bottom", n_start=20) == pytest.approx([0.0, 0.125, 1.0])


def test_an_interval_over_seeds_holds_the_estimate_and_narrows():
    few = estimate([1.0, 2.0, 3.0, 4.0], np.mean)
    many = estimate([1.0, 2.0, 3.0, 4.0] * 25, np.mean)
    assert few.value == many.value == pytest.approx(2.5)
    assert few.low < many.low < 2.5 < many.high < few.high


def test_an_interval_is_the_same_each_time_and_may_be_infinite():
    values = [10.0, 20.0, 30.0, math.inf]
    assert estimate(values, np.median) == estimate(values, np.median)
    assert estimate(values, np.median).high == math.inf
    assert str(estimate(values, np.median)) == "25 (10–∞)"


@pytest.fixture
def pool():
    liquid = Formulation.parse("1 mol/kg LiPF6 in EC at 298.15 K")
    return Pool((liquid,) * 300, np.arange(300.0), np.ones(300))


def trace(seed, *finds, n_queries=40):
    """Starts with the lowest liquids; measures low ones but for the top at the queries in ``finds``."""
    order = list(range(20 + n_queries))
    for position, query in zip((299, 298, 297), finds, strict=False):
        order[19 + query] = position
    return Trace(seed, tuple(order), 20)


def test_a_summary_by_hand(pool):
    # The top 1 % are 3 liquids, of which all 3 are needed: after 10, 30 and 20 queries.
    traces = [trace(0, 1, 2, 3), trace(1, 5, 15, 25), trace(2, 8, 9, 20)]
    found = summarise(pool, traces, start="bottom", batch_size=10)
    assert (found.n_top, found.n_needed, found.n_arrived, found.n_seeds) == (3, 3, 3, 3)
    assert found.queries.value == 20
    assert found.random_queries == pytest.approx(3 * 281 / 4)
    assert found.acceleration.value == pytest.approx(3 * 281 / 4 / 20)
    assert (found.acceleration.low, found.acceleration.high) == pytest.approx((3 * 281 / 4 / 30, 3 * 281 / 4 / 10))
    assert found.at_queries[40].recall_1.value == 1.0
    assert found.at_queries[40].enhancement.value == pytest.approx(280 / 40)
    assert found.at_queries[40].recall_5.value == pytest.approx(3 / 15)
    assert found.at_queries[40].best.value == 299


def test_seeds_that_do_not_arrive_are_told_and_count_as_endless(pool):
    found = summarise(pool, [trace(0, 1, 2, 3), trace(1, 1, 2), trace(2)], start="bottom", batch_size=10)
    assert (found.n_arrived, found.queries.value, found.acceleration.value) == (1, math.inf, 0.0)
    assert found.to_dict()["queries"]["value"] is None
    assert "1 of 3 seeds arrived" in describe(found)
