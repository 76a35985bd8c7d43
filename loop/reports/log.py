"""A campaign's log: each event in words."""

from __future__ import annotations

from typing import Any

from saltloop.loop.events import Event
from saltloop.loop.reports.words import measured_words, pm, reported_words
from saltloop.loop.settings import changed_settings


def log_lines(events: list[Event]) -> list[str]:
    """One line or more for each event: what was decided, and why."""
    return [f"{event.seq:5d}  {event.ts[:19]}Z  {event.actor:10s}  {tell(event)}" for event in events]


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
                f"{pm(c['predicted']['mean'], c['predicted']['standard_deviation'])}, "
                f"acquisition {c['acquisition_value']:.3f}"
                + (f", rank {c['rank']}" if c["rank"] else "")
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
                f"{entry['candidate_id'] or 'unasked'} {reported_words(entry['measurement'], entry['limit'])}"
                for entry in data["results"]
            )
        case "result_amended":
            return "amended: " + "; ".join(measured_words(entry["measurement"]) for entry in data["results"])
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


def _differences(was: Any, now: Any) -> str:
    """``name: old -> new`` of what differs between two sections of settings."""
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return f"{was} -> {now}"
    changes = changed_settings(was, now)
    return "; ".join(f"{name} {old} -> {new}" for name, (old, new) in changes.items())
