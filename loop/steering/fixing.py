"""Proposing with a factor fixed: the part of a space in which salt, concentration or a share is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError, CampaignFileError
from saltloop.loop.space.settings import ALL, SpaceSettings, values_of


def as_if_rejected(campaign: Campaign, candidate_id: str, fixed: Mapping[str, float | str]) -> Campaign:
    """The campaign as it would be without a candidate, its space narrowed to some fixed factors. For deciding only."""
    record = campaign.record
    rejected = dataclasses.replace(record.candidates[candidate_id], status="rejected")
    view_record = dataclasses.replace(record, candidates={**record.candidates, candidate_id: rejected})
    space = fixed_space(campaign.settings.space, fixed, campaign.species)
    settings = campaign.settings.model_copy(update={"space": space})
    return Campaign(campaign.folder, settings, view_record, campaign.events)


def fixed_space(space: SpaceSettings, fixed: Mapping[str, float | str], species: SpeciesBook) -> SpaceSettings:
    """The settings of a space in which some factors have one value each.

    Args:
        fixed: ``salt`` (a name; the only salt, or one of them where the space wants several), ``molality`` or
            ``concentration`` (in the space's unit), ``temperature_K``, or a solvent's name (its share in the space's
            basis).

    Raises:
        CampaignError: no such factor, a value of the wrong kind, or one outside the space.
    """
    from saltloop.loop.space.candidate_space import CandidateSpace

    values = space.model_dump(mode="json")
    for name, value in fixed.items():
        if name == "salt":
            salt = _offered(str(value), space.salts, species, "salt")
            if space.min_salts == 1:
                values["salts"], values["max_salts"] = [salt], 1
            else:
                values["include"] = [*values["include"], [salt]]
        elif name in ("molality", "concentration"):
            values["concentration"] = [_within(name, value, values_of(space.concentration))]
        elif name == "temperature_K":
            values["temperatures_K"] = [_within(name, value, values_of(space.temperatures_K))]
        else:
            solvent = _offered(name, space.solvents, species, "solvent")
            share = _within(name, value, (0.0, space.max_fraction))
            values["include"] = [*values["include"], [solvent]]
            others = {key: one for key, one in values["shares"].items() if species.solvent(key).name != solvent}
            values["shares"] = {**others, solvent: share}
    try:
        narrowed = SpaceSettings.model_validate(values)
        CandidateSpace(narrowed, species)
    except ValidationError as error:
        raise CampaignError(f"{_words(fixed)}: {error.errors()[0]['msg'].removeprefix('Value error, ')}.") from None
    except CampaignFileError as error:
        raise CampaignError(f"With {_words(fixed)} nothing of the space is left: {error}") from None
    return narrowed


def _offered(name: str, offered: tuple[str, ...], species: SpeciesBook, kind: str) -> str:
    """The name of a species that the space offers."""
    find: Any = species.salt if kind == "salt" else species.solvent
    try:
        wanted = str(find(name).name)
    except SaltloopError as error:
        raise CampaignError(
            f"{error} What can be fixed: salt, molality, temperature_K, or a solvent's share."
        ) from None
    if offered != (ALL,) and wanted not in [find(one).name for one in offered]:
        raise CampaignError(f"The {kind} {name!r} is not in the space, which offers {', '.join(offered)}.")
    return wanted


def _within(name: str, value: float | str, values: tuple[float, ...]) -> float:
    if not isinstance(value, int | float):
        raise CampaignError(f"{name}={value} is no number.")
    if not min(values) <= value <= max(values):
        raise CampaignError(f"{name}={value:g} is outside the space ({min(values):g} to {max(values):g}).")
    return float(value)


def _words(fixed: Mapping[str, float | str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in fixed.items())
