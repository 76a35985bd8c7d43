"""Results from a workbook (XLSX). It is read as data: no formula is computed, no macro run, no link followed."""

from __future__ import annotations

import datetime
import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

from .errors import DataError
from .result_files import MAX_BYTES, Row
from .results_csv import check_header, is_for_reader, row_of_cells

#: Sheets that are read where several hold something.
SHEETS = ("results", "worklist")
MAX_ROWS, MAX_COLUMNS = 100_000, 200
SAVE_AS = "save the values alone, as XLSX or as CSV (UTF-8)"


def read_xlsx(name: str, content: bytes) -> tuple[Row, ...]:
    """The rows of a workbook: of its only sheet that holds something, or of the one named results or worklist.

    Raises:
        DataError: it is no workbook, holds macros or too much, or its header does not fit; openpyxl is not installed.
    """
    try:
        import openpyxl
    except ImportError:
        raise DataError(
            f"{name}: XLSX needs openpyxl: pip install 'saltloop[lab]'; CSV and JSON need nothing."
        ) from None
    _check_container(name, content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations that openpyxl does not know
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, keep_links=False)
            sheets = {sheet.title: list(_filled(name, sheet)) for sheet in book.worksheets}
    except DataError:
        raise
    except Exception as error:
        # openpyxl raises whatever it stumbles over in a broken file.
        raise DataError(f"{name} cannot be read as a workbook ({type(error).__name__}: {error}); {SAVE_AS}.") from None
    rows = _chosen(name, {title: rows for title, rows in sheets.items() if rows})
    _, header = rows[0]
    columns = [(place, _text(cell).strip()) for place, cell in enumerate(header) if not _is_empty(cell)]
    check_header(name, [column for _, column in columns])
    return tuple(_row(number, cells, columns) for number, cells in rows[1:])


def _check_container(name: str, content: bytes) -> None:
    """A workbook is a ZIP of XML: no bomb, no macros, no definitions that grow when they are read."""
    if not content:
        raise DataError(f"{name} is empty.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            listed = parts.infolist()
            if sum(one.file_size for one in listed) > MAX_BYTES:
                raise DataError(f"{name} unpacks to more than {MAX_BYTES // 10**6} MB; split it into several files.")
            if any("vbaproject" in one.filename.casefold() for one in listed):
                raise DataError(f"{name} holds macros; {SAVE_AS}.")
            for one in listed:
                if one.filename.casefold().endswith((".xml", ".rels")) and _defines_entities(parts.read(one)):
                    raise DataError(f"{name}: {one.filename} defines a document type, which no spreadsheet does.")
    except DataError:
        raise
    except Exception as error:  # of zipfile, zlib, struct, ...: whatever a broken archive leads them to
        raise DataError(f"{name} is no XLSX workbook ({error}); {SAVE_AS}.") from None


def _defines_entities(xml: bytes) -> bool:
    return b"<!DOCTYPE" in xml.replace(b"\0", b"") or b"<!ENTITY" in xml.replace(b"\0", b"")


def _filled(name: str, sheet: Any) -> Iterator[tuple[int, Sequence[Any]]]:
    """Number (from 1) and cells of each row that holds something."""
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    for number, cells in enumerate(sheet.iter_rows(), start=1):
        if number > MAX_ROWS:
            raise DataError(f"{name} has more than {MAX_ROWS:,} rows; split it into several files.")
        if not all(_is_empty(cell) for cell in cells[MAX_COLUMNS:]):
            raise DataError(f"{name}, row {number}: has more than {MAX_COLUMNS} columns.")
        if not all(_is_empty(cell) for cell in cells[:MAX_COLUMNS]):
            yield number, cells[:MAX_COLUMNS]


def _chosen(name: str, sheets: dict[str, list[tuple[int, Sequence[Any]]]]) -> list[tuple[int, Sequence[Any]]]:
    if not sheets:
        raise DataError(f"{name} is empty.")
    if len(sheets) == 1:
        return next(iter(sheets.values()))
    named = [rows for title, rows in sheets.items() if title.casefold() in SHEETS]
    if len(named) != 1:
        raise DataError(
            f"{name} has {len(sheets)} sheets ({', '.join(sheets)}); name the one with the results 'results', or keep "
            "it alone."
        )
    return named[0]


def _row(number: int, cells: Sequence[Any], columns: Sequence[tuple[int, str]]) -> Row:
    where, record = f"row {number}", {}
    for place, column in columns:
        cell = cells[place] if place < len(cells) else None
        if cell is None or is_for_reader(column):
            continue
        if cell.data_type == "f":
            return Row(where, None, f"{column} holds a formula; paste its value instead")
        if cell.data_type == "e":
            return Row(where, None, f"{column} holds the error {cell.value}")
        record[column] = _text(cell)
    return row_of_cells(where, record)


def _is_empty(cell: Any) -> bool:
    return cell.value is None or (isinstance(cell.value, str) and not cell.value.strip())


def _text(cell: Any) -> str:
    """A cell as it would stand in CSV."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return str(value)
