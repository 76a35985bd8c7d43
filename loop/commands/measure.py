"""``saltloop measure``: one oracle, one formulation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from saltloop.chemistry.formulation import Formulation
from saltloop.loop.commands.options import json_option, print_json, quiet_option


@click.command()
@click.argument("formulation")
@click.option(
    "--oracle", default="openmm", show_default=True, help="openmm, mlff, or 'package.module:Class' of your own."
)
@click.option("--protocol", default="quick", show_default=True, help="demo, quick, standard or production.")
@click.option("--platform", default="auto", show_default=True, help="auto, CPU, CUDA or OpenCL.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Job folder (default: measurements/ID-...).")
@quiet_option
@json_option
def measure(
    formulation: str,
    oracle: str,
    protocol: str,
    platform: str,
    seed: int,
    output: Path | None,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run one oracle on FORMULATION, e.g. "1.0 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K".

    Interrupted, the same command goes on from the last checkpoint in the job folder.
    """
    from saltloop.chemistry.species import SpeciesBook
    from saltloop.simulators.job import read_outcome, write_job
    from saltloop.simulators.oracle import build_oracle

    liquid = Formulation.parse(formulation)
    spec: dict[str, Any] = {"kind": oracle, "protocol": protocol, "platform": platform}
    if oracle not in ("openmm", "mlff"):
        spec = {"kind": "python", "factory": oracle}
    build_oracle(spec, SpeciesBook.builtin()).check(liquid)
    name = {"openmm": protocol, "mlff": f"mlff-{protocol}"}.get(oracle, oracle.rpartition(":")[2])
    folder = output or Path("measurements") / f"{liquid.formulation_id}-{name}-seed{seed}"
    write_job(
        folder,
        job_key=f"{liquid.formulation_id}-{name}-{seed}",
        oracle_spec=spec,
        formulation=liquid,
        seed=seed,
        user_species=(),
    )
    _run_in_worker(folder, str(liquid), is_quiet=quiet or as_json)
    outcome = read_outcome(folder)
    if outcome is None:
        click.echo(f"The worker left no result; see {folder / 'log.txt'}.", err=True)
        return 1
    if as_json:
        print_json(json.loads((folder / "result.json").read_text()))
    elif outcome.failure is not None:
        click.echo(f"{liquid}\n  failed ({outcome.failure.kind}): {outcome.failure.reason}\n  see {folder / 'log.txt'}")
    else:
        click.echo(str(liquid))
        for m in outcome.measurements:
            click.echo(f"  {m.quantity:32s} {m.value:.4g} ± {m.standard_uncertainty:.2g} {m.unit}   {m.method}")
        for warning in outcome.provenance.get("warnings", []):
            click.echo(f"  warning: {warning}")
        click.echo(f"  job folder: {folder}")
    return 1 if outcome.failure is not None else 0


def _run_in_worker(folder: Path, title: str, *, is_quiet: bool) -> None:
    from concurrent.futures import wait

    from saltloop.loop.screen import Screen
    from saltloop.loop.workers import WorkerProcesses
    from saltloop.simulators.job import run_job

    executor = WorkerProcesses(1)
    future = executor.submit(run_job, folder)
    try:
        with Screen(is_quiet=is_quiet).jobs([("MD", title)]) as update:
            while not wait([future], timeout=0.5).done:
                try:
                    progress = json.loads((folder / "progress.json").read_text())
                    update({"MD": (float(progress["fraction"]), str(progress["message"]))})
                except (OSError, ValueError, KeyError):
                    continue
    except BaseException:
        executor.shutdown(cancel_futures=True)
        raise
