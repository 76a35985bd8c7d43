"""State files written by earlier versions are read for ever. One golden file a version; never edit them."""

import shutil
from pathlib import Path

import pytest
from saltloop.loop.campaign import Campaign
from saltloop.loop.reports.log import log_lines
from saltloop.loop.reports.report import status

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def folder(tmp_path):
    shutil.copy(GOLDEN / "state-v1.jsonl", tmp_path / "state.jsonl")
    return tmp_path


def test_version_1_adds_up_to_what_it_was(folder):
    campaign = Campaign.read(folder)
    now = status(campaign)
    assert now["events"] == 43
    assert now["state"] == "closed"
    assert now["rounds"] == 2
    assert now["rounds_budget"] == 3
    assert now["candidates"] == {"abandoned": 2, "completed": 2}
    assert now["results"] == 2, "two of the oracle, one of them retracted, and one told"
    assert now["quarantined"] == 1
    assert now["best"]["text"] == "1 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 298.15 K"
    assert now["best"]["value"] == pytest.approx(11.2), "reported as 1.12 S/m"
    assert now["best"]["unit"] == "mS/cm"
    assert {job.attempt for job in campaign.record.jobs.values()} == {2}


def test_version_1_can_be_told_as_a_log(folder):
    log = "\n".join(log_lines(Campaign.read(folder).events))
    assert "campaign golden created, seed 11" in log
    assert "job failed (blow_up)" in log
    assert "too viscous" in log
    assert "budget changed: rounds 2 -> 3" in log


def test_version_1_can_be_written_on(folder):
    with Campaign.open(folder) as campaign:
        campaign.append("paused", {"reason": "still writable"})
    assert Campaign.read(folder).record.n_events == 44


@pytest.fixture
def forked(tmp_path):
    """Version 2: decisions on several candidates, changed settings, failures told by a lab, pauses, a fork."""
    shutil.copy(GOLDEN / "state-v2.jsonl", tmp_path / "state.jsonl")
    return Campaign.read(tmp_path)


def test_version_2_adds_up_to_what_it_was(forked):
    now = status(forked)
    assert (now["name"], now["state"], now["events"]) == ("golden-fork", "closed", 39)
    assert (now["rounds"], now["rounds_budget"], now["calls"]) == (4, 4, 5)
    assert now["candidates"] == {"abandoned": 3, "completed": 3, "failed": 1, "rejected": 2}
    assert now["failed_for_good"] == 2
    assert forked.settings.space.salts == ("LiFSI",)
    assert [rule.rule for rule in forked.settings.stop] == ["nothing_better"]
    assert len(forked.record.spent()) == 6, "a mishap's and an abandoned candidate's formulations may come again"


def test_version_2_can_be_told_as_a_log(forked):
    log = "\n".join(log_lines(forked.events))
    assert "in place of c001-1-67baa9 with salt = LiFSI, molality = 1.0, EC = 0.3" in log
    assert "c001-2-85fa5e rejected as infeasible: two layers" in log
    assert "failed: c003-1-358b71 crystallised: overnight; c003-2-03f01d failed: cell dropped" in log
    assert "paused: 2 of the last 2 calls failed" in log
    assert "space changed: concentration.max 2.0 -> 1.5" in log
    assert "refused: nobody: no candidate that waits" in log
    assert "forked from golden after its event 24" in log


@pytest.fixture
def robots(tmp_path):
    """Version 3: a lab's own reports, quarantine, amendments, retractions, a spool, and a request for candidates."""
    shutil.copy(GOLDEN / "state-v3.jsonl", tmp_path / "state.jsonl")
    return Campaign.read(tmp_path)


def test_version_3_adds_up_to_what_it_was(robots):
    now = status(robots)
    assert (now["name"], now["events"], now["calls"], now["money"]) == ("golden-lab", 18, 5, 52.5)
    assert now["candidates"] == {"abandoned": 1, "candidate": 1, "completed": 2, "failed": 2}
    assert (now["results"], now["quarantined"]) == (3, 1)
    assert sorted(m.value for m in robots.measurements()) == [5.1, 5.5, 9.1]
    assert {held.decision for held in robots.record.quarantined.values()} == {"", "rejected"}
    assert len(robots.record.spent()) == 5, "the liquid of a retracted result may come again"
    assert not robots.record.is_fit_stale


def test_version_3_can_be_told_as_a_log(robots):
    log = "\n".join(log_lines(robots.events))
    assert "quarantined: 9.1 mS/cm is 7.6 standard deviations above the model's 5 ± 0.5" in log
    assert "quarantined: the lab calls it suspect: drift" in log
    assert "conductivity below 0.01 mS/cm" in log
    assert "quarantine released: m7cd1c6c4a932a87: repeated" in log
    assert "amended: conductivity 5.5 ± 0.2 mS/cm" in log
    assert "retracted: m758b56f93996551: leaking cell" in log
    assert "refused: result 1: candidate 'c9' is unknown" in log
