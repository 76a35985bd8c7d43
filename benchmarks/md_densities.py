"""Densities of pure solvents by the openmm oracle beside measured ones, and those of the simulated electrolytes.

    nohup nice python benchmarks/md_densities.py --out DIR &    # runs what has not been run, then the table
    python benchmarks/md_densities.py --table                   # the table from the results alone

Each solvent is a job in a folder of its own under ``--out``, finished ones are not run again and killed ones go on; one
row for each in ``benchmarks/results/md_densities.csv``. Measured densities are those of saltloop's species table.
Production is cut to 20 ps: the density is that of the constant-pressure stage.

Densities of electrolytes come from ``md_conductivity.py``. Among the data of this project there is no measured density
of an electrolyte (CALiSol-23 and the KIT robot have conductivities), so they stand beside saltloop's own estimate from
the solvents' densities and the salts' volumes, which is good to 1.5 to 4 % and no measurement.
"""

from __future__ import annotations

import sys

import numpy as np
from md_reference import PureLiquid, electrolytes, pure_liquids
from md_results import FOLDER, read_rows
from md_tasks import Task, main

RESULTS = FOLDER / "md_densities.csv"
ELECTROLYTES = FOLDER / "md_conductivity.csv"
PROTOCOL = {
    "base": "quick",
    "box": {"target_atoms": 700},
    "equilibrate_npt": {"duration_ps": 120.0},
    "produce": {"duration_ps": 20.0},
    "stop": None,
    "slow": None,
}
"""At least 120 ps at constant pressure, up to four times that until the density has converged to 0.3 %."""
TARGET_G_CM3 = 0.02


def table() -> str:
    """Both tables in Markdown."""
    return f"{_pure(pure_liquids())}\n\n{_electrolytes()}"


def _pure(liquids: list[PureLiquid]) -> str:
    rows = {row["liquid"]: row for row in read_rows(RESULTS)}
    lines = [
        "| solvent | simulated g/cm³ | measured | difference | source | atoms | wall time |",
        "|---|---|---|---|---|---|---|",
    ]
    differences = []
    for one in liquids:
        row = rows.get(str(one.formulation))
        if row is None:
            continue
        value = float(row["density (g/cm3)"])
        differences.append(value - one.density_g_cm3)
        lines.append(
            f"| {one.formulation} | {value:.4f} ± {float(row['density (g/cm3) error']):.4f} | "
            f"{one.density_g_cm3:.3f} | {differences[-1]:+.3f} "
            f"({100 * differences[-1] / one.density_g_cm3:+.1f} %) | {one.source} | "
            f"{row['n_atoms']} | {float(row['wall_s']) / 60:.0f} min |"
        )
    if differences:
        mean = np.abs(differences).mean()
        lines.append(f"\nMean absolute error of {len(differences)}: {mean:.4f} g/cm³ (target: {TARGET_G_CM3:g}).")
    return "\n".join(lines)


def _electrolytes() -> str:
    rows = {row["liquid"]: row for row in read_rows(ELECTROLYTES)}
    lines = ["| electrolyte | simulated g/cm³ | estimate (no measurement) | difference |", "|---|---|---|---|"]
    for one in electrolytes():
        row = rows.get(str(one.formulation))
        if row is None:
            continue
        value = float(row["density (g/cm3)"])
        estimate = one.formulation.solution_density(one.formulation.temperature_K)
        error = estimate.value * estimate.relative_standard_error
        lines.append(
            f"| {one.formulation} | {value:.4f} ± {float(row['density (g/cm3) error']):.4f} | "
            f"{estimate.value:.3f} ± {error:.3f} | {100 * (value / estimate.value - 1):+.1f} % |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    tasks = [Task(str(one.formulation), one.formulation, PROTOCOL) for one in pure_liquids()]
    sys.exit(main(__doc__, tasks, RESULTS, "md_densities.py", table))
