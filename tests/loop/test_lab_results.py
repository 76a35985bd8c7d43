"""Results of a lab: the same again is nothing, another content an amendment or a conflict, nothing is ever deleted."""

import json

import pytest
from fakes import FakeStrategy, InlineExecutor
from lab_campaign import LIQUID, expects, report, start, tell
from pydantic import ValidationError
from saltloop.chemistry import Formulation
from saltloop.chemistry.measurement import external_measurement_id
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller, Step, next_step
from saltloop.loop.decisions import fit_surrogate
from saltloop.loop.errors import CampaignError, LockedError
from saltloop.loop.lab.intake import take
from saltloop.loop.lab.judge import judge
from saltloop.loop.lab.surprise import predictor
from saltloop.loop.lab.verdict import RefusedError
from saltloop.loop.record import CampaignRecord
from saltloop.loop.replay import verify
from saltloop.loop.reports.log import log_lines
from saltloop.loop.reports.report import status, status_text
from saltloop.loop.reports.story import candidate_story
from saltloop.loop.screen import Screen
from saltloop.loop.sources.worth import source_worth
from saltloop.loop.steering.apply import Close, apply
from saltloop.loop.steering.queue import leave, submit
from saltloop.loop.steering.results import RejectResult, Release, Retract, Tell, find_results

R1 = external_measurement_id("experiment", "r1")


@pytest.fixture
def campaign(tmp_path):
    with start(tmp_path) as opened:
        yield opened


def bring(campaign, *reports, **how):
    return take(campaign, reports, actor="robot", **how)


def kinds(told):
    return [verdict.kind for verdict in told.verdicts]


def ids(campaign):
    return list(campaign.record.candidates)


def values(campaign):
    return {m.external_id: m.value for m in campaign.measurements()}


def do(campaign, request):
    return campaign.append(*request_event(campaign, request), actor=request.person)


def request_event(campaign, request):
    request.check(campaign)
    return request.event(campaign, FakeStrategy)


def test_the_same_again_is_a_no_op(campaign):
    assert kinds(bring(campaign, report())) == ["taken"]
    n_events = campaign.record.n_events
    assert kinds(bring(campaign, report(), report())) == ["known", "known"]
    assert campaign.record.n_events == n_events


def test_other_content_is_a_conflict_that_says_what_differs(campaign):
    bring(campaign, report())
    with pytest.raises(
        RefusedError, match=r"'r1' from 'experiment' was already told.*9.1, now 7.*different: value.*amend"
    ):
        bring(campaign, report("r2"), report(value=7.0))
    assert values(campaign) == {"r1": 9.1}, "all of it or nothing"


def test_an_amendment_replaces_and_the_earlier_word_stays_on_record(campaign):
    first = ids(campaign)[0]
    bring(campaign, report(candidate_id=first))
    assert kinds(bring(campaign, report(candidate_id=first, value=7.0, amends=True))) == ["amended"]
    assert values(campaign) == {"r1": 7.0}
    assert kinds(bring(campaign, report(candidate_id=first))) == ["known"], "a late retry of the first message"
    assert kinds(bring(campaign, report(candidate_id=first, value=7.0))) == ["known"]
    assert campaign.record.results[R1].earlier[0]["value"] == 9.1
    assert "amended 1 time(s)" in candidate_story(campaign, campaign.record.candidates[first])
    assert len(campaign.record.calls) == 1


def test_an_amendment_back_to_what_was_said_before_is_not_dropped_without_a_word(campaign):
    bring(campaign, report())
    bring(campaign, report(value=7.0), amend=True)
    back = bring(campaign, report(), amend=True)
    assert (kinds(back), values(campaign)) == (["known"], {"r1": 7.0})
    assert "it was amended since; to go back to it, amend it with a note" in back.messages[0]
    assert not bring(campaign, report(value=7.0), amend=True).messages
    bring(campaign, report(note="9.1 was right"), amend=True)
    assert values(campaign) == {"r1": 9.1}


def test_an_amendment_needs_something_to_amend_and_stays_with_its_candidate(campaign):
    first, second = ids(campaign)
    with pytest.raises(RefusedError, match="is not there"):
        bring(campaign, report(amends=True))
    bring(campaign, report(candidate_id=first))
    with pytest.raises(RefusedError, match=f"was reported for {first}"):
        bring(campaign, report(candidate_id=second, amends=True))


def test_a_retraction_is_an_event_and_frees_the_liquid(campaign):
    first = ids(campaign)[0]
    bring(campaign, report(candidate_id=first), report("r2"))
    do(campaign, Retract(person="ana", measurement_ids=(R1,), reason="wrong cell"))
    assert values(campaign) == {"r2": 9.1}
    candidate = campaign.record.candidates[first]
    assert (candidate.status, candidate.reason) == ("failed", "its result was retracted: wrong cell")
    assert candidate.formulation_id not in campaign.record.spent()
    assert kinds(bring(campaign, report(candidate_id=first))) == ["known"]
    with pytest.raises(RefusedError, match="was retracted"):
        bring(campaign, report(candidate_id=first, value=8.0, amends=True))
    with pytest.raises(CampaignError, match="retracted already"):
        do(campaign, Retract(person="ana", measurement_ids=(R1,), reason="again"))
    assert campaign.record.money == 10, "what was spent is spent"


def test_a_value_that_no_longer_stands_makes_the_surrogate_train_again(campaign):
    bring(campaign, report())
    strategy = FakeStrategy()
    fit_surrogate(campaign, strategy, screen=Screen(is_quiet=True))
    assert not campaign.record.is_fit_stale
    bring(campaign, report("r2"))
    bring(campaign, report(value=8.0, amends=True))
    assert campaign.record.is_fit_stale
    for candidate_id in ids(campaign):
        bring(campaign, report(f"x{candidate_id}", candidate_id=candidate_id))
    assert next_step(campaign, has_model=True) is Step.FIT
    fit_surrogate(campaign, strategy, screen=Screen(is_quiet=True))
    assert not campaign.record.is_fit_stale
    verdict = verify(campaign, strategy)
    assert verdict.is_good, verdict.problems


def test_a_surprise_waits_for_a_person_with_what_the_model_said(campaign):
    first = ids(campaign)[0]
    told = bring(campaign, report(candidate_id=first), report("r2", 5.2), predict=expects(5.0, 0.5))
    assert kinds(told) == ["quarantined", "taken"]
    held = campaign.record.quarantined[R1]
    assert held.stage == "surprise"
    assert held.reason.startswith("9.1 mS/cm is 7.6 standard deviations above the model's 5 ± 0.5")
    assert held.entry["expected"]["deviations"] == pytest.approx(4.1 / (0.5**2 + 0.2**2) ** 0.5)
    assert campaign.record.results[external_measurement_id("experiment", "r2")].expected["mean"] == 5.0
    assert values(campaign) == {"r2": 5.2}
    assert campaign.record.candidates[first].reason.startswith("quarantined: 9.1 mS/cm")
    assert held.reason in status_text(campaign)
    assert status(campaign)["quarantined"] == 1
    assert kinds(bring(campaign, report(candidate_id=first))) == ["known"]


def test_verify_asks_the_model_again(campaign):
    strategy = FakeStrategy()
    bring(campaign, report("r0", 5.0), report(value=20.0), predict=predictor(campaign, strategy))
    assert [event.type for event in campaign.events[-2:]] == ["result_quarantined", "result_ingested"]
    assert campaign.record.quarantined[R1].entry["expected"]["mean"] == 5.0
    assert verify(campaign, strategy).is_good
    bring(campaign, report("r2", 20.0), predict=expects(6.0, 1.0))
    (problem,) = verify(campaign, strategy).problems
    assert "the model expected 6 ± 1 mS/cm; on replay it expects 5 ± 1" in problem


def test_no_file_name_leads_out_of_the_campaign():
    for name in ("../x.csv", "/etc/x.csv", "a/b.csv", "..\\x.csv", ""):
        with pytest.raises(ValidationError, match="file_name"):
            Tell(person="ana", file_name=name, content="")


def test_who_simulates_is_not_compared_with_experiment(campaign):
    told = bring(
        campaign, report(source="openmm"), report("d", 1.2, quantity="density", unit="g/cm3"), predict=expects(1, 0.1)
    )
    assert kinds(told) == ["taken", "taken"]


def test_a_person_releases(campaign):
    first = ids(campaign)[0]
    bring(campaign, report(candidate_id=first), predict=expects(5.0, 0.5))
    assert find_results(campaign.record, ("experiment/r1",), held=True) == (R1,)
    assert find_results(campaign.record, (first,), held=True) == (R1,)
    do(campaign, Release(person="ana", measurement_ids=(R1,)))
    assert values(campaign) == {"r1": 9.1}
    assert campaign.record.candidates[first].status == "completed"
    assert [call.outcome for call in campaign.record.calls] == ["ok"]
    assert campaign.record.money == 10
    with pytest.raises(CampaignError, match="no result in quarantine"):
        do(campaign, Release(person="ana", measurement_ids=(R1,)))


def test_a_person_rejects_and_the_liquid_may_come_again(campaign):
    first = ids(campaign)[0]
    bring(campaign, report(candidate_id=first), predict=expects(5.0, 0.5))
    do(campaign, RejectResult(person="ana", measurement_ids=(R1,), reason="bubble"))
    record = campaign.record
    assert not record.results
    assert record.quarantined[R1].decision == "rejected"
    assert record.candidates[first].formulation_id not in record.spent()
    assert kinds(bring(campaign, report(candidate_id=first))) == ["known"]
    assert "quarantine rejected" in log_lines(campaign.events)[-1]
    assert "ana" in log_lines(campaign.events)[-1]
    assert status(campaign)["quarantined"] == 0


def test_what_cannot_be_is_not_released_but_amended(campaign):
    first = ids(campaign)[0]
    bring(campaign, report(candidate_id=first, value=-9.1))
    with pytest.raises(CampaignError, match="cannot be released"):
        do(campaign, Release(person="ana", measurement_ids=(R1,)))
    bring(campaign, report(candidate_id=first, amends=True))
    assert values(campaign) == {"r1": 9.1}
    assert not campaign.record.quarantined
    assert campaign.record.candidates[first].status == "completed"
    assert [call.outcome for call in campaign.record.calls] == ["ok"]


def test_an_amendment_that_is_a_surprise_takes_its_predecessor_out(campaign):
    first = ids(campaign)[0]
    bring(campaign, report(candidate_id=first))
    bring(campaign, report(candidate_id=first, value=90.0, amends=True), predict=expects(9.0, 0.5))
    assert values(campaign) == {}
    assert campaign.record.candidates[first].status == "failed"
    do(campaign, Release(person="ana", measurement_ids=(R1,)))
    assert values(campaign) == {"r1": 90.0}
    assert len(campaign.record.calls) == 1


@pytest.mark.parametrize("values_in_turn", [(500.0, 5.0), (5.0, 500.0), (500.0, 600.0), (5.0, 500.0, 6.0, 700.0)])
def test_an_amendment_into_or_out_of_quarantine_keeps_what_was_said_and_costs_nothing(campaign, values_in_turn):
    told = [report(value=value, cost=10.0) for value in values_in_turn]
    asked = [report("of", value=value, cost=10.0, candidate_id=ids(campaign)[0]) for value in values_in_turn]
    for one, other in zip(told, asked, strict=True):
        bring(campaign, one, other, amend=True)
    for late in (*told, *asked):
        assert kinds(bring(campaign, late)) == ["known"], "a late retry of an earlier message"
    assert (campaign.record.money, len(campaign.record.calls)) == (20.0, 1)


def test_a_limit_that_a_person_releases_is_still_a_limit(campaign):
    bring(campaign, report(value=250.0, status="censored", limit="above", standard_uncertainty=None))
    do(campaign, Release(person="ana", measurement_ids=(R1,)))
    assert values(campaign) == {}
    assert (campaign.record.results[R1].status, campaign.record.results[R1].limit) == ("censored", "above")


def test_names_may_have_slashes(campaign):
    bring(campaign, report("batch/7"), report("1/2", source="robot/x"))
    mine = external_measurement_id("experiment", "batch/7")
    other = external_measurement_id("robot/x", "1/2")
    for name, key in (("batch/7", mine), ("experiment/batch/7", mine), ("robot/x/1/2", other), ("1/2", other)):
        assert find_results(campaign.record, (name,), held=False) == (key,)


def test_people_decide_while_a_run_holds_the_lock(campaign):
    first = ids(campaign)[0]
    bring(campaign, report(candidate_id=first), predict=expects(5.0, 0.5))
    request = Release(person="ana", measurement_ids=(R1,))
    assert isinstance(submit(campaign.folder, request, lambda c: FakeStrategy, steal_lock=False), LockedError)
    Controller(campaign, FakeStrategy(), InlineExecutor(), Screen(is_quiet=True)).run()
    assert values(campaign) == {"r1": 9.1}
    leave(campaign.folder, request)
    Controller(campaign, FakeStrategy(), InlineExecutor(), Screen(is_quiet=True)).run()
    assert campaign.record.n_events == len(campaign.events), "asked twice, done once"


def test_suspect_values_wait_and_censored_ones_are_kept_aside(campaign):
    first, second = ids(campaign)
    told = bring(
        campaign,
        report(candidate_id=first, status="suspect", note="drift"),
        report("r2", 0.01, candidate_id=second, status="censored", limit="below", standard_uncertainty=None),
    )
    assert kinds(told) == ["quarantined", "kept"]
    assert values(campaign) == {}, "neither teaches"
    assert campaign.record.quarantined[R1].reason == "the lab calls it suspect: drift"
    assert campaign.record.candidates[second].status == "completed"
    assert "conductivity below 0.01 mS/cm" in candidate_story(campaign, campaign.record.candidates[second])
    do(campaign, Release(person="ana", measurement_ids=(R1,)))
    assert values(campaign) == {"r1": 9.1}


def test_another_liquid_than_asked_for_answers_with_a_note_and_teaches_as_what_it_was(campaign):
    first = ids(campaign)[0]
    made = "EC 2 g; DMC 8 g; LiPF6 0.9 mol/kg"
    told = bring(campaign, report(candidate_id=first, actual=made, temperature=26.0, temperature_unit="degC"))
    candidate = campaign.record.candidates[first]
    assert candidate.status == "completed"
    assert "instead of" in told.verdicts[0].note
    assert candidate.reason == told.verdicts[0].note
    (measurement,) = campaign.measurements()
    assert measurement.formulation.mass_fractions["EC"] == pytest.approx(0.2)
    assert measurement.formulation.temperature_K == pytest.approx(299.15)
    assert candidate.formulation_id in campaign.record.spent(), "what was asked for counts as answered"
    assert campaign.record.results[R1].report["actual"][0] == {"name": "EC", "amount": 2.0, "unit": "g"}


def test_a_reported_cost_stands_in_place_of_the_price(campaign):
    first, second = ids(campaign)
    bring(campaign, report(candidate_id=first, cost=3.0), report("r2", candidate_id=second), report("r3", cost=1.5))
    assert campaign.record.money == pytest.approx(3.0 + 10 + 1.5)
    (worth,) = source_worth(campaign)
    assert (worth["money"], worth["spent"]) == pytest.approx((3.0 + 10, 3.0 + 10 + 2 * 0.1))


def test_failures_with_a_name_are_noted_once(campaign):
    first = ids(campaign)[0]
    failed = report(candidate_id=first, value=None, unit=None, standard_uncertainty=None, status="crystallised")
    assert kinds(bring(campaign, failed)) == ["failure"]
    assert kinds(bring(campaign, failed)) == ["known"]
    with pytest.raises(RefusedError, match="was reported as a failure"):
        bring(campaign, report(candidate_id=first))


def test_a_failure_that_comes_twice_at_once_counts_once_and_its_name_is_taken(campaign):
    failed = {"value": None, "unit": None, "standard_uncertainty": None, "status": "separated", "cost": 5.0}
    first = report("f", **failed)
    assert kinds(bring(campaign, first, first, report("g", **failed))) == ["failure", "known", "known"]
    assert (campaign.record.money, len(campaign.record.calls)) == (5.0, 1)
    with pytest.raises(RefusedError, match="differs from another one of this name"):
        bring(campaign, report("h", candidate_id=ids(campaign)[0], **failed), report("h"))


def test_every_row_gets_its_verdict_in_the_order_of_the_checks(campaign, tmp_path):
    rows = [
        {"external_id": "a", "formulation": LIQUID, "value": 9.1, "unit": "mS/cm", "standard_uncertainty": 0.2},
        {"external_id": "b", "formulation": LIQUID, "value": "nine"},
        {"external_id": "c", "formulation": LIQUID, "value": 9.1, "unit": "g/cm3", "standard_uncertainty": 0.2},
        {"external_id": "d", "formulation": "EC:XYZ 1:1", "value": 9.1, "unit": "mS/cm", "standard_uncertainty": 0.2},
        {"external_id": "e", "candidate_id": "c9", "value": 9.1, "unit": "mS/cm", "standard_uncertainty": 0.2},
        {"external_id": "f", "formulation": LIQUID, "value": 900, "unit": "mS/cm", "standard_uncertainty": 0.2},
    ]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    n_events = campaign.record.n_events
    with pytest.raises(RefusedError) as refused:
        tell(campaign, path, dry_run=True)
    told = [(one.kind, one.stage) for one in refused.value.verdicts]
    assert told == [
        ("taken", ""), ("refused", "syntax"), ("refused", "units"), ("refused", "chemistry"), ("refused", "candidate"),
        ("quarantined", "physical"),
    ]  # fmt: skip
    assert campaign.record.n_events == n_events


def test_judging_needs_no_lock_and_changes_nothing(campaign):
    reading = Campaign.read(campaign.folder)
    (verdict,) = judge(reading, [report()], predict=expects(9.0, 0.5))
    assert verdict.kind == "taken"
    assert verdict.expected["mean"] == 9.0
    assert not reading.record.results


def test_a_model_that_cannot_be_asked_does_not_keep_results_out(campaign):
    def broken(liquids):
        raise CampaignError("the data sets are not what they were")

    told = bring(campaign, report(candidate_id=ids(campaign)[0]), predict=broken)
    assert kinds(told) == ["taken"]
    assert "not compared with the model" in told.messages[0]
    assert campaign.record.results[R1].note == ""  # which would say that it was another liquid than asked for


def test_a_closed_campaign_takes_no_results(campaign):
    apply(campaign, Close(person="ana", reason="done"), FakeStrategy)
    with pytest.raises(CampaignError, match="is closed; it takes no results"):
        bring(campaign, report())
    assert not campaign.record.results


def test_the_record_is_the_same_when_it_is_read_again(campaign):
    first, second = ids(campaign)
    bring(campaign, report(candidate_id=first), report("r2", candidate_id=second), predict=expects(5.0, 0.5))
    bring(campaign, report("r3", 5.1, status="suspect"), report("r4", 0.1, status="censored", limit="below"))
    do(campaign, Release(person="ana", measurement_ids=(R1,)))
    bring(campaign, report(candidate_id=first, value=8.0, amends=True))
    do(campaign, Retract(person="ana", measurement_ids=(R1,), reason="typo"))
    again = Campaign.read(campaign.folder).record
    assert again == campaign.record
    assert again == CampaignRecord.replay(campaign.events)
    assert Formulation.from_dict(again.results[R1].measurement["formulation"]) == campaign.formulation(first)


def test_a_failure_and_a_value_told_together_do_not_undo_each_other(tmp_path):
    with start(tmp_path) as campaign:
        one, other = [c.candidate_id for c in campaign.record.open_candidates()]
        mishap = {"value": None, "unit": None, "standard_uncertainty": None, "status": "failed"}
        take(campaign, [report("f", candidate_id=one, **mishap), report("v", candidate_id=one)], actor="lab")
        assert campaign.record.candidates[one].status == "completed"
        with pytest.raises(RefusedError, match="answered already; a failure does not undo that"):
            take(campaign, [report("w", candidate_id=other), report("g", candidate_id=other, **mishap)], actor="lab")
