"""A formulation in the terms of a space: shares in its basis, concentration in its unit, rounded to its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np
from saltloop.chemistry.conversion import ConcentrationUnit
from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import Species
from saltloop.loop.space.candidates import NO_NUMBER, Candidates
from saltloop.loop.space.settings import Grid, ShareBounds

if TYPE_CHECKING:
    from saltloop.loop.space.candidate_space import CandidateSpace

#: Shares and concentrations that differ by less are the same.
TOLERANCE = 1e-6
TEMPERATURE_TOLERANCE_K = 0.01
TEMPERATURE_DIGITS = 2


@dataclass(frozen=True)
class Parts:
    """What a formulation is made of. ``salts``: mole fractions among the salts; ``solvents``: in the space's basis."""

    salts: dict[Species, float]
    solvents: dict[Species, float]
    concentration: float
    unit: ConcentrationUnit
    temperature_K: float

    @classmethod
    def of(cls, space: CandidateSpace, formulation: Formulation) -> Parts:
        """A formulation's parts; of two concentration units the one in which it is nearer to what is offered.

        Raises:
            FormulationError: a density that the conversion needs is not known.
        """
        solvents = dict(formulation.solvent_shares(space.settings.basis))
        in_units: list[tuple[float, ConcentrationUnit, dict[Species, float]]] = []
        for unit in space.units:
            try:
                amounts = dict(formulation.salt_concentrations(unit))
            except FormulationError:
                if len(space.units) == 1:
                    raise
                continue
            off = float(np.abs(space.concentrations - sum(amounts.values())).min())
            in_units.append((off, unit, amounts))
        _, unit, amounts = min(in_units, key=lambda one: one[0])
        total = sum(amounts.values())
        salts = {salt: amount / total for salt, amount in amounts.items()} if total else {}
        return cls(salts, solvents, total, unit, formulation.temperature_K)

    @classmethod
    def at(cls, space: CandidateSpace, candidates: Candidates, row: int = 0) -> Parts:
        """The parts of one row of candidates."""
        salts = zip(candidates.salts[row], candidates.salt_shares[row], strict=True)
        solvents = zip(candidates.solvents[row], candidates.shares[row], strict=True)
        return cls(
            {space.salts[code]: float(share) for code, share in salts if share > 0},
            {space.solvents[code]: float(share) for code, share in solvents if share > 0},
            float(candidates.concentration[row]),
            space.units[candidates.unit[row]],
            float(candidates.temperature_K[row]),
        )

    def formulation(self, space: CandidateSpace) -> Formulation:
        """The formulation of these parts.

        Raises:
            FormulationError: there is no such liquid.
        """
        return Formulation.create(
            {salt.name: self.concentration * share for salt, share in self.salts.items()},
            {solvent.name: share for solvent, share in self.solvents.items()},
            concentration_unit=self.unit,
            basis=space.settings.basis,
            temperature_K=self.temperature_K,
            species=space.species,
        )

    def candidate(self, space: CandidateSpace, formulation: Formulation) -> Candidates:
        """One row of candidates: these parts, with the molality of their formulation."""
        salts, salt_shares = _row(self.salts, space.salts, max(space.settings.max_salts, len(self.salts)))
        solvents, shares = _row(self.solvents, space.solvents, max(space.settings.max_solvents, len(self.solvents)))
        return Candidates(
            index=np.array([NO_NUMBER]),
            salts=salts,
            salt_shares=salt_shares,
            solvents=solvents,
            shares=shares,
            mole_fractions=space.liquids.mole_fractions(solvents, shares),
            concentration=np.array([self.concentration]),
            unit=np.array([space.units.index(self.unit)], np.int8),
            molality=np.array([sum(formulation.molality.values())]),
            temperature_K=np.array([self.temperature_K]),
        )

    def on_steps(self, space: CandidateSpace, *, digits: int) -> Parts:
        """Rounded to the space's robot steps, or else to ``digits`` decimals, within the bounds that are kept now."""
        settings = space.settings
        share_step = settings.step.share or 10.0**-digits
        solvents, salts = list(self.solvents), list(self.salts)
        least_salt = settings.salt_fraction_step if len(salts) > 1 else 1.0
        shares = rounded_shares(
            list(self.solvents.values()),
            [space.bounds_of_solvent.get(one, ShareBounds(min=share_step, max=1)) for one in solvents],
            share_step,
        )
        salt_shares = rounded_shares(
            list(self.salts.values()), [ShareBounds(min=least_salt, max=1)] * len(salts), share_step
        )
        concentration_step = settings.step.concentration or 10.0**-digits
        return Parts(
            dict(zip(salts, salt_shares, strict=True)),
            dict(zip(solvents, shares, strict=True)),
            _rounded(self.concentration, settings.concentration, space.concentrations, concentration_step),
            self.unit,
            _rounded(self.temperature_K, settings.temperatures_K, space.temperatures_K, 10.0**-TEMPERATURE_DIGITS),
        )


def rounded_shares(shares: Sequence[float], bounds: Sequence[ShareBounds], step: float) -> list[float]:
    """Multiples of ``step`` that sum to 1, near to ``shares`` and within the bounds that these keep."""
    if not shares:
        return []
    whole = round(1 / step)
    exact = [share * whole for share in shares]
    low = [min(ceil(b.min * whole - 1e-6), floor(x + 1e-6)) for b, x in zip(bounds, exact, strict=True)]
    high = [max(floor(b.max * whole + 1e-6), ceil(x - 1e-6)) for b, x in zip(bounds, exact, strict=True)]
    found = [min(max(round(x), least), most) for x, least, most in zip(exact, low, high, strict=True)]
    while (missing := whole - sum(found)) != 0:
        way = 1 if missing > 0 else -1
        able = [i for i, n in enumerate(found) if low[i] <= n + way <= high[i]] or list(range(len(found)))
        found[min(able, key=lambda i: abs(found[i] + way - exact[i]))] += way
    return [n / whole for n in found]


def _rounded(value: float, given: tuple[float, ...] | Grid, offered: np.ndarray, step: float) -> float:
    """On the step and, if the value is, within the grid; of a list the nearest value."""
    if not isinstance(given, Grid):
        return float(offered[np.abs(offered - value).argmin()])
    n = round(value / step)
    if n * step < given.min <= value + TOLERANCE:
        n = ceil(given.min / step - 1e-6)
    if n * step > given.max >= value - TOLERANCE:
        n = floor(given.max / step + 1e-6)
    return round(n * step, 9)


def _row(shares: dict[Species, float], listed: Sequence[Species], width: int) -> tuple[np.ndarray, np.ndarray]:
    codes, amounts = np.full((1, width), len(listed), np.int16), np.zeros((1, width))
    for position, (one, share) in enumerate(shares.items()):
        codes[0, position], amounts[0, position] = listed.index(one), share
    return codes, amounts
