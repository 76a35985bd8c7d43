"""Densities of pure solvents and the conductivity of one electrolyte by the openmm oracle, beside experiment.

    python benchmarks/md_densities.py --folder benchmarks/runs/md_densities --threads 1

Run again with the same folder it goes on where it was stopped. For a pure solvent production is cut to 20 ps: its
density comes from the constant-pressure stage, which is that of the protocol. Experiment: DMC and PC at 298.15 K, EC at
313.15 K, handbook values (CRC Handbook of Chemistry and Physics); conductivity of 1.001 mol/kg LiPF6 in EC:EMC 3:7
(w/w) at 298.15 K, doi:10.1016/j.electacta.2008.04.023.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.job import run_job, write_job
from saltloop.simulators.oracle import OracleOutcome

DENSITIES_G_CM3 = {"EC at 313.15 K": 1.321, "DMC at 298.15 K": 1.063, "PC at 298.15 K": 1.200}
ELECTROLYTE = "1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K"
ELECTROLYTE_MS_CM = 9.507
MAX_DENSITY_ERROR = 0.05


def main() -> int:
    """Run what has not been run, print the table; 1 if a density is off by more than 5 % or a run failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/runs/md_densities"))
    parser.add_argument("--protocol", default="quick")
    parser.add_argument("--platform", default="auto")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="run only the liquids whose text contains this, then print what there is")
    arguments = parser.parse_args()
    outcomes = {}
    for text in (*DENSITIES_G_CM3, ELECTROLYTE):
        folder = arguments.folder / f"{arguments.protocol}-{text.replace(' ', '_').replace('/', '-')}"
        if arguments.only and arguments.only not in text and not (folder / "result.json").exists():
            continue
        outcomes[text] = run(text, folder, arguments)
    table, is_good = report(outcomes)
    print(table)
    return 0 if is_good else 1


def run(text: str, folder: Path, arguments: argparse.Namespace) -> OracleOutcome:
    """One liquid in one job folder."""
    protocol: dict[str, object] = {"base": arguments.protocol}
    if text in DENSITIES_G_CM3:
        protocol["produce"] = {"duration_ps": 20.0}
    spec = {"kind": "openmm", "protocol": protocol, "platform": arguments.platform, "threads": arguments.threads}
    write_job(folder, job_key=folder.name, oracle_spec=spec, formulation=Formulation.parse(text), seed=arguments.seed)
    print(f"{text} ...", file=sys.stderr, flush=True)
    return run_job(folder)


def report(outcomes: dict[str, OracleOutcome]) -> tuple[str, bool]:
    """A markdown table, and whether everything is as it should be."""
    lines = [
        "| liquid | quantity | simulated | experiment | deviation | atoms | wall time |",
        "|---|---|---|---|---|---|---|",
    ]
    is_good = True
    for text, outcome in outcomes.items():
        if outcome.failure:
            lines.append(f"| {text} | failed: {outcome.failure.reason} | | | | | |")
            is_good = False
            continue
        found = {one.quantity: one for one in outcome.measurements}
        size = f"{outcome.provenance['composition']['n_atoms']} | {outcome.provenance['wall_s'] / 60:.1f} min"
        rows = [("density", DENSITIES_G_CM3.get(text))]
        if text == ELECTROLYTE:
            rows += [
                ("conductivity_nernst_einstein", ELECTROLYTE_MS_CM),
                ("conductivity_collective", ELECTROLYTE_MS_CM),
            ]
        for quantity, known in rows:
            one = found[quantity]
            value = f"{one.value:.4g} ± {one.standard_uncertainty:.2g} {one.unit}"
            deviation = "" if known is None else f"{100 * (one.value / known - 1):+.1f} %"
            lines.append(f"| {text} | {quantity} | {value} | {known or ''} | {deviation} | {size} |")
            if quantity == "density" and known is not None:
                is_good &= abs(one.value / known - 1) <= MAX_DENSITY_ERROR
        if text == ELECTROLYTE:
            independent, collective = found["conductivity_nernst_einstein"], found["conductivity_collective"]
            error = (independent.standard_uncertainty**2 + collective.standard_uncertainty**2) ** 0.5
            is_ordered = independent.value >= collective.value - 2 * error
            is_good &= is_ordered
            lines.append(f"\nNernst-Einstein not below collective beyond two standard errors: {is_ordered}")
    return "\n".join(lines), is_good


if __name__ == "__main__":
    sys.exit(main())
