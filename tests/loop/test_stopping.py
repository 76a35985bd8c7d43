"""Stop rules: each on its own, combined, as a campaign file states them, and what a campaign does when they hold."""

import pytest
from fakes import FakeStrategy, InlineExecutor
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller, Step
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.record import CampaignRecord
from saltloop.loop.record_items import Call, Candidate
from saltloop.loop.replay import verify
from saltloop.loop.reports.log import log_lines
from saltloop.loop.reports.report import status_text
from saltloop.loop.screen import Screen
from saltloop.loop.settings import load_campaign_file
from saltloop.loop.stopping.judge import judge
from saltloop.loop.stopping.settings import (
    AllOf,
    AnyOf,
    Calls,
    FailureRate,
    Improvement,
    ImprovementAgainstUncertainty,
    Money,
    NothingBetter,
    OracleHours,
    Rounds,
)

TOY = """
name: toy
seed: 1
space: {salts: [LiPF6, LiFSI], solvents: [EC, DMC, EMC]}
oracle: {kind: python, factory: "fakes:ToyOracle", options: %s}
"""


def record(*probabilities, known=None):
    """A record of as many rounds, one candidate each, whose outlooks told these probabilities."""
    made = CampaignRecord()
    for iteration, probability in enumerate(probabilities):
        outlook = {"probability_better": probability, "best_measured_mS_cm": known}
        made.batches.append({"iteration": iteration, "is_round": True, "outlook": outlook})
        made.candidates[f"c{iteration}"] = Candidate(
            f"c{iteration}", iteration, "oracle", {}, f"f{iteration}", "", {}, status="completed"
        )
    return made


def predictions(*means, std=0.5):
    return {f"c{iteration}": (mean, std) for iteration, mean in enumerate(means)}


def test_limits_hold_once_they_are_reached():
    made = record(0.5, 0.5)
    made.calls = [Call("c0", "ok"), Call("c1", "timeout")]
    made.oracle_s, made.money = 7200.0, 12.5
    for rule, words in [
        (Rounds(rule="rounds", at=2), "2 of 2 rounds are done"),
        (Calls(rule="calls", at=2), "2 of 2 oracle calls are used"),
        (OracleHours(rule="oracle_hours", at=2), "2.00 of 2 oracle hours are used"),
        (Money(rule="money", at=12.5), "12.50 of 12.5 in money is spent"),
    ]:
        verdict = judge(rule, made, {})
        assert verdict["holds"]
        assert verdict["words"] == words
        assert not judge(rule.model_copy(update={"at": 99}), made, {})["holds"]


def test_improvement_is_judged_over_the_last_rounds():
    rule = Improvement(rule="improvement", below_mS_cm=0.3, over_rounds=2)
    better = judge(rule, record(0.5, 0.5, 0.5), predictions(9.0, 9.2, 9.4))
    assert not better["holds"]
    assert better["figures"]["gain_mS_cm"] == pytest.approx(0.4)
    same = judge(rule, record(0.5, 0.5, 0.5), predictions(9.0, 8.0, 9.1))
    assert same["holds"]
    assert same["words"] == "the last 2 round(s) raised the best from 9.00 to 9.10 mS/cm, less than 0.3 mS/cm"


def test_improvement_counts_over_what_was_known_before():
    rule = Improvement(rule="improvement", below_mS_cm=0.3, over_rounds=1)
    assert not judge(rule, record(0.5, known=9.0), predictions(10.0))["holds"]
    assert judge(rule, record(0.5, known=12.0), predictions(10.0))["holds"]


def test_improvement_cannot_be_judged_too_early():
    rule = Improvement(rule="improvement", below_mS_cm=0.3, over_rounds=3)
    assert "1 of the 3 rounds" in judge(rule, record(0.5), predictions(9.0))["words"]
    rule = rule.model_copy(update={"over_rounds": 1})
    assert "cannot be judged" in judge(rule, record(0.5), predictions(9.0))["words"]
    assert not judge(rule, record(0.5), predictions(9.0))["holds"]


def test_rounds_in_which_everything_failed_say_nothing_of_the_improvement():
    rule = Improvement(rule="improvement", below_mS_cm=0.3, over_rounds=2)
    history = record(0.5, 0.5, 0.5, 0.5)
    history.candidates["c2"].status = history.candidates["c3"].status = "failed"
    verdict = judge(rule, history, predictions(9.0, 9.4))
    assert not verdict["holds"]
    assert "cannot be judged" in verdict["words"], "both rounds with results are those judged: nothing is before them"
    history.candidates["c3"].status = "completed"
    predicted = {**predictions(9.0, 9.4), "c3": (9.5, 0.5)}
    assert judge(rule, history, predicted)["figures"]["gain_mS_cm"] == pytest.approx(0.5), "c1 and c3 over c0"


def test_improvement_against_uncertainty():
    rule = ImprovementAgainstUncertainty(rule="improvement_against_uncertainty", below=1.0, over_rounds=1)
    history = record(0.5, 0.5)
    assert judge(rule, history, predictions(9.0, 9.4, std=0.5))["holds"]
    assert not judge(rule, history, predictions(9.0, 9.4, std=0.3))["holds"]


def test_nothing_better_wants_several_batches_to_agree():
    rule = NothingBetter(rule="nothing_better", probability_below=0.05, over_rounds=2)
    assert not judge(rule, record(0.01), {})["holds"]
    assert not judge(rule, record(0.2, 0.01), {})["holds"]
    verdict = judge(rule, record(0.2, 0.04, 0.01), {})
    assert verdict["holds"]
    assert "0.040, 0.010" in verdict["words"]


def test_a_batch_without_an_outlook_tells_nothing():
    rule = NothingBetter(rule="nothing_better", over_rounds=1)
    verdict = judge(rule, record(None), {})
    assert not verdict["holds"]
    assert "fewer than 1 batches tell" in verdict["words"]


def test_the_failure_rate_is_counted_over_the_last_calls():
    rule = FailureRate(rule="failure_rate", above=0.5, over_calls=4)
    made = record(0.5)
    made.calls = [Call("c0", "timeout"), Call("c0", "timeout"), Call("c0", "not_diffusive")]
    assert "3 of the 4 calls" in judge(rule, made, {})["words"]
    made.calls.append(Call("c0", "ok"))
    verdict = judge(rule, made, {})
    assert verdict["holds"]
    assert verdict["then"] == "pause"
    assert "3 of the last 4 calls failed (not_diffusive 1, timeout 2), more than 50 %" in verdict["words"]
    made.n_calls_forgiven = 4
    assert not judge(rule, made, {})["holds"]


def test_rules_are_combined_by_all_and_any():
    holds, fails = Rounds(rule="rounds", at=1), Rounds(rule="rounds", at=9)
    made = record(0.5)
    assert not judge(AllOf(all_of=(holds, fails)), made, {})["holds"]
    assert judge(AnyOf(any_of=(fails, holds)), made, {})["holds"]
    nested = AllOf(all_of=(holds, AnyOf(any_of=(fails, holds))))
    verdict = judge(nested, made, {})
    assert verdict["holds"]
    assert verdict["words"] == "1 of 1 rounds are done and 1 of 1 rounds are done"
    assert [part["holds"] for part in verdict["parts"][1]["parts"]] == [False, True]


# As campaigns state them


@pytest.fixture
def file(tmp_path):
    def write(more, options="{}"):
        path = tmp_path / "toy.yaml"
        path.write_text(TOY % options + more)
        return path

    return write


def run(file, strategy=None):
    with Campaign.start_or_resume(file) as campaign:
        return Controller(campaign, strategy or FakeStrategy(), InlineExecutor(), Screen(is_quiet=True)).run()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("stop: [{rule: roundz, at: 3}]", r"line 6: stop\.0: a rule is .*NAME one of rounds, calls"),
        ("stop: [{rule: calls}]", r"stop\.0\.calls\.at: is missing"),
        ("stop: [calls]", r"stop\.0: a rule is"),
        ("stop: [{all_of: []}]", r"stop\.0\.all_of"),
        ("stop: [{rule: failure_rate}]", "nothing would ever end this campaign"),
        ("budget: {}", "nothing would ever end this campaign"),
        ("stop: [{rule: nothing_better, probability_below: 5}]", "less than 1"),
    ],
)
def test_mistakes_in_rules_are_named(file, more, message):
    with pytest.raises(CampaignFileError, match=message):
        load_campaign_file(file(more))


def test_two_rounds_where_nothing_is_said(file):
    assert load_campaign_file(file("")).budget.rounds == 2
    assert load_campaign_file(file("stop: [{rule: calls, at: 5}]")).budget.rounds is None


def test_a_limit_on_calls_is_kept_to_the_call(file):
    path = file("acquisition: {batch_size: 3}\nstop: [{rule: calls, at: 4}]")
    assert run(path) is Step.STOP
    record = Campaign.read(path.parent / "toy").record
    assert [len(batch["candidates"]) for batch in record.batches] == [3, 1]
    assert record.last_stop["reasons"] == ["4 of 4 oracle calls are used"]


def test_each_evaluation_records_every_rule_with_its_figures(file):
    path = file(
        "budget: {rounds: 2, calls: 40}\nstop: [{all_of: [{rule: improvement, below_mS_cm: 1, over_rounds: 1}, "
        "{rule: nothing_better}]}]"
    )
    run(path)
    campaign = Campaign.read(path.parent / "toy")
    stops = [event.data for event in campaign.events if event.type == "stop_evaluated"]
    assert [[rule["rule"] for rule in stop["rules"]] for stop in stops] == [["rounds", "calls", "all_of"]] * 2
    assert stops[0]["rules"][1]["figures"] == {"used": 2, "at": 40}
    assert [stop["should_stop"] for stop in stops] == [False, True]
    assert "2 of 40 oracle calls are used" in "\n".join(log_lines(campaign.events))
    assert "2 of 2 rounds are done (stop)" in status_text(campaign)


def test_too_many_failures_pause_the_campaign_until_a_person_resumes_it(file):
    path = file("budget: {rounds: 4}\nstop: [{rule: failure_rate, above: 0.5, over_calls: 2}]", "{fail_above: 0.1}")
    assert run(path) is Step.HOLD
    assert run(path) is Step.HOLD
    campaign = Campaign.read(path.parent / "toy")
    (pause,) = [event.data for event in campaign.events if event.type == "paused"]
    assert "2 of the last 2 calls failed (not_diffusive 2)" in pause["reason"]
    assert "paused, until 'saltloop resume': 2 of the last 2 calls" in status_text(campaign)
    with Campaign.open(path.parent / "toy") as opened:
        opened.append("resumed", {})
    assert run(path) is Step.HOLD
    assert Campaign.read(path.parent / "toy").record.n_rounds == 2


def test_ctrl_c_just_before_a_pause_does_not_take_its_place(file, monkeypatch):
    def interrupted(self):
        monkeypatch.undo()
        raise KeyboardInterrupt

    path = file("budget: {rounds: 4}\nstop: [{rule: failure_rate, above: 0.5, over_calls: 2}]", "{fail_above: 0.1}")
    monkeypatch.setattr(Controller, "_pause", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(path)
    assert run(path) is Step.HOLD
    assert Campaign.read(path.parent / "toy").record.n_rounds == 1


def test_a_rule_that_stops_wins_over_one_that_pauses(file):
    path = file("budget: {rounds: 1}\nstop: [{rule: failure_rate, above: 0.5, over_calls: 2}]", "{fail_above: 0.1}")
    assert run(path) is Step.STOP


def test_another_verdict_on_replay_is_noticed(file):
    class Optimist(FakeStrategy):
        def predict(self, campaign, formulations):
            n_rounds = campaign.record.n_rounds
            return [{"mean": 5.0 * n_rounds + k, "standard_deviation": 1.0} for k in range(len(formulations))]

    path = file("budget: {rounds: 3}\nstop: [{rule: improvement, below_mS_cm: 0.5, over_rounds: 1}]")
    assert run(path) is Step.STOP
    campaign = Campaign.read(path.parent / "toy")
    assert campaign.record.n_rounds == 2
    assert verify(campaign, FakeStrategy()).is_good
    (problem,) = verify(campaign, Optimist()).problems
    assert "these stop rules held: the last 1 round(s) raised the best" in problem
