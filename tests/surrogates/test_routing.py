"""Routing insight on weights made by hand, and on a small trained surrogate."""

import numpy as np
import pytest
from saltloop.chemistry import Formulation
from saltloop.surrogates.routing import mutual_information, routes_of, routing_report, verdict


@pytest.fixture(scope="module")
def liquids():
    rng = np.random.default_rng(0)
    return [
        Formulation.create(
            {"LiPF6": round(rng.uniform(0.2, 2), 2)},
            {"EC": share, "DMC": round(1 - share, 2)},
            temperature_K=round(rng.uniform(250, 330)),
        )
        for share in (0.2, 0.3, 0.4, 0.5, 0.6)
        for _ in range(40)
    ]


@pytest.fixture(scope="module")
def values(liquids):
    return np.array([0.15 * (one.temperature_K - 240) + one.mole_fractions["DMC"] for one in liquids]) * 1.3


def weights(routes, n_routes=3, sharp=0.98):
    table = np.full((1, len(routes), n_routes), (1 - sharp) / (n_routes - 1))
    table[0, np.arange(len(routes)), routes] = sharp
    return table


def report(table, liquids, values):
    return routing_report(table, liquids, values, np.random.default_rng(1))


def test_a_tail_with_a_route_of_its_own_is_found(liquids, values):
    found = report(weights((values > 15).astype(int)), liquids, values)
    assert found.tail.share == pytest.approx(1)
    assert found.tail_above_mS_cm == 15
    assert max(found.tail.p_values) < 0.05
    assert verdict(found).startswith("Yes")


def test_routes_at_random_say_nothing(liquids, values):
    found = report(weights(np.random.default_rng(5).integers(0, 3, len(liquids))), liquids, values)
    assert found.tail.share < 0.1
    assert verdict(found).startswith("No: the routes do not separate the tail")


def test_one_route_for_all_is_said(liquids, values):
    found = report(weights(np.zeros(len(liquids), dtype=int), sharp=0.999), liquids, values)
    assert found.routes_in_use == (1,)
    assert verdict(found).startswith("No: one route carries everything")
    assert found.routes[0].n_rows == len(liquids)
    assert np.isnan(found.routes[1].temperature_K[0])


def test_routes_that_follow_the_solvent_are_told_from_those_that_follow_the_tail(liquids, values):
    solvent = np.array([int(one.mole_fractions["DMC"] > one.mole_fractions.get("EC", 0)) for one in liquids])
    found = report(weights(solvent, 2), liquids, values)
    shares = {one.label: one.share for one in found.dependences}
    assert shares["main solvent"] == pytest.approx(1)
    assert shares["tail"] < 0.2


def test_evidence_is_counted_by_liquid_not_by_row(liquids, values):
    """Labels that only differ between liquids are not significant just because each liquid has 40 rows."""
    by_liquid = np.repeat([0, 0, 1, 0, 1], 40)
    found = report(weights(by_liquid, 2), liquids, np.repeat([1.0, 1, 20, 1, 1], 40))
    assert found.tail.p_values[0] > 0.05


def test_without_a_tail_above_15_the_highest_twentieth_is_taken(liquids, values):
    found = report(weights(np.zeros(len(liquids), dtype=int)), liquids, values / 10)
    assert found.tail_above_mS_cm < 2
    assert found.n_tail == 10


def test_sharpness_is_one_for_one_route_and_zero_for_even_weights(liquids, values):
    assert report(np.full((1, len(liquids), 4), 0.25), liquids, values).sharpness[0] == pytest.approx(0)
    sharp = report(weights(np.zeros(len(liquids), dtype=int), sharp=1.0), liquids, values)
    assert sharp.sharpness[0] == pytest.approx(1)


def test_mutual_information_of_known_tables():
    a = np.array([0, 0, 1, 1])
    assert mutual_information(a, a) == pytest.approx(np.log(2))
    assert mutual_information(a, np.array([0, 1, 0, 1])) == pytest.approx(0)


def test_rows_and_liquids_must_match(liquids, values):
    with pytest.raises(ValueError, match="200 rows of weights, 3 liquids"):
        report(weights(np.zeros(200, dtype=int)), liquids[:3], values[:3])


def test_routes_of_a_network_sum_to_one(fitted, literature):
    rows = fitted.encoder.encode([m.formulation for m in literature[:30]])
    found = routes_of(fitted.model().network, rows)
    assert found.shape[:2] == (3, 30)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)
