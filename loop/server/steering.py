"""How a person's word becomes an answer, and the routes that steer the campaign as a whole."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from saltloop.loop.errors import CampaignError
from saltloop.loop.server.answers import RequestOut
from saltloop.loop.server.event_out import event_out
from saltloop.loop.server.inputs import Id, Word, WordWithReason
from saltloop.loop.server.site import COMMON, CONFLICT, NOT_FOUND, NotFoundError, Site, TheSite
from saltloop.loop.server.steer import Asked, ask, fate
from saltloop.loop.steering.apply import Close, Pause, Resume
from saltloop.loop.steering.request import Request

#: What a person's decision may be answered with, beside 200.
ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"model": RequestOut, "description": "It is on disk and waits for the process that writes the campaign."}
}

router = APIRouter(prefix="/v1", tags=["steering"], responses=COMMON)


def answer(site: Site, kind: type[Request], word: Word | WordWithReason | Any, **values: Any) -> Any:
    """Ask for it: 200 once it is on record, 202 while it waits.

    Raises:
        CampaignError: it cannot be done.
    """
    request = kind(person=word.person, request_id=word.request_id or uuid.uuid4().hex, **values)
    asked = ask(site.reading, request)
    if asked.is_refused:
        assert asked.event is not None
        raise CampaignError(asked.event.data["reason"])
    found = _request_out(site, asked)
    return found if asked.event is not None else JSONResponse(found.model_dump(mode="json"), status_code=202)


@router.post("/campaign/pause", responses=CONFLICT | ANSWERS)
def pause_campaign(site: TheSite, word: WordWithReason) -> RequestOut:
    """Start nothing new until a person resumes the campaign; jobs that run come to their end."""
    return answer(site, Pause, word, reason=word.reason)


@router.post("/campaign/resume", responses=CONFLICT | ANSWERS)
def resume_campaign(site: TheSite, word: Word) -> RequestOut:
    """Lift a pause."""
    return answer(site, Resume, word)


@router.post("/campaign/stop", responses=CONFLICT | ANSWERS)
def stop_campaign(site: TheSite, word: WordWithReason) -> RequestOut:
    """Close the campaign for good, like ``saltloop close``: it takes no results any more."""
    return answer(site, Close, word, reason=word.reason)


@router.get("/requests/{request_id}", responses=NOT_FOUND)
def show_request(site: TheSite, request_id: Id, response: Response) -> RequestOut:
    """What became of a person's request."""
    found = fate(site.reading, request_id)
    if found is None:
        raise NotFoundError(f"There is no request {request_id[:80]!r}.")
    return _request_out(site, found)


def _request_out(site: Site, asked: Asked) -> RequestOut:
    if asked.event is None:
        return RequestOut(request_id=asked.request_id, state="waiting", detail=f"On disk; {site.who_takes_in()}.")
    event = event_out(asked.event)
    if asked.is_refused:
        return RequestOut(request_id=asked.request_id, state="refused", detail=asked.event.data["reason"], event=event)
    return RequestOut(request_id=asked.request_id, state="done", detail=event.words, event=event)
