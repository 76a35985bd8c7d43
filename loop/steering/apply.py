"""What people ask of a campaign. Each request is checked, then becomes exactly one event: all of it or nothing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.events import Event
from saltloop.loop.record_items import Candidate
from saltloop.loop.steering.fixing import as_if_rejected, fixed_space
from saltloop.loop.steering.request import EventData, Request, StrategyOf
from saltloop.loop.steering.results import RejectResult, Release, Retract, Tell
from saltloop.loop.steering.settings import ChangeBudget, ChangeSpace, ChangeStopRules


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


class Ask(Request):
    """Candidates for the lab, beside the campaign's own batches."""

    kind: Literal["ask"] = "ask"
    n: int = Field(4, ge=1, le=64)

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        from saltloop.loop.decisions import proposal

        return "batch_proposed", proposal(campaign, strategy_of(), n=self.n, assigned_to="lab", is_round=False)


AnyRequest = Annotated[
    Approve
    | Reject
    | Repropose
    | Ask
    | ChangeBudget
    | ChangeStopRules
    | ChangeSpace
    | Pause
    | Resume
    | Close
    | Tell
    | Release
    | RejectResult
    | Retract,
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
