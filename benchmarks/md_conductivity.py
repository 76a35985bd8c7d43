"""Conductivities by the openmm oracle beside the 24 measured ones of ``md_reference.csv``, with one setting for all.

    nohup nice python benchmarks/md_conductivity.py --out DIR >DIR.log &   # runs what there is to run
    python benchmarks/md_conductivity.py --out DIR --only 5                # no more than five jobs, then the tables
    python benchmarks/md_conductivity.py --out DIR --analyse-only          # trajectories analysed again, nothing is run
    python benchmarks/md_conductivity.py --table                           # tables and plot from the results alone

Each electrolyte is a job of saltloop in a folder of its own under ``--out``: one that is finished is not run again, one
that was killed goes on from its last checkpoint. Their order (``md_reference.RUN_ORDER``) lets a part of them say
something already. One row for each finished job stands in ``benchmarks/results/md_conductivity.csv``, from which tables
and plot are made (``md_conductivity_tables.py``).
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

from md_conductivity_tables import report
from md_reanalyse import reanalysed
from md_reference import Electrolyte, electrolytes
from md_results import FOLDER, alone_in, read_rows, remember, row_of, show
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.job import read_outcome, run_job, write_job
from saltloop.simulators.oracle import OracleOutcome, UnsupportedFormulationError, build_oracle

RESULTS = FOLDER / "md_conductivity.csv"
PLOT = Path(__file__).parent.parent / "docs" / "images" / "md_conductivity.png"
ANALYSIS = {"report": "combined"}
PROTOCOL = {
    "base": "quick",
    "box": {"target_atoms": 600, "min_ion_pairs": 4},
    "equilibrate_npt": {"duration_ps": 250.0},
    "produce": {"duration_ps": 1000.0},
    "frame_ps": 1.0,
    "checkpoint_ps": 25.0,
    "slow": None,
    "analysis": ANALYSIS,
}
"""The same for all, and nothing in it depends on what is found: 10 to 45 minutes for each on one core."""
SEED = 1


def main() -> int:
    """Run, write the rows, print the tables; 1 where a job failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the job folders")
    parser.add_argument("--only", type=int, help="run at most this many unfinished jobs")
    parser.add_argument("--match", help="only electrolytes whose text contains this")
    parser.add_argument("--backwards", action="store_true", help="last one first: two of these share the work")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--analyse-only", action="store_true", help="analyse the trajectories that there are again")
    parser.add_argument("--table", action="store_true", help="only the tables and the plot")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/benchmarks.md as well")
    arguments = parser.parse_args()
    if arguments.table:
        return _tables(arguments)
    if arguments.out is None:
        parser.error("--out is needed where jobs are run or analysed")
    wanted = [one for one in electrolytes() if not arguments.match or arguments.match in str(one.formulation)]
    n_run = n_failed = 0
    for one in reversed(wanted) if arguments.backwards else wanted:
        folder = arguments.out / one.slug
        is_finished = (folder / "result.json").exists()
        if not is_finished and (arguments.analyse_only or n_run == arguments.only):
            continue
        if not is_finished and (why_not := _why_unsupported(one, arguments)):
            print(f"{one.formulation} is left for later: {why_not}", file=sys.stderr, flush=True)
            continue
        outcome = alone_in(folder, str(one.formulation), partial(_outcome, one, folder, arguments))
        if outcome is None:
            continue
        n_run += not is_finished
        if outcome.failure:
            n_failed += 1
            print(f"{one.formulation}: {outcome.failure.reason}", file=sys.stderr, flush=True)
        else:
            remember(row_of(str(one.formulation), outcome), RESULTS)
    return _tables(arguments) or int(n_failed > 0)


def _outcome(one: Electrolyte, folder: Path, arguments: argparse.Namespace) -> OracleOutcome:
    """The outcome in a job's folder: run, read, or analysed again."""
    if not (folder / "result.json").exists():
        write_job(folder, job_key=one.slug, oracle_spec=_spec(arguments), formulation=one.formulation, seed=SEED)
        print(f"{one.formulation} ...", file=sys.stderr, flush=True)
        outcome = run_job(folder)
        if outcome.failure and outcome.failure.kind == "foreign_checkpoint":
            # The version that began the job can still go on with it.
            (folder / "result.json").unlink()
        return outcome
    outcome = read_outcome(folder)
    assert outcome is not None
    if arguments.analyse_only and not outcome.failure:
        return reanalysed(folder, ANALYSIS)
    return outcome


def _spec(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"kind": "openmm", "protocol": PROTOCOL, "platform": arguments.platform, "threads": arguments.threads}


def _why_unsupported(one: Electrolyte, arguments: argparse.Namespace) -> str:
    """Empty where the oracle takes it; such a job is not begun, so that it can be run once there are parameters."""
    try:
        build_oracle(_spec(arguments), SpeciesBook.builtin()).check(one.formulation)
    except UnsupportedFormulationError as error:
        return str(error)
    return ""


def _tables(arguments: argparse.Namespace) -> int:
    show(report(read_rows(RESULTS), PLOT), "md_conductivity.py", in_docs=arguments.docs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
