"""A benchmark of molecular dynamics as a list of jobs, each in a folder of its own and resumed where it was killed.

Several processes with one ``--out`` share the work.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from md_results import alone_in, remember, row_of, show
from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.job import run_job, write_job
from saltloop.simulators.oracle import OracleOutcome

SEED = 1


@dataclass(frozen=True)
class Task:
    """One liquid, or one liquid under one setting."""

    name: str
    """In the table and, with other letters for blanks and colons, of the folder."""
    formulation: Formulation
    protocol: dict[str, Any]

    @property
    def slug(self) -> str:
        return self.name.replace(" ", "_").replace("/", "-").replace(":", "-")


def main(
    doc: str | None,
    tasks: Sequence[Task],
    results: Path,
    script: str,
    table: Callable[[], str],
    more: Callable[[Path, OracleOutcome], dict[str, str]] = lambda folder, outcome: {},
) -> int:
    """Run what has not been run, print the table; 1 where a job failed. ``more`` adds columns to a job's row."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the job folders")
    parser.add_argument("--only", type=int, help="run at most this many unfinished jobs")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="only the table")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/benchmarks.md as well")
    arguments = parser.parse_args()
    if not arguments.table and arguments.out is None:
        parser.error("--out is needed where jobs are run")
    is_good = arguments.table or _run(tasks, arguments, results, more)
    show(table(), script, in_docs=arguments.docs)
    return int(not is_good)


def _run(
    tasks: Sequence[Task],
    arguments: argparse.Namespace,
    results: Path,
    more: Callable[[Path, OracleOutcome], dict[str, str]],
) -> bool:
    n_run, is_good = 0, True
    for task in tasks:
        folder = arguments.out / task.slug
        is_finished = (folder / "result.json").exists()
        if not is_finished and n_run == arguments.only:
            continue
        outcome = alone_in(folder, task.name, partial(_outcome, task, folder, arguments))
        if outcome is None:
            continue
        n_run += not is_finished
        if outcome.failure:
            is_good = False
            print(f"{task.name}: {outcome.failure.reason}", file=sys.stderr, flush=True)
        else:
            remember({**row_of(task.name, outcome), **more(folder, outcome)}, results)
    return is_good


def _outcome(task: Task, folder: Path, arguments: argparse.Namespace) -> OracleOutcome:
    """Run, or read where it is finished."""
    if not (folder / "result.json").exists():
        print(f"{task.name} ...", file=sys.stderr, flush=True)
    spec = {"kind": "openmm", "protocol": task.protocol, "platform": arguments.platform, "threads": arguments.threads}
    write_job(folder, job_key=folder.name, oracle_spec=spec, formulation=task.formulation, seed=SEED)
    return run_job(folder)
