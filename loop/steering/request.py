"""What a person's request is: checked first, then done by one event that carries its number."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from saltloop.loop.campaign import Campaign
from saltloop.loop.events import Event
from saltloop.loop.strategy import Strategy

#: Gives a strategy whose model is at hand; called only by requests that have to decide something.
StrategyOf = Callable[[], Strategy]
EventData = tuple[str, dict[str, Any]]


class Request(BaseModel):
    """Something that a person asks for. ``request_id`` stands in its event, so that it is never done twice."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request_id: str = Field(default_factory=lambda: uuid.uuid4().hex, pattern=r"^[0-9a-f]{32}$")
    person: str = Field(min_length=1)

    def check(self, campaign: Campaign) -> None:
        """Raise CampaignError, with the remedy, if the campaign cannot do this now."""

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        """Type and data of the event that does it."""
        raise NotImplementedError

    def do(self, campaign: Campaign, strategy_of: StrategyOf) -> Event:
        """Record that event."""
        event_type, data = self.event(campaign, strategy_of)
        return campaign.append(event_type, {**data, "request_id": self.request_id}, actor=self.person)
