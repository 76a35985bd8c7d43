"""A campaign named by its file or its folder, opened."""

from __future__ import annotations

from pathlib import Path

from saltloop.loop.campaign import STATE_NAME, Campaign
from saltloop.loop.settings import CampaignSettings, load_campaign_file


def open_for_writing(path: Path, person: str, *, accept_space: bool = False, steal_lock: bool = False) -> Campaign:
    """The campaign of a file (started if it is new), or of a started campaign's folder, with its lock.

    Raises:
        SaltloopError: as ``Campaign.start_or_resume``.
    """
    if path.is_dir():
        return Campaign.open(path, actor=person, steal_lock=steal_lock)
    return Campaign.start_or_resume(path, actor=person, accept_space=accept_space, steal_lock=steal_lock)


def settings_ahead(path: Path, *, accept_space: bool = False) -> CampaignSettings:
    """The settings that a campaign will go on with when it is opened for writing."""
    if path.is_dir():
        return Campaign.read(path).settings
    settings = load_campaign_file(path)
    if accept_space or not (path.parent / settings.name / STATE_NAME).exists():
        return settings
    return Campaign.read(path.parent / settings.name).settings
