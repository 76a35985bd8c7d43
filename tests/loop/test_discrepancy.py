"""Simulated values become experiment-equivalent with an uncertainty that says what is not known."""

import math

import numpy as np
import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.sources.discrepancy import Discrepancy
from saltloop.loop.sources.pairs import solvent_class
from saltloop.loop.sources.process import LIQUID_STD, PRIOR_BIAS_STD


def liquid(molality, ec=0.3):
    return Formulation.create({"LiPF6": molality}, {"EC": ec, "EMC": 1 - ec})


def value(molality, conductivity, source, *, ec=0.3, relative=0.02, name=""):
    return Measurement(
        formulation=liquid(molality, ec),
        value=conductivity,
        unit="mS/cm",
        standard_uncertainty=relative * conductivity,
        source=source,
        external_id=f"{source}-{molality}-{ec}-{name}",
    )


def relative(measurement):
    return measurement.standard_uncertainty / measurement.value


def biased(n, bias, *, noise=0.1, seed=0):
    """Simulations and experiments of ``n`` liquids whose ln ratio is ``bias(molality, share of EC)``."""
    draw = np.random.default_rng(seed)
    places = np.stack([draw.uniform(0.3, 2.0, n), draw.uniform(0.1, 0.9, n)], 1).round(3).tolist()
    measured = [value(m, 8.0, "experiment", ec=ec) for m, ec in places]
    simulated = [
        value(m, 8.0 * math.exp(-bias(m, ec) + noise * draw.normal()), "openmm", ec=ec, relative=noise)
        for m, ec in places
    ]
    return simulated, measured


def test_without_a_common_liquid_only_the_uncertainty_grows():
    simulated = [value(1.0, 5.0, "openmm")]
    discrepancy = Discrepancy.fit(simulated, [value(0.5, 8.0, "experiment")])
    (equivalent,) = discrepancy.as_experiments(simulated)
    assert equivalent.value == pytest.approx(5.0)
    assert relative(equivalent) == pytest.approx(math.sqrt(PRIOR_BIAS_STD**2 + LIQUID_STD**2 + 0.02**2))
    assert "prior bias of a factor 1.6" in discrepancy.describe()[0]


def test_one_pair_moves_its_neighbours_part_of_the_way():
    known = [value(1.0, 8.0, "experiment")]
    simulated = [value(1.0, 4.0, "openmm"), value(1.1, 4.0, "openmm"), value(8.0, 4.0, "openmm")]
    _, near, far = Discrepancy.fit(simulated, known).as_experiments(simulated)
    assert 4.5 < far.value < near.value < 8.0
    assert 0.12 < relative(near) < relative(far) < 0.6


def test_many_pairs_recover_a_bias_that_follows_composition():
    def bias(molality, ec):
        return 0.5 + 0.4 * (ec - 0.5) - 0.3 * (molality - 1)

    simulated, measured = biased(40, bias)
    new = [value(m, 5.0, "openmm", ec=ec, relative=0.1) for m, ec in ((0.5, 0.2), (1.0, 0.5), (1.8, 0.8))]
    discrepancy = Discrepancy.fit([*simulated, *new], measured)
    for equivalent, (m, ec) in zip(discrepancy.as_experiments(new), ((0.5, 0.2), (1.0, 0.5), (1.8, 0.8)), strict=True):
        assert math.log(equivalent.value / 5.0) == pytest.approx(bias(m, ec), abs=0.12)
        assert 0.1 < relative(equivalent) < 0.25


def test_thirty_pairs_tell_more_than_three():
    def spread(n):
        simulated, measured = biased(n, lambda m, ec: 0.4)
        return Discrepancy.fit(simulated, measured).effective_noise("openmm", [liquid(1.0)])[0]

    assert 0.1 < spread(30) < spread(3) < spread(1) < 0.62


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    inside = []
    for seed in range(8):
        simulated, measured = biased(24, lambda m, ec: 0.3 - 0.4 * m + 0.5 * ec, noise=0.15, seed=seed)
        discrepancy = Discrepancy.fit(simulated, measured[:12])
        for equivalent in discrepancy.as_experiments(simulated)[12:]:
            inside.append(abs(math.log(equivalent.value / 8.0)) < 1.96 * relative(equivalent))
    assert 0.88 < np.mean(inside) <= 1.0


def test_a_liquid_does_not_calibrate_its_own_simulation():
    known = [value(1.0, 8.0, "experiment")]
    simulated = [value(1.0, 4.0, "openmm")]
    (equivalent,) = Discrepancy.fit(simulated, known).as_experiments(simulated)
    assert equivalent.value == pytest.approx(4.0), "else the experiment would count twice"


def test_replicates_share_their_bias():
    def together(n):
        results = [value(1.0, 5.0, "openmm", relative=0.1, name=k) for k in range(n)]
        weights = [1 / relative(m) ** 2 for m in Discrepancy.fit(results).as_experiments(results)]
        return sum(weights) ** -0.5

    assert together(1) > together(8) > math.sqrt(PRIOR_BIAS_STD**2 + LIQUID_STD**2 - 0.12**2) - 1e-3


def test_pairs_show_a_stated_error_that_is_too_small():
    simulated, measured = biased(30, lambda m, ec: 0.4, noise=0.3)
    boastful = [m.model_copy(update={"standard_uncertainty": 0.03 * m.value}) for m in simulated]
    (words,) = Discrepancy.fit(boastful, measured).describe()
    assert "its stated error of 3 % is too small" in words
    (words,) = Discrepancy.fit(simulated, measured).describe()
    assert "fits how its values scatter" in words


def test_replicates_alone_show_a_stated_error_that_is_too_small():
    draw = np.random.default_rng(1)
    results = [
        value(m, 5.0 * math.exp(0.4 * draw.normal()), "openmm", relative=0.03, name=k)
        for m in (0.5, 1.0, 1.5, 2.0)
        for k in range(4)
    ]
    discrepancy = Discrepancy.fit(results)
    assert discrepancy.summaries()[0].scatter_std > 0.2, "0.4, shrunk towards the prior's 0.12"
    assert "its stated error of 3 % is too small" in discrepancy.describe()[0]


def test_each_source_has_its_own_bias():
    simulated, measured = biased(10, lambda m, ec: 0.6)
    other = [m.model_copy(update={"source": "mlff", "value": 8.0}) for m in simulated]
    discrepancy = Discrepancy.fit([*simulated, *other], measured)
    mlff, openmm = discrepancy.summaries()
    assert openmm.bias > 0.3 > mlff.bias
    assert [m.source for m in discrepancy.as_experiments([other[0], simulated[0]])] == ["mlff", "openmm"]


def test_the_order_of_results_does_not_matter():
    simulated, measured = biased(8, lambda m, ec: 0.3 * m)
    forward = Discrepancy.fit(simulated, measured)
    backward = Discrepancy.fit(simulated[::-1], measured[::-1])
    assert forward.as_experiments(simulated) == backward.as_experiments(simulated)
    assert forward.describe() == backward.describe()


def test_experiments_pass_unchanged():
    measured = [value(1.0, 9.5, "experiment")]
    assert Discrepancy.fit(measured, measured).as_experiments(measured) == measured


def test_a_box_of_whole_molecules_is_still_the_same_liquid():
    box = Measurement(
        formulation=Formulation.create({"LiPF6": 1.02}, {"EC": 0.307, "EMC": 0.693}),
        value=5.0,
        unit="mS/cm",
        standard_uncertainty=0.1,
        source="openmm",
    )
    assert Discrepancy.fit([box], [value(1.0, 9.5, "experiment")]).summaries()[0].n_liquids == 1
    assert Discrepancy.fit([box], [value(1.2, 9.5, "experiment")]).summaries()[0].n_liquids == 0


@pytest.mark.parametrize(
    ("smiles", "name"),
    [
        ("O=C1OCCO1", "cyclic carbonate"),
        ("CCOC(=O)OC", "linear carbonate"),
        ("COCCOC(=O)OC", "linear carbonate"),
        ("O=C1CCCO1", "ester"),
        ("COCCOC", "ether"),
        ("CC#N", "nitrile"),
        ("CN(C)C=O", "amide"),
        ("O=S1(=O)CCCC1", "sulfur or phosphorus"),
        ("c1ccccc1", "other"),
    ],
)
def test_solvents_have_a_class(smiles, name):
    assert solvent_class(smiles) == name
