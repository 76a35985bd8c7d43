"""Requests to a campaign that another process writes: files in ``requests/``, taken in at that process's next step.

A request is a file that is renamed into place. The event that does it carries its ``request_id``; the file goes after
the event is on disk. So a crash between the two neither loses a request nor does it twice.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from saltloop.chemistry.errors import SaltloopError
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import LockedError, StateError, StateWriteError
from saltloop.loop.steering.apply import REQUESTS, apply, check
from saltloop.loop.steering.request import Request, StrategyOf
from saltloop.simulators.checkpoints import write_durably

FOLDER = "requests"


def submit(folder: Path, request: Request, strategy_of: Callable[[Campaign], StrategyOf], *, steal_lock: bool) -> Any:
    """Do what a person asks at once, or leave it for the process that writes the campaign.

    Returns:
        The event that did it, or the LockedError of the process for which it was left.

    Raises:
        CampaignError: it cannot be done; nothing was recorded.
    """
    check(Campaign.read(folder), request)
    try:
        with Campaign.open(folder, actor=request.person, steal_lock=steal_lock) as campaign:
            take_requests(campaign, strategy_of(campaign))
            return apply(campaign, request, strategy_of(campaign))
    except LockedError as error:
        leave(folder, request)
        return error


def leave(folder: Path, request: Request) -> Path:
    """Put a request where the writing process finds it; file names sort by time, to the microsecond."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="microseconds").replace(":", "")
    path = folder / FOLDER / f"{now}-{request.request_id}.json"
    path.parent.mkdir(exist_ok=True)
    write_durably(path, request.model_dump_json(indent=1).encode())
    return path


def waiting_requests(folder: Path) -> list[Path]:
    """Requests that nobody has taken in yet, oldest first."""
    return sorted((folder / FOLDER).glob("[!.]*.json"))


def take_requests(campaign: Campaign, strategy_of: StrategyOf, say: Callable[[str], None] = lambda text: None) -> int:
    """Do every waiting request, oldest first; what cannot be done is recorded as refused. Returns how many there were.

    Raises:
        StateError, StateWriteError, LockedError: the campaign cannot be written; the requests stay where they are.
    """
    paths = waiting_requests(campaign.folder)
    for path in paths:
        try:
            request = REQUESTS.validate_json(path.read_bytes())
        except (ValidationError, OSError) as error:
            _refuse_unreadable(campaign, path, error, say)
            continue
        if request.request_id not in campaign.record.request_ids:
            _take(campaign, request, strategy_of, say)
        path.unlink(missing_ok=True)
    return len(paths)


def _take(campaign: Campaign, request: Request, strategy_of: StrategyOf, say: Callable[[str], None]) -> None:
    try:
        event = apply(campaign, request, strategy_of)
        say(f"Taken in: {event.type.replace('_', ' ')}, asked for by {request.person}.")
    except (StateError, StateWriteError, LockedError):
        raise
    except SaltloopError as error:
        asked = request.model_dump(mode="json")
        data = {"request_id": request.request_id, "request": asked, "reason": str(error)}
        campaign.append("request_refused", data, actor=request.person)
        say(f"Refused, asked for by {request.person}: {error}")


def _refuse_unreadable(campaign: Campaign, path: Path, error: Exception, say: Callable[[str], None]) -> None:
    if path.name not in campaign.record.request_ids:
        why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        reason = f"{FOLDER}/{path.name} is no request that this saltloop knows: {why}"
        campaign.append("request_refused", {"request_id": path.name, "request": {}, "reason": reason})
        say(f"Refused: {reason}.")
    os.replace(path, path.with_suffix(".unreadable"))
