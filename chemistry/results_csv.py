"""The CSV form of results: a flat table whose columns are the fields of the schema. ``docs/lab.md`` describes it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import DataError, SaltloopError
from .measurement import Measurement
from .result_files import Row, read_file, refuse_bad, row_of
from .result_liquid import liquid_of
from .result_schema import FAILURES, LabResult
from .result_value import measurement_of, reading
from .species import SpeciesBook

IDENTIFYING = ("candidate_id", "formulation", "components", "actual")
VALUES = ("value", "replicates", "resistance_ohm")
NUMBERS = frozenset({
    "temperature", "value", "standard_uncertainty", "standard_deviation", "resistance_ohm",
    "resistance_uncertainty_ohm", "cell_constant_per_cm", "cell_constant_uncertainty_per_cm", "cost",
})  # fmt: skip
READER_ONLY = ("predicted_", "target_")
"""Columns of a worklist that begin so, and those named below, are for the reader and ignored when it comes back."""
WORKLIST_ONLY = frozenset({"vial", "kind", "replicate", "plan_note"})
TEMPLATE = "candidate_id,formulation,value,unit,standard_uncertainty,source,external_id,note"
#: A cell that begins so would be computed by a spreadsheet; on writing, an apostrophe goes before it.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def inert(text: str) -> str:
    """A text cell that no spreadsheet takes for a formula."""
    return "'" + text if text.startswith(FORMULA_STARTS) else text


def read_csv(name: str, text: str) -> tuple[Row, ...]:
    """The rows of a CSV text.

    Raises:
        DataError: the header does not fit.
    """
    first = text.partition("\n")[0]
    if "\t" in first or ";" in first:
        raise DataError(f"{name}: the columns are not separated by commas; save it as comma-separated CSV.")
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    found: list[Row] = []
    try:
        check_header(name, list(rows.fieldnames or ()))
        for record in rows:
            if any(_strings(record)):
                found.append(_row(f"line {rows.line_num}", record))
    except csv.Error as error:
        found.append(Row(f"line {rows.line_num}", None, f"not CSV ({error}); check the quotes"))
    return tuple(found)


def read_measurements_csv(path: Path | str, species: SpeciesBook | None = None) -> list[Measurement]:
    """The measurements of a file in which every row holds a value and says its liquid.

    Raises:
        DataError: as ``read_results``, or a row without a liquid or without a value to learn from.
    """
    rows = read_file(path)
    found, problems = [], [f"{row.where}: {row.problem}" for row in rows if row.problem]
    for row in rows:
        result = row.result
        if result is None:
            continue
        try:
            if result.status in FAILURES or result.status == "censored":
                raise DataError(
                    f"the status {result.status!r}; a data set holds measured values. A failure teaches a campaign, by "
                    "`saltloop tell`"
                )
            reading(result)
            if not (result.formulation or result.components or result.actual):
                raise DataError(
                    "no formulation; a data set needs one on each row (a file with candidate ids alone is for "
                    "`saltloop tell`)"
                )
            found.append(measurement_of(result, liquid_of(result, species)))
        except SaltloopError as error:
            problems.append(f"{row.where}: {str(error).rstrip('.')}")
    refuse_bad(str(path), problems)
    return found


def check_header(name: str, header: list[str]) -> None:
    """Raise a DataError that says what is wrong with the columns, if anything is."""
    missing = []
    if not any(one in header for one in IDENTIFYING):
        missing.append("formulation (or candidate_id)")
    if not any(one in header for one in VALUES):
        missing.append("value")
    if "unit" not in header and "resistance_ohm" not in header:
        missing.append("unit")
    if missing:
        raise DataError(f"{name} has no column {', '.join(missing)}. The header is: {TEMPLATE}")
    if twice := sorted({one for one in header if header.count(one) > 1}):
        raise DataError(f"{name} has two columns {', '.join(twice)}; keep one.")
    if unknown := [one for one in header if one not in LabResult.model_fields and not is_for_reader(one)]:
        raise DataError(
            f"{name} has the unknown column {', '.join(map(repr, unknown))}; known are "
            f"{', '.join(LabResult.model_fields)}."
        )


def is_for_reader(column: str) -> bool:
    """Whether a column of a worklist is ignored when it comes back."""
    return column in WORKLIST_ONLY or column.startswith(READER_ONLY)


def _row(where: str, record: dict[str, str]) -> Row:
    if None in record:
        return Row(where, None, "more fields than the header has columns; is there a comma that needs quotes?")
    if None in record.values():
        return Row(where, None, "fewer fields than the header has columns")
    return row_of_cells(where, record)


def row_of_cells(where: str, record: Mapping[str, str]) -> Row:
    """One row from the texts of its cells by column."""
    data = {}
    try:
        for column, value in record.items():
            if value.strip() and not is_for_reader(column):
                data[column] = _cell(column, value.strip())
    except DataError as error:
        return Row(where, None, str(error))
    return row_of(where, data)


def _cell(column: str, text: str) -> Any:
    if column in NUMBERS:
        return _number(column, text)
    if column == "replicates":
        return tuple(_number(column, piece.strip()) for piece in text.split(";") if piece.strip())
    if column == "n":
        number = _number(column, text)
        return int(number) if number == int(number) else number
    if column == "amends":
        if text.casefold() not in _YES_NO:
            raise DataError(f"amends {text[:80]!r} is neither yes nor no")
        return _YES_NO[text.casefold()]
    if text.startswith("'") and text[1:].startswith(FORMULA_STARTS):
        return text[1:]
    return text


def _number(column: str, text: str) -> float:
    try:
        number = float(text.replace("_", "x"))  # Python would read 9_41 as 941
    except ValueError:
        comma = " (write the decimal point as '.')" if "," in text else ""
        raise DataError(f"{column} {text[:80]!r} is not a number{comma}") from None
    if not math.isfinite(number):
        raise DataError(f"{column} is {text[:80]}; it must be a finite number: leave a failed measurement out")
    if column == "standard_uncertainty" and number <= 0:
        raise DataError(f"standard_uncertainty is {number:g}; it must be above zero, in the unit of the value")
    return number


def _strings(record: dict[str, str]) -> Iterator[str]:
    for value in record.values():
        yield from (piece.strip() for piece in ([value] if isinstance(value, str) else value or []))
