"""The columns that constraints and objectives are written in: properties of solvents, of mixtures, and of the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from saltloop.chemistry.species import Species, SpeciesBook
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.space import estimates as space_estimates
from saltloop.loop.space.candidates import Candidates, Liquids

KELVIN = 273.15
POINTS = ("flash_point", "boiling_point", "melting_point")
#: Column of the solvents -> property of the species table, and what is added to it.
TABLE_COLUMNS = {
    **{f"{name}_K": (name, 0.0) for name in POINTS},
    **{f"{name}_C": (name, -KELVIN) for name in POINTS},
    "relative_permittivity": ("relative_permittivity", 0.0),
    "viscosity_mPa_s": ("viscosity", 0.0),
    "density_g_cm3": ("density", 0.0),
    "molar_mass_g_mol": ("molar_mass", 0.0),
}
#: Column of the solvents -> element, and whether its mass fraction or its number of atoms is meant.
ELEMENT_COLUMNS = {
    "n_fluorine": ("F", False),
    "n_oxygen": ("O", False),
    "fluorine_mass_fraction": ("F", True),
    "oxygen_mass_fraction": ("O", True),
}
SOLVENT_COLUMNS = (*TABLE_COLUMNS, *ELEMENT_COLUMNS)
#: Of the solvents' mixture, estimated (``space_estimates``).
ESTIMATED_COLUMNS = (
    *(f"mixture_{name}_{unit}" for name in POINTS for unit in "KC"),
    *(f"mixture_{name}" for name in ("relative_permittivity", "viscosity_mPa_s", "density_g_cm3", "molar_mass_g_mol")),
    *(f"mixture_{name}" for name in ("fluorine_mass_fraction", "oxygen_mass_fraction")),
)
#: Estimated column -> columns of the solvents that it is made from, where these are not its own name.
MADE_FROM = {
    **{f"mixture_flash_point_{unit}": ("flash_point_K", "boiling_point_K") for unit in "KC"},
    **{f"mixture_{name}_C": (f"{name}_K",) for name in ("boiling_point", "melting_point")},
    "mixture_relative_permittivity": ("relative_permittivity", "density_g_cm3"),
}
MIXTURE_COLUMNS = ("molality", "temperature_K", "temperature_C", "n_solvents", "n_salts", "salt")
#: Known once a candidate is scored, mS/cm.
PREDICTED_COLUMNS = ("mean", "std", "lower", "upper")
COLUMNS = (*SOLVENT_COLUMNS, *ESTIMATED_COLUMNS, *MIXTURE_COLUMNS, *PREDICTED_COLUMNS)


class Properties:
    """Values of the columns for the species of a space and for its candidates; NaN where nobody knows.

    Raises:
        CampaignFileError: a column of the user's has the name of one that is there, or one that cannot be written in
            an expression.
    """

    def __init__(
        self,
        salts: Sequence[Species],
        solvents: Sequence[Species],
        species: SpeciesBook,
        liquids: Liquids,
        own: Mapping[str, Mapping[str, float]],
    ) -> None:
        self.salts, self.solvents, self.species = list(salts), list(solvents), species
        self._liquids = liquids
        self.own = {name: {species.find(one): value for one, value in values.items()} for name, values in own.items()}
        for name in own:
            if not name.isidentifier() or name in COLUMNS:
                why = "is a column already" if name in COLUMNS else "is no plain word"
                raise CampaignFileError(f"columns: {name!r} {why}; choose another name, such as 'cost_per_kg'.")
        self._tables: dict[str, np.ndarray] = {}

    def unknown(self, name: str) -> dict[str, list[str]]:
        """Columns of the solvents that a column is, or is estimated from -> solvents for which nobody knows it."""
        found = {}
        needed = MADE_FROM.get(name, (name.removeprefix("mixture_"),))
        for column in (one for one in needed if one in SOLVENT_COLUMNS or one in self.own):
            values = self.of_solvents(column)[:-1]
            if names := [s.name for s, value in zip(self.solvents, values, strict=True) if np.isnan(value)]:
                found[column] = names
        return found

    def of_solvents(self, name: str) -> np.ndarray:
        """A column's values by position of the solvents, and for none at the end."""
        if name not in self._tables:
            if name in TABLE_COLUMNS:
                key, shift = TABLE_COLUMNS[name]
                found = [s.value(key) for s in self.solvents]
                values = [np.nan if value is None else value + shift for value in found]
            elif name in ELEMENT_COLUMNS:
                values = [_content(s, *ELEMENT_COLUMNS[name]) for s in self.solvents]
            else:
                values = [self.own[name].get(s, np.nan) for s in self.solvents]
            self._tables[name] = np.array([*values, np.nan])
        return self._tables[name]

    def overall(self, name: str, candidates: Candidates) -> np.ndarray:
        """A column of the user's averaged over solvents and salts by mass in the whole liquid, n."""
        of_salts = np.array([*(self.own[name].get(s, np.nan) for s in self.salts), np.nan])
        kilograms = self._liquids.salt_molar_mass[candidates.salts] * candidates.salt_shares / 1e3
        kilograms = kilograms * candidates.molality[:, None]  # of salt per kg of solvent
        solvents = self.averaged(self.of_solvents(name)[candidates.solvents], candidates)
        whole: np.ndarray = (solvents + space_estimates.averaged(of_salts[candidates.salts], kilograms)) / (
            1 + kilograms.sum(axis=1)
        )
        return whole

    def averaged(self, values: np.ndarray, candidates: Candidates) -> np.ndarray:
        """Values of the solvents (n x k) averaged by mass, n."""
        mass = self._liquids.mass_fractions(candidates.solvents, candidates.mole_fractions)
        return space_estimates.averaged(values, mass)

    def estimated(self, name: str, candidates: Candidates) -> np.ndarray:
        """One of ``ESTIMATED_COLUMNS``, n; candidates of one mixture that follow each other share the work."""
        first = _first_of_runs(candidates)
        values = self._estimated(name, candidates if len(first) == len(candidates) else candidates.take(first))
        return np.repeat(values, np.diff(first, append=len(candidates)))

    def _estimated(self, name: str, candidates: Candidates) -> np.ndarray:
        moles, what = candidates.mole_fractions, name.removeprefix("mixture_")
        of = partial(self._each, candidates=candidates)
        if what[:-2] in POINTS:
            estimate: dict[str, Callable[[], np.ndarray]] = {
                "flash_point": lambda: space_estimates.flash_K(moles, of("flash_point_K"), of("boiling_point_K")),
                "boiling_point": lambda: space_estimates.boiling_K(moles, of("boiling_point_K")),
                "melting_point": lambda: space_estimates.liquidus_K(moles, of("melting_point_K")),
            }
            return estimate[what[:-2]]() - (KELVIN if what.endswith("_C") else 0.0)
        match what:
            case "viscosity_mPa_s":
                return space_estimates.viscosity_mPa_s(moles, of(what))
            case "molar_mass_g_mol":
                return space_estimates.averaged(of(what), moles)
            case "density_g_cm3":
                return 1 / self._liquids.litres_per_kg(candidates.solvents, moles)
            case "relative_permittivity":  # By volume, which is the better of the simple rules for such mixtures.
                litres = self._liquids.mass_fractions(candidates.solvents, moles)
                litres = litres / self._liquids.density[candidates.solvents]
                return space_estimates.averaged(of(what), litres) / litres.sum(axis=1)
        return self.averaged(of(what), candidates)

    def example(self) -> Candidates:
        """A candidate on which an expression can be tried: the first salt in the first solvent."""
        one, nothing = np.ones((1, 1)), np.zeros((1, 1), np.int16)
        return Candidates(
            index=np.zeros(1, np.int64), salts=nothing, salt_shares=one, solvents=nothing, shares=one,
            mole_fractions=one, concentration=np.ones(1), unit=np.zeros(1, np.int8), molality=np.ones(1),
            temperature_K=np.full(1, 298.15),
        )  # fmt: skip

    def _each(self, name: str, *, candidates: Candidates) -> np.ndarray:
        values: np.ndarray = self.of_solvents(name)[candidates.solvents]
        return values


def _first_of_runs(candidates: Candidates) -> np.ndarray:
    """Positions at which another mixture begins."""
    is_new = np.ones(len(candidates), bool)
    is_new[1:] = False
    for columns in (candidates.solvents, candidates.mole_fractions):
        for column in columns.T:
            is_new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(is_new)


def _content(solvent: Species, element: str, is_fraction: bool) -> float:
    """Atoms of an element in a molecule, or its mass fraction."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(solvent.smiles)
    atoms = [atom for atom in molecule.GetAtoms() if atom.GetSymbol() == element]
    return sum(atom.GetMass() for atom in atoms) / solvent.molar_mass if is_fraction else float(len(atoms))
