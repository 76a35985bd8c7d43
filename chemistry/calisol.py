"""CALiSol-23 (de Blasio et al. 2024, doi 10.1038/s41597-024-03575-8): loaded, cleaned, with a note on every odd row.

The file is not part of saltloop; ``saltloop data fetch calisol23`` gets it (CC BY 4.0). What the audit decided about
its rows is (``tables/calisol23_verdicts.csv``, written by ``saltloop data audit calisol23 --write-verdicts``).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .audit_verdicts import CHECKS, Finding, calisol_verdicts
from .dataset import Dataset, RowNote
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


@dataclass
class _Reader:
    """Rows of one file on their way to measurements, and what was done to them."""

    clean: bool
    verdicts: Mapping[int, tuple[Finding, ...]]
    book: SpeciesBook = field(default_factory=SpeciesBook.builtin)
    notes: list[RowNote] = field(default_factory=list)

    def note(self, line: int, action: str, reason: str) -> None:
        self.notes.append(RowNote.model_validate({"row": line, "action": action, "reason": reason}))


def load_calisol(path: Path | None = None, *, clean: bool = True, verdicts: bool = True) -> Dataset:
    """CALiSol-23 from a copy, the cache or ``SALTLOOP_DATA``.

    ``clean=True`` drops rows without a conductivity, with one at or below zero, and with a negative concentration.
    ``verdicts=True`` also applies the audit: excluded rows are dropped, downweighted ones have a larger standard
    uncertainty, corrected ones are corrected; every note of the audit becomes a note. ``verdicts=False`` takes every
    row at 4 %, at least 0.03 mS/cm.

    ``clean=False`` gives all 13,302 rows that have a conductivity, in file order, negative ones set to 0 and no
    verdict applied, as the SCAN paper used them. All merge aliases and let fractions that sum to 0.99 sum to 1.

    Raises:
        DataError: the file is absent (with the command that fetches it), is not CALiSol-23, or is a changed copy to
            whose line numbers the verdicts do not apply.
    """
    source = _found(path)
    applied = clean and verdicts
    reader = _Reader(clean, calisol_verdicts() if applied else {})
    measurements = tuple(_measurements(source, reader))
    if applied:
        check_version(source)
    if not clean:
        name, treatment = (
            "calisol23:unaltered",
            "as published, without the audit's verdicts; negative values set to 0",
        )
    elif applied:
        name, treatment = "calisol23", "the audit's verdicts applied (calisol23:unaltered is without them)"
    else:
        name, treatment = "calisol23", "without the audit's verdicts; rows that cannot be measurements dropped"
    return Dataset(name=name, measurements=measurements, notes=tuple(reader.notes), treatment=treatment)


def standard_uncertainty(conductivity_mS_cm: float, relative: float = RELATIVE_UNCERTAINTY) -> float:
    """The uncertainty we assume for a row, mS/cm: 4 % unless the audit says otherwise, at least 0.03 mS/cm.

    The data set states none.
    """
    return max(relative * abs(conductivity_mS_cm), SMALLEST_UNCERTAINTY_mS_cm)


def _found(path: Path | None) -> Path:
    from .fetch import CALISOL23, local_copy

    if path is None:
        return local_copy(CALISOL23)
    if not path.is_file():
        raise DataError(f"There is no file {path}; `saltloop data fetch calisol23` fetches the data set.")
    return path


def check_version(path: Path) -> None:
    """Refuse a file that is not the published one: the verdicts go by line number.

    Raises:
        DataError: its SHA-256 is another.
    """
    from .fetch import CALISOL23, sha256_of

    digest = sha256_of(_found(path))
    if digest != CALISOL23.sha256:
        raise DataError(
            f"{path} is a changed copy of CALiSol-23 (SHA-256 {digest[:12]}…, not {CALISOL23.sha256[:12]}…): the "
            "audit's verdicts go by line number and may not fit. Use the published file, or load it with "
            "verdicts=False."
        )


def _measurements(path: Path, reader: _Reader) -> Iterator[Measurement]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            rows = csv.DictReader(file)
            header = tuple(rows.fieldnames or ())
            missing = [name for name in COLUMNS if name not in header]
            if missing:
                raise DataError(f"{path} is not CALiSol-23: it has no column {', '.join(missing)}.")
            solvents = [name for name in header if name not in COLUMNS]
            for line, row in enumerate(rows, start=2):
                if measurement := _measurement(line, row, solvents, reader):
                    yield measurement
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{path} is not CALiSol-23: it is not a CSV text file ({error}).") from error


def _measurement(line: int, row: dict[str, str], solvents: list[str], reader: _Reader) -> Measurement | None:
    if None in row.values():
        raise DataError(f"Line {line} ends before the row of CALiSol-23 does; fetch the file again.")
    if row["k"].strip().casefold() in ("", "nan"):
        reader.note(line, "dropped", "no conductivity")
        return None
    found = reader.verdicts.get(line, ())
    row = row | {column: value for one in found for column, value in one.corrected.items()}
    try:
        conductivity = _finite(row["k"])
        concentration = _finite(row["c"])
        shares = {name: _finite(row[name]) for name in solvents if row[name] not in ("0", "0.0", "")}
        temperature_K = _finite(row["T"])
        unit, basis = CONCENTRATION_UNITS[row["c units"]], BASES[row["solvent ratio type"]]
    except (TypeError, ValueError, KeyError) as error:
        raise DataError(f"Line {line} is not a row of CALiSol-23 ({error}); fetch the file again.") from error
    if reader.clean and (why := _impossible(conductivity, concentration)):
        reader.note(line, "dropped", why)
        return None
    if _excluded(line, found, reader):
        return None
    if conductivity < 0 or concentration < 0:
        reader.note(line, "corrected", "negative value set to 0")
    total = math.fsum(shares.values())
    if abs(total - 1.0) > 1e-3:
        reader.note(line, "corrected", f"solvent fractions sum to {total:.2f}; scaled to 1")
        if abs(total - 1.0) > 0.02:
            raise DataError(f"Line {line}: solvent fractions sum to {total:.4g}, not 1.")
    try:
        _note_name(line, row["salt"], reader)
        formulation = Formulation.create(
            {row["salt"]: max(concentration, 0.0)},
            {name: share / total for name, share in shares.items()},
            concentration_unit=unit,  # type: ignore[arg-type]
            basis=basis,  # type: ignore[arg-type]
            temperature_K=temperature_K,
            species=reader.book,
        )
    except (FormulationError, UnknownSpeciesError) as error:
        raise DataError(f"Line {line} of CALiSol-23: {error}") from error
    wider = max((one.relative_uncertainty or 0.0 for one in found), default=0.0)
    return Measurement(
        formulation=formulation,
        value=max(conductivity, 0.0),
        unit="mS/cm",
        standard_uncertainty=standard_uncertainty(conductivity, max(RELATIVE_UNCERTAINTY, wider)),
        source="experiment",
        reference=row["doi"],
        external_id=f"calisol23:{line}",
    )


def _impossible(conductivity: float, concentration: float) -> str:
    if conductivity < SMALLEST_CONDUCTIVITY_mS_cm:
        return "conductivity at or below zero"
    return "negative concentration" if concentration < 0 else ""


_ACTIONS = {"downweight": "downweighted", "correct": "corrected", "note": "kept"}
_NOTED_BY_THE_READER = ("two_names", "fractions")


def _excluded(line: int, found: tuple[Finding, ...], reader: _Reader) -> bool:
    """Whether the audit excludes the row; notes what it says about it."""
    excluding = [one for one in found if one.verdict == "exclude"]
    for one in excluding[:1]:
        reader.note(line, "dropped", CHECKS[one.check])
    if not excluding:
        for one in found:
            if one.check not in _NOTED_BY_THE_READER:
                reader.note(line, _ACTIONS[one.verdict], CHECKS[one.check])
    return bool(excluding)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not a finite number")
    return number


def _note_name(line: int, salt: str, reader: _Reader) -> None:
    name = reader.book.salt(salt).name
    if salt != name:
        reader.note(line, "corrected", f"salt {salt!r} is {name!r}")
