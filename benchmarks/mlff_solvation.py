"""How SevenNet-0 with D3 solvates lithium: 1 LiPF6 in EC at 330 K, in a box that one CPU core can carry.

    nohup nice python benchmarks/mlff_solvation.py --out DIR --ps 2 &   # goes on to that length, then the table
    python benchmarks/mlff_solvation.py --table                         # the table from the results alone

Known (Ju et al., arXiv:2501.05211): Li-O about 2.0 A, four carbonyl oxygens. The box starts from classical dynamics at
the estimated density, whose own numbers stand beside: what a short run shows is whether SevenNet keeps that shell and
at which distance; it is too short for the shell to be exchanged. Where atoms stand does not depend on masses, so that
production has tritium and 2 fs. A killed run goes on from its last checkpoint; a longer ``--ps`` goes on from the end.
Another ``--seed`` (with another ``--out``) is another start, and a row of its own: whether PF6 touches lithium is the
start's, because ions do not part in so short a time.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.analysis.structure import first_minimum, solvation_in
from saltloop.simulators.analysis.structure_sites import sites_of
from saltloop.simulators.analysis.trajectory import Trajectory
from saltloop.simulators.checkpoints import read_checkpoint, read_pieces, write_json_durably
from saltloop.simulators.md.boxes import contents_of, estimated_density_g_cm3
from saltloop.simulators.md.engine import Simulation
from saltloop.simulators.md.platforms import choose_platform
from saltloop.simulators.mlff.oracle import MLFFOracle
from saltloop.simulators.mlff.settings import TRITIUM, MLFFSpec

RESULTS = Path(__file__).parent / "results" / "mlff_solvation.json"
LIQUID = Formulation.parse("0.95 mol/kg LiPF6 in EC at 330 K")
CLASSICAL_PS = 200.0
PROTOCOL = {
    "base": "demo",
    "box": {"target_atoms": 128, "min_ion_pairs": 1},
    "minimise": {"max_iterations": 5},
    "soften": {"duration_ps": 0.02},
    "equilibrate_nvt": {"duration_ps": 0.05, "friction_per_ps": 10.0},
    "produce": {"duration_ps": 0.2, "timestep_fs": 2.0, "friction_per_ps": 2.0, "hydrogens": TRITIUM},
    "frame_ps": 0.01,
    "structure_ps": 0.01,
    "checkpoint_ps": 0.02,
}
PIECE_PS = 0.04
SHELL_NM = 0.28
"""Lithium and the oxygens that bind it, where no first minimum is found."""
FIRST_SEED = 3


def main() -> int:
    """Go on to the length asked for; print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder of the run")
    parser.add_argument("--ps", type=float, default=0.5, help="production, all sessions together")
    parser.add_argument("--model", default="sevennet-0")
    parser.add_argument("--seed", type=int, default=FIRST_SEED)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="only the table")
    arguments = parser.parse_args()
    if not arguments.table:
        if arguments.out is None:
            parser.error("--out is needed where a run goes on")
        run(arguments)
    print(table())
    return 0


def run(arguments: argparse.Namespace) -> None:
    """Piece by piece, the results written after each."""
    spec = MLFFSpec(
        model=arguments.model,
        protocol=PROTOCOL,
        start={"base": "demo", "produce": {"duration_ps": CLASSICAL_PS}, "structure_ps": 0.2},
        threads=arguments.threads,
    )
    oracle = MLFFOracle(spec, SpeciesBook.builtin())
    contents = contents_of(LIQUID, oracle.protocol.box, oracle.species)
    density, _ = estimated_density_g_cm3(contents.formulation)
    simulation = Simulation(
        contents=contents,
        protocol=oracle.protocol,
        forces=oracle.forces,
        folder=arguments.out / "md",
        seed=arguments.seed,
        platform=choose_platform("CPU", arguments.threads),
        fingerprint=f"mlff_solvation {arguments.model}",
        progress=lambda share, words: print(time.strftime("%H:%M:%S"), words, file=sys.stderr, flush=True),
        fixed_density_g_cm3=density,
    )
    length_ps = PIECE_PS
    while True:
        started = time.process_time()
        simulation.run(length_ps)
        remember(row_name(arguments), simulation, time.process_time() - started)
        if length_ps >= arguments.ps - 1e-9:
            return
        length_ps = min(arguments.ps, length_ps + PIECE_PS)


def row_name(arguments: argparse.Namespace) -> str:
    """The model, and the start where it is not the first."""
    is_first = arguments.seed == FIRST_SEED
    return arguments.model if is_first else f"{arguments.model}, start {arguments.seed}"


def remember(model: str, simulation: Simulation, cpu_s: float) -> None:
    """Add what has been found to the results, and beside it the same of the classical dynamics that it started from."""
    trajectory = simulation.trajectory()
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    before = rows.get(model, {}).get("cpu_s", 0.0)
    rows[model] = {
        "liquid": str(simulation.contents.formulation),
        "molecules": dict(simulation.contents.counts),
        "n_atoms": simulation.contents.n_atoms,
        "edge_nm": round(trajectory.edge_nm, 4),
        "produced_ps": round(trajectory.frame_ps * len(trajectory.positions), 4),
        "cpu_s": round(before + cpu_s, 1),
        "mean_temperature_K": round(float(trajectory.temperatures_K.mean()), 1),
        "classical": shell(classical_trajectory(simulation)),
        "mlff": shell(trajectory),
        "notes": simulation.notes,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    write_json_durably(RESULTS, rows)


def classical_trajectory(simulation: Simulation) -> Trajectory:
    """What the classical start has recorded."""
    folder = simulation.folder.with_name(f"classical-seed{simulation.seed}")
    checkpoint = read_checkpoint(folder)
    assert checkpoint is not None
    samples = read_pieces(folder, "produce", checkpoint.n_pieces["produce"])
    return dataclasses.replace(
        simulation.trajectory(),
        positions=samples["positions"],
        structure=samples["structure"],
        frame_ps=CLASSICAL_PS / len(samples["positions"]),
        structure_ps=CLASSICAL_PS / len(samples["structure"]),
    )


def shell(trajectory: Trajectory) -> dict[str, Any]:
    """Carbonyl oxygens and fluorines around lithium: peak of g, mean distance in the shell, numbers."""
    found = solvation_in([trajectory])
    assert found is not None
    assert trajectory.structure is not None
    carbonyl = found.shells["EC carbonyl O"]
    sites = sites_of(trajectory.contents)
    positions = np.asarray(trajectory.structure, dtype=float)
    vectors = positions[:, sites.labels == "EC carbonyl O"] - positions[:, sites.labels == "Li"]
    vectors -= trajectory.edge_nm * np.round(vectors / trajectory.edge_nm)
    distances = np.linalg.norm(vectors, axis=-1)
    cutoff_nm = first_minimum(carbonyl.r_nm, carbonyl.g) or SHELL_NM
    inside = distances[distances < cutoff_nm]
    return {
        "peak_A": round(float(carbonyl.r_nm[np.argmax(carbonyl.g)] * 10), 3),
        "mean_distance_A": round(float(inside.mean() * 10), 3) if inside.size else None,
        "cutoff_A": round(cutoff_nm * 10, 2),
        "carbonyl_O": round(float((distances < cutoff_nm).sum(axis=1).mean()), 2),
        "fluorine": round(found.shells["PF6- F"].coordination, 2),
        "all_donors": round(found.total[0], 2),
        "n_samples": found.n_samples,
    }


def table() -> str:
    """One row for each model."""
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    lines = [
        "| model | box | simulated | Li-O peak, mean of the shell (A) | C=O | F of PF6 | all donors | CPU time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for model, row in rows.items():
        box = f"{' '.join(f'{n} {name}' for name, n in row['molecules'].items())}, {row['n_atoms']} atoms"
        time_words = f"{row['cpu_s'] / 60:.1f} min"
        for name, found, length_ps, cpu in (
            ("classical start", row["classical"], CLASSICAL_PS, ""),
            (model, row["mlff"], row["produced_ps"], time_words),
        ):
            lines.append(
                f"| {name} | {box} | {length_ps:g} ps | {found['peak_A']}, {found['mean_distance_A']} | "
                f"{found['carbonyl_O']} | {found['fluorine']} | {found['all_donors']} | {cpu} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
