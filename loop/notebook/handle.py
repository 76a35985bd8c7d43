"""What every part of a notebook's campaign needs: where it lies, who asks, and what is kept between two calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saltloop.loop.campaign import Campaign as OpenedCampaign
from saltloop.loop.campaign import campaign_folder
from saltloop.loop.screen import Screen
from saltloop.loop.strategy import SurrogateStrategy

if TYPE_CHECKING:
    from saltloop.loop.reports.known import Known
    from saltloop.loop.settings import CampaignSettings


class Handle:
    """Names a campaign. Holds no lock and nothing of its state: each call reads the state file.

    What is kept is what costs time and cannot have changed: loaded weights (by their hash), data sets, the space.
    """

    def __init__(self, path: Path, person: str, screen: Screen) -> None:
        self._path = path
        self._person = person
        self._screen = screen
        self._strategy: tuple[CampaignSettings, SurrogateStrategy] | None = None
        self._known: tuple[CampaignSettings, Known] | None = None

    @property
    def folder(self) -> Path:
        """Where the campaign's state, jobs and models lie."""
        return campaign_folder(self._path)

    def _read(self) -> OpenedCampaign:
        """The campaign as it is on disk now, for reading."""
        campaign = OpenedCampaign.read(self.folder)
        for message in campaign.messages:
            self._screen.warn(message)
        return campaign

    def _strategy_of(self, campaign: OpenedCampaign) -> SurrogateStrategy:
        """The strategy for these settings; the same one as long as they do not change."""
        if self._strategy is None or self._strategy[0] != campaign.settings:
            self._strategy = (campaign.settings, SurrogateStrategy(campaign))
        return self._strategy[1]

    def _known_of(self, campaign: OpenedCampaign) -> Known:
        """Data sets and space, for pictures."""
        from saltloop.loop.reports.known import known_liquids

        if self._known is None or self._known[0] != campaign.settings:
            self._known = (campaign.settings, known_liquids(campaign))
        return self._known[1]
