"""Do stated 95 % intervals hold what a run ten times as long finds? On motion made up for it, and on real runs.

    python benchmarks/md_intervals.py --synthetic 20          # minutes: 20 cases of each kind of motion
    nohup nice python benchmarks/md_intervals.py --out DIR &  # days on a core: long runs of five liquids, resumable
    python benchmarks/md_intervals.py --jobs FOLDER ...       # finished jobs of any kind: their tenths and the whole

An interval is value -+ 2 standard errors. Of each case the first tenth is analysed as if it were all, and its interval
has to hold the value of the whole. Synthetic cases have a truth as well, which the interval should also hold. Where
jobs are given, each of the ten tenths is compared with the whole too; these are not independent of it or of each other,
but say whether the first one was lucky. Rows are kept in ``benchmarks/results/md_intervals.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from md_reanalyse import trajectories_of
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.analysis.motion import motion_in
from saltloop.simulators.analysis.trajectory import Trajectory
from saltloop.simulators.job import run_job, write_job
from saltloop.simulators.md.boxes import contents_of
from saltloop.simulators.md.protocols import BoxSettings, Protocol, resolve_protocol

RESULTS = Path(__file__).parent / "results" / "md_intervals.json"
TENTH, FRAME_PS, DIFFUSION_NM2_PS = 400, 1.0, 1e-3
LIQUID = "1 mol/kg LiPF6 in EC:EMC 3:7 (w/w)"
LIQUIDS = (
    "1 mol/kg LiPF6 in AN at 298.15 K",
    "0.5 mol/kg LiTFSI in DME at 298.15 K",
    "1 mol/kg LiTFSI in DME:DOL 1:1 (w/w) at 298.15 K",
    "1 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 330 K",
    "1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 330 K",
)
LONG = {
    "base": "quick",
    "box": {"target_atoms": 800},
    "produce": {"duration_ps": 5000.0},
    "frame_ps": 1.0,
    "stop": None,
    "slow": None,
    "structure_ps": 5.0,
}
PLAIN = resolve_protocol({"base": "quick", "analysis": {"size_correction": False}})
QUANTITIES = ("D cation", "D anion", "Nernst-Einstein", "collective")
Found = dict[str, tuple[float, float]]


def main() -> int:
    """Print the table; 1 where fewer than 90 % of the intervals hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthetic", type=int, metavar="N", help="cases of each kind of made-up motion")
    parser.add_argument("--out", type=Path, help="folder of the long runs' job folders")
    parser.add_argument("--only", type=int, help="run at most this many unfinished jobs")
    parser.add_argument("--jobs", type=Path, nargs="+", default=[], help="folders of finished jobs")
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if arguments.synthetic:
        kept["synthetic"] = synthetic(arguments.synthetic)
    jobs = [*arguments.jobs, *(run(arguments) if arguments.out else [])]
    if jobs:
        real = kept.setdefault("real", {})
        real.update({job.name: of_job(job) for job in jobs})
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    return report(kept)


def synthetic(n: int) -> dict[str, Any]:
    """For each kind of motion and quantity: how many first tenths hold the whole, and how many the truth."""
    box = contents_of(Formulation.parse(LIQUID), BoxSettings(target_atoms=700, min_ion_pairs=6), SpeciesBook.builtin())
    n_molecules, rows = sum(box.counts.values()), {}
    for kind, make in KINDS.items():
        held: dict[str, list[tuple[bool, bool, float]]] = {name: [] for name in QUANTITIES}
        for case in range(n):
            walk = make(10 * TENTH, n_molecules, np.random.default_rng([case, len(kind)]))
            whole = Trajectory(
                contents=box,
                temperature_K=298.15,
                edge_nm=box.edge_nm(1.2),
                mean_density_g_cm3=1.2,
                frame_ps=FRAME_PS,
                positions=walk,
            )
            compared = held_by_first_tenth(whole)
            for name, (holds, short, _) in compared.items():
                truth = truth_of(name, box.counts["Li+"], whole) * (kind != "pairs" or name != "collective")
                held[name].append((holds, abs(short[0] - truth) <= 2 * short[1], short[1] / max(abs(short[0]), 1e-9)))
        rows[kind] = {
            name: {
                "n": n,
                "holds_whole": sum(one[0] for one in cases),
                "holds_truth": sum(one[1] for one in cases),
                "median_relative_error": round(float(np.median([one[2] for one in cases])), 3),
            }
            for name, cases in held.items()
        }
        print(kind, rows[kind], file=sys.stderr, flush=True)
    return rows


def held_by_first_tenth(whole: Trajectory) -> dict[str, tuple[bool, tuple[float, float], tuple[float, float]]]:
    """For each quantity: whether it holds, what the tenth and what the whole say."""
    return compared(values_in(tenth_of(whole, 0)), values_in(whole))


def compared(short: Found, long: Found) -> dict[str, tuple[bool, tuple[float, float], tuple[float, float]]]:
    return {name: (abs(short[name][0] - long[name][0]) <= 2 * short[name][1], short[name], long[name]) for name in long}


def tenth_of(whole: Trajectory, index: int) -> Trajectory:
    """One tenth of the frames."""
    n = len(whole.positions) // 10
    return replace(whole, positions=whole.positions[index * n : (index + 1) * n], structure=None)


def values_in(trajectory: Trajectory, protocol: Protocol = PLAIN) -> Found:
    """Values and standard errors. Without the size correction, whose error both would share."""
    motion = motion_in([trajectory], protocol.analysis)
    found = motion.conductivities
    assert found is not None
    cation = next(one for name, one in motion.diffusion.items() if name.endswith("+"))
    anion = next(one for name, one in motion.diffusion.items() if name.endswith("-"))
    return {
        "D cation": (cation.value_m2_s * 1e9, cation.standard_error_m2_s * 1e9),
        "D anion": (anion.value_m2_s * 1e9, anion.standard_error_m2_s * 1e9),
        "Nernst-Einstein": (found.nernst_einstein.value_mS_cm, found.nernst_einstein.standard_error_mS_cm),
        "collective": (found.collective.value_mS_cm, found.collective.standard_error_mS_cm),
    }


def truth_of(name: str, n_pairs: int, whole: Trajectory) -> float:
    """What made-up motion was made with; 2 n ions in the volume, each independent but for pairs."""
    if name.startswith("D "):
        return DIFFUSION_NM2_PS * 1e3
    charge2_kT = 1.602176634e-19**2 / (1.380649e-23 * whole.temperature_K)
    return charge2_kT * 2 * n_pairs * DIFFUSION_NM2_PS * 1e-6 / (whole.volume_nm3 * 1e-27) * 10


def free(n_frames: int, n: int, generator: np.random.Generator) -> np.ndarray:
    """Brownian motion."""
    size = math.sqrt(2 * DIFFUSION_NM2_PS * FRAME_PS)
    return np.cumsum(generator.normal(0, size, (n_frames, n, 3)), axis=0)


def cages(n_frames: int, n: int, generator: np.random.Generator) -> np.ndarray:
    """Rattling in moving harmonic cages of two sizes and times (8 and 40 ps): subdiffusive, then diffusive."""
    from scipy.signal import lfilter

    walk = free(n_frames, n, generator)
    for size, time in ((0.07, 8.0), (0.1, 40.0)):
        stays = math.exp(-FRAME_PS / time)
        kicks = generator.normal(0, size * math.sqrt(1 - stays**2), (n_frames, n, 3))
        kicks[0] /= math.sqrt(1 - stays**2)
        walk += lfilter([1], [1, -stays], kicks, axis=0)
    return walk


def surroundings(n_frames: int, n: int, generator: np.random.Generator) -> np.ndarray:
    """Each molecule switches between fast and slow surroundings, every 50 ps on average."""
    switches = generator.random((n_frames, n)) < FRAME_PS / 50
    is_fast = (np.cumsum(switches, axis=0) + generator.integers(0, 2, n)) % 2
    size = np.sqrt(2 * DIFFUSION_NM2_PS * FRAME_PS * np.where(is_fast, 1.7, 0.3))
    return np.cumsum(generator.normal(size=(n_frames, n, 3)) * size[..., None], axis=0)


def pairs(n_frames: int, n: int, generator: np.random.Generator) -> np.ndarray:
    """Each lithium stays with one anion (they come first in the box): no charge moves far."""
    walk = cages(n_frames, n, generator)
    walk[:, :N_PAIRS] = walk[:, N_PAIRS : 2 * N_PAIRS] + generator.normal(0, 0.05, (n_frames, N_PAIRS, 3))
    return walk


N_PAIRS = contents_of(
    Formulation.parse(LIQUID), BoxSettings(target_atoms=700, min_ion_pairs=6), SpeciesBook.builtin()
).counts["Li+"]
KINDS: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    "free": free,
    "cages": cages,
    "surroundings": surroundings,
    "pairs": pairs,
}


def run(arguments: argparse.Namespace) -> Iterator[Path]:
    """Long runs, one after another; finished ones are not run again, killed ones go on."""
    spec = {"kind": "openmm", "protocol": LONG, "platform": arguments.platform, "threads": arguments.threads}
    n_run = 0
    for text in LIQUIDS:
        folder = arguments.out / text.replace(" ", "_").replace("/", "-")
        if not (folder / "result.json").exists():
            if n_run == arguments.only:
                continue
            n_run += 1
            print(f"{text} ...", file=sys.stderr, flush=True)
        write_job(folder, job_key=folder.name, oracle_spec=spec, formulation=Formulation.parse(text), seed=1)
        if run_job(folder).failure is None:
            yield folder


def of_job(job: Path) -> dict[str, Any]:
    """The first tenth and all tenths of a job's first run against the whole of it."""
    whole = trajectories_of(job, {})[2][0]
    long = values_in(whole)
    tenths = [compared(values_in(tenth_of(whole, index)), long) for index in range(10)]
    return {
        name: {
            "holds": tenths[0][name][0],
            "tenths_that_hold": sum(one[name][0] for one in tenths),
            "first_tenth": [round(x, 4) for x in tenths[0][name][1]],
            "whole": [round(x, 4) for x in long[name]],
            "whole_ps": round(whole.length_ps, 1),
        }
        for name in long
    }


def report(kept: dict[str, Any]) -> int:
    """Both tables; 1 where fewer than 90 % hold."""
    is_good = True
    for kind, rows in kept.get("synthetic", {}).items():
        for name, row in rows.items():
            print(
                f"{kind:14} {name:16} whole in {row['holds_whole']}/{row['n']}, "
                f"truth in {row['holds_truth']}/{row['n']}, relative error {row['median_relative_error']:.2f}"
            )
    cases = [row for rows in kept.get("synthetic", {}).values() for row in rows.values()]
    if cases:
        share = sum(row["holds_whole"] for row in cases) / sum(row["n"] for row in cases)
        print(f"synthetic: {100 * share:.0f} % of the intervals hold the result of the run ten times as long")
        is_good &= share >= 0.9
    real = [(job, name, row) for job, rows in kept.get("real", {}).items() for name, row in rows.items()]
    for job, name, row in real:
        print(
            f"{job[:44]:44} {name:16} {row['first_tenth']} {row['whole']} {row['holds']} {row['tenths_that_hold']}/10"
        )
    if real:
        share = sum(row["holds"] for _, _, row in real) / len(real)
        print(f"real: {100 * share:.0f} % of {len(real)} intervals hold the result of the run ten times as long")
        is_good &= share >= 0.9
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
