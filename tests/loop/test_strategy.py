"""The strategy on a real, briefly trained surrogate: units are part of a value, and weights can be lost."""

import shutil

import pytest
from saltloop.chemistry import Formulation, Measurement
from saltloop.loop.campaign import Campaign
from saltloop.loop.decisions import fit_surrogate
from saltloop.loop.events import compact_json
from saltloop.loop.lab.result_entries import result_entry
from saltloop.loop.screen import Screen
from saltloop.loop.strategy import SurrogateStrategy
from saltloop.surrogates import checkpoint
from saltloop.surrogates.factory import load_surrogate

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


@pytest.mark.parametrize("left", [0, 1000])
def test_weights_that_a_crash_cut_short_are_trained_again(campaign, left):
    (weights,) = (campaign.folder / "models").glob("*.safetensors")
    whole = weights.read_bytes()
    weights.write_bytes(whole[:left])
    strategy = SurrogateStrategy(campaign)
    assert not strategy.has_model(campaign)
    fit_surrogate(campaign, strategy, screen=QUIET)
    assert weights.read_bytes() == whole


def test_weights_of_an_earlier_saltloop_s_network_are_trained_again(campaign, monkeypatch):
    strategy = SurrogateStrategy(campaign)
    (weights,) = (campaign.folder / "models").glob("*.safetensors")
    now = weights.read_bytes()
    surrogate = load_surrogate(weights, campaign.species)
    with monkeypatch.context() as earlier:
        earlier.setattr(checkpoint, "FORMAT_VERSION", checkpoint.FORMAT_VERSION - 1)
        surrogate.save(weights)
    assert not strategy.has_model(campaign)
    fit_surrogate(campaign, strategy, screen=QUIET)
    assert strategy.has_model(campaign)
    assert weights.read_bytes() == now


def test_a_decision_with_several_objectives_is_recorded_and_repeats(campaign):
    told(campaign, 14.0, 0.2, "mS/cm")
    settings = campaign.settings
    campaign.settings = settings.model_validate(
        settings.model_dump()
        | {
            "objectives": [
                {"quantity": "conductivity", "reference": 2.0},
                {"quantity": "viscosity", "goal": "minimise", "reference": 3.0},
                {"quantity": "oxidation_potential", "reference": 6.0},
                {"column": "average(viscosity_mPa_s)", "goal": "minimise", "reference": 2.0, "at_most": 3.0},
            ],
            "acquisition": {"kind": "qlognehvi", "mc_samples": 16, "shortlist": 16, "refine": False},
        }
    )
    first, again = (SurrogateStrategy(campaign).propose(campaign, iteration=0, n=2) for _ in range(2))
    assert compact_json(first) == compact_json(again)
    assert len(first["candidates"][0]["objectives"]) == 4
    assert first["outlook"]["n"] >= 16
    assert any("viscosity: 0 measured value(s)" in note for note in first["notes"])
    assert first["front"]


def test_conductivity_is_predicted_also_where_it_is_no_objective(campaign):
    told(campaign, 14.0, 0.2, "mS/cm")
    settings = campaign.settings.model_dump()
    campaign.settings = campaign.settings.model_validate(
        settings
        | {
            "objectives": [
                {"quantity": "oxidation_potential", "reference": 6.0},
                {"column": "average(viscosity_mPa_s)", "goal": "minimise", "reference": 2.0},
            ],
            "acquisition": {"kind": "qlognehvi", "mc_samples": 16, "shortlist": 16, "refine": False},
        }
    )
    (entry,) = SurrogateStrategy(campaign).propose(campaign, iteration=0, n=1)["candidates"]
    assert entry["predicted"]["mean"] > 0.1
    assert entry["predicted"]["standard_deviation"] > 0


def test_what_noise_hides_is_measured_again(campaign):
    """Two liquids that cannot be told apart, in a space whose other two are mostly EC and surely worse."""
    grid = {"fraction_step": 0.5, "min_fraction": 0.2, "concentration": [1.0], "max_solid_fraction": 1}
    settings = campaign.settings.model_dump()
    campaign.settings = campaign.settings.model_validate(
        settings | {"space": settings["space"] | grid, "acquisition": {"refine": False}}
    )
    liquids = [Formulation.parse(text) for text in ("1 mol/kg LiPF6 in DME", "1 mol/kg LiPF6 in EC:DME 1:4 (w/w)")]
    for k, (liquid, value) in enumerate(zip(liquids, (60.0, 40.0), strict=True)):
        noisy = Measurement(
            formulation=liquid, value=value, unit="mS/cm", standard_uncertainty=6.0, source="experiment",
            external_id=str(k),
        )  # fmt: skip
        campaign.append("result_ingested", {"results": [result_entry(noisy, None, None)]})
    (entry,) = SurrogateStrategy(campaign).propose(campaign, iteration=0, n=1)["candidates"]
    assert entry["is_replicate"]
    assert entry["formulation_id"] in {one.formulation_id for one in liquids}
    assert "cannot be told from" in entry["reason"]
