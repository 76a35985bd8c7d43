"""CALiSol-23 (de Blasio et al. 2024, doi 10.1038/s41597-024-03575-8): loaded, cleaned, with a note on every odd row.

The file is not part of saltloop; ``saltloop data fetch calisol23`` gets it (CC BY 4.0).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .dataset import Dataset, RowNote
from .density import salt_volume_L_per_mol
from .errors import DataError, FormulationError, UnknownSpeciesError
from .formulation import Formulation
from .measurement import Measurement
from .species import SpeciesBook

COLUMNS = ("doi", "k", "T", "c", "salt", "c units", "solvent ratio type")
BASES = {"w": "mass", "v": "volume", "mol": "mole"}
CONCENTRATION_UNITS = {"mol/kg": "mol/kg", "mol/l": "mol/L"}

RELATIVE_UNCERTAINTY = 0.04
"""Laboratories that measured the same liquid differ by 3 to 5 %."""
SMALLEST_CONDUCTIVITY_mS_cm = 1e-9
"""What is below is zero but for rounding."""
SMALLEST_UNCERTAINTY_mS_cm = 0.03
"""Digitised figures and instruments do not resolve less: 27 rows lie below zero, down to -0.17."""
QUESTIONABLE_RELATIVE_UNCERTAINTY = 1.0
"""For a paper whose values are off by several times."""

LARGEST_SALT_VOLUME = 0.5
"""Share of a litre; above it the 30 % error of a salt's estimated volume leaves little of the molality."""

ODD_PAPERS = {
    "10.1007/s10008-002-0300-9": "values of this paper are 50 to 100 times below those of other papers",
    "10.1016/S0378-7753(01)00697-8": "values of this paper are 6 to 10 times below those of other papers",
}
MIXED_ISOTHERMS = {"10.1021/je0498863": "some points of this paper do not belong to the isotherm they stand in"}
MIXED_RELATIVE_UNCERTAINTY = 0.15


@dataclass
class _Reader:
    """Rows of one file on their way to measurements, and what was done to them."""

    book: SpeciesBook
    notes: list[RowNote] = field(default_factory=list)
    seen: dict[str, tuple[int, str]] = field(default_factory=dict)

    def note(self, line: int, action: str, reason: str) -> None:
        self.notes.append(RowNote.model_validate({"row": line, "action": action, "reason": reason}))


def load_calisol(path: Path | None = None, *, clean: bool = True) -> Dataset:
    """CALiSol-23 from a copy, the cache or ``SALTLOOP_DATA``.

    ``clean=True`` drops rows without a conductivity, with one at or below zero, and with a negative concentration,
    and says so row by row. ``clean=False`` gives all 13,302 rows that have a conductivity, in file order, negative
    ones set to 0, as the SCAN paper used them. Both merge aliases and let fractions that sum to 0.99 sum to 1.

    Raises:
        DataError: the file is absent (with the command that fetches it) or is not CALiSol-23.
    """
    source = _found(path)
    reader = _Reader(SpeciesBook.builtin())
    measurements = tuple(_measurements(source, reader, clean))
    return Dataset(name="calisol23", measurements=measurements, notes=tuple(reader.notes))


def _found(path: Path | None) -> Path:
    from .fetch import CALISOL23, local_copy

    if path is None:
        return local_copy(CALISOL23)
    if not path.is_file():
        raise DataError(f"There is no file {path}; `saltloop data fetch calisol23` fetches the data set.")
    return path


def _measurements(path: Path, reader: _Reader, clean: bool) -> Iterator[Measurement]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            rows = csv.DictReader(file)
            header = tuple(rows.fieldnames or ())
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise DataError(f"{path} is not CALiSol-23: it has no column {', '.join(missing)}.")
            solvents = [name for name in header if name not in COLUMNS]
            for line, row in enumerate(rows, start=2):
                if measurement := _measurement(line, row, solvents, reader, clean):
                    yield measurement
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path} is not CALiSol-23: it is not a CSV text file ({error}).") from error


def _measurement(
    line: int, row: dict[str, str], solvents: list[str], reader: _Reader, clean: bool
) -> Measurement | None:
    if row["k"].strip().casefold() in ("", "nan"):
        reader.note(line, "dropped", "no conductivity")
        return None
    try:
        conductivity = _finite(row["k"])
        concentration = _finite(row["c"])
        temperature_K = _finite(row["T"])
        shares = {name: _finite(row[name]) for name in solvents if row[name] not in ("0", "0.0", "")}
        unit, basis = CONCENTRATION_UNITS[row["c units"]], BASES[row["solvent ratio type"]]
    except (TypeError, ValueError, KeyError) as error:
        raise DataError(f"Line {line} is not a row of CALiSol-23 ({error}); fetch the file again.") from error
    if clean and conductivity < SMALLEST_CONDUCTIVITY_mS_cm:
        reader.note(line, "dropped", "conductivity at or below zero")
        return None
    if clean and concentration < 0:
        reader.note(line, "dropped", "negative concentration")
        return None
    if conductivity < 0 or concentration < 0:
        reader.note(line, "corrected", "negative value set to 0")
    salt = row["salt"]
    total = math.fsum(shares.values())
    if abs(total - 1.0) > 1e-3:
        reader.note(line, "corrected", f"solvent fractions sum to {total:.2f}; scaled to 1")
        if abs(total - 1.0) > 0.02:
            raise DataError(f"Line {line}: solvent fractions sum to {total:.4g}, not 1.")
    try:
        _note_name(line, salt, reader)
        formulation = Formulation.create(
            {salt: max(concentration, 0.0)},
            {name: share / total for name, share in shares.items()},
            concentration_unit=unit,  # type: ignore[arg-type]
            basis=basis,  # type: ignore[arg-type]
            temperature_K=temperature_K,
            species=reader.book,
        )
    except (FormulationError, UnknownSpeciesError) as error:
        raise DataError(f"Line {line} of CALiSol-23: {error}") from error
    _note_oddities(line, row["doi"], formulation, reader)
    return Measurement(
        formulation=formulation,
        value=max(conductivity, 0.0),
        unit="mS/cm",
        standard_uncertainty=standard_uncertainty(conductivity, row["doi"]),
        source="experiment",
        reference=row["doi"],
        external_id=f"calisol23:{line}",
    )


def standard_uncertainty(conductivity_mS_cm: float, doi: str) -> float:
    """The uncertainty we assume for a row, mS/cm: 4 %, at least 0.03 mS/cm, wider for three papers.

    The data set states none. 15 % for the paper with mixed isotherms; for the two papers whose values are off by
    several times, the value itself or 5 mS/cm, whichever is more, so that they hardly weigh.
    """
    value = abs(conductivity_mS_cm)
    if doi in ODD_PAPERS:
        return max(QUESTIONABLE_RELATIVE_UNCERTAINTY * value, 5.0)
    relative = MIXED_RELATIVE_UNCERTAINTY if doi in MIXED_ISOTHERMS else RELATIVE_UNCERTAINTY
    return max(relative * value, SMALLEST_UNCERTAINTY_mS_cm)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not a finite number")
    return number


def _note_name(line: int, salt: str, reader: _Reader) -> None:
    name = reader.book.salt(salt).name
    if salt != name:
        reader.note(line, "corrected", f"salt {salt!r} is {name!r}")


def _note_oddities(line: int, doi: str, formulation: Formulation, reader: _Reader) -> None:
    if why := ODD_PAPERS.get(doi) or MIXED_ISOTHERMS.get(doi):
        reader.note(line, "kept", why)
    if not formulation.salts:
        reader.note(line, "kept", "no salt: the conductivity is that of the solvent and its impurities")
    if formulation.concentration_unit == "mol/L":
        filled = sum(c * salt_volume_L_per_mol(salt) for salt, c in formulation.salts)
        if filled > LARGEST_SALT_VOLUME:
            reader.note(line, "kept", "the salt fills more than half of the volume: its molality is hardly known")
    first, first_doi = reader.seen.setdefault(formulation.formulation_id, (line, doi))
    if first != line:
        whose = "the same paper" if first_doi == doi else f"{first_doi}"
        reader.note(line, "kept", f"a replicate: {whose} has this liquid in an earlier row")
