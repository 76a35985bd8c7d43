"""What events on candidates and their jobs do to a campaign's record: proposed, decided on, tried, failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from saltloop.loop.failures import is_of_liquid
from saltloop.loop.record_items import Call, Candidate, Job

if TYPE_CHECKING:
    from saltloop.loop.record import CampaignRecord


def propose(record: CampaignRecord, data: dict[str, Any]) -> None:
    """New candidates; one that they replace is rejected."""
    record.batches.append(data)
    for entry in data["candidates"]:
        record.candidates[entry["candidate_id"]] = Candidate(
            candidate_id=entry["candidate_id"],
            iteration=data["iteration"],
            assigned_to=entry.get("assigned_to", data["assigned_to"]),
            formulation=entry["formulation"],
            formulation_id=entry["formulation_id"],
            text=entry["text"],
            why=entry,
            oracle=entry.get("source", "oracle"),
        )
    if replaced := data.get("replaces"):
        reject(record, {**replaced, "candidate_ids": [replaced["candidate_id"]]})


def reject(record: CampaignRecord, data: dict[str, Any]) -> None:
    """Candidates that nobody shall measure."""
    for candidate_id in data["candidate_ids"]:
        record.settle(candidate_id, "rejected", data["reason"])
        if data.get("is_infeasible"):
            _note_infeasible(record, record.candidates[candidate_id], "rejected", data["reason"])


def report_failures(record: CampaignRecord, data: dict[str, Any]) -> None:
    """What a lab could not measure: candidates, or liquids that nobody asked for."""
    for entry in data["failures"]:
        is_final = is_of_liquid(entry["status"], is_retryable=False)
        if entry.get("report_id"):
            record.failure_reports[entry["report_id"]] = entry["report"]
        record.count_call(Call(entry["candidate_id"], entry["status"], is_final), cost=entry.get("cost"))
        if entry["candidate_id"] is not None:
            candidate = record.candidates[entry["candidate_id"]]
            _fail(record, candidate, entry["status"], entry["reason"], is_final=is_final)
        elif is_final:
            liquid = {"formulation": entry["formulation"], "kind": entry["status"], "reason": entry["reason"]}
            record.infeasible[entry["formulation_id"]] = liquid


def intend_job(record: CampaignRecord, data: dict[str, Any]) -> None:
    """A job that is about to be submitted."""
    oracle = data.get("oracle_name", "oracle")
    record.jobs[data["job_key"]] = Job(data["job_key"], data["candidate_id"], data["attempt"], oracle=oracle)


def submit_job(record: CampaignRecord, data: dict[str, Any]) -> None:
    """Its candidate is running."""
    job = record.jobs[data["job_key"]]
    job.status = "submitted"
    record.candidates[job.candidate_id].status = "running"


def lose_job(record: CampaignRecord, data: dict[str, Any]) -> None:
    """A job whose fate is unknown; its candidate stays open."""
    job = record.jobs[data["job_key"]]
    job.status, job.reason = "lost", data["reason"]
    record.settle(job.candidate_id, "lost", data["reason"])


def finish_job(record: CampaignRecord, data: dict[str, Any]) -> None:
    """A job that came to an end with an answer; its results are events of their own."""
    job = record.jobs[data["job_key"]]
    job.status, job.outcome_sha256, job.wall_s = "finished", data["outcome_sha256"], data["wall_s"]
    record.oracle_s += data["wall_s"]
    record.count_call(Call(job.candidate_id, "ok"))


def fail_job(record: CampaignRecord, data: dict[str, Any]) -> None:
    """A job that came to an end without an answer; its candidate has failed unless it is tried again."""
    job = record.jobs[data["job_key"]]
    had_ended = job.status == "finished"  # and its answer was lost: its call and time are counted already
    job.status, job.reason, job.is_retryable = "failed", data["reason"], data["is_retryable"]
    is_final = not data["will_retry"] and is_of_liquid(data["kind"], is_retryable=job.is_retryable)
    call = Call(job.candidate_id, data["kind"], is_final)
    if had_ended:
        record.recount_call(call)
    else:
        job.wall_s = data["wall_s"]
        record.oracle_s += data["wall_s"]
        record.count_call(call)
    if not data["will_retry"]:
        candidate = record.candidates[job.candidate_id]
        _fail(record, candidate, data["kind"], data["reason"], is_final=is_final)
        candidate.status = "failed" if job.is_retryable else "abandoned"


def _fail(record: CampaignRecord, candidate: Candidate, kind: str, reason: str, *, is_final: bool) -> None:
    record.settle(candidate.candidate_id, "abandoned" if is_final else "failed", reason)
    if is_final:
        _note_infeasible(record, candidate, kind, reason)
    else:
        candidate.may_come_again = True
        record.machine_failures[candidate.formulation_id] += 1


def _note_infeasible(record: CampaignRecord, candidate: Candidate, kind: str, reason: str) -> None:
    entry = {"formulation": candidate.formulation, "kind": kind, "reason": reason}
    record.infeasible[candidate.formulation_id] = entry
