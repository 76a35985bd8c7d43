"""Proposing with a factor fixed: the part of a space in which salt, concentration or a share is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.settings import SpaceSettings


def as_if_rejected(campaign: Campaign, candidate_id: str, fixed: Mapping[str, float | str]) -> Campaign:
    """The campaign as it would be without a candidate, its space narrowed to some fixed factors. For deciding only."""
    record = campaign.record
    rejected = dataclasses.replace(record.candidates[candidate_id], status="rejected")
    view_record = dataclasses.replace(record, candidates={**record.candidates, candidate_id: rejected})
    space = fixed_space(campaign.settings.space, fixed, campaign.species)
    settings = campaign.settings.model_copy(update={"space": space})
    return Campaign(campaign.folder, settings, view_record, campaign.events)


def fixed_space(space: SpaceSettings, fixed: Mapping[str, float | str], species: SpeciesBook) -> SpaceSettings:
    """The settings of a space in which ``salt``, ``molality`` or ``temperature_K`` have one value.

    Raises:
        CampaignError: no such factor, a value of the wrong kind, or one outside the space.
    """
    values = space.model_dump(mode="json")
    for name, value in fixed.items():
        if name == "salt":
            values["salts"] = [_species_of(str(value), space.salts, species, "salt")]
        elif name == "molality":
            number = _number(name, value)
            low, high = space.molality.min, space.molality.max
            if not low <= number <= high:
                raise CampaignError(f"molality={number:g} is outside the space ({low:g} to {high:g} mol/kg).")
            values["molality"] = {**values["molality"], "min": number, "max": number}
        elif name == "temperature_K":
            values["temperature_K"] = _number(name, value)
        else:
            raise CampaignError(f"{name!r} cannot be fixed; these can: salt, molality, temperature_K.")
    try:
        return SpaceSettings.model_validate(values)
    except ValidationError as error:
        raise CampaignError(f"{dict(fixed)}: {error.errors()[0]['msg']}") from None


def _species_of(name: str, offered: tuple[str, ...], species: SpeciesBook, kind: str) -> str:
    find: Any = species.salt if kind == "salt" else species.solvent
    try:
        wanted = find(name)
    except SaltloopError as error:
        raise CampaignError(str(error)) from None
    if wanted not in [find(one) for one in offered]:
        raise CampaignError(f"{kind} {name!r} is not in the space, which offers {', '.join(offered)}.")
    return str(wanted.name)


def _number(name: str, value: float | str) -> float:
    try:
        return float(value)
    except ValueError:
        raise CampaignError(f"{name}={value} is no number.") from None
