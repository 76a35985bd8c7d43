"""A campaign in words: status and summary. Plain functions of the record, no heavy imports."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from saltloop.chemistry.units import convert
from saltloop.loop.campaign import Campaign
from saltloop.loop.lab.claims import claims_of
from saltloop.loop.reports.story import learned
from saltloop.loop.reports.words import pm, result_words
from saltloop.loop.sources.worth import source_worth, worth_lines
from saltloop.loop.steering.queue import waiting_requests
from saltloop.loop.stopping.judge import describe_rules


def status(campaign: Campaign) -> dict[str, Any]:
    """The campaign's state as plain data, for ``saltloop status`` and scripts."""
    record = campaign.record
    claims = claims_of(campaign)
    return {
        "name": campaign.settings.name,
        "folder": str(campaign.folder),
        "state": phase(campaign),
        "events": record.n_events,
        "rounds": record.n_rounds,
        "rounds_budget": campaign.settings.budget.rounds,
        "calls": len(record.calls),
        "failed_for_good": len(record.infeasible),
        "money": round(record.money, 2),
        "stop_rules": describe_rules(campaign),
        "requests_waiting": len(waiting_requests(campaign.folder)),
        "oracle_hours": round(record.oracle_hours, 4),
        "candidates": dict(sorted(Counter(c.status for c in record.candidates.values()).items())),
        "results": len(record.valid_results()),
        "quarantined": len(record.waiting_results()),
        "quarantine": [
            {
                "measurement_id": held.measurement_id,
                "candidate_id": held.candidate_id,
                "stage": held.stage,
                "reason": held.reason,
            }
            for held in record.waiting_results()
        ],
        "best": best_result(campaign),
        "open": [
            {
                "candidate_id": c.candidate_id,
                "status": c.status,
                "assigned_to": c.assigned_to,
                "claimed_by": claims[c.candidate_id].robot if c.candidate_id in claims else None,
                "formulation": c.text,
                "probability_feasible": c.why.get("probability_feasible"),
            }
            for c in record.open_candidates()
        ],
        "sources": source_worth(campaign),
        "messages": campaign.messages,
    }


def status_text(campaign: Campaign) -> str:
    """``status`` for a person."""
    now = status(campaign)
    lines = [
        f"Campaign {now['name']}: {now['state']}",
        f"  rounds      {now['rounds']}"
        + f" of {now['rounds_budget']}" * bool(now["rounds_budget"])
        + f", {now['calls']} oracle calls, {now['oracle_hours'] * 60:.1f} min of oracle time"
        + f", {now['money']:.2f} in money" * bool(now["money"]),
        "  candidates  " + (", ".join(f"{n} {s}" for s, n in now["candidates"].items()) or "none yet"),
        f"  results     {now['results']} conductivities"
        + (f", {now['quarantined']} quarantined" * bool(now["quarantined"])),
    ]
    lines += [f"  quarantined {held['measurement_id']} {held['reason']}" for held in now["quarantine"]]
    if best := now["best"]:
        lines.append(
            f"  best        {best['text']}: {pm(best['value'], best['standard_uncertainty'])} ({best['source']})"
        )
    if now["failed_for_good"]:
        lines.append(f"  infeasible  {now['failed_for_good']} liquid(s) failed for good and are never proposed again")
    lines += [f"  stop rule   {rule}" for rule in now["stop_rules"]]
    lines += [
        f"  open        {c['candidate_id']} {c['formulation']} ({c['status']}, {c['assigned_to']}"
        + f", claimed by {c['claimed_by']}" * bool(c["claimed_by"])
        + (f", feasible with {100 * p:.0f} %" if (p := c["probability_feasible"]) is not None else "")
        + ")"
        for c in now["open"]
    ]
    lines += [f"  source      {line}" for line in worth_lines(campaign)]
    if now["requests_waiting"]:
        lines.append(
            f"  requests    {now['requests_waiting']} of people wait for the next 'saltloop run' to take them in"
        )
    return "\n".join(lines + now["messages"])


def best_result(campaign: Campaign) -> dict[str, Any] | None:
    """The highest conductivity (mS/cm) that the campaign itself measured or simulated, and of which liquid."""
    results = campaign.record.valid_results()
    if not results:
        return None
    best = max(results, key=lambda r: convert(r.measurement["value"], r.measurement["unit"], "mS/cm"))
    candidate = campaign.record.candidates.get(best.candidate_id or "")
    measured = best.measurement
    return {
        "candidate_id": best.candidate_id,
        "text": candidate.text if candidate and not best.note else str(campaign.formulation_of(best)),
        "value": convert(measured["value"], measured["unit"], "mS/cm"),
        "unit": "mS/cm",
        "standard_uncertainty": convert(measured["standard_uncertainty"], measured["unit"], "mS/cm"),
        "source": measured["source"],
    }


def summary(campaign: Campaign) -> str:
    """What a campaign did, for the end of a run: proposals and why, results, how predictions moved."""
    after = {entry["candidate_id"]: entry for entry in learned(campaign)}
    lines = []
    for batch in campaign.record.batches:
        lines.append(f"Round {batch['iteration'] + 1}: {batch['n_screened']:,} formulations screened")
        for entry in batch["candidates"]:
            candidate = campaign.record.candidates[entry["candidate_id"]]
            predicted = entry["predicted"]
            near = entry["nearest_known"][0]
            lines.append(f"  {candidate.text}   [{candidate.candidate_id}]")
            lines.append(
                f"    why        predicted {pm(predicted['mean'], predicted['standard_deviation'])}; "
                f"nearest known: {near['text']}, {near['conductivity_mS_cm']:.2f} mS/cm"
            )
            if reason := entry.get("why_source"):
                lines.append(f"    source     {reason}")
            results = [campaign.record.results[m] for m in candidate.measurement_ids]
            found = [result_words(r) for r in results if r.measurement["quantity"] == "conductivity"]
            lines.append(f"    found      {'; '.join(found) or f'{candidate.status}: {candidate.reason}'}")
            if (then := after.get(candidate.candidate_id)) and found:
                lines.append(
                    f"    moved      {pm(predicted['mean'], predicted['standard_deviation'])}  ->  "
                    f"{pm(then['mean'], then['standard_deviation'])}"
                )
        lines += [f"    note       {note}" for note in batch["notes"]]
    lines += [f"Source {line}" for line in worth_lines(campaign)]
    if campaign.record.last_stop.get("should_stop"):
        lines.append("Stopped: " + "; ".join(campaign.record.last_stop["reasons"]))
    return "\n".join(lines)


def advice(campaign: Campaign, file: Path) -> str:
    """Where everything lies, how far to trust it, and how to go on."""
    lines = [
        f"Picture: {campaign.folder / 'outcome.png'}; jobs with their logs and plots: {campaign.folder / 'jobs'}",
        f"Each decision and why: saltloop log {file}; one candidate: saltloop show {file} ID",
        f"All of it on one page, with plots: saltloop report {file}",
        f"Check the record and replay the decisions: saltloop verify {file}",
        f"Go on: saltloop budget {file} --rounds N (or edit {file}), then 'saltloop run {file}' again.",
    ]
    return "\n".join([*lines, *cautions(campaign)])


def cautions(campaign: Campaign) -> list[str]:
    """What everybody who reads the campaign's values should know of them."""
    oracles = [oracle.model_dump() for oracle in campaign.settings.named_oracles().values()]
    if any(oracle["kind"] == "openmm" and oracle.get("protocol", "demo") == "demo" for oracle in oracles):
        return [
            "Mind: the 'demo' protocol is 100 picoseconds of a few ion pairs. Its error bars are wide and its "
            "values are not for publication; use 'standard' or 'production' for that (docs/md.md)."
        ]
    return []


def phase(campaign: Campaign) -> str:
    record = campaign.record
    if record.is_closed:
        return "closed"
    if record.hold_reason:
        return f"paused, until 'saltloop resume': {record.hold_reason}"
    if record.last_stop.get("should_stop") and not record.open_candidates():
        return "stopped: " + "; ".join(record.last_stop["reasons"])
    waiting = [c for c in record.open_candidates() if c.assigned_to == "lab" or c.status == "candidate"]
    if waiting:
        return f"waiting for people: {len(waiting)} candidate(s)"
    return "paused" if record.is_paused else "in progress"
