"""How lithium is solvated in 1 mol/kg LiPF6 in EC:DMC by the openmm oracle: coordination number, and preference for EC.

    nohup nice python benchmarks/md_solvation.py --out DIR &    # runs what has not been run, then the table
    python benchmarks/md_solvation.py --table                   # the table from the results alone

Three ratios of EC to DMC. The preference is (EC bound : DMC bound) over (EC : DMC in the box); above 1, lithium takes
more EC than chance would give it. Expected: about four donors in all (4 +- 0.5), and EC preferred where there is little
of it. Job folders and results as in ``md_conductivity.py``.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from md_results import FOLDER, read_rows, remember, row_of, show
from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.job import run_job, write_job

RESULTS = FOLDER / "md_solvation.csv"
LIQUIDS = tuple(f"1 mol/kg LiPF6 in EC:DMC {ratio} (w/w) at 298.15 K" for ratio in ("1:1", "1:9", "3:7"))
PROTOCOL = {
    "base": "quick",
    "box": {"target_atoms": 800, "min_ion_pairs": 6},
    "produce": {"duration_ps": 1000.0},
    "structure_ps": 2.0,
    "slow": None,
}
SEED = 1
TARGET = (3.5, 4.5)


def main() -> int:
    """Run what has not been run, print the table; 1 where a job failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the job folders")
    parser.add_argument("--only", type=int, help="run at most this many unfinished jobs")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="only the table")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/benchmarks.md as well")
    arguments = parser.parse_args()
    if not arguments.table and arguments.out is None:
        parser.error("--out is needed where jobs are run")
    is_good = arguments.table or run(arguments)
    show(table(), "md_solvation.py", in_docs=arguments.docs)
    return int(not is_good)


def run(arguments: argparse.Namespace) -> bool:
    """Every liquid in turn; whether none failed."""
    spec = {"kind": "openmm", "protocol": PROTOCOL, "platform": arguments.platform, "threads": arguments.threads}
    n_run, is_good = 0, True
    for text in LIQUIDS:
        folder = arguments.out / text.replace(" ", "_").replace("/", "-").replace(":", "-")
        if not (folder / "result.json").exists():
            if n_run == arguments.only:
                continue
            n_run += 1
            print(f"{text} ...", file=sys.stderr, flush=True)
        write_job(folder, job_key=folder.name, oracle_spec=spec, formulation=Formulation.parse(text), seed=SEED)
        outcome = run_job(folder)
        if outcome.failure:
            is_good = False
            print(f"{text}: {outcome.failure.reason}", file=sys.stderr, flush=True)
            continue
        row = row_of(text, outcome)
        for name, (value, error) in outcome.provenance["results"]["solvation"]["molecules_per_Li"].items():
            row[f"bound {name} per Li"], row[f"bound {name} per Li error"] = f"{value:.4g}", f"{error:.2g}"
        remember(row, RESULTS)
    return is_good


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
    sys.exit(main())
