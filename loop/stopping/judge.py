"""When to stop: each rule judged on the record, with its figures and its verdict in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from saltloop.loop.campaign import Campaign
from saltloop.loop.record import CampaignRecord
from saltloop.loop.settings import CampaignSettings
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
    StopRule,
)
from saltloop.loop.strategy import Strategy

#: What the surrogate now says of each measured candidate: mean and standard deviation, mS/cm.
Predicted = Mapping[str, tuple[float, float]]


def evaluate(campaign: Campaign, strategy: Strategy) -> dict[str, Any]:
    """The data of a ``stop_evaluated`` event: what the last batch taught, every rule's verdict, and what follows."""
    record = campaign.record
    fresh = [c for c in record.candidates.values() if c.iteration >= record.n_learned]
    shown = [c for c in record.candidates.values() if c.status == "completed" or c.iteration >= record.n_learned]
    after = strategy.predict(campaign, [campaign.formulation(c.candidate_id) for c in shown])
    answers = {c.candidate_id: answer for c, answer in zip(shown, after, strict=True)}
    predicted = {
        c.candidate_id: (answers[c.candidate_id]["mean"], answers[c.candidate_id]["standard_deviation"])
        for c in shown
        if c.status == "completed"
    }
    verdicts = [judge(rule, record, predicted) for rule in rules_of(campaign.settings)]
    reasons = {then: [v["words"] for v in verdicts if v["holds"] and v["then"] == then] for then in ("stop", "pause")}
    return {
        "n_batches": len(record.batches),
        "should_stop": bool(reasons["stop"]),
        "reasons": reasons["stop"],
        "should_pause": bool(reasons["pause"]) and not reasons["stop"],
        "pause_reasons": reasons["pause"],
        "rules": verdicts,
        "learned": [{"candidate_id": c.candidate_id, **answers[c.candidate_id]} for c in fresh],
    }


def rules_of(settings: CampaignSettings) -> tuple[StopRule, ...]:
    """The budget's limits and the rules beside it; the campaign ends when any of them holds."""
    return (*settings.budget.rules(), *settings.stop)


def describe_rules(campaign: Campaign) -> list[str]:
    """Each rule with the words of its last verdict, or as it is set where it has not been judged since it was set."""
    rules, judged = rules_of(campaign.settings), campaign.record.last_stop.get("rules", ())
    if len(judged) == len(rules):
        return [f"{verdict['words']} ({verdict['then']})" for verdict in judged]
    return [f"{_asked(rule)} ({rule.then}), not judged yet" for rule in rules]


def _asked(rule: StopRule) -> str:
    """A rule as it is set, in words."""
    if isinstance(rule, AllOf | AnyOf):
        parts = rule.all_of if isinstance(rule, AllOf) else rule.any_of
        return f"{'all' if isinstance(rule, AllOf) else 'any'} of: " + "; ".join(map(_asked, parts))
    figures = rule.model_dump(mode="json", exclude={"rule", "then"})
    return f"{rule.rule}, " + ", ".join(f"{name} {value}" for name, value in figures.items())


def calls_left(campaign: Campaign) -> int | None:
    """How many calls are left before a limit on calls ends the campaign; None without such a limit."""
    limits = [rule.at for rule in rules_of(campaign.settings) if isinstance(rule, Calls) and rule.then == "stop"]
    return max(0, min(limits) - len(campaign.record.calls)) if limits else None


def judge(rule: StopRule, record: CampaignRecord, predicted: Predicted) -> dict[str, Any]:
    """One rule's verdict: ``holds``, the ``figures`` it rests on, and ``words`` for a person."""
    if isinstance(rule, AllOf | AnyOf):
        is_all = isinstance(rule, AllOf)
        parts = [judge(part, record, predicted) for part in (rule.all_of if isinstance(rule, AllOf) else rule.any_of)]
        counted = parts if is_all else [part for part in parts if part["holds"]] or parts
        words = (" and " if is_all or not any(p["holds"] for p in parts) else " or ").join(p["words"] for p in counted)
        holds = (all if is_all else any)(part["holds"] for part in parts)
        return {
            "rule": "all_of" if is_all else "any_of", "then": rule.then, "holds": holds, "words": words, "parts": parts
        }  # fmt: skip
    holds, figures, words = _plain(rule, record, predicted)
    return {"rule": rule.rule, "then": rule.then, "holds": holds, "words": words, "figures": figures}


def _plain(rule: StopRule, record: CampaignRecord, predicted: Predicted) -> tuple[bool, dict[str, Any], str]:
    match rule:
        case Rounds():
            return _used(record.n_rounds, rule.at, f"{record.n_rounds} of {rule.at} rounds are done")
        case Calls():
            n = len(record.calls)
            return _used(n, rule.at, f"{n} of {rule.at} oracle calls are used")
        case OracleHours():
            hours = record.oracle_hours
            return _used(hours, rule.at, f"{hours:.2f} of {rule.at:g} oracle hours are used")
        case Money():
            return _used(record.money, rule.at, f"{record.money:.2f} of {rule.at:g} in money is spent")
        case Improvement() | ImprovementAgainstUncertainty():
            return _improvement(rule, record, predicted)
        case NothingBetter():
            return _nothing_better(rule, record)
        case FailureRate():
            return _failure_rate(rule, record)
    raise TypeError(f"{rule!r} is no stop rule")


def _used(used: float, at: float, words: str) -> tuple[bool, dict[str, Any], str]:
    return used >= at, {"used": used, "at": at}, words


def _improvement(
    rule: Improvement | ImprovementAgainstUncertainty, record: CampaignRecord, predicted: Predicted
) -> tuple[bool, dict[str, Any], str]:
    """By how much the last rounds raised the best, as the surrogate sees all of it now.

    A round in which everything failed tells nothing of what is left, and does not count.
    """
    told = {candidate.iteration for candidate in record.candidates.values() if candidate.status == "completed"}
    rounds = [batch for batch in record.batches if batch["is_round"] and batch["iteration"] in told]
    if len(rounds) < rule.over_rounds:
        words = f"{len(rounds)} of the {rule.over_rounds} rounds that the improvement is judged over have results"
        return False, {"n_rounds": len(rounds)}, words
    first = rounds[-rule.over_rounds]
    earlier = [p for key, p in predicted.items() if record.candidates[key].iteration < first["iteration"]]
    latest = [p for key, p in predicted.items() if record.candidates[key].iteration >= first["iteration"]]
    known = (first.get("outlook") or {}).get("best_measured_mS_cm")
    bests = [mean for mean, _ in earlier] + ([known] if known is not None else [])
    if not bests or not (earlier or latest):
        return False, {}, "there is no result to compare with yet, so the improvement cannot be judged"
    before = max(bests)
    now = max([before, *(mean for mean, _ in latest)])
    gain, uncertainty = now - before, max([*earlier, *latest])[1]
    if isinstance(rule, Improvement):
        limit, unit = rule.below_mS_cm, f"{rule.below_mS_cm:g} mS/cm"
    else:
        limit = rule.below * uncertainty
        unit = f"{limit:.2f} mS/cm, {rule.below:g} standard deviation(s) of the best"
    holds = gain < limit
    words = (
        f"the last {rule.over_rounds} round(s) raised the best from {before:.2f} to {now:.2f} mS/cm, "
        f"{'less' if holds else 'not less'} than {unit}"
    )
    figures = {"before_mS_cm": before, "now_mS_cm": now, "gain_mS_cm": gain, "limit_mS_cm": limit}
    return holds, {**figures, "uncertainty_mS_cm": uncertainty}, words


def _nothing_better(rule: NothingBetter, record: CampaignRecord) -> tuple[bool, dict[str, Any], str]:
    outlooks = [batch.get("outlook") or {} for batch in record.batches if batch["is_round"]]
    found = [one.get("probability_better") for one in outlooks[-rule.over_rounds :]]
    if len(found) < rule.over_rounds or None in found:
        words = f"fewer than {rule.over_rounds} batches tell the probability that anything better is left"
        return False, {"probabilities": found}, words
    holds = all(p < rule.probability_below for p in found if p is not None)
    listed = ", ".join(f"{p:.3f}" for p in found)
    words = (
        f"the probability that anything better is left was {listed} in the last {len(found)} batch(es), "
        f"{'below' if holds else 'not below'} {rule.probability_below:g}"
    )
    return holds, {"probabilities": found}, words


def _failure_rate(rule: FailureRate, record: CampaignRecord) -> tuple[bool, dict[str, Any], str]:
    calls = record.calls[record.n_calls_forgiven :][-rule.over_calls :]
    kinds = Counter(call.outcome for call in calls if call.outcome != "ok")
    n_failed = sum(kinds.values())
    figures = {"n_calls": len(calls), "n_failed": n_failed, "kinds": dict(sorted(kinds.items()))}
    if len(calls) < rule.over_calls:
        return False, figures, f"{len(calls)} of the {rule.over_calls} calls that failures are counted over have ended"
    listed = f" ({', '.join(f'{kind} {n}' for kind, n in sorted(kinds.items()))})" if kinds else ""
    holds = n_failed / len(calls) > rule.above
    words = (
        f"{n_failed} of the last {len(calls)} calls failed{listed}, "
        f"{'more' if holds else 'not more'} than {100 * rule.above:g} %"
    )
    return holds, figures, words
