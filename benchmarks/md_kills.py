"""One simulation killed twenty times at random moments, beside runs of the same liquid that nobody disturbed.

    python benchmarks/md_kills.py --folder benchmarks/runs/md_kills --out benchmarks/results/md_kills.json

Each session is a process that ``SIGKILL`` ends after a random amount of processor time (start, packing, minimisation
and all stages may be hit; a busy machine changes nothing). The job then runs to its end. Checked: the checkpoint never
goes back and is never further behind than the time of one checkpoint; every frame is there once; trajectories go on
smoothly where sessions met; the results agree with those of the undisturbed runs within their errors.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.checkpoints import read_checkpoint
from saltloop.simulators.job import run_job, write_job
from saltloop.simulators.oracle import OracleOutcome

LIQUID = "1.5 mol/kg LiBF4 in AN at 298.15 K"
PROTOCOL: dict[str, Any] = {
    "base": "demo",
    "box": {"target_atoms": 280, "min_ion_pairs": 2},
    "force_field": {"cutoff_nm": 0.6},
    "equilibrate_npt": {"duration_ps": 10.0, "converge": None},
    "produce": {"duration_ps": 40.0},
    "frame_ps": 0.2,
    "checkpoint_ps": 1.0,
    "replicas": 1,
}
STAGE_PS = {"soften": 1.0, "nvt": 4.0, "npt": 10.0, "settle": 2.0, "produce": 40.0}
STAGES = tuple(STAGE_PS)
STARTUP_S = 1.0
"""Processor time before a session steps: imports, and building the context."""
MAX_DEVIATION = 3.0
"""In standard errors of a difference."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/runs/md_kills"))
    parser.add_argument("--out", type=Path, help="JSON of the results")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--undisturbed", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    undisturbed, seconds = [], []
    for index in range(arguments.undisturbed):
        job = prepared(arguments.folder / f"undisturbed-{index + 1}", arguments.seed + 100 * (index + 1))
        noted = job / "cpu_s.txt"
        if not noted.exists():
            noted.write_text(f"{session(job, None):.1f}")
        seconds.append(float(noted.read_text()))
        undisturbed.append(run_job(job))
        print(f"undisturbed run {index + 1}: {seconds[-1]:.0f} s of processor time", file=sys.stderr, flush=True)
    job = prepared(arguments.folder / "killed", arguments.seed)
    rows = kill(job, arguments.kills, float(np.mean(seconds)), np.random.default_rng(arguments.seed))
    session(job, None)
    outcome = run_job(job)
    report = {
        "liquid": LIQUID,
        "kills": rows,
        "stages_killed_in": {stage: sum(row["stage"] == stage for row in rows) for stage in ("start", *STAGES)},
        "sessions": outcome.provenance["n_sessions"],
        "n_frames": outcome.provenance["results"]["n_frames"],
        "n_frames_expected": round(PROTOCOL["produce"]["duration_ps"] / PROTOCOL["frame_ps"]),
        "checkpoint_went_back": sum(row["back_ps"] > 0 for row in rows),
        "seams": seams(job),
        "results": compared(outcome, undisturbed),
    }
    print(json.dumps({key: value for key, value in report.items() if key != "kills"}, indent=1))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")
    is_good = (
        report["n_frames"] == report["n_frames_expected"]
        and not report["checkpoint_went_back"]
        and report["seams"]["n_repeated_frames"] == 0
        and all(abs(row["deviation"]) < MAX_DEVIATION for row in report["results"].values())
    )
    return 0 if is_good else 1


def prepared(folder: Path, seed: int) -> Path:
    """A job folder with its input."""
    spec = {"kind": "openmm", "protocol": PROTOCOL, "platform": "CPU", "threads": 1}
    write_job(folder, job_key=folder.name, oracle_spec=spec, formulation=Formulation.parse(LIQUID), seed=seed)
    return folder


def session(job: Path, cpu_s: float | None) -> float:
    """Run the job in a process of its own, killed once it has used ``cpu_s``; returns the processor time used."""
    process = multiprocessing.get_context("spawn").Process(target=run_job, args=(job,))
    process.start()
    used, watched = 0.0, psutil.Process(process.pid)
    while process.is_alive():
        try:
            times = watched.cpu_times()
            used = times.user + times.system + times.children_user + times.children_system
        except psutil.NoSuchProcess:
            break
        if cpu_s is not None and used >= cpu_s:
            process.kill()
        time.sleep(0.05)
    process.join()
    return used


def position(job: Path) -> tuple[int, float]:
    """Where the last checkpoint stands: number of the stage (0 before the first), ps in it."""
    checkpoint = read_checkpoint(job / "md")
    if checkpoint is None:
        return 0, 0.0
    timestep_ps = 0.001 if checkpoint.stage == "soften" else 0.004
    return 1 + STAGES.index(checkpoint.stage), checkpoint.steps * timestep_ps


def share_done(job: Path) -> float:
    """Of the steps of a whole run, those before the last checkpoint."""
    number, done_ps = position(job)
    before_ps = sum(STAGE_PS[stage] for stage in STAGES[: max(0, number - 1)])
    return (before_ps + done_ps) / sum(STAGE_PS.values())


def kill(job: Path, n: int, whole_s: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Kill ``n`` sessions; where each one stood, and how far its checkpoint fell behind the one before (0 if not).

    ``whole_s`` is the processor time of an undisturbed run: what is left of it is shared among the kills that are left.
    """
    noted = job / "kills.json"
    rows: list[dict[str, Any]] = json.loads(noted.read_text()) if noted.exists() else []
    before = position(job)
    while len(rows) < n and not (job / "result.json").exists():
        each_s = max(0.1, whole_s * (1 - share_done(job)) / (n - len(rows) + 1))
        used = session(job, float(rng.uniform(0, STARTUP_S + 2 * each_s)))
        if (job / "result.json").exists():
            break
        after = position(job)
        back_ps = before[1] - after[1] if after[0] == before[0] else (0.0 if after[0] > before[0] else np.inf)
        stage = "start" if after[0] == 0 else STAGES[after[0] - 1]
        rows.append({"cpu_s": round(used, 2), "stage": stage, "ps": round(after[1], 3), "back_ps": max(0.0, back_ps)})
        noted.write_text(json.dumps(rows))
        print(f"kill {len(rows)}: {rows[-1]}", file=sys.stderr, flush=True)
        before = after
    return rows


def seams(job: Path) -> dict[str, float]:
    """Frames that occur twice, and the largest step between two frames within pieces and between them (nm)."""
    pieces = [np.load(path)["positions"].astype(float) for path in sorted((job / "md").glob("produce-*.npz"))]
    positions = np.concatenate(pieces)
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=2)
    ends = np.cumsum([len(piece) for piece in pieces])[:-1] - 1
    inside = np.delete(steps, ends, axis=0)
    return {
        "n_repeated_frames": int((steps.max(axis=1) == 0).sum()),
        "largest_step_within_nm": round(float(inside.max()), 3),
        "largest_step_between_nm": round(float(steps[ends].max()), 3),
        "mean_square_step_within_nm2": round(float((inside**2).mean()), 6),
        "mean_square_step_between_nm2": round(float((steps[ends] ** 2).mean()), 6),
    }


def compared(outcome: OracleOutcome, others: list[OracleOutcome]) -> dict[str, dict[str, Any]]:
    """Each quantity of the killed run, the mean of the others, and their difference over its standard error.

    The error of a run is the stated one, or the spread of the undisturbed runs where that is larger: what does not
    change within a run this short, such as which ions are paired, hangs on the packing.
    """
    rows = {}
    for one in outcome.measurements:
        same = [m for other in others for m in other.measurements if m.quantity == one.quantity]
        values = np.array([m.value for m in same])
        spread = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        of_each = max(float(np.sqrt(np.mean([m.standard_uncertainty**2 for m in same]))), spread)
        error = float(np.hypot(max(one.standard_uncertainty, spread), of_each / np.sqrt(len(values))))
        rows[one.quantity] = {
            "killed": one.value,
            "standard_error": one.standard_uncertainty,
            "undisturbed": values.tolist(),
            "undisturbed_errors": [m.standard_uncertainty for m in same],
            "unit": one.unit,
            "deviation": round(float(one.value - values.mean()) / error, 2),
        }
    return rows


if __name__ == "__main__":
    sys.exit(main())
