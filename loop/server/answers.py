"""What the server answers: the shapes that its OpenAPI document describes."""

from __future__ import annotations

import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field
from saltloop.loop.record_items import CandidateStatus

ResultState = Literal["taken", "kept", "retracted", "quarantined", "rejected", "failure", "waiting", "refused"]


class Problem(BaseModel):
    """Why a request was not done; nothing was changed by it."""

    detail: str
    """In words, with the remedy."""
    verdicts: list[VerdictOut] | None = None
    """On each result that was sent."""


class VerdictOut(BaseModel):
    """What would become, or became, of one result that was sent."""

    where: str
    """``result 2`` of what was sent, or ``line 3`` of a CSV text."""
    verdict: Literal["taken", "amended", "kept", "failure", "quarantined", "known", "conflict", "refused"]
    stage: str
    """The check that decided: syntax, units, candidate, chemistry, identity, lab, physical."""
    reason: str
    note: str
    measurement_id: str
    """By which ``/v1/results/{measurement_id}`` tells what became of it."""
    source: str | None
    external_id: str | None
    candidate_id: str | None


class Health(BaseModel):
    """The server answers."""

    status: Literal["ok"] = "ok"


class ClaimOut(BaseModel):
    """A robot's word that it will measure a candidate."""

    candidate_id: str
    robot: str
    since: datetime.datetime
    until: datetime.datetime
    """Afterwards others may claim it."""


class CandidateOut(BaseModel):
    """One proposed formulation."""

    candidate_id: str
    batch: int
    """Counted from 1."""
    status: CandidateStatus
    reason: str
    assigned_to: Literal["oracle", "lab"]
    oracle: str
    formulation: str
    """The text form."""
    formulation_id: str
    liquid: dict[str, Any]
    """The same as data."""
    predicted: dict[str, Any]
    """mean and standard_deviation (mS/cm) when it was proposed."""
    probability_feasible: float | None
    measurement_ids: list[str]
    claim: ClaimOut | None
    """Who is at work on it."""


class ResultOut(BaseModel):
    """One value as it was reported, and what became of it."""

    measurement_id: str
    source: str | None
    external_id: str | None
    candidate_id: str | None
    quantity: str | None
    value: float | None
    unit: str | None
    standard_uncertainty: float | None
    state: ResultState
    """``taken`` counts; ``kept`` is a limit; ``waiting`` is on disk and not yet taken in."""
    reason: str
    note: str
    """How the liquid differs from the one asked for."""


class JobOut(BaseModel):
    """One oracle call."""

    job_key: str
    status: str
    attempt: int
    reason: str
    hours: float


class CandidateStoryOut(CandidateOut):
    """One candidate with everything on record about it."""

    why: dict[str, Any]
    """The batch's entry for it: acquisition, ranks, nearest known liquids."""
    results: list[ResultOut]
    jobs: list[JobOut]
    story: str
    """All of it in words, as ``saltloop show`` prints it."""


class CandidatePage(BaseModel):
    """Candidates in the order in which they were proposed."""

    total: int
    offset: int
    items: list[CandidateOut]


class ResultPage(BaseModel):
    """Results: those on record in the order in which they came, then what waits, then what was refused."""

    total: int
    offset: int
    items: list[ResultOut]


class ClaimList(BaseModel):
    """Claims that hold now."""

    items: list[ClaimOut]


class Received(BaseModel):
    """Results that are safe: on disk, or known already."""

    detail: str
    """What they wait for, in words."""
    verdicts: list[VerdictOut]


class EventOut(BaseModel):
    """One line of the campaign's record."""

    seq: int
    ts: str
    type: str
    actor: str
    words: str
    data: dict[str, Any] | None = None
    """All that is recorded, where it was asked for."""


class EventPage(BaseModel):
    """Events, the oldest first."""

    total: int
    """Length of the record."""
    items: list[EventOut]


class RequestOut(BaseModel):
    """What became of a person's request."""

    request_id: str
    state: Literal["done", "waiting", "refused"]
    detail: str
    event: EventOut | None = None


class Writer(BaseModel):
    """The process that writes the campaign now."""

    host: str
    pid: int
    since: str


class Waiting(BaseModel):
    """What was received and is not yet in the record."""

    results: int
    requests: int
    problem: str = Field("", description="Why the server could not have it taken in.")


class CampaignOut(BaseModel):
    """Where the campaign stands: ``status`` is what ``saltloop status --json`` prints."""

    status: dict[str, Any]
    claims: list[ClaimOut]
    waiting: Waiting
    writer: Writer | None
    """None: nobody runs the campaign; the server has results taken in by itself."""
    detail: str
