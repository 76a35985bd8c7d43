"""A worklist as CSV, JSON or XLSX. No cell is taken for a formula by a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from saltloop.chemistry.results_csv import inert
from saltloop.loop.errors import CampaignError
from saltloop.loop.lab.worklist import Vial, Worklist

#: What the lab fills in comes after what it is told; the names are those of the results' schema.
LEADING = ("vial", "kind", "candidate_id", "replicate", "formulation")
TRAILING = (
    "plan_note", "predicted_mS_cm", "predicted_std_mS_cm", "actual", "temperature", "temperature_unit",
    "status", "quantity", "value", "unit", "standard_uncertainty", "source", "external_id", "measured_at",
    "instrument", "lot", "note",
)  # fmt: skip


def write(worklist: Worklist, path: Path, kind: str = "") -> None:
    """Write the worklist as CSV, JSON or XLSX: ``kind``, or by the ending of the file's name.

    Raises:
        CampaignError: it is none of these, or cannot be written.
    """
    kind = kind or path.suffix.lstrip(".").casefold()
    writers: dict[str, Callable[[Worklist], str | bytes]] = {"csv": to_csv, "json": to_json, "xlsx": to_xlsx}
    if kind not in writers:
        raise CampaignError(f"A worklist is written as {', '.join(writers)}, not as {path.suffix!r}.")
    content = writers[kind](worklist)
    _save(path, content.encode("utf-8") if isinstance(content, str) else content)


def write_sheet(worklist: Worklist, path: Path) -> None:
    """Write the page to print (HTML).

    Raises:
        CampaignError: it cannot be written.
    """
    from saltloop.loop.lab.sheet import to_html

    _save(path, to_html(worklist).encode("utf-8"))


def to_csv(worklist: Worklist) -> str:
    """One row a vial; fill in the empty columns and ``tell`` it."""
    columns, rows = table(worklist)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([inert(cell) if isinstance(cell, str) else cell for cell in row])
    return stream.getvalue()


def to_json(worklist: Worklist) -> str:
    """The whole plan, for a robot."""
    return json.dumps(worklist.to_dict(), indent=2, ensure_ascii=False) + "\n"


def to_xlsx(worklist: Worklist) -> bytes:
    """A workbook with one sheet.

    Raises:
        CampaignError: openpyxl is not installed.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.styles import Font
        from openpyxl.utils import get_column_letter
    except ImportError:
        raise CampaignError("XLSX needs openpyxl: pip install 'saltloop[lab]'; CSV and JSON need nothing.") from None
    columns, rows = table(worklist)
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "worklist"
    for number, row in enumerate([columns, *rows], start=1):
        for place, cell in enumerate(row, start=1):
            written = sheet.cell(number, place, _printable(cell))
            if isinstance(cell, str):
                written.data_type = "s"  # openpyxl would make a formula of what begins with '='
                written.quotePrefix = cell != inert(cell)
            written.font = Font(bold=number == 1)
    sheet.freeze_panes = "B2"
    for place, column in enumerate(columns, start=1):
        widest = max(len(str(row[place - 1])) for row in [columns, *rows])
        sheet.column_dimensions[get_column_letter(place)].width = min(60, max(len(column), widest) + 2)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def table(worklist: Worklist) -> tuple[list[str], list[list[Any]]]:
    """Column names and rows."""
    targets = list(dict.fromkeys(name for vial in worklist.vials for name in _targets(vial)))
    columns = [*LEADING, *targets, *TRAILING]
    return columns, [[{**_targets(vial), **_cells(vial)}.get(name, "") for name in columns] for vial in worklist.vials]


def _targets(vial: Vial) -> dict[str, float]:
    """What goes in: volumes of stocks, masses of what is weighed."""
    if vial.plan.is_dispensed:
        return {f"target_{one.name}_mL": one.volume_mL or 0.0 for one in vial.plan.portions}
    return {f"target_{one.name}_g": one.mass_g for one in vial.plan.portions}


def _cells(vial: Vial) -> dict[str, Any]:
    predicted = vial.predicted
    made = "; ".join(f"{one.name} {one.amount:.10g} {one.unit}" for one in vial.plan.components)
    return {
        "vial": vial.code,
        "kind": vial.kind,
        "candidate_id": vial.candidate_id,
        "replicate": vial.replicate,
        "formulation": str(vial.formulation),
        "plan_note": vial.plan.note,
        "predicted_mS_cm": f"{predicted['mean']:.3f}" if predicted else "",
        "predicted_std_mS_cm": f"{predicted['standard_deviation']:.3f}" if predicted else "",
        # What the dispenser will really make; what is weighed is written here by whoever weighs it.
        "actual": made if vial.plan.is_dispensed else "",
        "temperature": vial.formulation.temperature_K,
        "temperature_unit": "K",
        "quantity": "conductivity",
        "unit": "mS/cm",
        "source": "experiment",
        "external_id": vial.code,
    }


def _save(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CampaignError(
            f"The worklist could not be written ({error}). The candidates are proposed: 'saltloop ask --open' prints "
            "them again."
        ) from None


def _printable(cell: Any) -> Any:
    """Without the control characters that a workbook cannot hold."""
    return "".join(one for one in cell if one.isprintable() or one == "\n") if isinstance(cell, str) else cell
