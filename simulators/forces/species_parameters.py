"""Force-field parameters of one species, as they stand in ``parameters/*.json``, and how a species finds its file.

Files ship for the species that saltloop knows; those of a user's own lie in the user's cache.
"""

from __future__ import annotations

import json
import os
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.fetch import cache_folder
from saltloop.chemistry.species import Species

SCHEMA_VERSION = 1
PACKAGE = "saltloop.simulators.parameters"
CACHED_FORCE_FIELD = "sage-2.3.0-nagl-1.0.0"
"""Part of a cached file's name: another version of the force field finds none of these files."""
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

    def physics(self) -> dict[str, Any]:
        """What acts in a simulation, as plain JSON: everything but where it comes from and what it is called."""
        return self.model_dump(mode="json", exclude={"provenance", "inchikeys", "smiles"})

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
    """Parameters of a solvent, or of a salt's anion, found by structure (InChIKey); None where there are none.

    Shipped files first, then the user's cache (``parametrise.ensure_parameters`` fills it).

    Raises:
        DataError: a damaged file in the cache.
    """
    if shipped := _by_inchikey().get(species.inchikey):
        return shipped
    path = cache_path(species.inchikey)
    if not path.is_file():
        return None
    try:
        found = _read(path, path.stat().st_mtime_ns)
    except ValidationError as error:
        raise DataError(f"{path} is damaged; delete it, and {species.name} is parametrised anew.") from error
    return found.model_copy(update={"name": species.name if species.kind == "solvent" else f"{species.name} anion"})


def cache_path(inchikey: str) -> Path:
    """Where a user's own species is kept, or will be."""
    return cache_folder() / "parameters" / f"{inchikey}-{CACHED_FORCE_FIELD}.json"


def remember(parameters: SpeciesParameters) -> Path:
    """Put parameters into the user's cache, where ``parameters_of`` finds them; their path.

    Raises:
        DataError: the cache cannot be written to.
    """
    path = cache_path(parameters.inchikeys[0])
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(as_text(parameters), encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise DataError(f"Cannot write {path} ({error}); set SALTLOOP_CACHE to another folder.") from error
    return path


def as_text(parameters: SpeciesParameters) -> str:
    """The content of a parameter file: JSON, one term a line."""
    lines = []
    for key, value in json.loads(parameters.model_dump_json()).items():
        if isinstance(value, list) and value and isinstance(value[0], list | dict):
            rows = ",\n    ".join(json.dumps(row) for row in value)
            lines.append(f'  "{key}": [\n    {rows}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def lithium() -> SpeciesParameters:
    """Parameters of the lithium ion."""
    return all_parameters()[LITHIUM]


@lru_cache(maxsize=256)
def _read(path: Path, changed_ns: int) -> SpeciesParameters:
    del changed_ns  # only tells one content of the file from another
    return SpeciesParameters.model_validate_json(path.read_bytes())


@cache
def _by_inchikey() -> dict[str, SpeciesParameters]:
    return {key: one for one in all_parameters().values() for key in one.inchikeys}
