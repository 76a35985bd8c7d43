"""What the routes share: the campaign that is served, and how its parts become answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from saltloop.loop.campaign import LOCK_NAME, Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.lab.claims import Claim, claims_of
from saltloop.loop.lab.settings import LabSettings
from saltloop.loop.lock import holder_of
from saltloop.loop.record_items import Candidate
from saltloop.loop.server.answers import CandidateOut, ClaimOut, Problem, Waiting, Writer
from saltloop.loop.server.drain import Drainer
from saltloop.loop.server.incoming import Incoming
from saltloop.loop.server.reading import Reading
from saltloop.loop.steering.queue import waiting_requests

#: Answers that every route may give.
COMMON: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request cannot be read."},
    401: {"model": Problem, "description": "No token, or a wrong one."},
    408: {"model": Problem, "description": "The body did not arrive in time."},
    413: {"model": Problem, "description": "The body is too large."},
    422: {"model": Problem, "description": "Something in the request is wrong; the detail says what."},
    429: {"model": Problem, "description": "Too many requests: wait as long as Retry-After says."},
    503: {"model": Problem, "description": "The campaign's files cannot be read or written now; nothing was changed."},
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"model": Problem, "description": "There is none of this id."}}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "The campaign cannot do this now; the detail says why."}
}


class NotFoundError(CampaignError):
    """Nothing has this id."""


@dataclass
class Site:
    """One campaign and what serves it. ``pages`` is a second reading, so that no robot waits for a page."""

    reading: Reading
    pages: Reading
    incoming: Incoming
    drainer: Drainer | None = None
    say: Callable[[str], None] = lambda text: None
    lab: LabSettings | None = None
    n_streams: int = 0
    cache: dict[str, Any] = field(default_factory=dict)

    def writer(self) -> Writer | None:
        """Who writes the campaign now."""
        holder = holder_of(self.reading.folder / LOCK_NAME)
        if holder is None or holder.get("is_brief") or not {"host", "pid", "since"} <= holder.keys():
            return None
        return Writer(host=holder["host"], pid=holder["pid"], since=holder["since"])

    def waiting(self, campaign: Campaign) -> Waiting:
        """What is on disk and not yet in the record."""
        n_requests = len(waiting_requests(campaign.folder))
        problem = self.drainer.problem if self.drainer is not None else ""
        return Waiting(results=len(self.incoming.waiting()), requests=n_requests, problem=problem)

    def answered(self) -> set[str]:
        """Candidates of which a result waits to be taken in."""
        return {result.candidate_id for result in self.incoming.waiting().values()}

    def who_takes_in(self) -> str:
        """What becomes of what was left, in words."""
        if self.writer() is not None:
            return "the process that writes the campaign takes it in at its next step"
        if self.drainer is not None:
            return "this server has it taken in within seconds"
        return "it awaits the next 'saltloop run' or 'saltloop inbox'"


async def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


TheSite = Annotated[Site, Depends(_site)]


def candidate_named(campaign: Campaign, candidate_id: str) -> Candidate:
    """Raises NotFoundError."""
    candidate = campaign.record.candidates.get(candidate_id)
    if candidate is None:
        raise NotFoundError(f"Candidate {candidate_id[:80]!r} is unknown; GET /v1/candidates lists them.")
    return candidate


def candidate_out(candidate: Candidate, claims: dict[str, Claim]) -> CandidateOut:
    claim = claims.get(candidate.candidate_id)
    return CandidateOut(
        candidate_id=candidate.candidate_id,
        batch=candidate.iteration + 1,
        status=candidate.status,
        reason=candidate.reason,
        assigned_to=candidate.assigned_to,
        oracle=candidate.oracle,
        formulation=candidate.text,
        formulation_id=candidate.formulation_id,
        liquid=candidate.formulation,
        predicted=candidate.why["predicted"],
        probability_feasible=candidate.why.get("probability_feasible"),
        measurement_ids=candidate.measurement_ids,
        claim=claim and claim_out(claim),
    )


def claim_out(claim: Claim) -> ClaimOut:
    return ClaimOut(candidate_id=claim.candidate_id, robot=claim.robot, since=claim.since, until=claim.until)


def all_claims(campaign: Campaign) -> list[ClaimOut]:
    """Claims that hold now, by candidate."""
    return [claim_out(one) for one in claims_of(campaign).values()]
