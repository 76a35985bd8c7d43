"""Files of results: CSV, JSON, JSON Lines and XLSX, each row read into the one schema or told why not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from .errors import DataError, SaltloopError
from .result_schema import FAILURES, LabResult, lab_result

MAX_BYTES = 100_000_000
MAX_ERRORS_SHOWN = 20
FORMATS = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".xlsx": "xlsx"}


@dataclass(frozen=True)
class Row:
    """One row of a file: its result, or what is wrong with it."""

    where: str
    """``line 3`` of a CSV file (the header is line 1), ``row 3`` of a workbook, ``result 3`` of a JSON list."""
    result: LabResult | None
    problem: str = ""


def read_rows(name: str, content: bytes) -> tuple[Row, ...]:
    """The rows of a file, by the ending of its name: .csv, .json, .jsonl, .xlsx.

    Raises:
        DataError: the file as a whole cannot be read, or holds no row.
    """
    kind = FORMATS.get(Path(name).suffix.casefold())
    if kind is None:
        raise DataError(
            f"{name}: results are read from {', '.join(FORMATS)}; another spreadsheet is to be saved as XLSX or as CSV "
            "(UTF-8)."
        )
    if len(content) > MAX_BYTES:
        raise DataError(f"{name} has more than {MAX_BYTES // 10**6} MB; split it into several files.")
    if kind == "xlsx":
        from .results_xlsx import read_xlsx

        rows = read_xlsx(name, content)
    elif kind == "csv":
        from .results_csv import read_csv

        rows = read_csv(name, _text(name, content))
    else:
        text = _text(name, content)
        rows = tuple(_read_json(name, text) if kind == "json" else _read_lines(text))
    if not rows:
        what = "has a header but no rows" if kind in ("csv", "xlsx") else "holds no result"
        raise DataError(f"{name} {what}; was it saved before the values were entered?")
    return tuple(_refuse_repeats(rows))


def read_file(path: Path | str) -> tuple[Row, ...]:
    """The rows of the file ``path``.

    Raises:
        DataError: as ``read_rows``, or the file is not at hand or larger than 100 MB.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{path} has more than {MAX_BYTES // 10**6} MB; split it into several files.")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error
    return read_rows(str(path), content)


def read_results(path: Path | str) -> tuple[LabResult, ...]:
    """The results of the file ``path``.

    Raises:
        DataError: the file cannot be read, or any row is wrong; lists each bad row with the remedy.
    """
    rows = read_file(path)
    refuse_bad(str(path), [f"{row.where}: {row.problem}" for row in rows if row.problem])
    return tuple(row.result for row in rows if row.result is not None)


def refuse_bad(name: str, problems: Sequence[str]) -> None:
    """Raise a DataError that lists the problems, if there are any."""
    if problems:
        shown = "\n  ".join(problems[:MAX_ERRORS_SHOWN])
        more = f"\n  and {len(problems) - MAX_ERRORS_SHOWN} more" if len(problems) > MAX_ERRORS_SHOWN else ""
        raise DataError(
            f"{name}: {len(problems)} bad row{'s'[: len(problems) > 1]}, nothing was taken:\n  {shown}{more}"
        )


def row_of(where: str, data: Any) -> Row:
    """One row from plain JSON."""
    try:
        return Row(where, lab_result(data))
    except SaltloopError as error:
        return Row(where, None, str(error).rstrip("."))


def _text(name: str, content: bytes) -> str:
    if not content.strip():
        from .results_csv import TEMPLATE

        raise DataError(f"{name} is empty. A results file starts with a header: {TEMPLATE}")
    if b"\0" in content:
        raise DataError(f"{name} is a binary file, not CSV; from a spreadsheet, save it as CSV (UTF-8).")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name} is not UTF-8 text (byte {error.start}); is it a binary file, or saved in another encoding? "
            "Save it as CSV (UTF-8)."
        ) from error


def _read_json(name: str, text: str) -> Iterable[Row]:
    try:
        data = from_json(text, allow_inf_nan=False)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is not JSON: {error}.") from None
    if isinstance(data, dict) and set(data) == {"results"}:
        data = data["results"]
    listed = data if isinstance(data, list) else [data]
    return [row_of(f"result {number}", one) for number, one in enumerate(listed, start=1)]


def _read_lines(text: str) -> Iterable[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            data = from_json(line, allow_inf_nan=False)
        except (ValueError, RecursionError) as error:
            yield Row(f"line {number}", None, f"not JSON: {error}")
            continue
        yield row_of(f"line {number}", data)


def _refuse_repeats(rows: Iterable[Row]) -> Iterable[Row]:
    """An external id twice in one file is a mistake; without one, so is a row that repeats another."""
    seen: dict[Any, str] = {}
    for row in rows:
        result = row.result
        if result is None:
            yield row
            continue
        if result.external_id:
            key: Any = (result.source, result.external_id)
            what = f"the external_id {result.external_id!r}"
        elif result.status in FAILURES and result.candidate_id:
            key, what = (result.candidate_id,), "a failure of this candidate"
        else:
            key = result.model_copy(update={"note": ""}).model_dump_json(exclude_defaults=True)
            what = "this result; if it is a replicate, give both an external_id"
        first = seen.setdefault(key, row.where)
        yield row if first == row.where else Row(row.where, None, f"{first} already has {what}")
