"""Routes on candidates: what is there, one's story, and who takes which."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from saltloop.loop.lab import claims
from saltloop.loop.record_items import SETTLED, CandidateStatus
from saltloop.loop.reports.story import candidate_story
from saltloop.loop.reports.story_view import candidate_story_view
from saltloop.loop.reports.view_types import CandidateStory
from saltloop.loop.server.answers import (
    CandidateOut,
    CandidatePage,
    CandidateStoryOut,
    ClaimList,
    JobOut,
    RequestOut,
)
from saltloop.loop.server.inputs import Id, LeaseMinutes, Limit, Offset, Rejection, Robot, Word
from saltloop.loop.server.result_states import ResultStates
from saltloop.loop.server.site import (
    COMMON,
    CONFLICT,
    NOT_FOUND,
    TheSite,
    all_claims,
    candidate_named,
    candidate_out,
    claim_out,
)
from saltloop.loop.server.steering import ANSWERS, answer
from saltloop.loop.steering.apply import Approve, Reject

router = APIRouter(prefix="/v1", tags=["candidates"], responses=COMMON)


@router.get("/candidates")
def list_candidates(
    site: TheSite,
    status: Annotated[list[CandidateStatus | Literal["open"]] | None, Query(description="Only these.")] = None,
    assigned_to: Literal["oracle", "lab"] | None = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> CandidatePage:
    """Candidates by status; ``open`` are those that wait for a decision, a job or a result."""
    wanted = set(status or ())
    with site.reading.now() as campaign:
        found = [
            one
            for one in campaign.record.candidates.values()
            if (not wanted or one.status in wanted or ("open" in wanted and one.status not in SETTLED))
            and assigned_to in (None, one.assigned_to)
        ]
        held = claims.claims_of(campaign)
        items = [candidate_out(one, held) for one in found[offset : offset + limit]]
    return CandidatePage(total=len(found), offset=offset, items=items)


@router.get("/candidates/{candidate_id}", responses=NOT_FOUND)
def show_candidate(site: TheSite, candidate_id: Id) -> CandidateStoryOut:
    """One candidate: why it was chosen, what was predicted, who answered, what came back."""
    with site.reading.now() as campaign:
        candidate = candidate_named(campaign, candidate_id)
        jobs = [
            JobOut(job_key=j.job_key, status=j.status, attempt=j.attempt, reason=j.reason, hours=j.wall_s / 3600)
            for j in campaign.record.jobs_of(candidate_id)
        ]
        return CandidateStoryOut(
            **candidate_out(candidate, claims.claims_of(campaign)).model_dump(),
            why=candidate.why,
            results=ResultStates(campaign, {}).of_candidate(candidate),
            jobs=jobs,
            story=candidate_story(campaign, candidate),
        )


@router.get("/candidates/{candidate_id}/story", responses=NOT_FOUND, response_model=CandidateStory)
def tell_candidate(site: TheSite, candidate_id: Id) -> Response:
    """One candidate as the dashboard shows it: in pieces, with its jobs' logs and plots."""
    with site.pages.now() as campaign:
        candidate_named(campaign, candidate_id)
        return JSONResponse(candidate_story_view(campaign, candidate_id))


@router.post("/candidates/{candidate_id}/claim", responses=NOT_FOUND | CONFLICT)
def claim_candidate(
    site: TheSite, candidate_id: Id, robot: Robot, lease_minutes: LeaseMinutes = claims.LEASE_MINUTES
) -> CandidateOut:
    """Take a candidate, so that no other robot does. The same robot may ask again, which prolongs its claim."""
    with site.reading.now() as campaign:
        candidate = candidate_named(campaign, candidate_id)
        answered = site.answered()
        granted = claims.claim(campaign, candidate_id, robot, minutes=lease_minutes, answered=answered)
        return candidate_out(candidate, {candidate_id: granted})


@router.delete("/candidates/{candidate_id}/claim", responses=NOT_FOUND | CONFLICT)
def give_candidate_back(site: TheSite, candidate_id: Id, robot: Robot) -> CandidateOut:
    """End a robot's claim; where there is none, nothing happens."""
    with site.reading.now() as campaign:
        candidate = candidate_named(campaign, candidate_id)
        claims.give_back(campaign, candidate_id, robot)
        return candidate_out(candidate, claims.claims_of(campaign))


@router.get("/claims")
def list_claims(site: TheSite) -> ClaimList:
    """Claims that hold now."""
    with site.reading.now() as campaign:
        return ClaimList(items=all_claims(campaign))


@router.post("/claims")
def claim_some(
    site: TheSite,
    robot: Robot,
    n: Annotated[int, Query(ge=1, le=100, description="How many the robot has then, those it has already included.")],
    lease_minutes: LeaseMinutes = claims.LEASE_MINUTES,
) -> ClaimList:
    """Take the next candidates of the lab that nobody has. Asked again, the robot gets the same ones.

    An empty list: there is nothing to measure now.
    """
    with site.reading.now() as campaign:
        answered = site.answered()
        granted = claims.claim_some(campaign, robot, n, minutes=lease_minutes, answered=answered)
        return ClaimList(items=[claim_out(one) for one in granted])


@router.post("/candidates/{candidate_id}/approve", responses=NOT_FOUND | CONFLICT | ANSWERS)
def approve_candidate(site: TheSite, candidate_id: Id, word: Word) -> RequestOut:
    """A proposed candidate may be measured (campaigns with ``approval: manual``)."""
    with site.reading.now() as campaign:
        candidate_named(campaign, candidate_id)
    return answer(site, Approve, word, candidate_ids=(candidate_id,))


@router.post("/candidates/{candidate_id}/reject", responses=NOT_FOUND | CONFLICT | ANSWERS)
def reject_candidate(site: TheSite, candidate_id: Id, word: Rejection) -> RequestOut:
    """Nobody shall measure this candidate; it is never proposed again."""
    with site.reading.now() as campaign:
        candidate_named(campaign, candidate_id)
    more = {"reason": word.reason, "is_infeasible": word.is_infeasible}
    return answer(site, Reject, word, candidate_ids=(candidate_id,), **more)
