"""The liquid of a reported result: from amounts that were weighed, pipetted or calculated, or from its text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .density import solvent_density
from .errors import FormulationError
from .formulation import FRACTION_SUM_TOLERANCE, Formulation
from .result_schema import Component, LabResult
from .species import Species, SpeciesBook
from .units import convert

#: Liquids closer than this are one within what a robot can dispense: mole fraction, relative molality, kelvin.
SAME_SHARE, SAME_MOLALITY, SAME_TEMPERATURE_K = 0.005, 0.01, 0.5


def liquid_of(result: LabResult, species: SpeciesBook | None = None, asked: Formulation | None = None) -> Formulation:
    """What was measured: ``actual``, else ``components``, ``formulation``, or what was asked for.

    The temperature is the reported one, else that of the text, else that of the candidate.

    Raises:
        FormulationError, UnknownSpeciesError, UnitError: with the piece that describes no liquid.
    """
    book = species or SpeciesBook.builtin()
    stated_K = None if result.temperature is None else convert(result.temperature, result.temperature_unit, "K")
    parts = result.actual or result.components
    if parts:
        at_K = stated_K
        if at_K is None and result.formulation:
            at_K = Formulation.parse(result.formulation, book).temperature_K
        if at_K is None and asked is not None:
            at_K = asked.temperature_K
        if at_K is None:
            raise FormulationError("components need a temperature with its temperature_unit")
        return from_components(parts, temperature_K=at_K, species=book)
    if result.formulation:
        liquid = Formulation.parse(result.formulation, book)
    elif asked is not None:
        liquid = asked
    else:
        raise FormulationError(f"candidate {result.candidate_id!r} is named but no formulation")
    return liquid if stated_K is None or stated_K == liquid.temperature_K else liquid.at(stated_K)


def from_components(parts: Sequence[Component], *, temperature_K: float, species: SpeciesBook) -> Formulation:
    """A liquid from its components.

    Amounts (mass, mole, volume) are what is in the vial. Fractions are of everything that is given as a fraction: of
    the whole liquid where the salt is one of them, of the solvents where the salt has a molality or molarity. Volumes
    are of pure liquids at 298.15 K. Shares and molalities are rounded to a millionth, like a liquid's identity.

    Raises:
        FormulationError: bases that do not go together, fractions that do not sum to 1, a salt by volume.
    """
    found = [(species.find(part.name), part) for part in parts]
    names = [one.name for one, _ in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise FormulationError(f"{', '.join(twice)} is given twice; give it once, with its whole amount.")
    concentrations = [(one, part) for one, part in found if part.kind in ("molality", "molarity")]
    amounts = [(one, part) for one, part in found if part.kind not in ("molality", "molarity")]
    for one, part in concentrations:
        if one.kind != "salt":
            raise FormulationError(f"{one.name} is a solvent; a {part.kind} is of a salt.")
    kinds = {part.kind for _, part in amounts}
    fractions = {kind for kind in kinds if kind.endswith("_fraction")}
    if len(fractions) > 1 or (fractions and len(kinds) > 1):
        raise FormulationError(f"{' and '.join(sorted(kinds))} do not go together; give all amounts in one of them.")
    if fractions:
        total = sum(convert(part.amount, part.unit, "1") for _, part in amounts)
        if abs(total - 1.0) > FRACTION_SUM_TOLERANCE:
            raise FormulationError(f"The fractions sum to {total:.4g}, not 1; correct them.")
    moles = [(one, _moles(one, part)) for one, part in amounts]
    return _build(moles, concentrations, temperature_K, species)


def _build(
    moles: Sequence[tuple[Species, float]],
    concentrations: Sequence[tuple[Species, Component]],
    temperature_K: float,
    species: SpeciesBook,
) -> Formulation:
    kg = {one.name: n * one.molar_mass / 1e3 for one, n in moles if one.kind == "solvent" and n > 0}
    solvent_kg = math.fsum(kg.values())
    if not (math.isfinite(solvent_kg) and solvent_kg > 0):
        raise FormulationError("A liquid needs at least one solvent with an amount above zero.")
    in_vial = {one.name: n / solvent_kg for one, n in moles if one.kind == "salt" and n > 0}
    if not all(math.isfinite(share / solvent_kg) for share in (*kg.values(), *in_vial.values())):
        raise FormulationError("The amounts are too far apart to be one liquid.")
    units = {part.kind for _, part in concentrations}
    if len(units) > 1 or (units and in_vial):
        raise FormulationError("Salts in different bases; give all of them as amounts, molalities or molarities.")
    unit: Any = "mol/L" if units == {"molarity"} else "mol/kg"
    salts = in_vial | {one.name: convert(part.amount, part.unit, unit) for one, part in concentrations}
    shares = {name: round(mass / solvent_kg, 6) for name, mass in kg.items()}
    largest = max(shares, key=lambda name: shares[name])
    shares[largest] = round(1.0 - math.fsum(share for name, share in shares.items() if name != largest), 6)
    return Formulation.create(
        {name: round(amount, 6) for name, amount in salts.items()},
        shares,
        concentration_unit=unit,
        temperature_K=temperature_K,
        species=species,
    )


def _moles(one: Species, part: Component) -> float:
    """Moles (or a number proportional to them, for fractions)."""
    to_moles: dict[str, Callable[[], float]] = {
        "mass": lambda: convert(part.amount, part.unit, "g") / one.molar_mass,
        "mole": lambda: convert(part.amount, part.unit, "mol"),
        "volume": lambda: convert(part.amount, part.unit, "mL") * _density(one) / one.molar_mass,
        "mass_fraction": lambda: convert(part.amount, part.unit, "1") / one.molar_mass,
        "mole_fraction": lambda: convert(part.amount, part.unit, "1"),
        "volume_fraction": lambda: convert(part.amount, part.unit, "1") * _density(one) / one.molar_mass,
    }
    return to_moles[part.kind]()


def _density(one: Species) -> float:
    if one.kind == "salt":
        raise FormulationError(f"{one.name} is a salt; give its mass or moles, not its volume.")
    return solvent_density(one).value


def difference(asked: Formulation, made: Formulation) -> str:
    """How a liquid differs from the one that was asked for, in words; empty within what a robot can dispense."""
    found = []
    before, after = asked.mole_fractions, made.mole_fractions
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name, 0.0), after.get(name, 0.0)
        if abs(now - was) > SAME_SHARE:
            found.append(f"{name} {100 * now:.1f} instead of {100 * was:.1f} mol % of the solvents")
    for name in dict.fromkeys((*asked.molality, *made.molality)):
        was, now = asked.molality.get(name, 0.0), made.molality.get(name, 0.0)
        if abs(now - was) > SAME_MOLALITY * max(was, now):
            found.append(f"{now:.3g} instead of {was:.3g} mol/kg {name}")
    if abs(made.temperature_K - asked.temperature_K) > SAME_TEMPERATURE_K:
        found.append(f"{made.temperature_K:.2f} instead of {asked.temperature_K:.2f} K")
    return "; ".join(found)
