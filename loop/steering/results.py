"""What people decide on results: release from quarantine or reject, retract what was taken, bring a file of them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from saltloop.chemistry.measurement import external_measurement_id
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.events import Event
from saltloop.loop.record import CampaignRecord
from saltloop.loop.steering.request import EventData, Request, StrategyOf


class Release(Request):
    """Quarantined results that a person vouches for; they count from now on."""

    kind: Literal["release"] = "release"
    measurement_ids: tuple[str, ...] = Field(min_length=1)
    reason: str = ""

    def check(self, campaign: Campaign) -> None:
        _check_held(campaign, self.measurement_ids)
        for measurement_id in self.measurement_ids:
            held = campaign.record.quarantined[measurement_id]
            if held.stage == "physical" and held.measurement["value"] <= 0:
                raise CampaignError(
                    f"{measurement_id} cannot be released: {held.reason}. Have the lab amend it, or reject it."
                )

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        return "quarantine_released", {"measurement_ids": list(self.measurement_ids), "reason": self.reason}


class RejectResult(Request):
    """Quarantined results that a person rules out; they stay in the record and never count."""

    kind: Literal["reject_result"] = "reject_result"
    measurement_ids: tuple[str, ...] = Field(min_length=1)
    reason: str = Field(min_length=1)

    def check(self, campaign: Campaign) -> None:
        _check_held(campaign, self.measurement_ids)

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        return "quarantine_rejected", {"measurement_ids": list(self.measurement_ids), "reason": self.reason}


class Retract(Request):
    """Results that were taken and turned out to be wrong; they stay in the record and no longer count."""

    kind: Literal["retract"] = "retract"
    measurement_ids: tuple[str, ...] = Field(min_length=1)
    reason: str = Field(min_length=1)

    def check(self, campaign: Campaign) -> None:
        _check_unique(self.measurement_ids)
        for measurement_id in self.measurement_ids:
            result = campaign.record.results.get(measurement_id)
            if result is None:
                raise CampaignError(f"{measurement_id} is no result of this campaign; 'saltloop log' lists them.")
            if result.is_retracted:
                raise CampaignError(f"{measurement_id} was retracted already: {result.reason}.")

    def event(self, campaign: Campaign, strategy_of: StrategyOf) -> EventData:
        data = {"measurement_ids": list(self.measurement_ids), "reason": self.reason, "frees_candidates": True}
        return "result_retracted", data


class Tell(Request):
    """Measured results, as the content of a file. They may take several events: told twice, they change nothing."""

    kind: Literal["tell"] = "tell"
    file_name: str = Field(pattern=r"^\w[\w. -]*$")
    content: str
    amend: bool = False

    def check(self, campaign: Campaign) -> None:
        self._take(campaign, dry_run=True)

    def do(self, campaign: Campaign, strategy_of: StrategyOf) -> Event:
        self._take(campaign, dry_run=False)
        return campaign.events[-1]

    def _take(self, campaign: Campaign, *, dry_run: bool) -> None:
        from saltloop.chemistry.result_files import read_rows
        from saltloop.loop.lab.intake import take
        from saltloop.loop.lab.surprise import predictor

        rows = read_rows(self.file_name, self.content.encode())
        take(
            campaign,
            rows,
            actor=self.person,
            name=self.file_name,
            origin={"file": self.file_name},
            dry_run=dry_run,
            amend=self.amend,
            predict=None if dry_run else predictor(campaign),
        )


def find_results(record: CampaignRecord, names: tuple[str, ...], *, held: bool) -> tuple[str, ...]:
    """Measurement ids of results by id or the beginning of one, by external id, or by candidate id.

    Args:
        held: look among those in quarantine that wait, else among those that were taken.

    Raises:
        CampaignError: a name fits none or several, with those there are.
    """
    there = {one.measurement_id: one for one in record.waiting_results()} if held else record.results
    found = []
    for name in names:
        named = [("experiment", name), *((name[:k], name[k + 1 :]) for k, one in enumerate(name) if one == "/")]
        fitting = [key for pair in named if (key := external_measurement_id(*pair)) in there]
        fitting = fitting or [key for key in there if key.startswith(name)]
        fitting = fitting or [key for key, one in there.items() if one.measurement["external_id"] == name]
        fitting = fitting or [key for key, one in there.items() if one.candidate_id == name]
        if len(fitting) != 1:
            listed = ", ".join([*there][:20]) or "none"
            what = "in quarantine" if held else "taken"
            raise CampaignError(
                f"{name!r} fits {len(fitting) or 'no'} result(s) {what}; name one by its id, SOURCE/EXTERNAL_ID or "
                f"candidate: {listed}."
            )
        found += fitting
    return tuple(found)


def _check_held(campaign: Campaign, measurement_ids: tuple[str, ...]) -> None:
    _check_unique(measurement_ids)
    waiting = [held.measurement_id for held in campaign.record.waiting_results()]
    if wrong := [one for one in measurement_ids if one not in waiting]:
        raise CampaignError(
            f"{', '.join(wrong)}: no result in quarantine that waits for a person; these do: "
            f"{', '.join(waiting) or 'none'}."
        )


def _check_unique(measurement_ids: tuple[str, ...]) -> None:
    if len(set(measurement_ids)) < len(measurement_ids):
        raise CampaignError(f"A result is named twice in {', '.join(measurement_ids)}.")
