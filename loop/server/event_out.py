"""Events as the server tells them."""

from __future__ import annotations

from saltloop.loop.events import Event
from saltloop.loop.reports.log import tell
from saltloop.loop.server.answers import EventOut


def event_out(event: Event, *, full: bool = False) -> EventOut:
    """An event in words, and with everything that is recorded where ``full``."""
    data = event.data if full else None
    return EventOut(seq=event.seq, ts=event.ts, type=event.type, actor=event.actor, words=tell(event), data=data)
