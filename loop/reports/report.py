"""A campaign in words: status, log and summary. Plain functions of the record, no heavy imports."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from saltloop.chemistry.units import convert
from saltloop.loop.acquisition.settings import VALUE_WORDS
from saltloop.loop.campaign import Campaign
from saltloop.loop.events import Event
from saltloop.loop.record_items import Candidate, Job, Result
from saltloop.loop.settings import changed_settings
from saltloop.loop.sources.worth import source_worth, worth_lines
from saltloop.loop.steering.queue import waiting_requests
from saltloop.loop.stopping.judge import describe_rules


def status(campaign: Campaign) -> dict[str, Any]:
    """The campaign's state as plain data, for ``saltloop status`` and scripts."""
    record = campaign.record
    return {
        "name": campaign.settings.name,
        "folder": str(campaign.folder),
        "state": _phase(campaign),
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
            f"  best        {best['text']}: {_pm(best['value'], best['standard_uncertainty'])} ({best['source']})"
        )
    if now["failed_for_good"]:
        lines.append(f"  infeasible  {now['failed_for_good']} liquid(s) failed for good and are never proposed again")
    lines += [f"  stop rule   {rule}" for rule in now["stop_rules"]]
    lines += [
        f"  open        {c['candidate_id']} {c['formulation']} ({c['status']}, {c['assigned_to']}"
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
    """The highest conductivity that the campaign itself measured or simulated, as it arrived."""
    results = campaign.record.valid_results()
    if not results:
        return None
    best = max(results, key=lambda r: convert(r.measurement["value"], r.measurement["unit"], "mS/cm"))
    candidate = campaign.record.candidates.get(best.candidate_id or "")
    return {
        "candidate_id": best.candidate_id,
        "text": candidate.text if candidate else str(campaign.formulation_of(best)),
        **{key: best.measurement[key] for key in ("value", "unit", "standard_uncertainty", "source")},
    }


def log_lines(events: list[Event]) -> list[str]:
    """One line or more for each event: what was decided, and why."""
    return [f"{event.seq:5d}  {event.ts[:19]}Z  {event.actor:10s}  {tell(event)}" for event in events]


def _value_words(campaign: Campaign, candidate: Candidate) -> str:
    if candidate.why.get("is_replicate"):
        return "expected rise of the best known value, mS/cm,"
    batch = campaign.record.batches[candidate.iteration]
    return VALUE_WORDS[batch["acquisition"].get("kind", "qlognei")]


def candidate_story(campaign: Campaign, candidate: Candidate) -> str:
    """Everything about one candidate: why it was chosen, what was predicted, what came back, what it changed."""
    why, record = candidate.why, campaign.record
    predicted = why["predicted"]
    lines = [
        f"{candidate.candidate_id}  {candidate.text}",
        f"  formulation   {candidate.formulation_id}",
        f"  status        {candidate.status}" + (f": {candidate.reason}" if candidate.reason else ""),
        f"  chosen        in batch {candidate.iteration + 1}, "
        + (f"rank {why['rank']} of the shortlist, " * bool(why["rank"]))
        + f"{_value_words(campaign, candidate)} {why['acquisition_value']:.3f}"
        + (", refined beyond the grid" * why["is_refined"]),
        *(f"  replicate     {why['reason']}" for is_replicate in [why.get("is_replicate")] if is_replicate),
        *(
            f"  objective     {name}: {told['value']:.4g} ± {told['standard_deviation']:.2g} {told['unit']}, "
            f"{told['goal']}"
            for name, told in why.get("objectives", {}).items()
        ),
        *(f"  source        {reason}" for reason in [why.get("why_source")] if reason),
        f"  predicted     {_pm(predicted['mean'], predicted['standard_deviation'])}",
        *(f"  unfamiliar    {reason}" for reason in why.get("unfamiliar", ())),
        *(
            f"  feasible      with a probability of {100 * p:.0f} %"
            for p in [why.get("probability_feasible")]
            if p is not None
        ),
        "  nearest known",
    ]
    lines += [
        f"    {k['text']}: {k['conductivity_mS_cm']:.2f} mS/cm ({k['reference']}), distance {k['distance']:.2f}"
        for k in why["nearest_known"]
    ]
    for job in record.jobs_of(candidate.candidate_id):
        lines.append(
            f"  job           jobs/{job.job_key}: {job.status}, attempt {job.attempt}, {job.wall_s / 60:.1f} min"
            + (f": {job.reason}" if job.reason else "")
        )
        if plots := job_plots(campaign, job):
            lines.append(f"  plots         {', '.join(plot.name for plot in plots)} in that folder")
    lines += [f"  result        {result_words(record.results[m])}" for m in candidate.measurement_ids]
    lines += [
        f"  quarantined   {held.measurement_id} {_measured(held.measurement)}: {held.reason}"
        + (f"; rejected: {held.why_decided}" if held.decision else "; 'saltloop release' or 'reject-result'")
        for held in record.quarantined.values()
        if held.candidate_id == candidate.candidate_id
    ]
    for learned in _learned(campaign):
        if learned["candidate_id"] == candidate.candidate_id:
            lines.append(f"  afterwards    predicted {_pm(learned['mean'], learned['standard_deviation'])}")
    return "\n".join(lines)


def job_plots(campaign: Campaign, job: Job) -> list[Path]:
    """Pictures that a job has left in its folder."""
    return sorted((campaign.folder / "jobs" / job.job_key).glob("*.png"))


def summary(campaign: Campaign) -> str:
    """What a campaign did, for the end of a run: proposals and why, results, how predictions moved."""
    after = {entry["candidate_id"]: entry for entry in _learned(campaign)}
    lines = []
    for batch in campaign.record.batches:
        lines.append(f"Round {batch['iteration'] + 1}: {batch['n_screened']:,} formulations screened")
        for entry in batch["candidates"]:
            candidate = campaign.record.candidates[entry["candidate_id"]]
            predicted = entry["predicted"]
            near = entry["nearest_known"][0]
            lines.append(f"  {candidate.text}   [{candidate.candidate_id}]")
            lines.append(
                f"    why        predicted {_pm(predicted['mean'], predicted['standard_deviation'])}; "
                f"nearest known: {near['text']}, {near['conductivity_mS_cm']:.2f} mS/cm"
            )
            if reason := entry.get("why_source"):
                lines.append(f"    source     {reason}")
            results = [campaign.record.results[m] for m in candidate.measurement_ids]
            found = [result_words(r) for r in results if r.measurement["quantity"] == "conductivity"]
            lines.append(f"    found      {'; '.join(found) or f'{candidate.status}: {candidate.reason}'}")
            if (then := after.get(candidate.candidate_id)) and found:
                lines.append(
                    f"    moved      {_pm(predicted['mean'], predicted['standard_deviation'])}  ->  "
                    f"{_pm(then['mean'], then['standard_deviation'])}"
                )
        lines += [f"    note       {note}" for note in batch["notes"]]
    lines += [f"Source {line}" for line in worth_lines(campaign)]
    if campaign.record.last_stop.get("should_stop"):
        lines.append("Stopped: " + "; ".join(campaign.record.last_stop["reasons"]))
    return "\n".join(lines)


def advice(campaign: Campaign, file: Path) -> str:
    """Where everything lies, how far to trust it, and how to go on."""
    oracles = [oracle.model_dump() for oracle in campaign.settings.named_oracles().values()]
    lines = [
        f"Picture: {campaign.folder / 'outcome.png'}; jobs with their logs and plots: {campaign.folder / 'jobs'}",
        f"Each decision and why: saltloop log {file}; one candidate: saltloop show {file} ID",
        f"Check the record and replay the decisions: saltloop verify {file}",
        f"Go on: saltloop budget {file} --rounds N (or edit {file}), then 'saltloop run {file}' again.",
    ]
    if any(oracle["kind"] == "openmm" and oracle.get("protocol", "demo") == "demo" for oracle in oracles):
        lines.append(
            "Mind: the 'demo' protocol is 100 picoseconds of a few ion pairs. Its error bars are wide and its "
            "values are not for publication; use 'standard' or 'production' for that (docs/md.md)."
        )
    return "\n".join(lines)


def _differences(was: Any, now: Any) -> str:
    """``name: old -> new`` of what differs between two sections of settings."""
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return f"{was} -> {now}"
    changes = changed_settings(was, now)
    return "; ".join(f"{name} {old} -> {new}" for name, (old, new) in changes.items())


def _learned(campaign: Campaign) -> list[dict[str, Any]]:
    """What each batch taught about its own candidates, oldest first."""
    stops = (event for event in campaign.events if event.type == "stop_evaluated")
    return [entry for stop in stops for entry in stop.data["learned"]]


def _phase(campaign: Campaign) -> str:
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


def result_words(result: Result) -> str:
    """A result, and what is to be known of it: a limit, an amendment, a retraction, another liquid than asked for."""
    words = _reported(result.measurement, result.limit)
    words += f", amended {len(result.earlier)} time(s)" * bool(result.earlier)
    words += f", retracted: {result.reason}" * result.is_retracted
    return words + f"; measured was another liquid: {result.note}" * bool(result.note)


def _reported(measurement: dict[str, Any], limit: str | None) -> str:
    if limit is None:
        return _measured(measurement)
    value = f"{measurement['value']:.4g} {measurement['unit']}"
    return f"{measurement['quantity']} {limit} {value} ({measurement['source']})"


def _measured(measurement: dict[str, Any]) -> str:
    return (
        f"{measurement['quantity']} {measurement['value']:.4g} ± {measurement['standard_uncertainty']:.2g} "
        f"{measurement['unit']} ({measurement['source']}{', ' if measurement['method'] else ''}{measurement['method']})"
    )


def _pm(value: float, error: float) -> str:
    return f"{value:.2f} ± {error:.2f} mS/cm"


def tell(event: Event) -> str:
    """What an event says, for a person."""
    data = event.data
    match event.type:
        case "campaign_created":
            return f"campaign {data['settings']['name']} created, seed {data['settings']['seed']}"
        case "surrogate_fitted":
            return f"surrogate trained on {data['n_rows']} rows, weights {data['weights_sha256'][:12]}"
        case "batch_proposed":
            chosen = "".join(
                f"\n{'':42}{c['candidate_id']}  {c['text']}  predicted "
                f"{_pm(c['predicted']['mean'], c['predicted']['standard_deviation'])}, "
                f"acquisition {c['acquisition_value']:.3f}, rank {c['rank']}"
                + (f", {c['why_source']}" if "why_source" in c else "")
                for c in data["candidates"]
            )
            passed = data["alternatives"][0] if data["alternatives"] else None
            best = (
                f"\n{'':42}best not chosen: {passed['text']}, acquisition {passed['acquisition_value']:.3f}"
                if passed
                else ""
            )
            title = f"batch {data['iteration'] + 1} of {data['n_screened']:,} screened, for the {data['assigned_to']}"
            if replaced := data.get("replaces"):
                fixed = ", ".join(f"{name} = {value}" for name, value in data["fixed"].items())
                title += f", in place of {replaced['candidate_id']} with {fixed} ({replaced['reason']})"
            return title + chosen + best
        case "campaign_forked":
            return f"forked from {data['parent']} after its event {data['seq']}"
        case "candidates_failed":
            return "failed: " + "; ".join(
                f"{entry['candidate_id'] or entry['text']} {entry['status']}: {entry['reason']}"
                for entry in data["failures"]
            )
        case "candidate_approved":
            return f"{', '.join(data['candidate_ids'])} approved"
        case "candidate_rejected":
            verdict = "rejected as infeasible" if data.get("is_infeasible") else "rejected"
            return f"{', '.join(data['candidate_ids'])} {verdict}: {data['reason']}"
        case "job_intended" | "job_submitted":
            return f"{event.type.replace('_', ' ')}: {data['job_key']}, attempt {data['attempt']}"
        case "job_finished":
            return f"job finished: {data['job_key']} of {data['candidate_id']} in {data['wall_s'] / 60:.1f} min"
        case "job_failed":
            return f"job failed ({data['kind']}): {data['job_key']}: {data['reason']}"
        case "job_lost":
            return f"job lost: {data['job_key']}: {data['reason']}"
        case "result_ingested":
            return "results: " + "; ".join(
                f"{entry['candidate_id'] or 'unasked'} {_reported(entry['measurement'], entry['limit'])}"
                for entry in data["results"]
            )
        case "result_amended":
            return "amended: " + "; ".join(_measured(entry["measurement"]) for entry in data["results"])
        case "result_quarantined":
            return f"quarantined: {data['reason']}"
        case "result_retracted" | "quarantine_released" | "quarantine_rejected":
            what = event.type.removeprefix("result_").replace("_", " ")
            return f"{what}: {', '.join(data['measurement_ids'])}" + f": {data['reason']}" * bool(data["reason"])
        case "budget_changed" | "stop_rules_changed" | "space_changed":
            section = next(key for key in ("budget", "stop", "space") if key in data)
            return f"{section} changed: {_differences(data['was'], data[section])}"
        case "request_refused":
            return f"refused: {data['reason']}"
        case "stop_evaluated":
            if data["should_stop"]:
                return "stop: " + "; ".join(data["reasons"])
            judged = "".join(f"\n{'':42}{rule['words']}" for rule in data.get("rules", ()))
            return ("pause" if data.get("should_pause") else "no stop rule holds; going on") + judged
        case _:
            return event.type.replace("_", " ") + (f": {data['reason']}" if data.get("reason") else "")
