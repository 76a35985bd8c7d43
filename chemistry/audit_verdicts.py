"""The audit's verdicts on a data set: one finding each, the table they are shipped in, and how it is read."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from .errors import DataError
from .species import TABLES

Verdict = Literal["exclude", "downweight", "correct", "note"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
VERDICT_TABLE = "calisol23_verdicts.csv"

CHECKS: Mapping[str, str] = {
    "far_below_comparable_papers": "values of this paper are several times below those of comparable liquids elsewhere",
    "off_isotherm": "does not belong to the isotherm it stands in",
    "copied_point": "one point of a figure listed at two temperatures",
    "other_salt": "listed under a salt whose conductivities it does not have",
    "off_series": "does not belong to its temperature series",
    "two_series": "two series of one paper for one liquid disagree",
    "conflict": "two papers disagree on this liquid",
    "not_above_zero": "conductivity at or below zero",
    "negative_concentration": "negative concentration",
    "missing_conductivity": "no conductivity",
    "no_salt": "no salt: the conductivity is that of the solvent and its impurities",
    "salt_volume": "the salt fills more than half of the volume: its molality is hardly known",
    "replicate": "a replicate: the same liquid in an earlier row",
    "repeated_by_another_paper": "a near-identical point in another paper",
    "two_names": "the salt under another name",
    "fractions": "solvent fractions do not sum to 1",
    "smooth_grid": "a large smooth grid: rows are not independent measurements",
    "structure": "a published structure that its name contradicts",
    "constant": "a wrong constant in the data set's own notebook",
}
"""Check -> what a finding of it says, in one sentence."""


class Finding(BaseModel):
    """What one check found about one row, one paper (no row) or one species (neither), and what to do about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int | None = None
    """Line in the CSV file; the header is line 1."""
    doi: str = ""
    check: str
    verdict: Verdict
    relative_uncertainty: float | None = Field(default=None, gt=0)
    """Standard uncertainty over the reported value, where it is wider than that of a good row."""
    corrected: Mapping[str, str] = Field(default_factory=dict)
    """Column of the file -> what it should say, for ``correct``."""
    evidence: str


_COLUMNS = tuple(Finding.model_fields)


def sorted_findings(found: Iterable[Finding]) -> list[Finding]:
    """Species and papers first, then row by row; the order of the table."""
    order = list(CHECKS)
    return sorted(found, key=lambda one: (one.row or 0, one.doi, order.index(one.check), one.evidence))


def write_csv(found: Iterable[Finding]) -> str:
    """The findings as the text of a CSV table; ``read_csv`` is its inverse."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in found:
        corrected = "; ".join(f"{column}={value}" for column, value in one.corrected.items())
        relative = "" if one.relative_uncertainty is None else f"{one.relative_uncertainty:g}"
        writer.writerow([one.row or "", one.doi, one.check, one.verdict, relative, corrected, one.evidence])
    return text.getvalue()


def write_table(found: Iterable[Finding], path: Path | None = None) -> Path:
    """Write the findings as a CSV file, by default as the table in the package; returns its path.

    Raises:
        DataError: the file cannot be written.
    """
    path = path or Path(str(files(TABLES).joinpath(VERDICT_TABLE)))
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(write_csv(found), encoding="utf-8", newline="")
        os.replace(partial, path)
    except OSError as error:
        raise DataError(f"Cannot write the findings to {path}: {error.strerror or error}.") from error
    return path


def read_csv(text: str) -> tuple[Finding, ...]:
    """Findings from the text that ``write_csv`` makes.

    Raises:
        DataError: another header, a check that does not exist, or a value that does not fit its column.
    """
    rows = csv.DictReader(io.StringIO(text))
    if tuple(rows.fieldnames or ()) != _COLUMNS:
        raise DataError(f"A table of verdicts has the columns {', '.join(_COLUMNS)}; this one has {rows.fieldnames}.")
    found = []
    for line, row in enumerate(rows, start=2):
        try:
            pairs = [pair.split("=", 1) for pair in row["corrected"].split("; ") if pair]
            given = {key: value for key, value in row.items() if value} | {"corrected": dict(pairs)}
            found.append(Finding.model_validate(given))
        except ValueError as error:
            raise DataError(f"Line {line} of the table of verdicts cannot be read: {error}") from error
        if found[-1].check not in CHECKS:
            raise DataError(f"Line {line} of the table of verdicts names the check {found[-1].check!r}; there is none.")
    return tuple(found)


@cache
def calisol_verdicts() -> Mapping[int, tuple[Finding, ...]]:
    """The shipped verdicts on CALiSol-23: row -> its findings."""
    by_row: dict[int, list[Finding]] = {}
    for one in read_csv(files(TABLES).joinpath(VERDICT_TABLE).read_text(encoding="utf-8")):
        if one.row is not None:
            by_row.setdefault(one.row, []).append(one)
    return {row: tuple(found) for row, found in by_row.items()}
