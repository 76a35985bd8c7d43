"""Replicas, stopping at an error, converging densities, annealing and hotter temperatures, on boxes of 200 atoms."""

import json
import shutil

import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.md import engine, md_job, slowness, store
from saltloop.simulators.md import replicas as replicas_module
from saltloop.simulators.md.openmm_oracle import OpenMMOracle
from saltloop.simulators.md.protocols import resolve_protocol
from tiny_protocol import TINY

LIQUID = Formulation.parse("1.5 mol/kg LiBF4 in AN at 298.15 K")
SHORT = {
    **TINY,
    "equilibrate_nvt": {"duration_ps": 0.2},
    "equilibrate_npt": {"duration_ps": 1.0, "sample_ps": 0.1, "converge": None},
    "produce": {"duration_ps": 2.0},
}


def run(folder, said=None, liquid=LIQUID, **overrides):
    oracle = OpenMMOracle(resolve_protocol({**SHORT, **overrides}), SpeciesBook.builtin(), platform="CPU")
    return oracle.run(liquid, folder, seed=4, progress=said and (lambda *what: said.append(what)))


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """Two replicas with an error that is never reached: extended once, to the longest production."""
    folder, said = tmp_path_factory.mktemp("extended"), [(0.0, "")]
    stop = {"relative_error": 1e-6, "max_ps": 3.0}
    return folder, said, run(folder, said, replicas=2, stop=stop)


def test_replicas_have_folders_and_packings_of_their_own_and_one_result(extended):
    folder, _, outcome = extended
    assert outcome.failure is None
    first, second = ((folder / name / "packed.xyz").read_text() for name in ("packing", "packing-2"))
    assert first != second
    assert [one["folder"] for one in outcome.provenance["runs"]["md"]["replicas"]] == ["md", "md-2"]
    quantities = [one.quantity for one in outcome.measurements]
    assert len(quantities) == len(set(quantities))


def test_production_goes_on_until_the_budget_ends_and_it_is_recorded_why(extended):
    folder, _, outcome = extended
    decisions = outcome.provenance["runs"]["md"]["decisions"]
    assert [one["production_ps"] for one in decisions] == [2.0, 3.0]
    assert decisions[0]["next_ps"] == 3.0
    assert decisions[-1]["next_ps"] is None
    assert "3 ps is used up" in outcome.provenance["stopped"]
    assert json.loads((folder / "md-decisions.json").read_text())[0]["why"] == decisions[0]["why"]
    assert outcome.provenance["n_sessions"] == 1


def test_progress_names_the_replica_and_never_falls(extended):
    _, said, _ = extended
    shares = [share for share, _ in said]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert any("replica 2 of 2" in words for _, words in said)


def test_decisions_are_not_taken_twice(extended, tmp_path, monkeypatch):
    folder, _, outcome = extended
    shutil.copytree(folder, tmp_path / "again")
    monkeypatch.setattr(replicas_module, "decide", None)
    again = run(tmp_path / "again", replicas=2, stop={"relative_error": 1e-6, "max_ps": 3.0})
    assert [one.value for one in again.measurements] == [one.value for one in outcome.measurements]
    assert again.provenance["stopped"] == outcome.provenance["stopped"]


def test_an_easy_error_stops_at_the_first_decision(tmp_path):
    outcome = run(tmp_path, stop={"relative_error": 0.99, "max_ps": 30.0}, liquid=Formulation.parse("AN at 298.15 K"))
    assert [one["production_ps"] for one in outcome.provenance["runs"]["md"]["decisions"]] == [2.0]
    assert "is not above 0.99" in outcome.provenance["stopped"]


def test_a_density_that_does_not_converge_takes_the_longest_time_and_it_is_said(tmp_path):
    npt = {"duration_ps": 1.0, "sample_ps": 0.1, "converge": {"relative_error": 1e-6, "max_stretch": 2.0}}
    outcome = run(tmp_path, equilibrate_npt=npt)
    assert any("density has not converged within 2 ps" in warning for warning in outcome.provenance["warnings"])
    assert json.loads((tmp_path / "md" / "checkpoint.json").read_text())["n_pieces"]["npt"] == 4


def test_annealing_is_recorded_with_its_reason(tmp_path):
    anneal = {"when": "always", "duration_ps": 0.5}
    outcome = run(tmp_path, anneal=anneal)
    assert outcome.failure is None
    assert outcome.provenance["runs"]["md"]["replicas"][0]["annealed"] == "the protocol always anneals"


SLOW = {"min_displacement_nm": 50.0, "factors": [1.1, 1.2]}


def test_a_liquid_that_is_too_slow_is_a_failure_with_a_bound(tmp_path):
    outcome = run(tmp_path, slow={**SLOW, "hotter": False})
    assert outcome.failure.kind == "too_slow"
    assert "the conductivity is at most" in outcome.failure.reason
    assert "no hotter temperature is allowed" in outcome.failure.reason
    assert outcome.provenance["runs"]["md"]["decisions"][-1]["slow"]


def test_hotter_temperatures_have_folders_of_their_own(tmp_path):
    outcome = run(tmp_path, slow=SLOW)
    assert outcome.failure.kind == "too_slow", "at 50 nm the hotter ones are slow as well"
    assert (tmp_path / "md-T327.96" / "checkpoint.json").exists()
    assert set(outcome.provenance["runs"]) == {"md", "md-T327.96", "md-T357.78"}


def test_a_hotter_temperature_that_fails_is_left_out_and_said(tmp_path, monkeypatch):
    check = engine.check_density

    def boils(density, contents):
        if contents.formulation.temperature_K > 298.15:
            raise SimulationFailureError("absurd_density", "it boiled", is_retryable=False)
        check(density, contents)

    monkeypatch.setattr(engine, "check_density", boils)
    outcome = run(tmp_path, slow=SLOW)
    assert outcome.failure.kind == "too_slow"
    assert "two are needed" in outcome.failure.reason
    assert any("327.96 K is left out: it boiled" in warning for warning in outcome.provenance["warnings"])


def test_a_disk_that_fills_up_in_the_second_replica_loses_nothing(tmp_path, monkeypatch):
    write, written = store.write_checkpoint, []

    def full(folder, checkpoint, state):
        written.append((folder.name, checkpoint.stage))
        if written[-2:] == [("md-2", "produce")] * 2:
            raise OSError(28, "No space left on device")
        write(folder, checkpoint, state)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_checkpoint", full)
        with pytest.raises(OSError, match="No space"):
            run(tmp_path, replicas=2)
    outcome = run(tmp_path, replicas=2)
    assert outcome.failure is None
    assert outcome.provenance["n_sessions"] == 2
    assert not list(tmp_path.glob("*.failed-*"))
    for name in ("md", "md-2"):
        assert json.loads((tmp_path / name / "checkpoint.json").read_text())["n_pieces"]["produce"] == 4


def test_a_slow_liquid_is_extrapolated_and_the_result_says_so(tmp_path, monkeypatch):
    """Slow at its own temperature only: what the boxes of this test give is as noisy as they are small."""
    is_slow = slowness.Motion.is_slow
    monkeypatch.setattr(slowness.Motion, "is_slow", lambda one, settings: is_slow(one, settings) and not hot)
    sampled, hot = md_job.MDJob._sampled, []

    def sampled_at(job, contents, *rest):
        hot[:] = [True] if contents.formulation.temperature_K > 300 else []
        return sampled(job, contents, *rest)

    monkeypatch.setattr(md_job.MDJob, "_sampled", sampled_at)
    outcome = run(tmp_path, slow=SLOW, produce={"duration_ps": 4.0})
    assert outcome.failure is None, outcome.failure
    assert outcome.measurements[0].quantity == "conductivity"
    assert outcome.measurements[0].method.startswith("extrapolated from 327.96, 357.78 K by")
    assert outcome.measurements[0].formulation.temperature_K == 298.15
    assert [one["temperature_K"] for one in outcome.provenance["extrapolated"]["conductivity"]["points"]] == [
        327.96,
        357.78,
        298.15,
    ]
    assert {"temperatures.png", "temperatures.csv"} <= set(outcome.artifacts)
    assert any("extrapolated, because at 298.15 K" in warning for warning in outcome.provenance["warnings"])


def test_killed_after_a_decision_it_goes_on_to_what_was_decided(tmp_path, monkeypatch):
    write = replicas_module.write_decisions

    def write_and_die(path, decisions):
        write(path, decisions)
        raise KeyboardInterrupt

    stop = {"relative_error": 1e-6, "max_ps": 3.0}
    with monkeypatch.context() as patch:
        patch.setattr(replicas_module, "write_decisions", write_and_die)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, stop=stop)
    outcome = run(tmp_path, stop=stop)
    assert [one["production_ps"] for one in outcome.provenance["runs"]["md"]["decisions"]] == [2.0, 3.0]
    assert outcome.provenance["results"]["n_frames"] == 30
