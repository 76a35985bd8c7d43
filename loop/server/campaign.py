"""Routes on the campaign as a whole: its state, what a lab can execute, what the dashboard shows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from saltloop.loop.lab.claims import claims_of
from saltloop.loop.reports import report
from saltloop.loop.reports.view_types import View
from saltloop.loop.server.answers import CampaignOut
from saltloop.loop.server.site import COMMON, CONFLICT, TheSite, all_claims
from saltloop.loop.server.views import view_json

router = APIRouter(prefix="/v1", tags=["campaign"], responses=COMMON)


@router.get("/campaign")
def show_campaign(site: TheSite) -> CampaignOut:
    """Where the campaign stands, who is at work on what, and what waits to be taken in."""
    with site.reading.now() as campaign:
        waiting, writer = site.waiting(campaign), site.writer()
        detail = f"A process runs the campaign since {writer.since}." if writer else "No process runs the campaign."
        if waiting.results or waiting.requests:
            detail += f" {waiting.results} result(s) and {waiting.requests} request(s) wait: {site.who_takes_in()}."
        return CampaignOut(
            status=report.status(campaign),
            claims=all_claims(campaign),
            waiting=waiting,
            writer=writer,
            detail=detail,
        )


@router.get("/view", response_model=View)
def show_view(site: TheSite) -> Response:
    """What the dashboard shows: rows, and what its plots are drawn from."""
    return Response(view_json(site), media_type="application/json")


@router.get(
    "/worklist",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}, **CONFLICT},
    response_model=dict[str, Any],
)
def show_worklist(
    site: TheSite,
    robot: Annotated[str | None, Query(max_length=100, description="Only what this robot has claimed.")] = None,
    format: Literal["json", "csv"] = "json",
) -> Response:
    """How to make the lab's open candidates: masses, volumes, replicates, controls (docs/lab.md).

    409: a stock or the control of the campaign's settings cannot be made.
    """
    from saltloop.loop.lab.worklist import make_worklist
    from saltloop.loop.lab.worklist_files import to_csv

    with site.pages.now() as campaign:
        held = claims_of(campaign)
        chosen = [
            one
            for one in campaign.record.open_candidates()
            if one.assigned_to == "lab"
            and (robot is None or ((claim := held.get(one.candidate_id)) is not None and claim.robot == robot))
        ]
        worklist = make_worklist(campaign, chosen, site.lab)
    if format == "csv":
        return Response(to_csv(worklist), media_type="text/csv")
    return JSONResponse(worklist.to_dict())
