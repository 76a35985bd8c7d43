"""Forks: another campaign that starts from the record of one, up to an event, and goes its own way from there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

from pydantic import ValidationError
from saltloop.loop.campaign import STATE_NAME, Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.record import CampaignRecord
from saltloop.loop.settings import CampaignSettings
from saltloop.loop.state import StateFile
from saltloop.simulators.checkpoints import write_durably


def fork(parent: Path, name: str, *, at: int | None, person: str) -> Campaign:
    """Make ``name`` beside ``parent``: its events up to number ``at`` as they stand, then ``campaign_forked``.

    Candidates that were open there are abandoned in the fork, and may be proposed again. Job folders are not copied:
    results stand in the record. Model weights are, so that decisions can be replayed at once. The folder appears
    under its name when it is complete.

    Raises:
        CampaignError: no such event, the name is taken or cannot be a name.
    """
    source = Campaign.read(parent)
    folder = parent.parent / name
    _check_name(source, folder, name)
    lines = (parent / STATE_NAME).read_bytes().split(b"\n")[: len(source.events)]
    seq = len(lines) - 1 if at is None else at
    if not 0 <= seq < len(lines):
        raise CampaignError(f"{parent} has no event {seq}; its events are numbered 0 to {len(lines) - 1}.")
    record = CampaignRecord.replay(source.events[: seq + 1])
    growing = folder.with_name(f".{name}.forking-{os.getpid()}")
    try:
        growing.mkdir()
        write_durably(growing / STATE_NAME, b"".join(line + b"\n" for line in lines[: seq + 1]))
        state = StateFile(growing / STATE_NAME)
        data = {
            "name": name,
            "parent": os.path.relpath(parent, folder.parent),
            "parent_name": source.settings.name,
            "seq": seq,
            "hash": hashlib.sha256(lines[seq]).hexdigest(),
            "abandoned": [candidate.candidate_id for candidate in record.open_candidates()],
        }
        state.append("campaign_forked", data, actor=person)
        state.close()
        _copy_weights(record, parent / "models", growing / "models")
        os.rename(growing, folder)
    except OSError as error:
        raise CampaignError(f"The fork {folder} could not be written: {error}. Nothing was left behind.") from error
    finally:
        shutil.rmtree(growing, ignore_errors=True)
    return Campaign.read(folder)


def parent_problem(campaign: Campaign) -> tuple[str, str]:
    """What is wrong with the parent that a fork names, and what cannot be told of it; empty where all is well."""
    data = campaign.record.fork
    path = campaign.folder.parent / data["parent"] / STATE_NAME
    if not path.exists():
        return "", f"the parent {data['parent']} is not at hand; the fork's own copy of its events was replayed"
    with contextlib.suppress(IndexError):
        line = path.read_bytes().split(b"\n")[data["seq"]]
        if hashlib.sha256(line).hexdigest() == data["hash"]:
            return (
                "",
                f"results before event {data['seq'] + 1} came from the parent {data['parent']}; see its jobs there",
            )
    return (
        f"the parent {data['parent']} no longer holds event {data['seq']} as it was when this campaign was forked",
        "",
    )


def _check_name(source: Campaign, folder: Path, name: str) -> None:
    if folder.exists():
        raise CampaignError(f"{folder} exists; choose another name.")
    try:
        CampaignSettings.model_validate({**source.settings.model_dump(mode="json"), "name": name})
    except ValidationError:
        raise CampaignError(f"{name!r} cannot be a name: letters, digits, '_', '-' and '.' only.") from None


def _copy_weights(record: CampaignRecord, source: Path, target: Path) -> None:
    """The weights of the recorded fits, as far as they are at hand; a missing one is trained again when needed."""
    target.mkdir()
    for fit in record.fits:
        weights = source / f"{fit['weights_sha256']}.safetensors"
        if weights.exists():
            shutil.copy2(weights, target / weights.name)
