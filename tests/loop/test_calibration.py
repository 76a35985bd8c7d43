"""Simulated values become experiment-equivalent with an uncertainty that says what is not known."""

import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.calibration import (
    LIQUID_SCATTER_STD,
    PRIOR_BIAS_STD,
    experiment_equivalent,
    learn_biases,
)


def liquid(molality):
    return Formulation.create({"LiPF6": molality}, {"EC": 0.3, "EMC": 0.7})


def value(molality, conductivity, source):
    return Measurement(
        formulation=liquid(molality),
        value=conductivity,
        unit="mS/cm",
        standard_uncertainty=0.02 * conductivity,
        source=source,
        external_id=f"{source}-{molality}",
    )


def test_without_a_common_liquid_only_the_uncertainty_grows():
    simulated = [value(1.0, 5.0, "openmm")]
    biases = learn_biases(simulated, [value(0.5, 8.0, "experiment")])
    assert biases["openmm"].n_pairs == 0
    (equivalent,) = experiment_equivalent(simulated, biases)
    assert equivalent.value == pytest.approx(5.0)
    spread = (PRIOR_BIAS_STD**2 + LIQUID_SCATTER_STD**2 + 0.02**2) ** 0.5
    assert equivalent.standard_uncertainty == pytest.approx(5.0 * spread)
    assert "prior bias" in biases["openmm"].describe()


def test_common_liquids_teach_the_bias_and_narrow_it():
    molalities = [0.4 + 0.1 * k for k in range(12)]
    simulated = [value(m, 4.0, "openmm") for m in molalities]
    measured = [value(m, 8.0, "experiment") for m in molalities]
    bias = learn_biases(simulated, measured)["openmm"]
    assert bias.n_pairs == 12
    assert 0.6 < bias.mean < 0.693  # ln 2, shrunk a little towards no bias
    assert bias.std < 0.15
    (equivalent, *_) = experiment_equivalent(simulated, {"openmm": bias})
    assert equivalent.value == pytest.approx(8.0, rel=0.1)


def test_the_order_of_results_does_not_matter():
    simulated = [value(m, 3 + m, "openmm") for m in (0.5, 0.8, 1.1)]
    measured = [value(m, 7 + m, "experiment") for m in (0.5, 0.8, 1.1)]
    assert learn_biases(simulated, measured) == learn_biases(simulated[::-1], measured[::-1])


def test_experiments_pass_unchanged():
    measured = [value(1.0, 9.5, "experiment")]
    assert experiment_equivalent(measured, learn_biases(measured, measured)) == measured


def test_a_box_of_whole_molecules_is_still_the_same_liquid():
    box = Measurement(
        formulation=Formulation.create({"LiPF6": 1.02}, {"EC": 0.307, "EMC": 0.693}),
        value=5.0,
        unit="mS/cm",
        standard_uncertainty=0.1,
        source="openmm",
    )
    assert learn_biases([box], [value(1.0, 9.5, "experiment")])["openmm"].n_pairs == 1
    assert learn_biases([box], [value(1.2, 9.5, "experiment")])["openmm"].n_pairs == 0
