"""The strategy on a real, briefly trained surrogate: units are part of a value, and weights can be lost."""

import shutil

import pytest
from saltloop.chemistry import Formulation, Measurement
from saltloop.loop.campaign import Campaign
from saltloop.loop.decisions import fit_surrogate
from saltloop.loop.intake import result_entry
from saltloop.loop.screen import Screen
from saltloop.loop.strategy import SurrogateStrategy

LIQUID = Formulation.create({"LiPF6": 1.0}, {"EC": 0.2, "DME": 0.8})
QUIET = Screen(is_quiet=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A lab campaign whose surrogate has been trained for a moment."""
    file = tmp_path_factory.mktemp("strategy") / "lab.yaml"
    file.write_text(
        "name: lab\nspace: {salts: [LiPF6], solvents: [EC, DME]}\noracle: {kind: lab}\n"
        "surrogate: {n_members: 2, hidden: 16, epochs: 3}\n"
    )
    with Campaign.start_or_resume(file) as campaign:
        fit_surrogate(campaign, SurrogateStrategy(campaign), screen=QUIET)
    return file


@pytest.fixture
def campaign(trained, tmp_path):
    shutil.copytree(trained.parent, tmp_path / "copy")
    with Campaign.start_or_resume(tmp_path / "copy" / "lab.yaml") as opened:
        yield opened


def told(campaign, value, std, unit):
    measurement = Measurement(
        formulation=LIQUID, value=value, unit=unit, standard_uncertainty=std, source="experiment", external_id="x"
    )
    campaign.append("result_ingested", {"results": [result_entry(measurement, None, None)]})


@pytest.mark.parametrize(("value", "std", "unit"), [(14.0, 0.2, "mS/cm"), (1.4, 0.02, "S/m"), (0.014, 0.0002, "S/cm")])
def test_a_result_teaches_the_same_in_any_unit(campaign, value, std, unit):
    told(campaign, value, std, unit)
    strategy = SurrogateStrategy(campaign)
    assert strategy.predict(campaign, [LIQUID])[0]["mean"] == pytest.approx(14.0, abs=0.5)
    nearest = strategy.nearest_known(campaign, LIQUID)[0]
    assert nearest["distance"] == 0
    assert nearest["conductivity_mS_cm"] == pytest.approx(14.0)


def test_a_simulation_is_compared_with_an_experiment_in_any_unit(campaign):
    told(campaign, 1.4, 0.02, "S/m")
    simulated = Measurement(
        formulation=LIQUID, value=7.0, unit="mS/cm", standard_uncertainty=0.1, source="openmm", external_id="y"
    )
    campaign.append("result_ingested", {"results": [result_entry(simulated, None, None)]})
    notes = SurrogateStrategy(campaign).propose(campaign, iteration=0, n=1)["notes"]
    (note,) = [note for note in notes if "experiment / openmm" in note]
    ratio = float(note.split("=")[1].split()[0])
    assert 1.2 < ratio < 2.0, "half of what was measured, shrunk towards no bias"


def test_lost_weights_are_trained_again_bit_for_bit(campaign):
    shutil.rmtree(campaign.folder / "models")
    strategy = SurrogateStrategy(campaign)
    assert not strategy.has_model(campaign)
    n_events = campaign.record.n_events
    fit_surrogate(campaign, strategy, screen=QUIET)
    assert strategy.has_model(campaign)
    assert campaign.record.n_events == n_events
