"""Replay of a state file: does the same history lead to the same decisions, and do the job folders agree?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from saltloop.chemistry.formulation import Formulation
from saltloop.loop.campaign import Campaign
from saltloop.loop.fork import parent_problem
from saltloop.loop.jobs import result_sha256
from saltloop.loop.record import CampaignRecord
from saltloop.loop.steering.fixing import as_if_rejected
from saltloop.loop.stopping.judge import evaluate
from saltloop.loop.strategy import Strategy

#: Acquisition values may differ in the last digits between numbers of threads; formulations may not differ at all.
RELATIVE_TOLERANCE = 1e-6


@dataclass
class Verdict:
    """What the replay found."""

    n_events: int = 0
    n_fits: int = 0
    n_decisions: int = 0
    n_results: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not self.problems


def verify(
    campaign: Campaign,
    strategy: Strategy,
    *,
    retrain: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Verdict:
    """Replay every decision of a campaign and check every result against its job folder.

    The hash chain was already checked when the campaign was read. With ``retrain`` each fit is repeated and its
    weights compared; otherwise the weights named by hash in the state are used, and retrained only where they are gone.
    """
    verdict = Verdict(n_events=len(campaign.events))
    inherited = campaign.record.fork.get("seq", -1)
    if campaign.record.fork:
        problem, note = parent_problem(campaign)
        verdict.problems += filter(None, [problem])
        verdict.notes += filter(None, [note])
    past = CampaignRecord()
    view = Campaign(campaign.folder, campaign.settings, past, campaign.events)
    for number, event in enumerate(campaign.events, start=1):
        if progress:
            progress(number, len(campaign.events))
        if event.type == "batch_proposed":
            _check_decision(view, strategy, event.seq, event.data, verdict)
        elif event.type == "stop_evaluated":
            _check_stop(view, strategy, event.seq, event.data, verdict)
        elif event.type == "result_quarantined":
            _check_surprises(view, strategy, event.seq, event.data, verdict)
        view.apply(event)
        if event.type == "surrogate_fitted":
            _check_fit(view, strategy, event.seq, event.data, verdict, retrain=retrain)
        elif event.type == "job_finished" and event.seq > inherited:
            _check_result(campaign, event.seq, event.data, verdict)
    return verdict


def _check_fit(
    view: Campaign, strategy: Strategy, seq: int, recorded: dict[str, Any], verdict: Verdict, *, retrain: bool
) -> None:
    verdict.n_fits += 1
    if strategy.has_model(view) and not retrain:
        return
    if not retrain:
        verdict.notes.append(
            f"event {seq}: the weights were gone, damaged or of an earlier saltloop and have been trained again"
        )
    again = strategy.refit(view, recorded)
    if again["weights_sha256"] != recorded["weights_sha256"]:
        verdict.problems.append(
            f"event {seq}: training again gave other weights ({again['weights_sha256'][:12]}, recorded "
            f"{recorded['weights_sha256'][:12]}); another machine, thread count or package version, or the data changed"
        )


def _check_decision(view: Campaign, strategy: Strategy, seq: int, recorded: dict[str, Any], verdict: Verdict) -> None:
    verdict.n_decisions += 1
    if not strategy.has_model(view):
        verdict.problems.append(f"event {seq}: cannot be replayed, its model's weights could not be reproduced")
        return
    if replaced := recorded.get("replaces"):
        view = as_if_rejected(view, replaced["candidate_id"], recorded["fixed"])
    is_for_lab = recorded["assigned_to"] == "lab"
    n = len(recorded["candidates"])
    again = strategy.propose(view, iteration=recorded["iteration"], n=n, is_for_lab=is_for_lab)
    for old, new in zip(recorded["candidates"], again["candidates"], strict=True):
        if old["formulation_id"] != new["formulation_id"]:
            verdict.problems.append(
                f"event {seq}: {old['candidate_id']} was {old['text']}; replaying chooses {new['text']}"
            )
        elif (was := old.get("source", "oracle")) != (now := new.get("source", "oracle")):
            verdict.problems.append(f"event {seq}: {old['candidate_id']} was given to {was}; replaying, to {now}")
        elif not math.isclose(
            old["acquisition_value"], new["acquisition_value"], rel_tol=RELATIVE_TOLERANCE, abs_tol=1e-9
        ):
            verdict.problems.append(
                f"event {seq}: {old['candidate_id']} has acquisition value {new['acquisition_value']:g} on replay, "
                f"{old['acquisition_value']:g} in the state file"
            )


def _check_stop(view: Campaign, strategy: Strategy, seq: int, recorded: dict[str, Any], verdict: Verdict) -> None:
    """The same rules hold; figures may differ in the last digits. Old states hold no verdict of each rule."""
    if not strategy.has_model(view):
        return
    again = evaluate(view, strategy)
    holding = [rule["words"] for rule in recorded.get("rules", ()) if rule["holds"]]
    holding_again = [rule["words"] for rule in again["rules"] if rule["holds"]]
    if again["should_stop"] != recorded["should_stop"] or ("rules" in recorded and len(holding) != len(holding_again)):
        verdict.problems.append(
            f"event {seq}: these stop rules held: {'; '.join(holding or recorded['reasons']) or 'none'}; "
            f"on replay: {'; '.join(holding_again) or 'none'}"
        )


def _check_surprises(view: Campaign, strategy: Strategy, seq: int, recorded: dict[str, Any], verdict: Verdict) -> None:
    """The model, as it was before, expects the same of a result that it held back."""
    held = [entry for entry in recorded["results"] if entry["stage"] == "surprise"]
    if not held or not strategy.has_model(view):
        return
    liquids = [Formulation.from_dict(entry["measurement"]["formulation"], species=view.species) for entry in held]
    for entry, now in zip(held, strategy.predict(view, liquids), strict=True):
        was = entry["expected"]
        if not all(math.isclose(was[key], now[key], rel_tol=1e-4) for key in ("mean", "standard_deviation")):
            verdict.problems.append(
                f"event {seq}: {entry['measurement_id']} was held because the model expected {was['mean']:.4g} ± "
                f"{was['standard_deviation']:.2g} mS/cm; on replay it expects {now['mean']:.4g} ± "
                f"{now['standard_deviation']:.2g}"
            )


def _check_result(campaign: Campaign, seq: int, recorded: dict[str, Any], verdict: Verdict) -> None:
    verdict.n_results += 1
    found = result_sha256(campaign.folder / "jobs" / recorded["job_key"])
    if not found:
        verdict.notes.append(
            f"event {seq}: jobs/{recorded['job_key']} was deleted; its result stands in the state file"
        )
    elif found != recorded["outcome_sha256"]:
        verdict.problems.append(
            f"event {seq}: jobs/{recorded['job_key']}/result.json was changed after it was recorded"
        )
