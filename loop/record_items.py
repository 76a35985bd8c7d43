"""What a campaign's record is made of: candidates, jobs, results, calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

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
    #: Name of the oracle that shall answer; its kind is ``lab`` where ``assigned_to`` is.
    oracle: str = "oracle"
    #: Settled by no fault of the liquid: its formulation may be proposed again (``CampaignRecord.spent``).
    may_come_again: bool = False


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
    oracle: str = "oracle"


@dataclass(slots=True)
class Result:
    """One measured or simulated value as it arrived."""

    measurement_id: str
    measurement: dict[str, Any]
    candidate_id: str | None
    job_key: str | None
    iteration: int
    is_retracted: bool = False
    #: ``ok``, or ``censored``: the value is a limit; kept and shown, never learned from.
    status: str = "ok"
    limit: str | None = None
    #: How the liquid differs from the one that the candidate asked for.
    note: str = ""
    #: The lab's own words, as ``LabResult.to_dict`` gives them; None for a job's result and in old states.
    report: dict[str, Any] | None = None
    #: Reports that this one has replaced, the oldest first.
    earlier: tuple[dict[str, Any], ...] = ()
    #: What the model said before it learned of the result, where it was asked.
    expected: dict[str, Any] | None = None
    #: Why it was retracted.
    reason: str = ""

    @property
    def reports(self) -> tuple[dict[str, Any], ...]:
        """All that the lab has said of it, the latest last."""
        return self.earlier if self.report is None else (*self.earlier, self.report)

    @property
    def counts(self) -> bool:
        """Whether it teaches and is compared; the others are only kept and shown."""
        return not self.is_retracted and self.status == "ok"


@dataclass(slots=True)
class Held:
    """A result in quarantine, for a person to release or reject."""

    measurement_id: str
    measurement: dict[str, Any]
    candidate_id: str | None
    job_key: str | None
    #: What held it: ``physical``, ``surprise`` (of the model), or ``lab`` (which calls it suspect).
    stage: str
    reason: str
    #: As it will stand in the record if it is released.
    entry: dict[str, Any]
    #: Empty until a person decides; one that is released becomes a Result.
    decision: Literal["", "rejected"] = ""
    why_decided: str = ""
    #: Reports that this one has replaced, the oldest first.
    earlier: tuple[dict[str, Any], ...] = ()

    @property
    def reports(self) -> tuple[dict[str, Any], ...]:
        """All that the lab has said of it, the latest last."""
        report = self.entry["report"]
        return self.earlier if report is None else (*self.earlier, report)


@dataclass(frozen=True, slots=True)
class Call:
    """One answer of an oracle or a lab, good or bad: an attempt of a job that ended, or a lab's word on a candidate."""

    candidate_id: str | None
    #: ``ok``, or the kind of failure.
    outcome: str
    #: Whether the failure is the liquid's own and the last word on it (``loop.failures``).
    is_of_liquid: bool = False
