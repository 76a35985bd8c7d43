"""Formulations near to one: a discrete move away, and the box in which its numbers may be refined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import Species
from saltloop.loop.space_candidates import LEAST_FREE_VOLUME
from saltloop.loop.space_parts import Parts
from saltloop.loop.space_settings import Grid

if TYPE_CHECKING:
    from saltloop.loop.space import CandidateSpace
    from saltloop.surrogates.encoding import FormulationEncoder

DIGITS = 4


def neighbours(space: CandidateSpace, formulation: Formulation) -> list[Formulation]:
    """The allowed formulations one discrete move away, each once, in a fixed order."""
    here, found = Parts.of(space, formulation), {}
    for parts in (*_salts(space, here), *_solvents(space, here), *_conditions(space, here)):
        try:
            one = parts.on_steps(space, digits=DIGITS).formulation(space)
        except FormulationError:
            continue  # No such liquid: too much salt, or a density that is not known.
        if one != formulation and one.formulation_id not in found and space.contains(one):
            found[one.formulation_id] = one
    return list(found.values())


def _salts(space: CandidateSpace, here: Parts) -> Iterator[Parts]:
    settings, step = space.settings, space.settings.salt_fraction_step
    others = [salt for salt in dict.fromkeys(space.salts) if salt not in here.salts]
    for salt in here.salts:
        for other in others:
            yield replace(here, salts={other if one == salt else one: share for one, share in here.salts.items()})
    if len(here.salts) < settings.max_salts:
        for other in others:
            yield replace(here, salts=_with(here.salts, other, step))
    for salt, share in here.salts.items():
        if len(here.salts) > settings.min_salts:
            yield replace(here, salts=_without(here.salts, salt))
        if len(here.salts) > 1:
            yield replace(here, salts=_with(_without(here.salts, salt), salt, share + step))


def _solvents(space: CandidateSpace, here: Parts) -> Iterator[Parts]:
    settings, bounds = space.settings, space.bounds_of_solvent
    present, n = here.solvents, len(here.solvents)
    others = [solvent for solvent in space.solvents if solvent not in present]
    for solvent, share in present.items():
        for other in others:
            own = min(max(share, bounds[other].min), bounds[other].max)
            yield replace(here, solvents=_with(_without(present, solvent), other, own if n > 1 else 1.0))
        if n > settings.min_solvents and n > 1:
            yield replace(here, solvents=_without(present, solvent))
    if n < settings.max_solvents:
        for other in others:
            yield replace(here, solvents=_with(present, other, bounds[other].min))
    for more in present:
        for less in present:
            if more != less:
                step = min(bounds[one].step or settings.fraction_step for one in (more, less))
                moved = {more: present[more] + step, less: present[less] - step}
                if moved[less] > 0:
                    yield replace(here, solvents=present | moved)


def _conditions(space: CandidateSpace, here: Parts) -> Iterator[Parts]:
    for value in _beside(here.concentration, space.settings.concentration, space.concentrations):
        yield replace(here, concentration=value)
    for value in _beside(here.temperature_K, space.settings.temperatures_K, space.temperatures_K):
        yield replace(here, temperature_K=value)


def _beside(value: float, given: tuple[float, ...] | Grid, offered: np.ndarray) -> list[float]:
    """One step down and up, not beyond the ends of a grid; the values beside it in a list."""
    if isinstance(given, Grid):
        return [float(np.clip(value + way * given.step, given.min, given.max)) for way in (-1, 1)]
    below, above = offered[offered < value - 1e-6], offered[offered > value + 1e-6]
    return [*([float(below.max())] if len(below) else []), *([float(above.min())] if len(above) else [])]


def _with(shares: dict[Species, float], one: Species, share: float) -> dict[Species, float]:
    """One more species at this share, the others scaled down to make room."""
    total = sum(shares.values())
    return {other: old / total * (1 - share) for other, old in shares.items()} | {one: share}


def _without(shares: dict[Species, float], one: Species) -> dict[Species, float]:
    left = {other: share for other, share in shares.items() if other != one}
    total = sum(left.values())
    return {other: share / total for other, share in left.items()}


def bounds_of(space: CandidateSpace, formulation: Formulation, encoder: FormulationEncoder) -> np.ndarray:
    """Least and largest value of each encoded column among liquids of the formulation's species, 2 x dim."""
    here, bounds = Parts.of(space, formulation), np.zeros((2, encoder.dim))
    column = {name: index for index, name in enumerate(encoder.columns)}
    of_solvents = {one: space.bounds_of_solvent[one] for one in here.solvents}
    for one, own in of_solvents.items():
        others = {other: b for other, b in of_solvents.items() if other != one}
        low = max(own.min, 1 - sum(b.max for b in others.values()))
        high = min(own.max, 1 - sum(b.min for b in others.values()))
        bounds[:, column[one.name]] = (1.0, 1.0) if not others else _mole_fractions(space, one, list(others), low, high)
    least, most = _molalities(space, here, formulation)
    low, high = (1.0, 1.0) if len(here.salts) == 1 else (step := space.settings.salt_fraction_step, 1 - step)
    for salt in here.salts:
        bounds[:, column[salt.name]] = least * low, most * high
    given = space.settings.temperatures_K
    bounds[:, encoder.temperature_index] = (
        (given.min, given.max) if isinstance(given, Grid) else (here.temperature_K, here.temperature_K)
    )
    return bounds


def _mole_fractions(
    space: CandidateSpace, one: Species, others: list[Species], low: float, high: float
) -> tuple[float, float]:
    """The mole fractions that a solvent can have when its share lies between ``low`` and ``high``."""
    per_share = space.liquids.moles_per_share
    own = per_share[space.solvents.index(one)]
    rest = [per_share[space.solvents.index(other)] for other in others]
    return (
        low * own / (low * own + (1 - low) * max(rest)),
        high * own / (high * own + (1 - high) * min(rest)),
    )


def _molalities(space: CandidateSpace, here: Parts, formulation: Formulation) -> tuple[float, float]:
    """The total molalities that the concentrations on offer can come to; of a list there is nothing between."""
    given = space.settings.concentration
    if not isinstance(given, Grid):
        now = sum(formulation.molality.values())
        return now, now
    if here.unit == "mol/kg":
        return given.min, given.max
    litres = [1 / space.liquids.density[space.solvents.index(one)] for one in here.solvents]
    volumes = [space.liquids.salt_volume[space.salts.index(salt)] for salt in here.salts]
    least_room = max(1 - given.max * max(volumes), LEAST_FREE_VOLUME)
    return (
        given.min * min(litres) / (1 - given.min * min(volumes)),
        given.max * max(litres) / least_room,
    )
