"""The story of one candidate for the page: the same as ``story.candidate_story`` in pieces, with plots and logs."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import defaultdict
from pathlib import Path
from typing import Any

from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.events import Event
from saltloop.loop.record_items import Candidate, Job, Result
from saltloop.loop.reports import story
from saltloop.loop.reports.job_plots import job_plots
from saltloop.loop.reports.log import tell
from saltloop.loop.reports.view_rows import in_mS_cm
from saltloop.loop.reports.view_types import CandidateStory, JobStory
from saltloop.loop.reports.words import measured_words, pm, result_words

#: Characters from the end of a job's log.
LOG_END = 6000


class Stories:
    """Stories of many candidates of one campaign, after one pass over its events."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._provenance: dict[str, dict[str, Any]] = {}
        self._bests = _bests(campaign)
        self._afterwards = {entry["candidate_id"]: entry for entry in story.learned(campaign)}
        self._jobs: dict[str, list[Job]] = defaultdict(list)
        self._held: dict[str, list[Any]] = defaultdict(list)
        for job in campaign.record.jobs.values():
            self._jobs[job.candidate_id].append(job)
        for held in campaign.record.quarantined.values():
            self._held[held.candidate_id or ""].append(held)
        for event in campaign.events:
            if event.type == "job_finished":
                self._provenance[event.data["job_key"]] = event.data["provenance"]
            for candidate_id in self._named_in(event):
                self._events[candidate_id].append(event)

    def of(self, candidate: Candidate) -> CandidateStory:
        """The story of one candidate; reads its jobs' folders."""
        campaign, why = self._campaign, candidate.why
        batch = campaign.record.batches[candidate.iteration]
        predicted, after = why["predicted"], self._afterwards.get(candidate.candidate_id)
        return {
            "id": candidate.candidate_id,
            "text": candidate.text,
            "formulation_id": candidate.formulation_id,
            "status": candidate.status,
            "reason": candidate.reason,
            "batch": candidate.iteration + 1,
            "chosen": story.chosen_words(campaign, candidate),
            "predicted": _pair(predicted),
            "why": story.reasons(candidate),
            "nearest_known": why["nearest_known"],
            "passed_over": [_passed(one) for one in batch["alternatives"]],
            "notes": batch["notes"],
            "jobs": [self._job(job) for job in self._jobs[candidate.candidate_id]],
            "results": [_result(campaign.record.results[one]) for one in candidate.measurement_ids],
            "quarantined": [
                {
                    "id": held.measurement_id,
                    "words": measured_words(held.measurement),
                    "reason": held.reason,
                    "decision": held.decision,
                    "why_decided": held.why_decided,
                }
                for held in self._held[candidate.candidate_id]
            ],
            "afterwards": _pair(after) if after else None,
            "changed": self._changed(candidate, after),
            "timeline": [
                {"ts": event.ts, "by": event.actor, "type": event.type, "words": _event_words(event, candidate)}
                for event in self._events[candidate.candidate_id]
            ],
        }

    def _named_in(self, event: Event) -> set[str]:
        """Candidates that an event is about."""
        data = event.data
        named = {data.get("candidate_id"), *data.get("candidate_ids", ())}
        for section in ("candidates", "results", "failures"):
            named |= {entry.get("candidate_id") for entry in data.get(section, ())}
        for measurement_id in data.get("measurement_ids", ()) if event.type != "surrogate_fitted" else ():
            record = self._campaign.record
            one = record.results.get(measurement_id) or record.quarantined.get(measurement_id)
            named.add(one.candidate_id if one else None)
        if event.type == "job_submitted" and (job := self._campaign.record.jobs.get(data["job_key"])):
            named.add(job.candidate_id)
        return {one for one in named if one}

    def _job(self, job: Job) -> JobStory:
        folder = self._campaign.folder / "jobs" / job.job_key
        provenance = self._provenance.get(job.job_key, {})
        log, is_cut = _end_of(folder / "log.txt")
        return {
            "key": job.job_key,
            "oracle": job.oracle,
            "status": job.status,
            "attempt": job.attempt,
            "reason": job.reason,
            "hours": job.wall_s / 3600,
            "warnings": [str(one) for one in provenance.get("warnings", ())],
            "log": log,
            "log_is_cut": is_cut,
            "plots": job_plots(folder, _fitted(provenance)),
        }

    def _best_before(self, result: Result) -> float | None:
        """The best of a result's source before its batch was answered."""
        steps = self._bests[result.measurement["source"]]
        at = bisect_left(steps, result.iteration, key=lambda step: step[0])
        return steps[at - 1][1] if at else None

    def _changed(self, candidate: Candidate, after: dict[str, Any] | None) -> list[str]:
        """What its answer changed: the prediction for it, the best so far, what may be proposed."""
        record, before = self._campaign.record, candidate.why["predicted"]
        said = []
        if after:
            said.append(
                f"The prediction for this liquid moved from {pm(before['mean'], before['standard_deviation'])} to "
                f"{pm(after['mean'], after['standard_deviation'])}."
            )
        if candidate.formulation_id in record.infeasible:
            said.append("The liquid failed for good: it is never proposed again, and teaches what is feasible.")
        own = [one for one in map(record.results.__getitem__, candidate.measurement_ids) if _is_value(one)]
        for source in dict.fromkeys(one.measurement["source"] for one in own):
            mine = [one for one in own if one.measurement["source"] == source]
            best, before_it = max(in_mS_cm(one.measurement)[0] for one in mine), self._best_before(mine[0])
            if before_it is not None and best > before_it:
                said.append(f"It raised the best of its source from {before_it:.2f} to {best:.2f} mS/cm.")
        return said


def _bests(campaign: Campaign) -> dict[str, list[tuple[int, float]]]:
    """For each source, the best conductivity (mS/cm) so far after each number of batches."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for one in campaign.record.results.values():
        if _is_value(one):
            steps = found[one.measurement["source"]]
            value = in_mS_cm(one.measurement)[0]
            steps.append((one.iteration, max(value, steps[-1][1] if steps else value)))
    return found


def candidate_story_view(campaign: Campaign, candidate_id: str) -> CandidateStory:
    """The story of one candidate.

    Raises:
        CampaignError: there is no such candidate.
    """
    candidate = campaign.record.candidates.get(candidate_id)
    if candidate is None:
        raise CampaignError(f"Candidate {candidate_id!r} is unknown in campaign '{campaign.settings.name}'.")
    return Stories(campaign).of(candidate)


def _is_value(result: Result) -> bool:
    return result.counts and result.measurement["quantity"] == "conductivity"


def _pair(told: dict[str, Any]) -> dict[str, float]:
    return {"mean": told["mean"], "std": told["standard_deviation"]}


def _passed(one: dict[str, Any]) -> dict[str, Any]:
    return {"text": one["text"], **_pair(one["predicted"]), "acquisition": one["acquisition_value"]}


def _result(result: Result) -> dict[str, Any]:
    value, std, unit = in_mS_cm(result.measurement)
    return {
        "id": result.measurement_id,
        "quantity": result.measurement["quantity"],
        "value": value,
        "std": std,
        "unit": unit,
        "source": result.measurement["source"],
        "words": result_words(result),
        "counts": result.counts,
        "report": result.report or {},
        "expected": result.expected and {**_pair(result.expected), "deviations": result.expected["deviations"]},
    }


def _event_words(event: Event, candidate: Candidate) -> str:
    """What an event says of this candidate; those on many are not told in full."""
    match event.type:
        case "batch_proposed":
            return f"proposed in batch {candidate.iteration + 1}"
        case "candidate_approved":
            return "approved"
        case "result_ingested" | "result_amended" | "result_quarantined":
            mine = [one for one in event.data["results"] if one["candidate_id"] == candidate.candidate_id]
            verb = {"result_ingested": "came back", "result_amended": "amended"}.get(event.type, "quarantined")
            first, *others = sorted(mine, key=lambda one: one["measurement"]["quantity"] != "conductivity")
            more = f", and {len(others)} more quantities" if others else ""
            return f"{verb}: {measured_words(first['measurement'])}{more}"
        case "candidates_failed":
            mine = [one for one in event.data["failures"] if one["candidate_id"] == candidate.candidate_id]
            return "; ".join(f"{one['status']}: {one['reason']}" for one in mine)
        case _:
            return tell(event)


def _fitted(provenance: dict[str, Any]) -> dict[str, Any]:
    """Ranges of lag that were fitted, by species; older jobs have one for all."""
    told = provenance.get("results", {})
    window = told.get("fit_ps", {})
    if isinstance(window, list):
        return {name: window for name in told.get("log_slopes", {})}
    return dict(window)


def _end_of(path: Path) -> tuple[str, bool]:
    """The end of a log, from a whole line on, and whether there is more before it."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - LOG_END))
            text = file.read().decode(errors="replace")
    except OSError:
        return "", False
    return (text.partition("\n")[2], True) if size > LOG_END else (text, False)
