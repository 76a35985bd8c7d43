"""Campaigns with several oracles: each job with its own, a lab beside them, what each was worth."""

import json
import math
import shutil
from pathlib import Path

import pytest
from fakes import FakeStrategy, InlineExecutor
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller, Step
from saltloop.loop.decisions import propose_batch
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.jobs import JobRunner
from saltloop.loop.lab.result_entries import result_entry
from saltloop.loop.preflight import check_before_start
from saltloop.loop.replay import verify
from saltloop.loop.reports.report import status, status_text, summary
from saltloop.loop.reports.story import candidate_story
from saltloop.loop.screen import Screen
from saltloop.loop.settings import load_campaign_file
from saltloop.loop.sources.of_campaign import prices
from saltloop.loop.sources.worth import source_worth
from saltloop.loop.strategy import SurrogateStrategy

QUIET = Screen(is_quiet=True)
FAST = 'fast: {kind: python, factory: "fakes:ToyOracle", source: openmm}'
FILE = """
name: many
space: {{salts: [LiPF6], solvents: [EC, DMC]}}
acquisition: {{batch_size: 2, refine: false, mc_samples: 64, shortlist: 32}}
budget: {{rounds: {rounds}}}
surrogate: {{architecture: gp}}
oracles:
  fast: {{kind: python, factory: "fakes:ToyOracle", source: openmm, cost: {{hours: 0.05}}}}
  {second}
"""
SLOW = "slow: {kind: python, factory: 'fakes:ToyOracle', source: mlff, options: {source: mlff}, cost: {money: 2}}"
LAB = "robot: {kind: lab, cost: {hours: 1.0, money: 30.0}}"


class Alternating(FakeStrategy):
    """The first candidate of each batch for the first oracle, the second for the second."""

    def propose(self, campaign, **arguments):
        data = super().propose(campaign, **arguments)
        for entry, (name, oracle) in zip(data["candidates"], campaign.settings.named_oracles().items(), strict=False):
            entry |= {"source": name, "assigned_to": "lab" if oracle.kind == "lab" else "oracle"}
        return data


def written(tmp_path, second, rounds=1):
    file = tmp_path / "many.yaml"
    file.write_text(FILE.format(second=second, rounds=rounds))
    return file


def run(file, strategy=None):
    with Campaign.start_or_resume(file) as campaign:
        strategy = strategy or SurrogateStrategy(campaign)
        return Controller(campaign, strategy, InlineExecutor(), QUIET).run()


def answer(file):
    """The lab answers for its open candidates: twice what the toy oracle would simulate."""
    with Campaign.start_or_resume(file) as campaign:
        for candidate in campaign.record.open_candidates():
            liquid = campaign.formulation(candidate.candidate_id)
            molality = sum(liquid.molality.values())
            measurement = Measurement(
                formulation=liquid,
                value=16 * molality * math.exp(-molality),
                unit="mS/cm",
                standard_uncertainty=0.2,
                source="experiment",
                external_id=candidate.candidate_id,
            )
            entry = result_entry(measurement, candidate.candidate_id, None)
            campaign.append("result_ingested", {"results": [entry]})


def test_each_job_runs_with_its_own_oracle(tmp_path):
    file = written(tmp_path, SLOW)
    assert run(file, Alternating()) is Step.STOP
    campaign = Campaign.read(tmp_path / "many")
    for job in campaign.record.jobs.values():
        candidate = campaign.record.candidates[job.candidate_id]
        spec = json.loads((campaign.folder / "jobs" / job.job_key / "input.json").read_text())["oracle"]
        assert job.oracle == candidate.oracle
        assert spec.get("options", {}) == ({"source": "mlff"} if job.oracle == "slow" else {})
        assert "cost" not in spec
    assert {r.measurement["source"] for r in campaign.record.results.values()} == {"openmm", "mlff"}
    assert campaign.record.money == 2.0


def test_candidates_of_the_lab_wait_while_the_others_run(tmp_path):
    file = written(tmp_path, LAB)
    assert run(file, Alternating()) is Step.WAIT
    by_oracle = {c.oracle: c for c in Campaign.read(tmp_path / "many").record.candidates.values()}
    assert by_oracle["fast"].status == "completed"
    assert (by_oracle["robot"].status, by_oracle["robot"].assigned_to) == ("approved", "lab")
    answer(file)
    assert run(file, Alternating()) is Step.STOP
    assert Campaign.read(tmp_path / "many").record.money == 30.0


def test_preflight_checks_each_oracle(tmp_path):
    check_before_start(load_campaign_file(written(tmp_path, SLOW)))
    wrong = SLOW.replace("source: mlff, options", "source: experiment, options")
    with pytest.raises(CampaignFileError, match=r"'slow' is said to have the source 'experiment'.*'mlff'"):
        check_before_start(load_campaign_file(written(tmp_path, wrong)))
    file = written(tmp_path, SLOW)
    file.write_text(file.read_text().replace("[EC, DMC]", "[EC, TEOS]"))
    with pytest.raises(CampaignFileError, match=r"'fast' .python. cannot simulate the whole space"):
        check_before_start(load_campaign_file(file))


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ("robot: {kind: lab}", "oracles.robot needs a 'cost'"),
        ("mine: {kind: python, factory: 'fakes:ToyOracle'}", "oracles.mine needs a 'source'"),
        ("robot: {kind: lab, cost: {euros: 3}}", "there is no such setting"),
        (f"{LAB}\n  other: {{kind: lab, cost: {{hours: 1}}}}", "two of the oracles are a lab"),
        (f"{LAB}\noracle: {{kind: lab}}", "'oracle' and 'oracles' are both given"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path, second, words):
    with pytest.raises(CampaignFileError, match=words):
        load_campaign_file(written(tmp_path, second))


def test_hours_are_learned_from_jobs_where_the_file_does_not_state_them(tmp_path):
    file = written(tmp_path, SLOW)
    with Campaign.start_or_resume(file) as campaign:
        assert prices(campaign)["slow"].describe() == "1 h (assumed until a call has ended) and 2 in money"
    run(file, Alternating())
    learned = prices(Campaign.read(tmp_path / "many"))
    assert learned["slow"].n_learned == 1
    assert learned["slow"].total == pytest.approx(2 + 0.001 / 3600)
    assert learned["fast"].describe() == "0.05 h (as stated)"


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """A campaign of a fast source and a lab that our own strategy has run for three rounds, from 18 known values."""
    file = written(tmp_path_factory.mktemp("decided"), LAB, rounds=3)
    rows = [
        f"{m} mol/kg LiPF6 in EC:DMC {ec}:{10 - ec} (w/w) at 298.15 K,{16 * m * math.exp(-m) + 0.1 * ec:.3f},mS/cm,0.1"
        for m in (0.4, 0.6, 1.0, 1.6, 2.0, 2.4)
        for ec in (7, 8, 9)
    ]
    known = file.with_name("known.csv")
    known.write_text("\n".join(["formulation,value,unit,standard_uncertainty", *rows]) + "\n")
    file.write_text(file.read_text() + f"data: [{known}]\n")
    while run(file) is Step.WAIT:
        answer(file)
    return file


def test_each_candidate_has_its_source_and_why(decided):
    campaign = Campaign.read(decided.parent / "many")
    entries = [entry for batch in campaign.record.batches for entry in batch["candidates"]]
    assert len(entries) == 6
    assert {entry["source"] for entry in entries} <= {"fast", "robot"}
    for entry in entries:
        assert entry["why_source"].startswith(entry["source"])
        assert entry["purpose"] in ("explore", "confirm", "replicate", "calibrate")
        assert entry["assigned_to"] == ("lab" if entry["source"] == "robot" else "oracle")
    story = candidate_story(campaign, campaign.record.candidates[entries[0]["candidate_id"]])
    assert entries[0]["why_source"] in story


def test_what_was_only_simulated_is_confirmed_not_replicated(decided):
    campaign = Campaign.read(decided.parent / "many")
    simulated: set[str] = set()
    for batch in campaign.record.batches:
        for entry in batch["candidates"]:
            if entry["source"] == "robot" and entry["formulation_id"] in simulated:
                assert entry["purpose"] == "confirm"
        simulated |= {entry["formulation_id"] for entry in batch["candidates"] if entry["purpose"] == "explore"}


def test_decisions_between_sources_are_replayed(decided, tmp_path):
    shutil.copytree(decided.parent, tmp_path / "copy")
    campaign = Campaign.read(tmp_path / "copy" / "many")
    assert verify(campaign, SurrogateStrategy(campaign)).problems == []


def test_a_decision_for_another_source_is_found(decided, tmp_path):
    shutil.copytree(decided.parent, tmp_path / "copy")
    campaign = Campaign.read(tmp_path / "copy" / "many")
    entry = campaign.record.batches[0]["candidates"][0]
    entry["source"] = "robot" if entry["source"] == "fast" else "fast"
    problems = verify(campaign, SurrogateStrategy(campaign)).problems
    assert any(f"{entry['candidate_id']} was given to {entry['source']}" in problem for problem in problems)


def test_asking_is_for_the_lab_alone(decided, tmp_path):
    shutil.copytree(decided.parent, tmp_path / "copy")
    with Campaign.start_or_resume(tmp_path / "copy" / "many.yaml") as campaign:
        (asked,) = propose_batch(
            campaign, SurrogateStrategy(campaign), n=1, assigned_to="lab", screen=QUIET, actor="me"
        )
        assert (asked.oracle, asked.assigned_to) == ("robot", "lab")


def test_no_source_answers_twice_for_a_liquid_unless_it_is_a_replicate(decided):
    candidates = Campaign.read(decided.parent / "many").record.candidates.values()
    asked = [(c.formulation_id, c.oracle) for c in candidates if c.why["purpose"] != "replicate"]
    assert len(asked) == len(set(asked))


def test_the_summary_says_what_each_source_was_worth(decided):
    campaign = Campaign.read(decided.parent / "many")
    fast, robot = source_worth(campaign)
    assert fast["calls"] + robot["calls"] == 6
    assert robot["spent"] == pytest.approx(31.0 * robot["calls"])
    assert robot["bias"] is None
    for text in (status_text(campaign), summary(campaign)):
        assert f"fast: {fast['calls']} call(s)" in text
        assert f"robot: {robot['calls']} call(s)" in text
        assert "raised the best by" in text
    assert status(campaign)["sources"][0]["oracle"] == "fast"


def test_a_state_with_one_oracle_is_read_as_before(tmp_path):
    shutil.copy(Path(__file__).parent / "golden" / "state-v1.jsonl", tmp_path / "state.jsonl")
    campaign = Campaign.read(tmp_path)
    assert list(campaign.settings.named_oracles()) == ["oracle"]
    assert {c.oracle for c in campaign.record.candidates.values()} == {"oracle"}
    runner = JobRunner(campaign, InlineExecutor(), print)
    for job in campaign.record.jobs.values():
        candidate = campaign.record.candidates[job.candidate_id]
        assert runner._job_key(candidate) == job.job_key, "a resumed job is found again"
    (only,) = source_worth(campaign)
    assert only["calls"] == sum(call.candidate_id is not None for call in campaign.record.calls)
    assert only["failures"] == sum(call.outcome != "ok" for call in campaign.record.calls)


def test_the_campaign_of_two_sources_can_be_read():
    settings = load_campaign_file(Path(__file__).parents[2] / "campaigns" / "two_sources.yaml")
    assert {name: oracle.yields for name, oracle in settings.named_oracles().items()} == {
        "md": "openmm",
        "robot": "experiment",
    }
