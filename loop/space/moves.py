"""The formulations one discrete move away from one: what a local search tries next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import Species
from saltloop.loop.space.parts import Parts
from saltloop.loop.space.settings import Grid

if TYPE_CHECKING:
    from saltloop.loop.space.candidate_space import CandidateSpace

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
