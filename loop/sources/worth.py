"""What each oracle of a campaign was worth: its calls, what they cost, its bias, what its results brought. No torch."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from saltloop.loop.campaign import Campaign
from saltloop.loop.record_items import Candidate
from saltloop.loop.sources.of_campaign import prices


def source_worth(campaign: Campaign) -> list[dict[str, Any]]:
    """One entry for each oracle, in the campaign file's order.

    ``hours`` is the wall time of jobs, or what the file states for a call of a lab; ``money`` is what its calls cost,
    by its price or as the lab told; ``spent`` adds hours at ``hour_price`` and money. ``raised_best_mS_cm`` is by how
    much its results raised the best predicted mean of a measured or simulated liquid, ``lowered_uncertainty`` the mean
    share of the standard deviation of a liquid's prediction that its answer took away (calibrations aside). ``bias`` to
    ``stated_std`` (in ln k, experiment against source) and ``n_liquids`` are those of the last decision; None for
    experiment, or without an answer before it.
    """
    record, settings = campaign.record, campaign.settings
    of = {c.candidate_id: _oracle_of(campaign, c) for c in record.candidates.values()}
    price = prices(campaign)
    outcomes: dict[str, list[str]] = defaultdict(list)
    for call in record.calls:
        if call.candidate_id is not None:
            outcomes[of[call.candidate_id]].append(call.outcome)
    money: dict[str, float] = defaultdict(float)
    for candidate_id, paid in record.money_of.items():
        money[of[candidate_id]] += paid
    walls = _wall_hours(campaign)
    raised, lowered = _brought(campaign, of)
    learned = {entry["source"]: entry for batch in record.batches for entry in batch.get("sources", ())}
    found = []
    for name, oracle in settings.named_oracles().items():
        n_calls = len(outcomes[name])
        hours = price[name].hours * n_calls if oracle.kind == "lab" else walls[name]
        spent = hours * settings.hour_price + money[name]
        bias = learned.get(oracle.yields or "", {})
        found.append(
            {
                "oracle": name,
                "source": oracle.yields,
                "calls": n_calls,
                "failures": sum(outcome != "ok" for outcome in outcomes[name]),
                "hours": hours,
                "money": money[name],
                "spent": spent,
                "raised_best_mS_cm": raised[name],
                "raised_best_per_cost": raised[name] / spent if spent else None,
                "lowered_uncertainty": sum(lowered[name]) / len(lowered[name]) if lowered[name] else None,
                **{key: bias.get(key) for key in ("bias", "bias_std", "scatter_std", "stated_std", "n_liquids")},
            }
        )
    return found


def worth_lines(campaign: Campaign) -> list[str]:
    """``source_worth`` in words, a line for each of several oracles; none where there is one oracle."""
    found = source_worth(campaign)
    return [_line(one) for one in found] if len(found) > 1 else []


def _line(one: dict[str, Any]) -> str:
    words = f"{one['oracle']}: {one['calls']} call(s)" + f", {one['failures']} failed" * bool(one["failures"])
    words += f", {one['hours']:.2f} h" + f" and {one['money']:.2f} in money" * bool(one["money"])
    if not one["calls"]:
        return words
    words += f"; raised the best by {one['raised_best_mS_cm']:.2f} mS/cm"
    if one["raised_best_per_cost"] is not None:
        words += f" ({one['raised_best_per_cost']:.2g} per unit of cost)"
    if one["lowered_uncertainty"] is not None:
        words += f", took {100 * one['lowered_uncertainty']:.0f} % of the uncertainty of a liquid it answered for"
    if one["n_liquids"]:
        total = math.hypot(one["scatter_std"], one["stated_std"])
        words += (
            f"; experiment / {one['source']} = {math.exp(one['bias']):.2f} (± {100 * one['bias_std']:.0f} %) from "
            f"{one['n_liquids']} liquid(s), values scatter by {100 * total:.0f} %"
        )
    elif one["source"] != "experiment":
        words += "; its bias was not known at the last decision: no liquid had both values"
    return words


def _oracle_of(campaign: Campaign, candidate: Candidate) -> str:
    """The oracle that a candidate counts for; ``lab`` where people were asked whom the file does not name."""
    oracle = campaign.settings.named_oracles().get(candidate.oracle)
    is_lab = oracle is not None and oracle.kind == "lab"
    return "lab" if candidate.assigned_to == "lab" and not is_lab else candidate.oracle


def _wall_hours(campaign: Campaign) -> dict[str, float]:
    """Wall time of all attempts, by oracle."""
    hours: dict[str, float] = defaultdict(float)
    for event in campaign.events:
        if event.type in ("job_finished", "job_failed"):
            hours[campaign.record.jobs[event.data["job_key"]].oracle] += event.data["wall_s"] / 3600
    return hours


def _brought(campaign: Campaign, of: dict[str, str]) -> tuple[dict[str, float], dict[str, list[float]]]:
    """By oracle: how far the best predicted mean rose, and the shares of uncertainty taken away."""
    record = campaign.record
    raised: dict[str, float] = defaultdict(float)
    lowered: dict[str, list[float]] = defaultdict(list)
    outlook: dict[str, Any] = next((batch["outlook"] for batch in record.batches if batch.get("outlook")), {})
    best = outlook.get("best_measured_mS_cm")
    learned = [one for event in campaign.events if event.type == "stop_evaluated" for one in event.data["learned"]]
    for after in learned:
        candidate = record.candidates[after["candidate_id"]]
        if not any(record.results[one].counts for one in candidate.measurement_ids):
            continue
        name = of[candidate.candidate_id]
        before = candidate.why["predicted"]["standard_deviation"]
        if before > 0 and candidate.why.get("purpose") != "calibrate":
            lowered[name].append(1 - after["standard_deviation"] / before)
        if best is not None:
            raised[name] += max(0.0, after["mean"] - best)
        best = max(after["mean"], best if best is not None else -math.inf)
    return raised, lowered
