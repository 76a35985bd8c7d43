"""Who is at work on which candidate: claims of robots, so that no two measure the same liquid.

A claim is a file in ``claims/``, on disk before it is granted. It lapses by itself, and means nothing once its
candidate is settled. It decides nothing: a result is taken from whoever brings it.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.record_items import SETTLED, Candidate
from saltloop.simulators.checkpoints import write_durably

FOLDER = "claims"
LEASE_MINUTES = 24 * 60.0


class ClaimedError(CampaignError):
    """Another robot has the candidate."""


class Claim(BaseModel):
    """A robot's word that it will measure a candidate."""

    model_config = ConfigDict(frozen=True)

    candidate_id: str
    robot: str = Field(min_length=1)
    since: AwareDatetime
    until: AwareDatetime
    """Afterwards others may claim it."""


def claims_of(campaign: Campaign) -> dict[str, Claim]:
    """The claims that hold now, by candidate."""
    now = _now()
    found = {}
    for path in (campaign.folder / FOLDER).glob("[!.]*.json"):
        with contextlib.suppress(OSError, ValidationError):
            claim = Claim.model_validate_json(path.read_bytes())
            candidate = campaign.record.candidates.get(claim.candidate_id)
            if candidate is not None and candidate.status not in SETTLED and claim.until > now:
                found[claim.candidate_id] = claim
    return dict(sorted(found.items()))


def claim(
    campaign: Campaign,
    candidate_id: str,
    robot: str,
    *,
    minutes: float = LEASE_MINUTES,
    answered: Collection[str] = (),
) -> Claim:
    """Grant a robot a candidate until ``minutes`` from now; asked again by the same robot, it is prolonged.

    Args:
        answered: candidates of which a result waits to be taken in; nobody may claim those.

    Raises:
        ClaimedError: another robot has it.
        CampaignError: it is not one that a lab may measure now.
        OSError: the claim could not be written.
    """
    with _alone(campaign.folder):
        _sweep(campaign)
        if candidate_id in answered:
            raise CampaignError(f"{candidate_id} cannot be claimed: a result of it waits to be taken in.")
        return _grant(campaign, candidate_id, robot, minutes)


def claim_some(
    campaign: Campaign, robot: str, n: int, *, minutes: float = LEASE_MINUTES, answered: Collection[str] = ()
) -> list[Claim]:
    """Fill a robot's claims up to ``n``, by the order in which candidates were proposed; returns all that it has.

    Asked again it gets the same ones, so that a call whose answer was lost can be repeated.
    """
    with _alone(campaign.folder):
        _sweep(campaign)
        held = claims_of(campaign)
        mine = [one for one, claim in held.items() if claim.robot == robot]
        free = [
            one.candidate_id
            for one in campaign.record.open_candidates()
            if one.candidate_id not in held and not why_not(campaign, one)
        ]
        wanted = [one for one in [*mine, *free] if one not in answered]
        return [_grant(campaign, one, robot, minutes) for one in wanted[:n]]


def give_back(campaign: Campaign, candidate_id: str, robot: str) -> None:
    """End a robot's claim. Where there is none, nothing happens.

    Raises:
        ClaimedError: it is another robot's.
    """
    with _alone(campaign.folder):
        there = claims_of(campaign).get(candidate_id)
        if there is not None and there.robot != robot:
            raise ClaimedError(_taken(there))
        if there is not None:
            _path(campaign.folder, candidate_id).unlink(missing_ok=True)


def why_not(campaign: Campaign, candidate: Candidate, *, is_begun: bool = False) -> str:
    """Why nobody may claim a candidate now, or an empty string; ``is_begun``: a robot that is at work on it asks."""
    if campaign.record.is_closed:
        return f"the campaign '{campaign.settings.name}' is closed"
    if campaign.record.hold_reason and not is_begun:
        return f"the campaign is paused ({campaign.record.hold_reason}); 'saltloop resume' goes on with it"
    if candidate.status in SETTLED:
        return f"{candidate.candidate_id} is {candidate.status}" + f": {candidate.reason}" * bool(candidate.reason)
    if candidate.assigned_to != "lab":
        return f"{candidate.candidate_id} is for the oracle '{candidate.oracle}', not for a lab"
    if campaign.settings.approval == "manual" and campaign.settings.has_lab and candidate.status == "candidate":
        return f"{candidate.candidate_id} waits for a person's approval ('saltloop approve')"
    return ""


def _grant(campaign: Campaign, candidate_id: str, robot: str, minutes: float) -> Claim:
    candidate = campaign.record.candidates.get(candidate_id)
    if candidate is None:
        raise CampaignError(f"Candidate {candidate_id!r} is unknown; 'saltloop status' lists those that are open.")
    now, there = _now(), claims_of(campaign).get(candidate_id)
    if reason := why_not(campaign, candidate, is_begun=there is not None and there.robot == robot):
        raise CampaignError(f"It cannot be claimed: {reason}.")
    if there is not None and there.robot != robot:
        raise ClaimedError(_taken(there))
    since = there.since if there is not None else now
    until = now + datetime.timedelta(minutes=minutes)
    granted = Claim(candidate_id=candidate_id, robot=robot, since=since, until=until)
    write_durably(_path(campaign.folder, candidate_id), granted.model_dump_json(indent=1).encode())
    return granted


def _taken(claim: Claim) -> str:
    until = claim.until.isoformat(timespec="minutes")
    return (
        f"{claim.candidate_id} is claimed by {claim.robot!r} until {until}; claim another one, or wait for its result."
    )


def _path(folder: Path, candidate_id: str) -> Path:
    return folder / FOLDER / f"{candidate_id}.json"


def _sweep(campaign: Campaign) -> None:
    """Remove claims that no longer mean anything."""
    held = claims_of(campaign)
    for path in (campaign.folder / FOLDER).glob("[!.]*.json"):
        if path.stem not in held:
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process and thread at a time."""
    (folder / FOLDER).mkdir(exist_ok=True)
    fd = os.open(folder / FOLDER / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
