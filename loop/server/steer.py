"""What people ask for over HTTP: checked, then done at once, or left for the process that writes the campaign."""

from __future__ import annotations

import time
from dataclasses import dataclass

from saltloop.loop.campaign import LOCK_NAME, Campaign
from saltloop.loop.errors import LockedError
from saltloop.loop.events import Event
from saltloop.loop.lock import holder_of
from saltloop.loop.server.drain import only_a_run_decides
from saltloop.loop.server.reading import Reading
from saltloop.loop.steering.apply import apply, check
from saltloop.loop.steering.queue import leave, take_requests, waiting_requests
from saltloop.loop.steering.request import Request

#: How long to wait for the process that writes the campaign to take a request in.
WAIT_S = 3.0
LOOK_S = 0.1


@dataclass(frozen=True)
class Asked:
    """What became of a request."""

    request_id: str
    event: Event | None
    """The event that did it or refused it; None while it waits."""

    @property
    def is_refused(self) -> bool:
        return self.event is not None and self.event.type == "request_refused"


def ask(reading: Reading, request: Request, *, wait_s: float = WAIT_S) -> Asked:
    """Do a request, or leave it and wait a moment for whoever writes the campaign. Asked twice, it is done once.

    Raises:
        CampaignError: it cannot be done; nothing was recorded.
    """
    with reading.now() as campaign:
        if (earlier := fate(reading, request.request_id)) is not None:
            return earlier
        check(campaign, request)
    if holder_of(reading.folder / LOCK_NAME) is None:
        try:
            with Campaign.open(reading.folder, actor=request.person, is_brief=True) as campaign:
                take_requests(campaign, only_a_run_decides)
                # The same one, sent again meanwhile, may have been done while this one waited for the lock.
                done = _event_of(campaign, request.request_id)
                return Asked(request.request_id, done or apply(campaign, request, only_a_run_decides))
        except LockedError:
            pass
    leave(reading.folder, request)
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        if (found := fate(reading, request.request_id)) is not None and found.event is not None:
            return found
        time.sleep(LOOK_S)
    return Asked(request.request_id, None)


def fate(reading: Reading, request_id: str) -> Asked | None:
    """What became of a request, or None if there is none of this number."""
    with reading.now() as campaign:
        if (event := _event_of(campaign, request_id)) is not None:
            return Asked(request_id, event)
    if any(path.stem.rpartition("-")[2] == request_id for path in waiting_requests(reading.folder)):
        return Asked(request_id, None)
    return None


def _event_of(campaign: Campaign, request_id: str) -> Event | None:
    """The event that did a request or refused it."""
    if request_id not in campaign.record.request_ids:
        return None
    return next(event for event in reversed(campaign.events) if event.data.get("request_id") == request_id)
