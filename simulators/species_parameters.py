"""Force-field parameters of one species, as they stand in ``parameters/*.json``, and how a species finds its file."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from saltloop.chemistry.species import Species

SCHEMA_VERSION = 1
PACKAGE = "saltloop.simulators.parameters"
LITHIUM = "Li+"


class Atom(BaseModel):
    """One atom: charge in e (unscaled), mass in u (as in nature), Lennard-Jones sigma in nm and epsilon in kJ/mol."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    element: str
    mass: float = Field(gt=0)
    charge: float
    sigma: float = Field(ge=0)
    epsilon: float = Field(ge=0)


class SpeciesParameters(BaseModel):
    """Everything that one molecule or ion needs in a simulation.

    Energies in kJ/mol, lengths in nm, angles in rad. Bonds and angles are ``k/2 (x - x0)^2``, torsions
    ``k (1 + cos(n phi - phase))``, propers and impropers alike.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1]
    name: str
    kind: Literal["cation", "anion", "solvent"]
    smiles: str
    inchikeys: tuple[str, ...]
    """Of the solvent itself; for an anion, of the lithium salt(s) that contain it."""
    formal_charge: int
    """In e: what counts in a conductivity, whatever scaling the simulation uses."""
    scale14_lj: float
    scale14_coulomb: float
    atoms: tuple[Atom, ...] = Field(min_length=1)
    bonds: tuple[tuple[int, int, float, float], ...]
    """i, j, length (nm), k (kJ/mol/nm2)."""
    angles: tuple[tuple[int, int, int, float, float], ...]
    """i, j, k, angle (rad), k (kJ/mol/rad2)."""
    torsions: tuple[tuple[int, int, int, int, int, float, float], ...]
    """i, j, k, l, periodicity, phase (rad), k (kJ/mol)."""
    coordinates: tuple[tuple[float, float, float], ...]
    """One relaxed geometry (nm) to start from."""
    provenance: dict[str, Any]

    @model_validator(mode="after")
    def _is_consistent(self) -> SpeciesParameters:
        n_atoms = len(self.atoms)
        if len(self.coordinates) != n_atoms:
            raise ValueError(f"{self.name}: {n_atoms} atoms but {len(self.coordinates)} coordinates")
        total = sum(atom.charge for atom in self.atoms)
        if abs(total - self.formal_charge) > 1e-6:
            raise ValueError(f"{self.name}: the charges sum to {total:.7f} e instead of {self.formal_charge} e")
        return self

    @property
    def n_atoms(self) -> int:
        return len(self.atoms)

    @property
    def molar_mass(self) -> float:
        """g/mol."""
        return sum(atom.mass for atom in self.atoms)


@cache
def all_parameters() -> dict[str, SpeciesParameters]:
    """Every species that has a parameter file, by its name in the file."""
    found = {}
    for path in sorted(files(PACKAGE).iterdir(), key=lambda entry: entry.name):
        if path.name.endswith(".json"):
            one = SpeciesParameters.model_validate(json.loads(path.read_text(encoding="utf-8")))
            found[one.name] = one
    return found


def parameters_of(species: Species) -> SpeciesParameters | None:
    """Parameters of a solvent, or of a salt's anion, found by structure (InChIKey); None where there are none."""
    return _by_inchikey().get(species.inchikey)


def lithium() -> SpeciesParameters:
    """Parameters of the lithium ion."""
    return all_parameters()[LITHIUM]


@cache
def _by_inchikey() -> dict[str, SpeciesParameters]:
    return {key: one for one in all_parameters().values() for key in one.inchikeys}
