"""How lithium is solvated in 1 mol/kg LiPF6 in EC:DMC by the openmm oracle: coordination number, and preference for EC.

    nohup nice python benchmarks/md_solvation.py --out DIR &    # runs what has not been run, then the table
    python benchmarks/md_solvation.py --table                   # the table from the results alone

Three ratios of EC to DMC. The preference is (EC bound : DMC bound) over (EC : DMC in the box); above 1, lithium takes
more EC than chance would give it. Expected: about four donors in all (4 +- 0.5), and EC preferred where there is little
of it. Job folders and results as in ``md_conductivity.py``.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from md_results import FOLDER, read_rows
from md_tasks import Task, main
from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.oracle import OracleOutcome

RESULTS = FOLDER / "md_solvation.csv"
LIQUIDS = tuple(f"1 mol/kg LiPF6 in EC:DMC {ratio} (w/w) at 298.15 K" for ratio in ("1:1", "1:9", "3:7"))
PROTOCOL = {
    "base": "quick",
    "box": {"target_atoms": 700, "min_ion_pairs": 6},
    "produce": {"duration_ps": 500.0},
    "structure_ps": 2.0,
    "slow": None,
}
TARGET = (3.5, 4.5)


def bound_molecules(folder: Path, outcome: OracleOutcome) -> dict[str, str]:
    """Molecules bound to a lithium ion, for the job's row."""
    del folder
    columns = {}
    for name, (value, error) in outcome.provenance["results"]["solvation"]["molecules_per_Li"].items():
        columns |= {f"bound {name} per Li": f"{value:.4g}", f"bound {name} per Li error": f"{error:.2g}"}
    return columns


def table() -> str:
    """In Markdown."""
    low, high = TARGET
    lines = [
        f"| liquid | Li coordination (target {low:g} to {high:g}) | EC bound | DMC bound | PF6- bound | "
        "preference for EC | atoms | ns |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = {row["liquid"]: row for row in read_rows(RESULTS)}
    for text in LIQUIDS:
        if text not in rows:
            continue
        row = rows[text]
        number = f"{float(row['coordination_number (1)']):.2f} ± {float(row['coordination_number (1) error']):.2f}"
        bound = {name: float(row[f"bound {name} per Li"]) for name in ("EC", "DMC", "PF6-")}
        in_box = {name: int(count) for name, count in (one.rsplit(":", 1) for one in row["molecules"].split())}
        preference = math.inf
        if bound["DMC"] > 0:
            preference = bound["EC"] / bound["DMC"] / (in_box["EC"] / in_box["DMC"])
        lines.append(
            f"| {text} | {number} | {bound['EC']:.2f} | {bound['DMC']:.2f} | {bound['PF6-']:.2f} | {preference:.2f} | "
            f"{row['n_atoms']} | {float(row['produced_ps']) / 1e3:g} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    tasks = [Task(text, Formulation.parse(text), PROTOCOL) for text in LIQUIDS]
    sys.exit(main(__doc__, tasks, RESULTS, "md_solvation.py", table, bound_molecules))
