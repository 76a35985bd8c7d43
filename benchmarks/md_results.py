"""Rows of the molecular dynamics benchmarks: one for each finished job, in a CSV file that is replaced as a whole."""

from __future__ import annotations

import csv
import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from saltloop.simulators.forces.settings import ForceFieldSettings
from saltloop.simulators.oracle import OracleOutcome

FOLDER = Path(__file__).parent / "results"
DOCS = Path(__file__).parent.parent / "docs" / "benchmarks.md"
SKIPPED = ("conductivity",)
"""Twice there, once under the name of its estimator; of coordination numbers the total is kept."""
SCALES = tuple(name for name in ForceFieldSettings.model_fields if name.endswith("_scale"))


def row_of(liquid: str, outcome: OracleOutcome) -> dict[str, str]:
    """What is kept of a job: composition, force field, size, time, and every measurement with its standard error."""
    provenance = outcome.provenance
    composition = provenance["composition"]
    row = {
        "liquid": liquid,
        "simulated": composition["simulated"],
        "molecules": " ".join(f"{name}:{count}" for name, count in composition["molecules"].items()),
        "n_atoms": str(composition["n_atoms"]),
        "produced_ps": f"{provenance['protocol']['produce']['duration_ps']:g}",
        "wall_s": f"{provenance['wall_s']:.0f}",
        "force_field": force_field_text(provenance["protocol"]["force_field"]),
        "parameters": provenance["force_field"]["parameters_sha256"][:12],
    }
    for measurement in outcome.measurements:
        if measurement.quantity in SKIPPED or measurement.quantity.startswith("coordination_number_"):
            continue
        name = f"{measurement.quantity} ({measurement.unit})"
        row[name] = f"{measurement.value:.5g}"
        row[f"{name} error"] = f"{measurement.standard_uncertainty:.2g}"
    if in_box := provenance["results"].get("conductivity_nernst_einstein_in_box"):
        name = "conductivity_nernst_einstein_in_box (mS/cm)"
        row[name], row[f"{name} error"] = f"{in_box[0]:.5g}", f"{in_box[1]:.2g}"
    return row


def force_field_text(settings: Mapping[str, Any]) -> str:
    """The scalings in words."""
    return ", ".join(f"{name} {settings[name]:g}" for name in SCALES if name in settings)


def read_rows(path: Path) -> list[dict[str, str]]:
    """All rows; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def remember(row: dict[str, str], path: Path) -> None:
    """Put a row in the place of the one of its liquid, or at the end."""
    with held(path.parent, waits=True):
        rows = {there["liquid"]: there for there in read_rows(path)} | {row["liquid"]: row}
        columns = list(dict.fromkeys(name for there in rows.values() for name in there if there[name]))
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="", lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows.values())
        temporary.replace(path)


def alone_in(folder: Path, name: str, run: Callable[[], OracleOutcome]) -> OracleOutcome | None:
    """What ``run`` gives for a job's folder while no other process works there; None, and said, where one does."""
    with held(folder, waits=(folder / "result.json").exists()) as is_held:
        if is_held:
            return run()
    print(f"{name} is another process's", file=sys.stderr, flush=True)
    return None


@contextmanager
def held(folder: Path, *, waits: bool) -> Iterator[bool]:
    """Hold a folder against other processes that ask for it, to the end of the block or of the process; whether it is.

    With ``waits`` it is held in the end; without, it is not where another one holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    opened = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(opened)


def show(text: str, script: str, *, in_docs: bool) -> None:
    """Print tables, and put them into the docs' place for a script's tables where that is asked for."""
    print(text)
    if not in_docs:
        return
    page, mark, end = DOCS.read_text(encoding="utf-8"), f"<!-- {script} --table -->\n", "<!-- end -->"
    before, _, rest = page.partition(mark)
    _, _, after = rest.partition(end)
    if not after:
        raise ValueError(f"{DOCS} has no place marked {mark.strip()!r} with an {end!r} after it")
    DOCS.write_text(f"{before}{mark}{text}\n{end}{after}", encoding="utf-8")
