"""The candidates of a screening, numbered and never listed: candidate ``i`` is worked out from ``i``, many at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.chemistry.density import salt_volume_L_per_mol, solvent_density
from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import MAX_TOTAL_MOLALITY, Formulation
from saltloop.chemistry.species import Species, SpeciesBook
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.screening_grid import ratios, solvent_sets
from saltloop.loop.screening_settings import ScreeningSettings, values_of

if TYPE_CHECKING:
    from saltloop.loop.screening_columns import EncoderColumns

#: A salt may fill all but this much of a litre (as in ``saltloop.chemistry.density``).
LEAST_FREE_VOLUME = 0.05


@dataclass(frozen=True)
class Section:
    """The candidates with one number of solvents: ``start`` to ``start + size``."""

    start: int
    size: int
    n_solvents: int
    fractions: np.ndarray
    """ratios x n_solvents."""


@dataclass(frozen=True)
class Candidates:
    """``n`` candidates as columns. ``k`` is the largest number of solvents in the space."""

    index: np.ndarray
    """n, numbers of the candidates."""
    salt: np.ndarray
    """n, positions in the space's salts."""
    solvents: np.ndarray
    """n x k, positions in the space's solvents; ``len(solvents)`` where there is none."""
    shares: np.ndarray
    """n x k, in the space's basis; 0 where there is none."""
    concentration: np.ndarray
    """n, in the unit of ``unit``."""
    unit: np.ndarray
    """n, positions in the space's concentration units."""
    temperature_K: np.ndarray
    """n."""

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: np.ndarray) -> Candidates:
        """Some of the candidates, by position or mask."""
        return Candidates(**{name: values[rows] for name, values in vars(self).items()})


class ScreeningSpace:
    """Every formulation on the grids of the settings, numbered from 0.

    Temperature varies fastest, then concentration, its unit, salt, ratio, and the set of solvents; mixtures of fewer
    solvents come first.

    Raises:
        CampaignFileError: nothing is left to enumerate.
    """

    def __init__(self, settings: ScreeningSettings, species: SpeciesBook) -> None:
        self.settings, self.species = settings, species
        banned = {species.find(entry).name for entry in settings.exclude if isinstance(entry, str)}
        salts = (s.name for s in species.salts) if settings.salts == "all" else settings.salts
        solvents = (s.name for s in species.solvents) if settings.solvents == "all" else settings.solvents
        #: As listed: a salt under two names is there twice.
        self.salts = [one for one in map(species.salt, salts) if one.name not in banned]
        self.solvents = list(dict.fromkeys(one for one in map(species.solvent, solvents) if one.name not in banned))
        self.never_together = [
            [species.find(name) for name in entry] for entry in settings.exclude if not isinstance(entry, str)
        ]
        self.concentrations = np.array(values_of(settings.concentration))
        self.units = tuple(dict.fromkeys(settings.concentration_units))
        self.temperatures_K = np.array(values_of(settings.temperatures_K))
        self.max_solvents = settings.max_solvents
        self.n_conditions = len(self.salts) * len(self.units) * len(self.concentrations) * len(self.temperatures_K)
        self.sections = self._sections()
        if not len(self):
            raise CampaignFileError(
                f"The space is empty: {len(self.salts)} salts and {len(self.solvents)} solvents are left after "
                f"'exclude', for mixtures of {settings.min_solvents} to {settings.max_solvents} solvents. Add species, "
                "or remove exclusions."
            )
        self._tables()

    def __len__(self) -> int:
        return sum(section.size for section in self.sections)

    def counts(self) -> str:
        """How the number of candidates comes about, in words."""
        parts = [
            f"{_of(comb(len(self.solvents), s.n_solvents), 'set')} of {_of(s.n_solvents, 'solvent')} x "
            f"{_of(len(s.fractions), 'ratio')}"
            for s in self.sections
        ]
        mixtures = parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"
        return (
            f"{_of(len(self.salts), 'salt')} x {mixtures} x {_of(len(self.temperatures_K), 'temperature')} x "
            f"{_of(len(self.concentrations), 'concentration')} x {_of(len(self.units), 'unit')} = {len(self):,}"
        )

    def decode(self, index: np.ndarray) -> Candidates:
        """The candidates with these numbers (n, any order)."""
        n, none = len(index), len(self.solvents)
        solvents = np.full((n, self.max_solvents), none, dtype=np.int32)
        shares = np.zeros((n, self.max_solvents))
        rest = np.empty(n, dtype=np.int64)
        for section in self.sections:
            rows = (index >= section.start) & (index < section.start + section.size)
            if not rows.any():
                continue
            where: Any = slice(None) if rows.all() else rows
            mixture, rest[where] = np.divmod(index[where] - section.start, self.n_conditions)
            set_number, ratio = np.divmod(mixture, len(section.fractions))
            solvents[where, : section.n_solvents] = solvent_sets(set_number, none, section.n_solvents)
            shares[where, : section.n_solvents] = section.fractions[ratio]
        rest, temperature = np.divmod(rest, len(self.temperatures_K))
        rest, concentration = np.divmod(rest, len(self.concentrations))
        salt, unit = np.divmod(rest, len(self.units))
        return Candidates(
            index=index,
            salt=salt.astype(np.int32),
            solvents=solvents,
            shares=shares,
            concentration=self.concentrations[concentration],
            unit=unit.astype(np.int8),
            temperature_K=self.temperatures_K[temperature],
        )

    def mole_fractions(self, candidates: Candidates) -> np.ndarray:
        """Mole fractions of the solvents, n x k."""
        moles = candidates.shares * self._moles_per_share[candidates.solvents]
        return moles / moles.sum(axis=1, keepdims=True)

    def molality(self, candidates: Candidates, mole_fractions: np.ndarray) -> np.ndarray:
        """mol of salt per kg of solvent, n; NaN where no such liquid can be: the salt leaves no room in a litre, is
        above the most that any electrolyte holds, or a density that mol/L needs is not known."""
        molality = candidates.concentration.copy()
        is_molar = candidates.unit == (self.units.index("mol/L") if "mol/L" in self.units else -1)
        if is_molar.any():
            rows: Any = slice(None) if is_molar.all() else is_molar
            code = candidates.solvents[rows]
            masses = mole_fractions[rows] * self._molar_mass[code]
            litres = (masses / self._density[code]).sum(axis=1) / masses.sum(axis=1)
            molarity = candidates.concentration[rows]
            free = 1.0 - molarity * self._salt_volume[candidates.salt[rows]]
            molality[rows] = np.where(free < LEAST_FREE_VOLUME, np.nan, molarity * litres / free)
        molality[molality > MAX_TOTAL_MOLALITY] = np.nan
        return molality

    def encode(
        self, candidates: Candidates, mole_fractions: np.ndarray, molality: np.ndarray, columns: EncoderColumns
    ) -> np.ndarray:
        """Rows for a surrogate, n x dim: what ``FormulationEncoder.encode`` gives for the same formulations."""
        X = np.zeros((len(candidates), columns.dim))
        row = np.arange(len(candidates))
        X[row, columns.salt[candidates.salt]] = molality
        for position in range(self.max_solvents):
            # A solvent that is not there has the mole fraction 0 and goes to the last column, set below.
            X[row, columns.solvent[candidates.solvents[:, position]]] = mole_fractions[:, position]
        X[:, columns.temperature] = candidates.temperature_K
        return X

    def formulation(self, index: int) -> Formulation:
        """Candidate ``index`` as a formulation, written in the space's basis and the candidate's unit."""
        one = self.decode(np.array([index]))
        present = one.solvents[0] < len(self.solvents)
        return Formulation.create(
            {self.salts[one.salt[0]].name: float(one.concentration[0])},
            {
                self.solvents[code].name: float(share)
                for code, share in zip(one.solvents[0][present], one.shares[0][present], strict=True)
            },
            concentration_unit=self.units[one.unit[0]],
            basis=self.settings.basis,
            temperature_K=float(one.temperature_K[0]),
            species=self.species,
        )

    def _sections(self) -> list[Section]:
        sections, start = [], 0
        for n_solvents in range(self.settings.min_solvents, self.settings.max_solvents + 1):
            fractions = np.array(list(ratios(n_solvents, self.settings.min_fraction, self.settings.fraction_step)))
            size = comb(len(self.solvents), n_solvents) * len(fractions) * self.n_conditions
            if size:
                sections.append(Section(start, size, n_solvents, fractions))
                start += size
        return sections

    def _tables(self) -> None:
        """Properties by position; the last entry stands for no solvent."""
        self._molar_mass = np.array([s.molar_mass for s in self.solvents] + [1.0])
        self._density = np.array([_or_nan(lambda s=s: solvent_density(s).value) for s in self.solvents] + [1.0])
        self._salt_volume = np.array([_or_nan(lambda s=s: salt_volume_L_per_mol(s)) for s in self.salts])
        per_mass = {"mass": 1.0, "volume": self._density, "mole": self._molar_mass}[self.settings.basis]
        self._moles_per_share = per_mass / self._molar_mass


def _of(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n > 1)}"


def _or_nan(value: Any) -> float:
    try:
        return float(value())
    except FormulationError:
        return float("nan")


def positions(species: Species, listed: list[Species]) -> list[int]:
    """Where a species stands in a list; a salt under two names stands there twice."""
    return [index for index, one in enumerate(listed) if one == species]
