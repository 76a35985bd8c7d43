"""Starting, resuming and steering a campaign, with a strategy and an oracle that answer at once."""

import json
import os
import socket

import psutil
import pytest
from fakes import FakeStrategy, InlineExecutor
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller, Step
from saltloop.loop.errors import CampaignError, CampaignFileError, LockedError
from saltloop.loop.lab.result_entries import result_entry
from saltloop.loop.preflight import check_before_start
from saltloop.loop.reports.log import log_lines
from saltloop.loop.reports.report import status, status_text, summary
from saltloop.loop.reports.story import candidate_story
from saltloop.loop.screen import Screen
from saltloop.loop.settings import load_campaign_file
from saltloop.loop.sources.worth import source_worth

TOY = """
name: toy
seed: 1
space:
  salts: [LiPF6]
  solvents: [EC, DMC]
oracle: {kind: python, factory: "fakes:ToyOracle"}
budget: {rounds: 2}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "toy.yaml"
    path.write_text(TOY)
    return path


def run(file, strategy=None):
    with Campaign.start_or_resume(file) as campaign:
        return Controller(campaign, strategy or FakeStrategy(), InlineExecutor(), Screen(is_quiet=True)).run()


def edit(file, old, new):
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_a_campaign_runs_its_rounds_and_stops(file):
    assert run(file) is Step.STOP
    campaign = Campaign.read(file.parent / "toy")
    assert status(campaign)["rounds"] == 2
    assert status(campaign)["results"] == 4
    assert status(campaign)["candidates"] == {"completed": 4}
    assert campaign.record.last_stop["reasons"] == ["2 of 2 rounds are done"]


def test_a_finished_campaign_run_again_does_nothing(file):
    run(file)
    before = (file.parent / "toy" / "state.jsonl").read_bytes()
    assert run(file) is Step.STOP
    assert (file.parent / "toy" / "state.jsonl").read_bytes() == before


def test_a_raised_budget_is_recorded_and_the_campaign_goes_on(file):
    run(file)
    edit(file, "rounds: 2", "rounds: 3")
    assert run(file) is Step.STOP
    campaign = Campaign.read(file.parent / "toy")
    assert campaign.record.n_rounds == 3
    changes = [event.data for event in campaign.events if event.type == "budget_changed"]
    assert [change["budget"]["rounds"] for change in changes] == [3]


def test_an_edited_campaign_file_is_refused_with_the_differences(file):
    run(file)
    edit(file, "[EC, DMC]", "[EC, DMC, EMC]")
    with pytest.raises(
        CampaignFileError, match=r"(?s)space\.solvents.*'DMC'\].*'EMC'\].*give the campaign a new 'name'"
    ):
        run(file)
    assert not (file.parent / "toy" / "state.lock").exists()


def test_execution_may_be_changed_at_any_time(file):
    run(file)
    file.write_text(file.read_text() + "execution: {workers: 1}\n")
    assert run(file) is Step.STOP


def test_two_controllers_on_one_campaign(file):
    with Campaign.start_or_resume(file), pytest.raises(LockedError, match=f"process {os.getpid()}"):
        Campaign.start_or_resume(file)


def test_reading_needs_no_lock_and_cannot_write(file):
    with Campaign.start_or_resume(file):
        reader = Campaign.read(file.parent / "toy")
        with pytest.raises(CampaignError, match="opened for reading"):
            reader.append("paused", {})


def test_no_campaign_in_the_folder(tmp_path):
    with pytest.raises(CampaignError, match="There is no campaign in"):
        Campaign.read(tmp_path)


def test_the_same_seed_gives_the_same_decisions(file, tmp_path):
    run(file)
    other = tmp_path / "other" / "toy.yaml"
    other.parent.mkdir()
    other.write_text(TOY)
    run(other)
    texts = [[c.text for c in Campaign.read(path.parent / "toy").record.candidates.values()] for path in (file, other)]
    assert texts[0] == texts[1]
    edit(other, "seed: 1", "seed: 2\nname: toy2")
    edit(other, "name: toy\n", "")
    run(other)
    assert [c.text for c in Campaign.read(other.parent / "toy2").record.candidates.values()] != texts[0]


def test_manual_approval_waits_for_a_person(file):
    file.write_text(file.read_text() + "approval: manual\n")
    assert run(file) is Step.WAIT
    with Campaign.start_or_resume(file) as campaign:
        first, second = campaign.record.candidates
        campaign.append("candidate_approved", {"candidate_ids": [first]}, actor="ana")
        campaign.append("candidate_rejected", {"candidate_ids": [second], "reason": "smells"}, actor="ana")
    assert run(file) is Step.WAIT
    record = Campaign.read(file.parent / "toy").record
    assert record.candidates[first].status == "completed"
    assert record.candidates[second].status == "rejected"
    assert len(record.batches) == 2


def test_a_lab_campaign_waits_for_each_round_and_stops_after_the_last(file):
    edit(file, 'kind: python, factory: "fakes:ToyOracle"', "kind: lab")
    for n_rounds in (1, 2):
        assert run(file) is Step.WAIT
        with Campaign.start_or_resume(file) as campaign:
            assert campaign.record.n_rounds == n_rounds
            entries = [
                result_entry(
                    Measurement(
                        formulation=campaign.formulation(c.candidate_id),
                        value=9.0,
                        unit="mS/cm",
                        standard_uncertainty=0.2,
                        source="experiment",
                    ),
                    c.candidate_id,
                    None,
                )
                for c in campaign.record.open_candidates()
            ]
            campaign.append("result_ingested", {"results": entries})
    assert run(file) is Step.STOP


def test_a_permanent_failure_stays_visible_and_is_not_tried_again(file):
    edit(file, 'fakes:ToyOracle"', 'fakes:ToyOracle", options: {fail_above: 0.1}')
    assert run(file) is Step.STOP
    record = Campaign.read(file.parent / "toy").record
    assert {(c.status, c.reason) for c in record.candidates.values()} == {("abandoned", "too viscous")}
    assert {job.attempt for job in record.jobs.values()} == {1}
    assert not record.results


def test_a_retryable_failure_is_tried_again(file):
    edit(file, 'fakes:ToyOracle"', 'fakes:ToyOracle", options: {fail_once: true}')
    assert run(file) is Step.STOP
    record = Campaign.read(file.parent / "toy").record
    assert {job.attempt for job in record.jobs.values()} == {2}
    assert {c.status for c in record.candidates.values()} == {"completed"}


def test_an_unphysical_result_is_quarantined(file):
    edit(file, 'fakes:ToyOracle"', 'fakes:ToyOracle", options: {negative: true}')
    assert run(file) is Step.STOP
    record = Campaign.read(file.parent / "toy").record
    assert not record.results
    assert len(record.quarantined) == 4
    assert "is not positive" in next(iter(record.candidates.values())).reason


def test_a_tampered_job_result_is_noticed(file):
    run(file)
    with Campaign.start_or_resume(file) as campaign:
        record = campaign.record
        job = next(iter(record.jobs.values()))
        result = campaign.folder / "jobs" / job.job_key / "result.json"
        content = json.loads(result.read_text())
    content["measurements"][0]["value"] = 99.0
    result.write_text(json.dumps(content))
    from saltloop.loop.replay import verify

    verdict = verify(Campaign.read(file.parent / "toy"), FakeStrategy())
    assert not verdict.is_good
    assert f"{job.job_key}/result.json was changed" in verdict.problems[0]


def test_replaying_gives_the_same_decisions(file):
    from saltloop.loop.replay import verify

    run(file)
    verdict = verify(Campaign.read(file.parent / "toy"), FakeStrategy())
    assert verdict.is_good, verdict.problems
    assert (verdict.n_decisions, verdict.n_fits, verdict.n_results) == (2, 1, 4)


def test_replaying_notices_another_decision(file):
    from saltloop.loop.replay import verify

    class OtherStrategy(FakeStrategy):
        def propose(self, campaign, **arguments):
            answer = super().propose(campaign, **{**arguments, "iteration": arguments["iteration"] + 7})
            return {**answer, "iteration": arguments["iteration"]}

    run(file)
    verdict = verify(Campaign.read(file.parent / "toy"), OtherStrategy())
    assert any("replaying chooses" in problem for problem in verdict.problems)


def test_an_interrupt_records_a_pause_and_the_next_run_resumes(file):
    class InterruptedStrategy(FakeStrategy):
        def propose(self, campaign, **arguments):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(file, InterruptedStrategy())
    assert Campaign.read(file.parent / "toy").record.is_paused
    assert run(file) is Step.STOP
    types = [event.type for event in Campaign.read(file.parent / "toy").events]
    assert types.index("paused") < types.index("resumed")


def test_a_space_left_empty_by_its_constraints_is_refused(file):
    edit(file, "solvents: [EC, DMC]", "solvents: [EC]\n  max_solid_fraction: 0.2")
    with pytest.raises(CampaignFileError, match="The space is empty"):
        check_before_start(load_campaign_file(file))


def test_a_species_that_the_oracle_lacks_is_refused_before_anything_runs(file):
    edit(file, "[EC, DMC]", "[EC, TEOS]")
    with pytest.raises(CampaignFileError, match="no parameters for solvent 'TEOS'"):
        check_before_start(load_campaign_file(file))


def test_a_data_set_that_is_not_at_hand_is_refused_before_anything_runs(file, tmp_path, monkeypatch):
    monkeypatch.setenv("SALTLOOP_CACHE", str(tmp_path / "empty"))
    edit(file, "name: toy", "name: toy\ndata: [calisol23]")
    with pytest.raises(DataError, match="saltloop data fetch calisol23"):
        check_before_start(load_campaign_file(file))


def test_a_worker_that_outlived_its_controller_is_ended_before_its_job_is_taken_up(file, tmp_path):
    import subprocess
    import sys

    from saltloop.loop.jobs import _end_orphan

    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    start = psutil.Process(sleeper.pid).create_time()
    (tmp_path / "worker.json").write_text(
        json.dumps({"host": socket.gethostname(), "pid": sleeper.pid, "start": start})
    )
    _end_orphan(tmp_path)
    assert not psutil.pid_exists(sleeper.pid)


def test_a_call_whose_result_is_lost_before_it_is_taken_in_counts_once(file, monkeypatch):
    edit(file, "budget: {rounds: 2}", "budget: {calls: 1}")
    file.write_text(file.read_text().replace('"fakes:ToyOracle"', '"fakes:ToyOracle", cost: {money: 3}'))

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("saltloop.loop.jobs.JobRunner._ingest", killed)
    with pytest.raises(KeyboardInterrupt):
        run(file)
    monkeypatch.undo()
    (result,) = (file.parent / "toy" / "jobs").glob("*/result.json")
    result.unlink()
    assert run(file) is Step.STOP
    campaign = Campaign.read(file.parent / "toy")
    (job,) = campaign.record.jobs.values()
    assert [call.outcome for call in campaign.record.calls] == ["result_changed"]
    assert (campaign.record.oracle_s, campaign.record.money) == (job.wall_s, 3.0)
    assert [one["hours"] for one in source_worth(campaign)] == [job.wall_s / 3600]


def test_reports_tell_the_story(file):
    run(file)
    campaign = Campaign.read(file.parent / "toy")
    candidate = next(iter(campaign.record.candidates.values()))
    assert "2 of 2" in status_text(campaign)
    story = candidate_story(campaign, candidate)
    assert candidate.text in story
    assert "predicted     5.00 ± 2.00 mS/cm" in story
    assert "afterwards    predicted 5.00 ± 1.00 mS/cm" in story
    assert "moved      5.00 ± 2.00 mS/cm  ->  5.00 ± 1.00 mS/cm" in summary(campaign)
    log = "\n".join(log_lines(campaign.events))
    assert "batch 1 of" in log
    assert "candidate" in log or candidate.candidate_id in log
