"""The candidate pool: every formulation on the campaign's grid, streamed in chunks and never held whole."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import Species, SpeciesBook
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.settings import SpaceSettings

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder


@dataclass(frozen=True)
class Mixture:
    """One salt in one solvent mixture: mass fractions in the order of ``solvents``."""

    salt: Species
    solvents: tuple[Species, ...]
    mass_fractions: tuple[float, ...]


class CandidateSpace:
    """The formulations that a campaign may propose.

    Raises:
        CampaignFileError: no formulation is left after the exclusions and constraints; the message counts why.
    """

    def __init__(self, settings: SpaceSettings, species: SpeciesBook) -> None:
        self.settings = settings
        self.species = species
        banned = {species.find(entry).name for entry in settings.exclude if isinstance(entry, str)}
        self._never_together = [
            frozenset(species.find(name).name for name in entry)
            for entry in settings.exclude
            if not isinstance(entry, str)
        ]
        self.salts = _unique(species.salt(name) for name in settings.salts)
        self.solvents = _unique(species.solvent(name) for name in settings.solvents)
        self._offered_salts = [salt for salt in self.salts if salt.name not in banned]
        self._offered_solvents = [solvent for solvent in self.solvents if solvent.name not in banned]
        low, high, step = settings.molality.min, settings.molality.max, settings.molality.step
        self.molalities = np.round(np.arange(low, high + step * 1e-6, step), 6)
        self.n_mixtures = sum(1 for _ in self.mixtures())
        if not self.n_mixtures:
            raise CampaignFileError(
                f"The space is empty: of {len(self.salts)} salts and {len(self.solvents)} solvents, "
                f"{len(self._offered_salts)} and {len(self._offered_solvents)} are left after 'exclude', and no "
                f"mixture of them keeps solvents that are solid at {settings.temperature_K:g} K within "
                f"max_solid_fraction = {settings.max_solid_fraction:g}. Remove exclusions, add solvents, "
                "or raise max_solid_fraction."
            )

    def __len__(self) -> int:
        return self.n_mixtures * len(self.molalities)

    @property
    def unknown_melting_points(self) -> list[str]:
        """Solvents that are offered although nobody told us whether they are liquid."""
        return [solvent.name for solvent in self._offered_solvents if solvent.value("melting_point") is None]

    def mixtures(self) -> Iterator[Mixture]:
        """Salt and solvent mixtures on the grid, in a fixed order."""
        for size in range(1, self.settings.max_solvents + 1):
            for solvents in itertools.combinations(self._offered_solvents, size):
                for fractions in self._fraction_grid(size):
                    if not self._is_liquid(solvents, fractions):
                        continue
                    for salt in self._offered_salts:
                        if self._may_meet(salt, solvents):
                            yield Mixture(salt, solvents, fractions)

    def stream(self, encoder: FormulationEncoder, *, chunk: int = 16_384) -> Iterator[np.ndarray]:
        """The pool as encoded rows, ``n x d`` with ``n`` about ``chunk``, in the encoder's columns."""
        salt_column = {name: index for index, name in enumerate(encoder.columns)}
        n_molalities = len(self.molalities)
        mixtures = self.mixtures()
        while batch := list(itertools.islice(mixtures, max(1, chunk // n_molalities))):
            rows = np.zeros((len(batch), n_molalities, encoder.dim))
            rows[:, :, encoder.temperature_index] = self.settings.temperature_K
            for index, mixture in enumerate(batch):
                rows[index, :, salt_column[mixture.salt.name]] = self.molalities
                for solvent, fraction in zip(mixture.solvents, _mole_fractions(mixture), strict=True):
                    rows[index, :, salt_column[solvent.name]] = fraction
            yield rows.reshape(-1, encoder.dim)

    def formulation(
        self, salt: str, molality: float, mass_fractions: dict[str, float], *, digits: int = 2
    ) -> Formulation:
        """A formulation of this space with amounts that a person can weigh (rounded to ``digits`` decimals)."""
        names = list(mass_fractions)
        fractions = [round(mass_fractions[name], digits) for name in names[:-1]]
        fractions.append(round(1.0 - sum(fractions), digits))
        return Formulation.create(
            {salt: round(molality, digits)},
            dict(zip(names, fractions, strict=True)),
            basis="mass",
            temperature_K=self.settings.temperature_K,
            species=self.species,
        )

    def contains(self, formulation: Formulation) -> bool:
        """Whether a formulation of these species keeps the space's bounds and constraints (on or between the steps)."""
        settings, tolerance = self.settings, 1e-6
        solvents = tuple(self.species.solvent(name) for name in formulation.mass_fractions)
        fractions = tuple(formulation.mass_fractions.values())
        molality = sum(formulation.molality.values())
        return (
            settings.molality.min - tolerance <= molality <= settings.molality.max + tolerance
            and (len(fractions) == 1 or min(fractions) >= settings.min_fraction - tolerance)
            and self._is_liquid(solvents, fractions)
        )

    def _fraction_grid(self, size: int) -> list[tuple[float, ...]]:
        if size == 1:
            return [(1.0,)]
        low, step = self.settings.min_fraction, self.settings.fraction_step
        grid = np.round(np.arange(low, 1 - low + step * 1e-6, step), 6)
        return [(float(first), float(round(1 - first, 6))) for first in grid]

    def _is_liquid(self, solvents: tuple[Species, ...], fractions: tuple[float, ...]) -> bool:
        solid = sum(
            fraction
            for solvent, fraction in zip(solvents, fractions, strict=True)
            if (melting_K := solvent.value("melting_point")) is not None and melting_K > self.settings.temperature_K
        )
        return solid <= self.settings.max_solid_fraction + 1e-9

    def _may_meet(self, salt: Species, solvents: tuple[Species, ...]) -> bool:
        present = {salt.name, *(solvent.name for solvent in solvents)}
        return not any(pair <= present for pair in self._never_together)


def _mole_fractions(mixture: Mixture) -> np.ndarray:
    moles = np.array(
        [w / float(s.value("molar_mass") or 0) for s, w in zip(mixture.solvents, mixture.mass_fractions, strict=True)]
    )
    return moles / moles.sum()


def _unique(species: Iterator[Species]) -> list[Species]:
    return list({one.name: one for one in species}.values())
