"""Requests that change the settings of a started campaign: its budget, its stop rules, its space."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.settings import CampaignSettings
from saltloop.loop.space.settings import EARLIER_TERMS
from saltloop.loop.steering.request import EventData, Request, StrategyOf

#: Settings of a space by the names that they had before.
NOW_CALLED = {earlier: term for term, earlier in EARLIER_TERMS.items()}


class ChangeBudget(Request):
    """Other limits; None lifts one, a limit that is not named stays."""

    kind: Literal["budget"] = "budget"
    limits: dict[Literal["rounds", "calls", "oracle_hours", "money"], float | None] = Field(min_length=1)

    def check(self, campaign: Campaign) -> None:
        self._change(campaign)

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        return self._change(campaign)

    def _change(self, campaign: Campaign) -> EventData:
        changed = campaign.settings.budget.model_dump(mode="json")
        for name, limit in self.limits.items():
            changed[name] = limit
        return _changed(campaign, "budget", "budget_changed", changed)


class ChangeStopRules(Request):
    """Other rules beside the budget, in place of all that there are."""

    kind: Literal["stop"] = "stop"
    rules: tuple[dict[str, Any], ...]

    def check(self, campaign: Campaign) -> None:
        self._change(campaign)

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        return self._change(campaign)

    def _change(self, campaign: Campaign) -> EventData:
        return _changed(campaign, "stop", "stop_rules_changed", list(self.rules))


class ChangeSpace(Request):
    """Other settings of the space, by dotted names; decisions from here on use the new space."""

    kind: Literal["space"] = "space"
    values: dict[str, Any] = Field(min_length=1)

    def check(self, campaign: Campaign) -> None:
        from saltloop.loop.preflight import check_before_start

        _, data = self._change(campaign)
        check_before_start(_with(campaign.settings, "space", data["space"]))

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        return self._change(campaign)

    def _change(self, campaign: Campaign) -> EventData:
        changed = campaign.settings.space.model_dump(mode="json")
        for name, value in self.values.items():
            section = changed
            first, *rest = name.split(".")
            *parents, last = (NOW_CALLED.get(first, first), *rest)
            for parent in parents:
                if not isinstance(section.get(parent), dict):
                    raise CampaignError(f"space.{name}: there is no section {parent!r}.")
                section = section[parent]
            section[last] = value
        return _changed(campaign, "space", "space_changed", changed)


def _changed(campaign: Campaign, section: str, event_type: str, value: Any) -> EventData:
    """The event that changes one section of the settings, its new value checked and complete."""
    now = _with(campaign.settings, section, value).model_dump(mode="json")[section]
    was = campaign.settings.model_dump(mode="json")[section]
    if now == was:
        raise CampaignError(f"That is how '{section}' stands already; nothing was changed.")
    return event_type, {section: now, "was": was, "from_file": False}


def _with(settings: CampaignSettings, section: str, value: Any) -> CampaignSettings:
    try:
        return CampaignSettings.model_validate({**settings.model_dump(mode="json"), section: value})
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            message = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                message = "there is no such setting"
            given = f" (it is {problem['input']!r})" if not isinstance(problem["input"], dict | list | tuple) else ""
            problems.append(f"{'.'.join(map(str, problem['loc'])) or section}: {message}{given}")
        raise CampaignError("; ".join(problems) + ". Nothing was changed.") from None
