"""Our own CSV of measured values: read whole or not at all, with every bad row named. ``docs/data.md`` describes it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .errors import DataError, SaltloopError
from .formulation import Formulation
from .measurement import Measurement
from .species import SpeciesBook
from .units import CANONICAL_UNITS, convert

REQUIRED = ("value", "unit", "standard_uncertainty")
IDENTIFYING = ("candidate_id", "formulation")
OPTIONAL = ("status", "quantity", "source", "external_id", "method", "reference", "note")
FAILED_STATUSES = ("failed", "infeasible", "crystallised", "separated")
"""``failed``: the measurement went wrong; the others: the liquid cannot be made or measured."""
WORKLIST_ONLY = ("predicted_mS_cm", "predicted_std_mS_cm")
"""Columns of a worklist from `saltloop ask` that are for the reader; ignored when it comes back filled."""
KNOWN = (*IDENTIFYING, *REQUIRED, *OPTIONAL, *WORKLIST_ONLY)
MAX_ERRORS_SHOWN = 20
MAX_BYTES = 100_000_000
TEMPLATE = "candidate_id,formulation,value,unit,standard_uncertainty,source,external_id,note"


class ResultRow(BaseModel):
    """One row of a results file. Immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    line: int
    """Line in the file; the header is line 1."""
    candidate_id: str
    formulation: Formulation | None
    """None where the row names only a candidate."""
    quantity: str
    value: float
    unit: str
    standard_uncertainty: float
    source: str
    external_id: str
    method: str
    reference: str
    note: str

    def measurement(self, formulation: Formulation | None = None) -> Measurement:
        """The row as a measurement of its own formulation, or of the candidate's where it has none.

        Raises:
            DataError: neither is there.
        """
        liquid = self.formulation or formulation
        if liquid is None:
            raise DataError(f"Line {self.line} names candidate {self.candidate_id!r} but no formulation.")
        return Measurement(
            formulation=liquid,
            quantity=self.quantity,
            value=self.value,
            unit=self.unit,
            standard_uncertainty=self.standard_uncertainty,
            source=self.source,
            method=self.method,
            reference=self.reference,
            external_id=self.external_id,
        )


class FailureRow(BaseModel):
    """One row that says why there is no value. Immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    line: int
    candidate_id: str
    formulation: Formulation | None
    status: str
    note: str


def read_results_csv(path: Path | str, species: SpeciesBook | None = None) -> tuple[ResultRow | FailureRow, ...]:
    """The rows of a results file, each with a candidate, a formulation or both; a failure has a status, and no value.

    Raises:
        DataError: the file cannot be read, or any row is wrong; lists each bad row with its line and the remedy, and
            nothing is returned.
    """
    path = Path(path)
    text = _text(path)
    if "\t" in text.partition("\n")[0] or ";" in text.partition("\n")[0]:
        raise DataError(f"{path}: the columns are not separated by commas; save it as comma-separated CSV.")
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    _check_header(path, list(rows.fieldnames or ()))
    found: list[ResultRow | FailureRow] = []
    errors: list[str] = []
    seen: dict[str, int] = {}
    try:
        for record in rows:
            line = rows.line_num
            if not any(_strings(record)):
                continue
            try:
                row = _row(line, record, species)
                _check_new(row, seen)
                found.append(row)
            except (SaltloopError, ValueError) as error:
                errors.append(f"line {line}: {_message(error)}")
    except csv.Error as error:
        errors.append(f"line {rows.line_num}: not CSV ({error}); check the quotes")
    if errors:
        shown = "\n  ".join(errors[:MAX_ERRORS_SHOWN])
        more = f"\n  and {len(errors) - MAX_ERRORS_SHOWN} more" if len(errors) > MAX_ERRORS_SHOWN else ""
        raise DataError(f"{path}: {len(errors)} bad row{'s'[: len(errors) > 1]}, nothing was taken:\n  {shown}{more}")
    if not found:
        raise DataError(f"{path} has a header but no rows; was it saved before the values were entered?")
    return tuple(found)


def read_measurements_csv(path: Path | str, species: SpeciesBook | None = None) -> list[Measurement]:
    """The measurements of a file in which every row has a formulation.

    Raises:
        DataError: as ``read_results_csv``, or a row without a formulation.
    """
    rows: list[ResultRow] = []
    for row in read_results_csv(path, species):
        if isinstance(row, FailureRow):
            raise DataError(
                f"{path}: line {row.line} has the status {row.status!r}; a data set holds measured values. A failure "
                "teaches a campaign, by `saltloop tell`."
            )
        rows.append(row)
    without = [str(row.line) for row in rows if row.formulation is None]
    if without:
        raise DataError(
            f"{path}: no formulation on line {', '.join(without[:MAX_ERRORS_SHOWN])}; a data set needs one on each row "
            "(a file with candidate ids alone is for `saltloop tell`)."
        )
    return [row.measurement() for row in rows]


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} has more than {MAX_BYTES // 10**6} MB; split it into several files.")
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error
    if not data.strip():
        raise DataError(f"{path} is empty. A results file starts with a header: {TEMPLATE}")
    if b"\0" in data:
        raise DataError(f"{path} is a binary file, not CSV; from a spreadsheet, save it as CSV (UTF-8).")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start}); is it a binary file, or saved in another encoding? "
            "Save it as CSV (UTF-8)."
        ) from error


def _check_header(path: Path, header: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    if not any(name in header for name in IDENTIFYING):
        missing.insert(0, "formulation (or candidate_id)")
    if missing:
        raise DataError(f"{path} has no column {', '.join(missing)}. The header is: {TEMPLATE}")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise DataError(f"{path} has two columns {', '.join(twice)}; keep one.")
    if unknown := [name for name in header if name not in KNOWN]:
        raise DataError(f"{path} has the unknown column {', '.join(map(repr, unknown))}; known are {', '.join(KNOWN)}.")


def _row(line: int, record: dict[str, str], species: SpeciesBook | None) -> ResultRow | FailureRow:
    if None in record:
        raise DataError("more fields than the header has columns; is there a comma that needs quotes?")
    if None in record.values():
        raise DataError("fewer fields than the header has columns")
    fields = {name: value.strip() for name, value in record.items()}
    if not fields.get("candidate_id") and not fields.get("formulation"):
        raise DataError("neither candidate_id nor formulation: what was measured?")
    if fields.get("status", "") not in ("", "ok"):
        return _failure(line, fields, species)
    quantity = fields.get("quantity") or "conductivity"
    expected = CANONICAL_UNITS.get(quantity)
    if expected is None:
        raise DataError(f"the quantity {quantity!r} is unknown; known are {', '.join(CANONICAL_UNITS)}")
    unit = fields["unit"]
    if not unit:
        raise DataError(f"no unit; write one beside the value, such as '{expected}'")
    value, uncertainty = _number(fields, "value"), _number(fields, "standard_uncertainty")
    if uncertainty <= 0:
        raise DataError(f"standard_uncertainty is {uncertainty:g}; it must be above zero, in the unit of the value")
    convert(value, unit, expected)
    text = fields.get("formulation", "")
    return ResultRow(
        line=line,
        candidate_id=fields.get("candidate_id", ""),
        formulation=Formulation.parse(text, species) if text else None,
        quantity=quantity,
        value=value,
        unit=unit,
        standard_uncertainty=uncertainty,
        source=fields.get("source") or "experiment",
        external_id=fields.get("external_id", ""),
        method=fields.get("method", ""),
        reference=fields.get("reference", ""),
        note=fields.get("note", ""),
    )


def _failure(line: int, fields: dict[str, str], species: SpeciesBook | None) -> FailureRow:
    status, text = fields["status"], fields.get("formulation", "")
    if status not in FAILED_STATUSES:
        raise DataError(f"the status {status!r} is unknown; known are ok, {', '.join(FAILED_STATUSES)}")
    if fields["value"]:
        raise DataError(f"a value ({fields['value']}) and the status {status!r}: keep the one that is true")
    formulation = Formulation.parse(text, species) if text else None
    candidate_id, note = fields.get("candidate_id", ""), fields.get("note", "")
    return FailureRow(line=line, candidate_id=candidate_id, formulation=formulation, status=status, note=note)


def _number(fields: dict[str, str], name: str) -> float:
    text = fields[name]
    if not text:
        remedy = (
            "remove the row if it was not measured, or say why under 'status'"
            if name == "value"
            else "give one standard deviation"
        )
        raise DataError(f"no {name}; {remedy}")
    try:
        number = float(text)
    except ValueError:
        comma = " (write the decimal point as '.')" if "," in text else ""
        raise DataError(f"{name} {text!r} is not a number{comma}") from None
    if not math.isfinite(number):
        raise DataError(f"{name} is {text}; it must be a finite number: leave a failed measurement out")
    return number


def _check_new(row: ResultRow | FailureRow, seen: dict[str, int]) -> None:
    """An external id twice is an error; without one, so is a row that repeats another's content."""
    if isinstance(row, FailureRow):
        liquid = row.formulation.formulation_id if row.formulation else ""
        key, remedy = "\0".join((row.candidate_id, liquid, "failed")), "a failure of this candidate"
    elif row.external_id:
        key = f"{row.source}\0{row.external_id}"
        remedy = f"the external_id {row.external_id!r}"
    else:
        liquid = row.formulation.formulation_id if row.formulation else ""
        key = "\0".join((row.candidate_id, liquid, row.quantity, repr(row.value), row.unit, row.source, row.reference))
        remedy = "this result; if it is a replicate, give both an external_id"
    first = seen.setdefault(key, row.line)
    if first != row.line:
        raise DataError(f"line {first} already has {remedy}")


def _strings(record: dict[str, str]) -> Iterator[str]:
    for value in record.values():
        yield from (piece.strip() for piece in ([value] if isinstance(value, str) else value or []))


def _message(error: Exception) -> str:
    return str(error).rstrip(".")
