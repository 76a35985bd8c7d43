"""The rows of the report: candidates, results, quarantine and jobs, from a campaign's record and events."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from saltloop.chemistry.units import convert
from saltloop.loop.campaign import Campaign
from saltloop.loop.events import Event
from saltloop.loop.record_items import Candidate, Held, Job, Result
from saltloop.loop.reports.known import Composition, Known
from saltloop.loop.reports.view_types import CandidateRow, HeldRow, JobRow, ResultRow

Flat = Callable[[Composition], list[float]]


class Times:
    """When results came and jobs were submitted, from one pass over the events."""

    def __init__(self, events: list[Event]) -> None:
        self.of_result: dict[str, str] = {}
        self.of_job: dict[str, str] = {}
        for event in events:
            if event.type in ("result_ingested", "result_quarantined"):
                for entry in event.data["results"]:
                    self.of_result.setdefault(entry["measurement_id"], event.ts)
            elif event.type == "job_submitted":
                self.of_job[event.data["job_key"]] = event.ts


def result_rows(campaign: Campaign, known: Known, flat: Flat, times: Times) -> list[ResultRow]:
    """Every conductivity, in the order of arrival; what else was measured stands in the stories."""
    return [
        _result_row(campaign, one, known, flat, times)
        for one in campaign.record.results.values()
        if one.measurement["quantity"] == "conductivity"
    ]


def candidate_rows(campaign: Campaign, known: Known, flat: Flat, results: list[ResultRow]) -> list[CandidateRow]:
    """Every candidate, in the order of proposal."""
    of: dict[str, list[int]] = {}
    for number, result in enumerate(results):
        if result["candidate"]:
            of.setdefault(result["candidate"], []).append(number)
    return [_candidate_row(c, known, flat, of.get(c.candidate_id, [])) for c in campaign.record.candidates.values()]


def held_rows(campaign: Campaign) -> list[HeldRow]:
    """What is in quarantine: first what waits for a person."""
    rows = [_held_row(campaign, held) for held in campaign.record.quarantined.values()]
    return sorted(rows, key=lambda row: row["decision"] != "")


def job_rows(campaign: Campaign, times: Times) -> list[JobRow]:
    """Jobs: first those that run, then those that failed or were lost, then the others; the newest first."""
    order = {"submitted": 0, "intended": 0, "failed": 1, "lost": 1}
    jobs = sorted(reversed(campaign.record.jobs.values()), key=lambda job: order.get(job.status, 2))
    return [_job_row(campaign, job, times) for job in jobs]


def text_of(campaign: Campaign, candidate_id: str | None, formulation: Mapping[str, Any], note: str) -> str:
    """The measured liquid in words: the candidate's, unless a ``note`` says how it differs."""
    from saltloop.chemistry.formulation import Formulation

    candidate = campaign.record.candidates.get(candidate_id or "")
    if candidate is not None and not note:
        return candidate.text
    return str(Formulation.from_dict(formulation, species=campaign.species))


def in_mS_cm(measurement: Mapping[str, Any]) -> tuple[float, float, str]:
    """Value, standard uncertainty and unit: of a conductivity in mS/cm, of anything else as it was reported."""
    value, std, unit = measurement["value"], measurement["standard_uncertainty"], measurement["unit"]
    if measurement["quantity"] != "conductivity" or unit == "mS/cm":
        return value, std, unit
    return convert(value, unit, "mS/cm"), convert(std, unit, "mS/cm"), "mS/cm"


def _result_row(campaign: Campaign, one: Result, known: Known, flat: Flat, times: Times) -> ResultRow:
    measurement = one.measurement
    composition = known.composition(measurement["formulation"])
    value, std, _ = in_mS_cm(measurement)
    candidate = campaign.record.candidates.get(one.candidate_id or "")
    predicted, when = predicted_before(one, candidate)
    return {
        "id": one.measurement_id,
        "candidate": one.candidate_id or "",
        "text": text_of(campaign, one.candidate_id, measurement["formulation"], one.note),
        "value": value,
        "std": std,
        "source": measurement["source"],
        "method": measurement["method"] or "",
        "ts": times.of_result.get(one.measurement_id, ""),
        "counts": one.counts,
        "limit": one.limit,
        "retracted": (one.reason or "no reason given") if one.is_retracted else "",
        "note": one.note,
        "mean": predicted["mean"] if predicted else None,
        "pstd": predicted["standard_deviation"] if predicted else None,
        "predicted_at": when,
        "composition": flat(composition),
        "temperature_K": composition[1],
    }


def predicted_before(one: Result, candidate: Candidate | None) -> tuple[Mapping[str, Any] | None, Any]:
    """What the model said of this liquid before: when it proposed it, or when a result of another liquid arrived."""
    if candidate is not None and not one.note:
        return candidate.why["predicted"], "proposal"
    return (one.expected, "arrival") if one.expected else (None, "")


def _candidate_row(candidate: Candidate, known: Known, flat: Flat, results: list[int]) -> CandidateRow:
    composition = known.composition(candidate.formulation)
    predicted = candidate.why["predicted"]
    return {
        "id": candidate.candidate_id,
        "text": candidate.text,
        "batch": candidate.iteration + 1,
        "status": candidate.status,
        "reason": candidate.reason,
        "oracle": candidate.oracle,
        "assigned_to": candidate.assigned_to,
        "mean": predicted["mean"],
        "std": predicted["standard_deviation"],
        "results": results,
        "composition": flat(composition),
        "temperature_K": composition[1],
        "is_replicate": bool(candidate.why.get("is_replicate")),
    }


def _held_row(campaign: Campaign, held: Held) -> HeldRow:
    value, std, unit = in_mS_cm(held.measurement)
    return {
        "id": held.measurement_id,
        "candidate": held.candidate_id or "",
        "text": text_of(campaign, held.candidate_id, held.measurement["formulation"], held.entry["note"]),
        "quantity": held.measurement["quantity"],
        "value": value,
        "std": std,
        "unit": unit,
        "source": held.measurement["source"],
        "stage": held.stage,
        "reason": held.reason,
        "decision": held.decision,
        "why_decided": held.why_decided,
        "is_unreleasable": held.stage == "physical" and held.measurement["value"] <= 0,
    }


def _job_row(campaign: Campaign, job: Job, times: Times) -> JobRow:
    fraction, message = None, ""
    if job.status in ("submitted", "intended"):
        fraction, message = _progress(campaign.folder / "jobs" / job.job_key)
    return {
        "key": job.job_key,
        "candidate": job.candidate_id,
        "text": campaign.record.candidates[job.candidate_id].text,
        "oracle": job.oracle,
        "status": job.status,
        "attempt": job.attempt,
        "reason": job.reason,
        "hours": job.wall_s / 3600,
        "submitted": times.of_job.get(job.job_key, ""),
        "fraction": fraction,
        "message": message,
    }


def progress_marks(campaign: Campaign) -> tuple[float, ...]:
    """When each running job last said how far it is: what changes in a view without an event."""
    marks = []
    for job in campaign.record.jobs.values():
        if job.status == "submitted":
            with contextlib.suppress(OSError):
                marks.append((campaign.folder / "jobs" / job.job_key / "progress.json").stat().st_mtime)
    return tuple(marks)


def _progress(folder: Path) -> tuple[float | None, str]:
    """How far a running job is, and what it does, if it has said so."""
    try:
        told = json.loads((folder / "progress.json").read_text())
        return float(told["fraction"]), str(told["message"])
    except (OSError, ValueError, KeyError):
        return None, "waiting for a worker"
