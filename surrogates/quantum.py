"""Quantum-chemical descriptors of species: the table that ships, the user's cache, and new ones on demand."""

from __future__ import annotations

import csv
import io
import json
import os
import time
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.fetch import cache_folder
from saltloop.chemistry.species import Species
from saltloop.chemistry.structure import molar_mass_and_inchikey
from saltloop.surrogates.quantum_electrons import HARTREE_KJ_MOL, METHOD, Progress, electrons, energy_Eh, pyscf_version
from saltloop.surrogates.quantum_geometry import (
    GEOMETRY_METHOD,
    QuantumError,
    lithium_ion,
    relaxed,
    relaxed_with_lithium,
)

QUANTUM_NAMES = (
    "homo_eV",
    "lumo_eV",
    "dipole_D",
    "polarisability_A3",
    "esp_min_kJ_mol",
    "esp_max_kJ_mol",
    "li_binding_kJ_mol",
)
METHOD_VERSION = 1
"""Raised whenever a change makes values differ; records of another version are not used."""
TABLES, TABLE = "saltloop.surrogates.tables", "quantum.csv"


class QuantumRecord(BaseModel):
    """Descriptors of one molecule or anion in the gas phase, with how they came about. What is not known is None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inchikey: str
    """Of what was computed: for a salt, of its anion."""
    name: str
    smiles: str
    charge: int
    energy_Eh: float | None = None
    homo_eV: float | None = None
    lumo_eV: float | None = None
    dipole_D: float | None = None
    """About the centre of mass."""
    polarisability_A3: float | None = None
    """Mean of the static polarisability's diagonal."""
    esp_min_kJ_mol: float | None = None
    """Least electrostatic potential of a unit positive charge on the 0.001 electrons/bohr3 surface."""
    esp_max_kJ_mol: float | None = None
    li_binding_kJ_mol: float | None = None
    """Energy set free when Li+ binds to it: positive where it binds."""
    missing: str = ""
    """Why a value is None."""
    method: str = METHOD
    geometry_method: str = GEOMETRY_METHOD
    method_version: int = METHOD_VERSION
    versions: str = ""
    wall_time_s: float | None = None


def quantum_descriptors(species: Sequence[Species]) -> np.ndarray:
    """Descriptors of each species in the order of ``QUANTUM_NAMES``, ``n x 7``; NaN where a value is not known.

    A salt has those of its anion. Reads the shipped table and the user's cache; computes nothing.

    Raises:
        DataError: a damaged file in the cache.
    """
    table = np.full((len(species), len(QUANTUM_NAMES)), np.nan)
    for row, one in zip(table, species, strict=True):
        if record := known_record(one.smiles):
            values = (getattr(record, name) for name in QUANTUM_NAMES)
            row[:] = [np.nan if value is None else value for value in values]
    return table


def known_record(smiles: str) -> QuantumRecord | None:
    """The record of a molecule, an anion or a lithium salt (its anion) from the table or the cache, or None.

    Raises:
        QuantumError: a SMILES that cannot be read or is more than one molecule.
        DataError: a damaged file in the cache.
    """
    inchikey = _key(computed_part(smiles))
    shipped, path = shipped_records().get(inchikey), _cache_path(inchikey)
    if (shipped and shipped.energy_Eh is not None) or not path.is_file():
        return shipped
    try:
        return QuantumRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise DataError(f"{path} is damaged; delete it, and the descriptors of {smiles} are computed anew.") from error


def compute_quantum(smiles: str, *, name: str = "", progress: Progress | None = None) -> QuantumRecord:
    """Compute the descriptors of a molecule, an anion or a lithium salt's anion; seconds to minutes on one core.

    A complex with Li+ that does not hold together leaves the binding energy out and says so in ``missing``.

    Args:
        smiles: of one closed-shell molecule or ion; a ``[Li+]`` beside it is left out.
        name: what to call it; the SMILES where it is empty.
        progress: called with the fraction done and what is under way.

    Raises:
        QuantumError: the SMILES cannot be read, no geometry is found, or the electrons do not converge; names it.
    """
    part, tell, start = computed_part(smiles), progress or (lambda fraction, what: None), time.monotonic()
    missing, binding = "", None
    try:
        tell(0.0, "conformers, GFN2-xTB")
        free = relaxed(part)
        found = electrons(free, lambda done, what: tell(0.1 + 0.55 * done, what))
    except QuantumError as error:
        raise QuantumError(f"No quantum-chemical descriptors of {name or smiles!r} ({part}): {error}") from error
    try:
        tell(0.65, "conformers with Li+, GFN2-xTB")
        complexed = relaxed_with_lithium(part)
        complex_Eh = energy_Eh(complexed, lambda done, what: tell(0.75 + 0.25 * done, what))
        alone_Eh = energy_Eh(lithium_ion(), lambda done, what: None)
        binding = HARTREE_KJ_MOL * (found.energy_Eh + alone_Eh - complex_Eh)
    except QuantumError as error:
        missing = f"li_binding_kJ_mol: {error}"
    tell(1.0, "done")
    versions = f"pyscf {pyscf_version()}, tblite {version('tblite')}, rdkit {version('rdkit')}"
    return QuantumRecord(
        inchikey=_key(part),
        name=name or part,
        smiles=part,
        charge=free.charge,
        **vars(found),
        li_binding_kJ_mol=binding,
        missing=missing,
        versions=versions,
        wall_time_s=time.monotonic() - start,
    )


def failed_record(smiles: str, name: str, error: QuantumError) -> QuantumRecord:
    """The record of a species that could not be computed: no values, and why."""
    from rdkit import Chem

    part = computed_part(smiles)
    charge = Chem.GetFormalCharge(Chem.MolFromSmiles(part))
    return QuantumRecord(inchikey=_key(part), name=name, smiles=part, charge=charge, missing=str(error))


def remember(record: QuantumRecord) -> Path:
    """Put a record into the user's cache, where ``known_record`` and ``quantum_descriptors`` find it; its path.

    Raises:
        DataError: the cache cannot be written to.
    """
    path = _cache_path(record.inchikey)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, json.dumps(record.model_dump(), indent=1))
    except OSError as error:
        raise DataError(f"Cannot write {path} ({error}); set SALTLOOP_CACHE to another folder.") from error
    return path


@cache
def shipped_records() -> dict[str, QuantumRecord]:
    """The table that ships with saltloop, by InChIKey."""
    rows = _parse(files(TABLES).joinpath(TABLE).read_text(encoding="utf-8"))
    return {one.inchikey: one for one in rows if one.method_version == METHOD_VERSION}


def read_records(path: Path) -> list[QuantumRecord]:
    """The records of a table that ``write_records`` wrote; none where there is no such file.

    Raises:
        DataError: the file is no such table.
    """
    try:
        return _parse(path.read_text(encoding="utf-8")) if path.exists() else []
    except (ValidationError, ValueError, OSError) as error:
        raise DataError(f"{path} is not a table of quantum-chemical descriptors ({error}).") from error


def write_records(path: Path, records: Iterable[QuantumRecord]) -> None:
    """Write a table (CSV, one line a species), replacing the file only when the new one is whole.

    Raises:
        DataError: the file cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(QuantumRecord.model_fields)
    writer.writerows([_cell(name, value) for name, value in record.model_dump().items()] for record in records)
    try:
        _replace(path, text.getvalue())
    except OSError as error:
        raise DataError(f"Cannot write {path} ({error}); name another file.") from error


@cache
def computed_part(smiles: str) -> str:
    """What is computed of a SMILES: all but the lithium ion, in RDKit's canonical form.

    Raises:
        QuantumError: it cannot be read, or is not one molecule or ion (with a lithium ion beside it).
    """
    from rdkit import Chem

    try:
        molar_mass_and_inchikey(smiles, smiles)
    except ValueError as error:
        raise QuantumError(str(error)) from error
    parts = [part for part in Chem.CanonSmiles(smiles).split(".") if part != "[Li+]"]
    if len(parts) != 1:
        raise QuantumError(f"{smiles!r} is not one molecule or anion (Li+ aside); give the SMILES of one.")
    return parts[0]


@cache
def _key(part: str) -> str:
    return molar_mass_and_inchikey(part, part)[1]


def _cache_path(inchikey: str) -> Path:
    return cache_folder() / "quantum" / f"{inchikey}-v{METHOD_VERSION}.json"


def _replace(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _parse(text: str) -> list[QuantumRecord]:
    rows = csv.DictReader(text.splitlines())
    return [QuantumRecord.model_validate({key: cell for key, cell in row.items() if cell}) for row in rows]


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.7f}" if name == "energy_Eh" else f"{value:.6g}"
    return str(value)
