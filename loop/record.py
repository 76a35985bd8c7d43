"""What a campaign's events add up to: candidates, jobs, results. A pure fold over the state file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from saltloop.loop.events import Event

CandidateStatus = Literal["candidate", "approved", "running", "completed", "failed", "rejected", "abandoned", "lost"]
JobStatus = Literal["intended", "submitted", "finished", "failed", "lost"]

#: A candidate in one of these states is settled; nothing more will happen to it by itself.
SETTLED: frozenset[CandidateStatus] = frozenset({"completed", "failed", "rejected", "abandoned"})


@dataclass(slots=True)
class Candidate:
    """One proposed formulation and what became of it."""

    candidate_id: str
    iteration: int
    assigned_to: Literal["oracle", "lab"]
    formulation: dict[str, Any]
    formulation_id: str
    text: str
    why: dict[str, Any]
    status: CandidateStatus = "candidate"
    reason: str = ""
    measurement_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Job:
    """One oracle call for one candidate."""

    job_key: str
    candidate_id: str
    attempt: int
    status: JobStatus = "intended"
    reason: str = ""
    is_retryable: bool = False
    outcome_sha256: str = ""
    wall_s: float = 0.0


@dataclass(slots=True)
class Result:
    """One measured or simulated value as it arrived."""

    measurement_id: str
    measurement: dict[str, Any]
    candidate_id: str | None
    job_key: str | None
    iteration: int
    is_retracted: bool = False


@dataclass(slots=True)
class CampaignRecord:
    """Everything the events say, by id. ``apply`` adds one event; nothing here is written anywhere else."""

    settings: dict[str, Any] = field(default_factory=dict)
    created: dict[str, Any] = field(default_factory=dict)
    candidates: dict[str, Candidate] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    quarantined: list[dict[str, Any]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    fits: list[dict[str, Any]] = field(default_factory=list)
    last_stop: dict[str, Any] = field(default_factory=dict)
    is_paused: bool = False
    is_closed: bool = False
    oracle_s: float = 0.0
    n_events: int = 0

    @classmethod
    def replay(cls, events: Iterable[Event]) -> CampaignRecord:
        record = cls()
        for event in events:
            record.apply(event)
        return record

    def apply(self, event: Event) -> None:
        getattr(self, f"_{event.type}")(event.data)
        self.n_events += 1

    # What the campaign asks of its record

    @property
    def n_rounds(self) -> int:
        """Batches that the controller proposed; those that a person asked for do not count."""
        return sum(batch["is_round"] for batch in self.batches)

    @property
    def oracle_hours(self) -> float:
        """Wall time of every attempt that came to an end, in hours."""
        return self.oracle_s / 3600

    def open_candidates(self) -> list[Candidate]:
        """Candidates that still wait for a decision, a job or a result, in the order they were proposed."""
        return [candidate for candidate in self.candidates.values() if candidate.status not in SETTLED]

    def jobs_of(self, candidate_id: str) -> list[Job]:
        return [job for job in self.jobs.values() if job.candidate_id == candidate_id]

    def valid_results(self, quantity: str = "conductivity") -> list[Result]:
        """Results that count, sorted by measurement id so that no decision depends on who finished first."""
        chosen = (r for r in self.results.values() if not r.is_retracted and r.measurement["quantity"] == quantity)
        return sorted(chosen, key=lambda result: result.measurement_id)

    # One method an event type

    def _campaign_created(self, data: dict[str, Any]) -> None:
        self.created, self.settings = data, data["settings"]

    def _surrogate_fitted(self, data: dict[str, Any]) -> None:
        self.fits.append(data)

    def _batch_proposed(self, data: dict[str, Any]) -> None:
        self.batches.append(data)
        for entry in data["candidates"]:
            self.candidates[entry["candidate_id"]] = Candidate(
                candidate_id=entry["candidate_id"],
                iteration=data["iteration"],
                assigned_to=data["assigned_to"],
                formulation=entry["formulation"],
                formulation_id=entry["formulation_id"],
                text=entry["text"],
                why=entry,
            )

    def _candidate_approved(self, data: dict[str, Any]) -> None:
        self.candidates[data["candidate_id"]].status = "approved"

    def _candidate_rejected(self, data: dict[str, Any]) -> None:
        self._settle(data["candidate_id"], "rejected", data["reason"])

    def _job_intended(self, data: dict[str, Any]) -> None:
        self.jobs[data["job_key"]] = Job(data["job_key"], data["candidate_id"], data["attempt"])

    def _job_submitted(self, data: dict[str, Any]) -> None:
        job = self.jobs[data["job_key"]]
        job.status = "submitted"
        self.candidates[job.candidate_id].status = "running"

    def _job_lost(self, data: dict[str, Any]) -> None:
        job = self.jobs[data["job_key"]]
        job.status, job.reason = "lost", data["reason"]
        self._settle(job.candidate_id, "lost", data["reason"])

    def _job_finished(self, data: dict[str, Any]) -> None:
        job = self.jobs[data["job_key"]]
        job.status, job.outcome_sha256, job.wall_s = "finished", data["outcome_sha256"], data["wall_s"]
        self.oracle_s += data["wall_s"]

    def _job_failed(self, data: dict[str, Any]) -> None:
        job = self.jobs[data["job_key"]]
        job.status, job.reason, job.is_retryable = "failed", data["reason"], data["is_retryable"]
        job.wall_s = data["wall_s"]
        self.oracle_s += data["wall_s"]
        if not data["will_retry"]:
            self._settle(job.candidate_id, "failed" if job.is_retryable else "abandoned", data["reason"])

    def _result_ingested(self, data: dict[str, Any]) -> None:
        for entry in data["results"]:
            candidate_id = entry["candidate_id"]
            self.results[entry["measurement_id"]] = Result(
                measurement_id=entry["measurement_id"],
                measurement=entry["measurement"],
                candidate_id=candidate_id,
                job_key=entry["job_key"],
                iteration=len(self.batches),
            )
            if candidate_id is not None:
                self.candidates[candidate_id].measurement_ids.append(entry["measurement_id"])
                self._settle(candidate_id, "completed", "")

    def _result_amended(self, data: dict[str, Any]) -> None:
        self.results[data["measurement_id"]].measurement = data["measurement"]

    def _result_retracted(self, data: dict[str, Any]) -> None:
        self.results[data["measurement_id"]].is_retracted = True

    def _result_quarantined(self, data: dict[str, Any]) -> None:
        self.quarantined.append(data)
        if data["candidate_id"] is not None:
            self._settle(data["candidate_id"], "failed", f"quarantined: {data['reason']}")

    def _budget_changed(self, data: dict[str, Any]) -> None:
        self.settings = {**self.settings, "budget": data["budget"]}
        self.last_stop = {}

    def _stop_evaluated(self, data: dict[str, Any]) -> None:
        self.last_stop = data

    def _paused(self, data: dict[str, Any]) -> None:
        self.is_paused = True

    def _resumed(self, data: dict[str, Any]) -> None:
        self.is_paused = False

    def _closed(self, data: dict[str, Any]) -> None:
        self.is_closed = True

    def _settle(self, candidate_id: str, status: CandidateStatus, reason: str) -> None:
        candidate = self.candidates[candidate_id]
        candidate.status, candidate.reason = status, reason
