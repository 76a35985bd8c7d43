"""What people ask of a campaign. Each request is checked, then becomes exactly one event: all of it or nothing."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.events import Event
from saltloop.loop.fixing import as_if_rejected, fixed_space
from saltloop.loop.record_items import Candidate
from saltloop.loop.settings import CampaignSettings
from saltloop.loop.space_settings import EARLIER_TERMS
from saltloop.loop.strategy import Strategy

#: Settings of a space by the names that they had before.
NOW_CALLED = {earlier: term for term, earlier in EARLIER_TERMS.items()}
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


class Approve(Request):
    """Proposed candidates may be measured."""

    kind: Literal["approve"] = "approve"
    candidate_ids: tuple[str, ...] = Field(min_length=1)

    def check(self, campaign: Campaign) -> None:
        _check_waiting(campaign, self.candidate_ids, {"candidate"})

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        return "candidate_approved", {"candidate_ids": list(self.candidate_ids)}


class Reject(Request):
    """Candidates that nobody shall measure; infeasible ones teach the feasibility model."""

    kind: Literal["reject"] = "reject"
    candidate_ids: tuple[str, ...] = Field(min_length=1)
    reason: str = Field(min_length=1)
    is_infeasible: bool = False

    def check(self, campaign: Campaign) -> None:
        _check_waiting(campaign, self.candidate_ids, {"candidate", "approved"})

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        data = {"candidate_ids": list(self.candidate_ids), "reason": self.reason, "is_infeasible": self.is_infeasible}
        return "candidate_rejected", data


class Repropose(Request):
    """Reject a candidate and put the best formulation with some factors fixed in its place."""

    kind: Literal["repropose"] = "repropose"
    candidate_id: str
    fixed: dict[str, float | str] = Field(min_length=1)
    reason: str = ""

    def check(self, campaign: Campaign) -> None:
        _check_waiting(campaign, (self.candidate_id,), {"candidate", "approved"})
        fixed_space(campaign.settings.space, self.fixed, campaign.species)

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        from saltloop.loop.decisions import proposal

        old = campaign.record.candidates[self.candidate_id]
        words = ", ".join(f"{name} = {value}" for name, value in self.fixed.items())
        replaces = {"candidate_id": self.candidate_id, "reason": self.reason or f"proposed anew with {words}"}
        view = as_if_rejected(campaign, self.candidate_id, self.fixed)
        data = proposal(view, strategy_of(), n=1, assigned_to=old.assigned_to, is_round=False)
        return "batch_proposed", {**data, "fixed": dict(self.fixed), "replaces": replaces}


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


class Pause(Request):
    """Start nothing new until a person resumes the campaign; jobs that run come to their end."""

    kind: Literal["pause"] = "pause"
    reason: str = Field(min_length=1)

    def check(self, campaign: Campaign) -> None:
        if campaign.record.hold_reason:
            raise CampaignError(f"The campaign is paused already: {campaign.record.hold_reason}.")

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        return "paused", {"reason": self.reason, "needs_person": True}


class Resume(Request):
    """Go on after a pause; failures before it no longer count for the failure rate."""

    kind: Literal["resume"] = "resume"

    def check(self, campaign: Campaign) -> None:
        if not campaign.record.hold_reason:
            raise CampaignError("The campaign is not paused; 'saltloop run' goes on with it.")

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        return "resumed", {"was": campaign.record.hold_reason}


class Close(Request):
    """End the campaign for good."""

    kind: Literal["close"] = "close"
    reason: str = Field(min_length=1)

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        return "closed", {"reason": self.reason}


class Tell(Request):
    """Measured results, as the content of a file. They may take several events: told twice, they change nothing."""

    kind: Literal["tell"] = "tell"
    file_name: str = Field(pattern=r"^\w[\w. -]*$")
    content: str

    def check(self, campaign: Campaign) -> None:
        self._tell(campaign, dry_run=True)

    def do(self, campaign: Campaign, strategy_of: StrategyOf) -> Event:
        self._tell(campaign, dry_run=False)
        return campaign.events[-1]

    def _tell(self, campaign: Campaign, *, dry_run: bool) -> None:
        from saltloop.loop.intake import tell

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / self.file_name
            path.write_text(self.content, encoding="utf-8")
            tell(campaign, path, actor=self.person, dry_run=dry_run)


AnyRequest = Annotated[
    Approve | Reject | Repropose | ChangeBudget | ChangeStopRules | ChangeSpace | Pause | Resume | Close | Tell,
    Field(discriminator="kind"),
]
REQUESTS: TypeAdapter[Request] = TypeAdapter(AnyRequest)


def check(campaign: Campaign, request: Request) -> None:
    """Raise CampaignError if the campaign cannot do this now."""
    if campaign.record.is_closed:
        raise CampaignError(
            f"The campaign '{campaign.settings.name}' is closed. 'saltloop fork' starts another one from its record."
        )
    request.check(campaign)


def apply(campaign: Campaign, request: Request, strategy_of: StrategyOf) -> Event:
    """Check a request and do it; returns the event that did.

    Raises:
        CampaignError: it cannot be done; nothing was recorded.
    """
    check(campaign, request)
    return request.do(campaign, strategy_of)


def _check_waiting(campaign: Campaign, candidate_ids: tuple[str, ...], statuses: set[str]) -> None:
    def waits(candidate: Candidate) -> bool:
        return candidate.status in statuses

    waiting = [c.candidate_id for c in campaign.record.open_candidates() if waits(c)]
    if wrong := [candidate_id for candidate_id in candidate_ids if candidate_id not in waiting]:
        raise CampaignError(
            f"{', '.join(wrong)}: no candidate that waits for a decision; these do: {', '.join(waiting) or 'none'}."
        )
    if len(set(candidate_ids)) < len(candidate_ids):
        raise CampaignError(f"A candidate is named twice in {', '.join(candidate_ids)}.")


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
