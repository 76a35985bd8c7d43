"""Whether a space allows a formulation, on its steps or between them, and if not, why not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import Formulation
from saltloop.loop.space.parts import TEMPERATURE_TOLERANCE_K, TOLERANCE, Parts
from saltloop.loop.space.settings import Grid, values_of

if TYPE_CHECKING:
    from saltloop.loop.space.candidate_space import CandidateSpace


def why_not(space: CandidateSpace, formulation: Formulation) -> str:
    """'' for a formulation that the space allows, else the sentence that says what it violates."""
    try:
        parts = Parts.of(space, formulation)
    except FormulationError as error:
        return str(error)
    if found := _species(space, parts) or _amounts(space, parts, formulation):
        return found
    counts: Counter[str] = Counter()
    space.rules.allowed(parts.candidate(space, formulation), counts)
    return f"The space leaves it out: {next(iter(counts))}." if counts else ""


def _not_offered(space: CandidateSpace, parts: Parts) -> str:
    for one in (*parts.salts, *parts.solvents):
        if one in space.offer.banned:
            return f"'exclude' rules out {one.name}."
        if one not in (space.salts if one.kind == "salt" else space.solvents):
            return f"{one.name} is not among the space's {one.kind}s."
    return ""


def _species(space: CandidateSpace, parts: Parts) -> str:
    """What is wrong with which species there are."""
    settings, present = space.settings, {*parts.salts, *parts.solvents}
    if found := _not_offered(space, parts):
        return found
    for what, n in (("salt", len(parts.salts)), ("solvent", len(parts.solvents))):
        low, high = getattr(settings, f"min_{what}s"), getattr(settings, f"max_{what}s")
        if not low <= n <= high:
            return f"It has {n} {what}s; the space has mixtures of {low} to {high} (min_{what}s, max_{what}s)."
    for group in space.offer.together:
        if not present.intersection(group):
            return f"'include' asks for {' or '.join(one.name for one in group)}."
    for group in space.offer.apart:
        if present.issuperset(group):
            return f"'exclude' keeps {' and '.join(one.name for one in group)} apart."
    return ""


def _amounts(space: CandidateSpace, parts: Parts, formulation: Formulation) -> str:
    """What is wrong with how much there is of what."""
    settings = space.settings
    if len(parts.salts) > 1:
        for salt, share in parts.salts.items():
            if share < settings.salt_fraction_step - TOLERANCE:
                least = settings.salt_fraction_step
                return f"{salt.name}: {share:.4g} of the salts is below salt_fraction_step ({least:g})."
    for solvent, share in parts.solvents.items():
        bounds = space.bounds_of_solvent[solvent]
        if share < bounds.min - TOLERANCE or share > bounds.max + TOLERANCE:
            allowed = f"{bounds.min:g} to {bounds.max:g}"
            return f"{solvent.name}: a share of {share:.4g} by {settings.basis} is outside {allowed}."
    offered = settings.concentration
    totals = [(unit, _total(formulation, unit)) for unit in space.units]
    if not any(total is not None and _is_among(total, offered, TOLERANCE) for _, total in totals):
        there = " or ".join(f"{total:.4g} {unit}" for unit, total in totals if total is not None)
        return f"The concentration is {there}; the space has {_range(offered)} {' or '.join(space.units)}."
    if not _is_among(parts.temperature_K, settings.temperatures_K, TEMPERATURE_TOLERANCE_K):
        return f"The temperature is {parts.temperature_K:g} K; the space has {_range(settings.temperatures_K)} K."
    return ""


def _total(formulation: Formulation, unit: str) -> float | None:
    try:
        return sum(amount for _, amount in formulation.salt_concentrations("mol/L" if unit == "mol/L" else "mol/kg"))
    except FormulationError:
        return None


def _is_among(value: float, offered: tuple[float, ...] | Grid, tolerance: float) -> bool:
    if isinstance(offered, Grid):
        return offered.min - tolerance <= value <= offered.max + tolerance
    return any(abs(value - one) <= tolerance for one in values_of(offered))


def _range(offered: tuple[float, ...] | Grid) -> str:
    if isinstance(offered, Grid):
        return f"{offered.min:g} to {offered.max:g}"
    return ", ".join(f"{one:g}" for one in values_of(offered))
