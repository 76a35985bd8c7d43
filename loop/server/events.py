"""Routes on events: pages of the record, and a stream that can be taken up where it broke off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from saltloop.loop.errors import CampaignError, StateError
from saltloop.loop.lab.claims import claims_of
from saltloop.loop.server.answers import EventPage
from saltloop.loop.server.event_out import event_out
from saltloop.loop.server.inputs import Limit
from saltloop.loop.server.site import COMMON, Site, TheSite

#: How often the record is looked at for a stream, and how many events it gives at a time.
LOOK_S, CHUNK = 0.5, 200
MAX_STREAMS = 50

router = APIRouter(prefix="/v1", tags=["events"], responses=COMMON)

After = Annotated[int, Query(ge=-1, le=2**31, description="Only events whose seq is larger.")]
Full = Annotated[bool, Query(description="With everything that is recorded.")]


@router.get("/events")
def list_events(site: TheSite, after: After = -1, limit: Limit = 100, full: Full = False) -> EventPage:
    """The record, page by page."""
    events, total = site.pages.events(after, limit)
    return EventPage(total=total, items=[event_out(one, full=full) for one in events])


async def _place(site: TheSite) -> AsyncIterator[None]:
    """A stream's place, until it ends."""
    if site.n_streams >= MAX_STREAMS:
        raise HTTPException(429, f"{MAX_STREAMS} streams are open already.", {"retry-after": "30"})
    site.n_streams += 1
    try:
        yield
    finally:
        site.n_streams -= 1


@router.get("/events/stream", response_class=EventSourceResponse, dependencies=[Depends(_place)])
async def stream_events(
    site: TheSite,
    after: Annotated[int | None, Query(ge=-1, le=2**31, description="Begin after this seq; if left out, now.")] = None,
    full: Full = False,
    last_event_id: Annotated[int | None, Header(ge=-1, le=2**31)] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Events as they are recorded (Server-Sent Events): ``id`` is the seq, ``event`` the type, ``data`` as in pages.

    With ``Last-Event-ID`` the stream goes on after that event. A message ``waiting`` (without an id) says how much is
    on disk and not yet in the record, and who has claimed what, whenever that changes.
    """
    seen = last_event_id if last_event_id is not None else after
    if seen is None:
        _, total = await run_in_threadpool(site.pages.events, 0, 0)
        seen = total - 1
    waited: dict[str, Any] = {}
    while True:
        try:
            events, _ = await run_in_threadpool(site.pages.events, seen, CHUNK)
            waits = await run_in_threadpool(_waiting, site)
        except (CampaignError, StateError) as error:
            yield ServerSentEvent(event="problem", data={"detail": str(error)})
            return
        for event in events:
            seen = event.seq
            yield ServerSentEvent(id=str(seen), event=event.type, data=event_out(event, full=full).model_dump())
        if waits != waited:
            waited = waits
            yield ServerSentEvent(event="waiting", data=waits)
        if not events:
            await asyncio.sleep(LOOK_S)


def _waiting(site: Site) -> dict[str, Any]:
    with site.pages.now() as campaign:
        claims = {one.candidate_id: one.robot for one in claims_of(campaign).values()}
        return {**site.waiting(campaign).model_dump(), "claims": claims}
