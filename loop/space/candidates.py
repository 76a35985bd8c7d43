"""Candidates as columns, and what the species table says of their liquids: mole fractions, volumes, molality."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from saltloop.chemistry.conversion import Basis, ConcentrationUnit
from saltloop.chemistry.density import DensityEstimate, salt_volume_L_per_mol, solvent_density
from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import MAX_TOTAL_MOLALITY
from saltloop.chemistry.species import Species

#: A salt may fill all but this much of a litre (as in ``saltloop.chemistry.density``).
LEAST_FREE_VOLUME = 0.05
#: Number of a candidate that is not on the grid.
NO_NUMBER = -1


@dataclass(frozen=True)
class Candidates:
    """``n`` candidates as columns. ``s`` and ``k`` are the largest numbers of salts and solvents in the space."""

    index: np.ndarray
    """n, numbers of the candidates."""
    salts: np.ndarray
    """n x s, positions in the space's salts; ``len(salts)`` where there is none."""
    salt_shares: np.ndarray
    """n x s, mole fractions among the salts; 0 where there is none."""
    solvents: np.ndarray
    """n x k, positions in the space's solvents; ``len(solvents)`` where there is none."""
    shares: np.ndarray
    """n x k, in the space's basis; 0 where there is none."""
    mole_fractions: np.ndarray
    """n x k, among the solvents."""
    concentration: np.ndarray
    """n, of all salts, in the unit of ``unit``."""
    unit: np.ndarray
    """n, positions in the space's concentration units."""
    molality: np.ndarray
    """n, mol of all salts per kg of solvent; NaN where no such liquid can be."""
    temperature_K: np.ndarray
    """n."""

    def __len__(self) -> int:
        return len(self.index)

    def take(self, rows: np.ndarray) -> Candidates:
        """Some of the candidates, by position or mask."""
        return Candidates(**{name: values[rows] for name, values in vars(self).items()})


class Liquids:
    """Conversions for whole columns of candidates; a position after the last species stands for none."""

    def __init__(
        self, salts: Sequence[Species], solvents: Sequence[Species], basis: Basis, units: Sequence[ConcentrationUnit]
    ) -> None:
        self._units = tuple(units)
        #: By position, of the solvents: g/mol, g/cm3, mol per share; of the salts: L/mol, g/mol.
        self.molar_mass = np.array([s.molar_mass for s in solvents] + [1.0])
        self.density = np.array([_known(solvent_density, s) for s in solvents] + [1.0])
        self.salt_volume = np.array([_known(salt_volume_L_per_mol, s) for s in salts] + [0.0])
        self.salt_molar_mass = np.array([s.molar_mass for s in salts] + [0.0])
        per_mass = {"mass": 1.0, "volume": self.density, "mole": self.molar_mass}[basis]
        self.moles_per_share = per_mass / self.molar_mass

    def mole_fractions(self, solvents: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Mole fractions of the solvents, n x k."""
        moles = shares * self.moles_per_share[solvents]
        fractions: np.ndarray = moles / moles.sum(axis=1, keepdims=True)
        return fractions

    def shares(self, solvents: np.ndarray, mole_fractions: np.ndarray) -> np.ndarray:
        """Shares in the space's basis from mole fractions, n x k."""
        shares = mole_fractions / self.moles_per_share[solvents]
        fractions: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
        return fractions

    def mass_fractions(self, solvents: np.ndarray, mole_fractions: np.ndarray) -> np.ndarray:
        """Mass fractions among the solvents, n x k."""
        masses = mole_fractions * self.molar_mass[solvents]
        fractions: np.ndarray = masses / masses.sum(axis=1, keepdims=True)
        return fractions

    def litres_per_kg(self, solvents: np.ndarray, mole_fractions: np.ndarray) -> np.ndarray:
        """Volume of the solvents' mixture, n; NaN where a density is not known."""
        litres: np.ndarray = (self.mass_fractions(solvents, mole_fractions) / self.density[solvents]).sum(axis=1)
        return litres

    def molality(
        self,
        concentration: np.ndarray,
        unit: np.ndarray,
        salts: np.ndarray,
        salt_shares: np.ndarray,
        litres_per_kg: Callable[[], np.ndarray],
    ) -> np.ndarray:
        """mol of salt per kg of solvent, n; NaN where no such liquid can be: the salt leaves no room in a litre, is
        above the most that any electrolyte holds, or a density that mol/L needs is not known."""
        molality = concentration.astype(float)
        is_molar = unit == (self._units.index("mol/L") if "mol/L" in self._units else -1)
        if is_molar.any():
            free = 1.0 - concentration * (self.salt_volume[salts] * salt_shares).sum(axis=1)
            molar = np.where(free < LEAST_FREE_VOLUME, np.nan, concentration * litres_per_kg() / free)
            molality = np.where(is_molar, molar, molality)
        molality[molality > MAX_TOTAL_MOLALITY] = np.nan
        return molality


def _known(estimate: Callable[[Species], float | DensityEstimate], one: Species) -> float:
    try:
        value = estimate(one)
    except FormulationError:
        return float("nan")
    return value.value if isinstance(value, DensityEstimate) else value
