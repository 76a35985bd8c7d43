"""Claims: a robot has a candidate for itself, until its lease ends or the candidate is settled."""

import datetime

import pytest
from lab_campaign import LAB, report, start
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.lab import claims
from saltloop.loop.lab.claims import ClaimedError, claim, claim_some, claims_of, give_back
from saltloop.loop.lab.intake import take
from saltloop.loop.reports.report import status, status_text
from saltloop.loop.steering.apply import Approve, Close, Pause, Resume, apply


@pytest.fixture
def campaign(tmp_path):
    with start(tmp_path, n=3) as opened:
        yield opened


@pytest.fixture
def ids(campaign):
    return [one.candidate_id for one in campaign.record.open_candidates()]


def later(monkeypatch, **how):
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(**how)
    monkeypatch.setattr(claims, "_now", lambda: then)


def test_a_claim_keeps_others_away_and_may_be_repeated(campaign, ids):
    first = claim(campaign, ids[0], "robot1")
    again = claim(campaign, ids[0], "robot1")
    assert (again.since, again.robot) == (first.since, "robot1")
    assert again.until >= first.until
    with pytest.raises(ClaimedError, match="claimed by 'robot1' until"):
        claim(campaign, ids[0], "robot2")
    claim(campaign, ids[1], "robot2")
    assert {one: claim.robot for one, claim in claims_of(campaign).items()} == {ids[0]: "robot1", ids[1]: "robot2"}


def test_a_claim_is_there_after_a_restart(campaign, ids):
    claim(campaign, ids[0], "robot1")
    assert claims_of(Campaign.read(campaign.folder))[ids[0]].robot == "robot1"


def test_a_claim_is_in_the_status(campaign, ids):
    claim(campaign, ids[0], "robot1")
    assert [one["claimed_by"] for one in status(campaign)["open"]] == ["robot1", None, None]
    assert "(candidate, lab, claimed by robot1)" in status_text(campaign)


def test_a_claim_lapses(campaign, ids, monkeypatch):
    claim(campaign, ids[0], "robot1", minutes=5)
    later(monkeypatch, minutes=6)
    assert claims_of(campaign) == {}
    assert claim(campaign, ids[0], "robot2").robot == "robot2"


def test_a_claim_is_given_back_by_its_robot_alone(campaign, ids):
    claim(campaign, ids[0], "robot1")
    with pytest.raises(ClaimedError):
        give_back(campaign, ids[0], "robot2")
    give_back(campaign, ids[0], "robot1")
    give_back(campaign, ids[0], "robot1")
    assert claims_of(campaign) == {}


def test_asking_for_some_fills_up_and_repeats(campaign, ids):
    claim(campaign, ids[1], "robot2")
    assert [one.candidate_id for one in claim_some(campaign, "robot1", 1)] == [ids[0]]
    assert [one.candidate_id for one in claim_some(campaign, "robot1", 1)] == [ids[0]], "a retry"
    assert [one.candidate_id for one in claim_some(campaign, "robot1", 5)] == [ids[0], ids[2]]
    assert claim_some(campaign, "robot3", 5) == []


def test_a_result_ends_a_claim_whoever_brings_it(campaign, ids):
    claim(campaign, ids[0], "robot1")
    take(campaign, [report("x", candidate_id=ids[0])], actor="robot2")
    assert claims_of(campaign) == {}
    with pytest.raises(CampaignError, match="is completed"):
        claim(campaign, ids[0], "robot1")
    claim(campaign, ids[1], "robot1")
    assert [path.stem for path in (campaign.folder / "claims").glob("*.json")] == [ids[1]], "nothing is left behind"


def test_what_waits_for_approval_is_not_claimed(tmp_path):
    with start(tmp_path, LAB + "approval: manual\n") as campaign:
        (one, _) = [c.candidate_id for c in campaign.record.open_candidates()]
        with pytest.raises(CampaignError, match="approval"):
            claim(campaign, one, "robot1")
        assert claim_some(campaign, "robot1", 5) == []
        apply(campaign, Approve(person="ana", candidate_ids=(one,)), lambda: None)
        assert claim(campaign, one, "robot1").robot == "robot1"


def test_while_the_campaign_is_paused_nothing_new_is_claimed_and_what_is_begun_goes_on(campaign, ids):
    claim(campaign, ids[0], "robot1")
    apply(campaign, Pause(person="ana", reason="leak"), lambda: None)
    with pytest.raises(CampaignError, match=r"paused \(leak\)"):
        claim(campaign, ids[1], "robot2")
    assert claim_some(campaign, "robot2", 5) == []
    assert [one.candidate_id for one in claim_some(campaign, "robot1", 5)] == [ids[0]]
    apply(campaign, Resume(person="ana"), lambda: None)
    assert claim(campaign, ids[1], "robot2").robot == "robot2"


def test_nothing_of_a_closed_campaign_is_claimed(campaign, ids):
    apply(campaign, Close(person="ana", reason="done"), lambda: None)
    with pytest.raises(CampaignError, match="closed"):
        claim(campaign, ids[0], "robot1")


def test_an_unknown_candidate_is_not_claimed(campaign):
    with pytest.raises(CampaignError, match=r"'\.\./state' is unknown"):
        claim(campaign, "../state", "robot1")
