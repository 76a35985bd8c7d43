"""What people ask of a campaign: one event each with their name, at once or left for the process that writes it."""

import json

import pytest
from fakes import FakeStrategy, InlineExecutor
from saltloop.chemistry import SpeciesBook
from saltloop.chemistry.errors import DataError
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller, Step
from saltloop.loop.errors import CampaignError, CampaignFileError, LockedError
from saltloop.loop.replay import verify
from saltloop.loop.reports.log import log_lines
from saltloop.loop.reports.report import status
from saltloop.loop.reports.story import candidate_story
from saltloop.loop.screen import Screen
from saltloop.loop.space.settings import SpaceSettings
from saltloop.loop.steering.apply import (
    Approve,
    Ask,
    Close,
    Pause,
    Reject,
    Repropose,
    Resume,
)
from saltloop.loop.steering.fixing import fixed_space
from saltloop.loop.steering.queue import leave, submit, waiting_requests
from saltloop.loop.steering.results import Tell
from saltloop.loop.steering.settings import ChangeBudget, ChangeSpace, ChangeStopRules

TOY = """
name: toy
seed: 1
space: {salts: [LiPF6, LiFSI], solvents: [EC, DMC, EMC]}
oracle: {kind: python, factory: "fakes:ToyOracle"}
approval: manual
budget: {rounds: 2}
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "toy.yaml"
    path.write_text(TOY)
    run(path)
    return path


@pytest.fixture
def folder(file):
    return file.parent / "toy"


def run(file, strategy=None, **how):
    with Campaign.start_or_resume(file, **how) as campaign:
        return Controller(campaign, strategy or FakeStrategy(), InlineExecutor(), Screen(is_quiet=True)).run()


def ask(folder, request):
    return submit(folder, request, lambda campaign: FakeStrategy, steal_lock=False)


def ids(folder):
    return list(Campaign.read(folder).record.candidates)


def edit(file, old, new):
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def events(folder, event_type):
    return [event for event in Campaign.read(folder).events if event.type == event_type]


def test_a_decision_on_several_candidates_is_one_event_with_the_persons_name(file, folder):
    event = ask(folder, Approve(person="ana", candidate_ids=tuple(ids(folder))))
    assert (event.type, event.actor) == ("candidate_approved", "ana")
    assert event.data["candidate_ids"] == ids(folder)
    assert run(file) is Step.WAIT
    assert Campaign.read(folder).record.n_rounds == 2


def test_all_or_nothing(folder):
    before = Campaign.read(folder).record.n_events
    with pytest.raises(CampaignError, match="c9: no candidate that waits"):
        ask(folder, Approve(person="ana", candidate_ids=(ids(folder)[0], "c9")))
    with pytest.raises(CampaignError, match="named twice"):
        ask(folder, Approve(person="ana", candidate_ids=(ids(folder)[0],) * 2))
    assert Campaign.read(folder).record.n_events == before


def test_a_rejected_formulation_is_never_proposed_again(folder):
    first, second = ids(folder)
    ask(folder, Reject(person="ana", candidate_ids=(first,), reason="smells"))
    ask(folder, Reject(person="ana", candidate_ids=(second,), reason="separates", is_infeasible=True))
    record = Campaign.read(folder).record
    assert {c.formulation_id for c in record.candidates.values()} == record.spent()
    assert [entry["reason"] for entry in record.infeasible.values()] == ["separates"]
    assert f"{second} rejected as infeasible: separates" in "\n".join(log_lines(Campaign.read(folder).events))


def test_reproposing_fixes_a_factor_and_replaces_the_candidate_in_one_event(folder):
    first = ids(folder)[0]
    event = ask(
        folder, Repropose(person="ana", candidate_id=first, fixed={"salt": "LiFSI", "molality": 1.0, "EC": 0.3})
    )
    assert (event.type, event.actor, event.data["is_round"]) == ("batch_proposed", "ana", False)
    campaign = Campaign.read(folder)
    (new,) = event.data["candidates"]
    liquid = campaign.formulation(new["candidate_id"])
    assert liquid.molality == {"LiFSI": 1.0}
    assert liquid.mass_fractions["EC"] == pytest.approx(0.3)
    assert campaign.record.candidates[first].status == "rejected"
    assert campaign.record.n_rounds == 1
    assert f"in place of {first} with salt = LiFSI, molality = 1.0, EC = 0.3" in "\n".join(log_lines(campaign.events))


def test_a_fixed_salt_is_the_only_one_unless_the_space_wants_several():
    book = SpeciesBook.builtin()
    space = SpaceSettings(salts=("LiPF6", "LiFSI"), solvents=("EC", "EMC"), max_salts=2)
    alone = fixed_space(space, {"salt": "LiFSI"}, book)
    assert (alone.salts, alone.max_salts) == (("LiFSI",), 1)
    pairs = fixed_space(space.model_copy(update={"min_salts": 2}), {"salt": "LiFSI"}, book)
    assert (pairs.salts, pairs.include) == (("LiPF6", "LiFSI"), (("LiFSI",),))


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"salt": "LiBF4"}, "LiBF4' is not in the space, which offers LiPF6, LiFSI"),
        ({"molality": 7.0}, "outside the space"),
        ({"colour": 1.0}, "What can be fixed: salt, molality"),
        ({"EC": 0.3, "DMC": 0.9}, "nothing of the space is left"),
        ({"EC": "much"}, "EC=much is no number"),
    ],
)
def test_a_factor_that_cannot_be_fixed_is_refused(folder, fixed, message):
    with pytest.raises(CampaignError, match=message):
        ask(folder, Repropose(person="ana", candidate_id=ids(folder)[0], fixed=fixed))


def test_the_budget_changed_by_a_command_stands_although_the_file_says_otherwise(file, folder):
    event = ask(folder, ChangeBudget(person="ana", limits={"rounds": 5, "calls": 30}))
    assert event.data["budget"] == {"rounds": 5, "calls": 30, "oracle_hours": None, "money": None}
    run(file)
    with Campaign.start_or_resume(file) as campaign:
        assert campaign.settings.budget.rounds == 5
        assert "'budget' was changed by a command" in campaign.messages[0]
    edit(file, "rounds: 2", "rounds: 4")
    with Campaign.start_or_resume(file) as campaign:
        assert campaign.settings.budget.rounds == 4
    assert [event.data["from_file"] for event in events(folder, "budget_changed")] == [False, True]


def test_changes_that_make_no_sense_are_refused(folder):
    with pytest.raises(CampaignError, match="greater than or equal to 1"):
        ask(folder, ChangeBudget(person="ana", limits={"rounds": 0}))
    with pytest.raises(CampaignError, match="nothing would ever end"):
        ask(folder, ChangeBudget(person="ana", limits={"rounds": None}))
    with pytest.raises(CampaignError, match="stands already"):
        ask(folder, ChangeBudget(person="ana", limits={"rounds": 2}))
    with pytest.raises(CampaignError, match="a rule is"):
        ask(folder, ChangeStopRules(person="ana", rules=({"rule": "luck"},)))
    with pytest.raises(CampaignError, match="there is no such setting"):
        ask(folder, ChangeSpace(person="ana", values={"solvent": ["EC"]}))
    with pytest.raises(CampaignError, match="no section 'salts'"):
        ask(folder, ChangeSpace(person="ana", values={"salts.max": 3}))
    with pytest.raises(CampaignFileError, match="The space is empty"):
        ask(folder, ChangeSpace(person="ana", values={"solvents": ["EC"], "max_solid_fraction": 0.2}))


def test_stop_rules_can_be_changed(file, folder):
    ask(folder, ChangeStopRules(person="ana", rules=({"rule": "calls", "at": 1},)))
    ask(folder, Approve(person="ana", candidate_ids=tuple(ids(folder))))
    assert run(file) is Step.STOP
    assert Campaign.read(folder).record.last_stop["reasons"] == ["2 of 1 oracle calls are used"]


def test_a_space_changed_in_the_middle_is_used_from_there_on_and_replayed(file, folder):
    ask(folder, Approve(person="ana", candidate_ids=tuple(ids(folder))))
    event = ask(folder, ChangeSpace(person="ana", values={"salts": ["LiFSI"], "molality.min": 1.2}))
    assert event.data["was"]["salts"] == ["LiPF6", "LiFSI"]
    run(file)
    campaign = Campaign.read(folder)
    later = [campaign.formulation(key) for key, c in campaign.record.candidates.items() if c.iteration == 1]
    assert len(later) == 2
    assert all(set(one.molality) == {"LiFSI"} and min(one.molality.values()) >= 1.2 for one in later)
    ask(folder, Repropose(person="ana", candidate_id=ids(folder)[-1], fixed={"EC": 0.3}))
    verdict = verify(Campaign.read(folder), FakeStrategy())
    assert verdict.is_good, verdict.problems
    assert verdict.n_decisions == 3


def test_an_edited_space_needs_a_word(file, folder):
    edit(file, "[EC, DMC, EMC]", "[EC, DMC]")
    with pytest.raises(CampaignFileError, match=r"(?s)space\.solvents.*--accept-space"):
        run(file)
    run(file, accept_space=True, actor="ana")
    (event,) = events(folder, "space_changed")
    assert (event.actor, event.data["space"]["solvents"]) == ("ana", ["EC", "DMC"])
    run(file)
    assert len(events(folder, "space_changed")) == 1


def test_a_pause_holds_until_it_is_lifted(file, folder):
    ask(folder, Pause(person="ana", reason="the robot is being cleaned"))
    ask(folder, Approve(person="ana", candidate_ids=tuple(ids(folder))))
    assert run(file) is Step.HOLD
    with pytest.raises(CampaignError, match="paused already"):
        ask(folder, Pause(person="ana", reason="again"))
    ask(folder, Resume(person="ana"))
    assert run(file) is Step.WAIT
    assert Campaign.read(folder).record.n_rounds == 2
    with pytest.raises(CampaignError, match="not paused"):
        ask(folder, Resume(person="ana"))


def test_a_closed_campaign_takes_no_requests(file, folder):
    ask(folder, Close(person="ana", reason="found it"))
    assert run(file) is Step.STOP
    with pytest.raises(CampaignError, match=r"is closed.*saltloop fork"):
        ask(folder, Approve(person="ana", candidate_ids=tuple(ids(folder))))


# While another process writes the campaign


def test_a_request_waits_for_the_process_that_writes(file, folder):
    with Campaign.start_or_resume(file):
        answer = ask(folder, Approve(person="ana", candidate_ids=tuple(ids(folder))))
        assert isinstance(answer, LockedError)
        assert status(Campaign.read(folder))["requests_waiting"] == 1
    assert run(file) is Step.WAIT
    assert not waiting_requests(folder)
    (event,) = [event for event in events(folder, "candidate_approved") if event.actor == "ana"]
    assert event.data["request_id"]


def test_nonsense_is_refused_at_once_even_while_another_process_writes(file, folder):
    with Campaign.start_or_resume(file), pytest.raises(CampaignError, match="no candidate that waits"):
        ask(folder, Approve(person="ana", candidate_ids=("c9",)))
    assert not waiting_requests(folder)


def test_requests_are_taken_in_while_jobs_run(file, folder):
    class Impatient(InlineExecutor):
        def submit(self, fn, /, *args, **kwargs):
            answer = ask(folder, Pause(person="ana", reason="lunch"))
            assert isinstance(answer, LockedError)
            return super().submit(fn, *args, **kwargs)

    ask(folder, Approve(person="ana", candidate_ids=(ids(folder)[0],)))
    ask(folder, Reject(person="ana", candidate_ids=(ids(folder)[1],), reason="no"))
    with Campaign.start_or_resume(file) as campaign:
        step = Controller(campaign, FakeStrategy(), Impatient(), Screen(is_quiet=True)).run()
    assert step is Step.HOLD
    record = Campaign.read(folder).record
    assert record.hold_reason == "lunch"
    assert record.candidates[ids(folder)[0]].status == "completed"


def test_what_cannot_be_done_any_more_is_recorded_as_refused(file, folder):
    leave(folder, Approve(person="ana", candidate_ids=tuple(ids(folder))))
    leave(folder, Reject(person="ben", candidate_ids=tuple(ids(folder)), reason="late"))
    leave(folder, Reject(person="cyd", candidate_ids=tuple(ids(folder)), reason="too late"))
    with Campaign.open(folder) as campaign:
        from saltloop.loop.steering.queue import take_requests

        assert take_requests(campaign, FakeStrategy) == 3
    (refused,) = events(folder, "request_refused")
    assert refused.actor == "cyd"
    assert "no candidate that waits" in refused.data["reason"]
    assert refused.data["request"]["reason"] == "too late"
    assert not waiting_requests(folder)


def test_results_told_while_another_process_writes_are_taken_in_by_it(file, folder):
    first = ids(folder)[0]
    rows = f"candidate_id,value,unit,standard_uncertainty,source,external_id\n{first},9.1,mS/cm,0.2,experiment,r1\n"
    request = Tell(person="ana", file_name="results.csv", content=rows)
    with Campaign.start_or_resume(file):
        assert isinstance(ask(folder, request), LockedError)
    leave(folder, request)
    assert run(file) is Step.WAIT
    (event,) = events(folder, "result_ingested")
    assert (event.actor, event.data["file"]) == ("ana", "results.csv")
    assert Campaign.read(folder).record.candidates[first].status == "completed"
    with pytest.raises(DataError, match="candidate 'c9' is unknown"):
        ask(folder, Tell(person="ana", file_name="x.csv", content=rows.replace(first, "c9")))


@pytest.mark.parametrize("content", ["", "{", '{"kind": "dance"}', '{"kind": "pause"}', "[1]", "\0"])
def test_rubbish_among_the_requests_is_set_aside_and_said(file, folder, content):
    path = leave(folder, Pause(person="ana", reason="x"))
    path.write_text(content)
    assert run(file) is Step.WAIT
    (refused,) = events(folder, "request_refused")
    assert "is no request that this saltloop knows" in refused.data["reason"]
    assert not waiting_requests(folder)
    assert path.with_suffix(".unreadable").exists()


def test_a_request_is_never_done_twice(file, folder):
    request = ChangeBudget(person="ana", limits={"rounds": 7})
    path = leave(folder, request)
    content = path.read_bytes()
    run(file)
    path.write_bytes(content)
    run(file)
    assert len(events(folder, "budget_changed")) == 1
    assert not waiting_requests(folder)


def test_old_decisions_on_one_candidate_are_still_read(folder):
    lines = (folder / "state.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    import hashlib

    old = {
        **last, "seq": len(lines), "type": "candidate_rejected", "v": 1, "actor": "ana",
        "data": {"candidate_id": ids(folder)[0], "reason": "smells"},
        "prev": hashlib.sha256(lines[-1].encode()).hexdigest(),
    }  # fmt: skip
    (folder / "state.jsonl").write_text("\n".join([*lines, json.dumps(old)]) + "\n")
    campaign = Campaign.read(folder)
    candidate = next(iter(campaign.record.candidates.values()))
    assert (candidate.status, candidate.reason) == ("rejected", "smells")
    assert "smells" in candidate_story(campaign, candidate)


def test_candidates_for_the_lab_are_asked_for_while_a_run_works(folder):
    request = Ask(person="ana", n=1)
    leave(folder, request)
    run(folder.parent / "toy.yaml")
    (event,) = [one for one in events(folder, "batch_proposed") if one.data.get("request_id") == request.request_id]
    assert (event.actor, event.data["assigned_to"], event.data["is_round"]) == ("ana", "lab", False)
    assert len(event.data["candidates"]) == 1
    verdict = verify(Campaign.read(folder), FakeStrategy())
    assert verdict.is_good, verdict.problems
