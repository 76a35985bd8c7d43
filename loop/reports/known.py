"""What a campaign knew at its start and what it may propose: read once for a report, or once for a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.campaign import Campaign
from saltloop.loop.space.settings import values_of

#: Formulations drawn from the space for the map.
N_SPACE = 1500
#: A value counts as measured at a temperature of the space within this many kelvin.
SAME_TEMPERATURE_K = 2.0

#: Salts in mol/kg of solvent and solvents in mole fractions, by name; and the temperature in K.
Composition = tuple[dict[str, float], float]


@dataclass(eq=False)
class Known:
    """Data sets and space of a campaign. ``compositions`` remembers what formulations hold, as they are written."""

    #: Conductivities of the data sets, mS/cm.
    measurements: tuple[Measurement, ...]
    #: Salts and solvents of the space, by name.
    salts: list[str]
    solvents: list[str]
    temperatures_K: list[float]
    #: N_SPACE x (salts, solvents, temperature) or fewer: random formulations of the space.
    space: np.ndarray
    #: What could not be read, in words.
    problems: list[str]
    species: SpeciesBook
    compositions: dict[str, Composition] = field(default_factory=dict)

    def composition(self, formulation: Mapping[str, Any]) -> Composition:
        """What a formulation holds, from its dictionary."""
        key = repr(formulation)
        if key not in self.compositions:
            self.compositions[key] = composition_of(Formulation.from_dict(formulation, species=self.species))
        return self.compositions[key]

    @cached_property
    def liquids(self) -> list[tuple[Composition, float]]:
        """What each known liquid holds, and its conductivity in mS/cm; one entry a measurement."""
        return [(composition_of(m.formulation), m.in_unit("mS/cm").value) for m in self.measurements]

    @cached_property
    def pool(self) -> np.ndarray:
        """Conductivities (mS/cm) of the data sets' liquids that are made of the space's species at its temperatures.

        One value a liquid: the mean of its replicates.
        """
        of: dict[str, list[float]] = {}
        for measurement, (composition, value) in zip(self.measurements, self.liquids, strict=True):
            if self.is_in_space(composition):
                of.setdefault(measurement.formulation.formulation_id, []).append(value)
        return np.array([sum(values) / len(values) for values in of.values()])

    def positions(self) -> dict[str, int]:
        """The number of each of the space's species in flat compositions; others come after them."""
        return {name: number for number, name in enumerate([*self.salts, *self.solvents])}

    @staticmethod
    def flat(composition: Composition, positions: dict[str, int]) -> list[float]:
        """A composition as [position, amount, position, amount, …]; a new species gets the next position."""
        return [
            part
            for name, amount in composition[0].items()
            for part in (positions.setdefault(name, len(positions)), amount)
        ]

    def is_in_space(self, composition: Composition) -> bool:
        """Whether a liquid with salt is made of the space's species at one of its temperatures."""
        amounts, temperature_K = composition
        return (
            amounts.keys() <= {*self.salts, *self.solvents}
            and bool(amounts.keys() & set(self.salts))
            and self.is_near(temperature_K)
        )

    def is_near(self, temperature_K: float) -> bool:
        return min(abs(temperature_K - one) for one in self.temperatures_K) <= SAME_TEMPERATURE_K


def known_liquids(campaign: Campaign) -> Known:
    """Read the data sets of a campaign and draw from its space. What cannot be read is said in ``problems``.

    Takes a few tenths of a second; neither changes unless the space does.
    """
    from saltloop.loop.strategy import SurrogateStrategy

    problems: list[str] = []
    measurements: tuple[Measurement, ...] = ()
    try:
        measurements = SurrogateStrategy(campaign).known_measurements()
    except (SaltloopError, OSError) as error:
        problems.append(f"The data sets cannot be read: {error}")
    settings = campaign.settings.space
    temperatures = list(values_of(settings.temperatures_K))
    salts: list[str] = []
    solvents: list[str] = []
    space = np.empty((0, 1))
    try:
        salts, solvents, space = _drawn(campaign)
    except SaltloopError as error:
        problems.append(f"The space cannot be drawn from: {error}")
    return Known(measurements, salts, solvents, temperatures, space, problems, campaign.species)


def composition_of(formulation: Formulation) -> Composition:
    """To four figures."""
    amounts = {**formulation.molality, **formulation.mole_fractions}
    return {name: float(f"{amount:.4g}") for name, amount in amounts.items()}, formulation.temperature_K


def _drawn(campaign: Campaign) -> tuple[list[str], list[str], np.ndarray]:
    """Names of the space's salts and solvents, and random formulations as rows; the same ones each time."""
    from saltloop.loop.space.candidate_space import CandidateSpace
    from saltloop.loop.space.draw import drawn

    space = CandidateSpace(campaign.settings.space, campaign.species)
    salts = list(dict.fromkeys(salt.name for salt in space.salts))
    solvents = [solvent.name for solvent in space.solvents]
    columns = {name: number for number, name in enumerate([*salts, *solvents])}
    candidates = space.decode(drawn(space, N_SPACE, np.random.default_rng(0)))
    rows = np.zeros((len(candidates), len(columns) + 1))
    here = np.arange(len(candidates))
    for codes, shares, names in (
        (candidates.salts, candidates.salt_shares * candidates.molality[:, None], [s.name for s in space.salts]),
        (candidates.solvents, candidates.mole_fractions, solvents),
    ):
        for slot in range(codes.shape[1]):
            is_there = codes[:, slot] < len(names)
            at = np.array([columns[names[code]] for code in codes[is_there, slot]], dtype=int)
            np.add.at(rows, (here[is_there], at), shares[is_there, slot])
    rows[:, -1] = candidates.temperature_K
    return salts, solvents, rows
