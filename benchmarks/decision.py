"""How long one decision takes: a batch of four out of about a million streamed candidates, with a trained ensemble.

    python benchmarks/decision.py                      # trains for a moment on the literature set (the same network)
    python benchmarks/decision.py --model FILE.safetensors
    python benchmarks/decision.py --repeats 3 --out decision.md

Prints the median time of the decisions on the clock and on the processor, and the peak memory of the whole run.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import time
from pathlib import Path

import torch
from saltloop.chemistry.dataset import load_dataset
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.acquisition.choose import choose_batch
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.space.settings import SpaceSettings
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.surrogate import MFNetSurrogate

SPACE = {
    "salts": ["LiPF6", "LiFSI", "LiTFSI", "LiBF4"],
    "solvents": ["EC", "PC", "DMC", "EMC", "DEC", "DME", "EA", "AN", "MA", "DOL", "FEC", "GBL", "THF", "DMM"],
    "max_solvents": 3,
    "fraction_step": 0.1,
    "concentration": {"min": 0.4, "max": 2.2, "step": 0.1},
    "max_solid_fraction": 1.0,
}
#: The first so many conductivities stand for the results of a campaign.
N_OBSERVED, N_BASELINE = 40, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a trained ensemble; without it, one is trained for --epochs")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kind", default="qlognei")
    parser.add_argument("--n", type=int, default=4)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    book = SpeciesBook.builtin()
    known = [m for m in load_dataset("literature", species=book).measurements if m.quantity == "conductivity"]
    if options.model:
        surrogate = MFNetSurrogate.load(options.model, book)
    else:
        names = [[one.name for one in kind] for kind in (book.salts, book.solvents)]
        surrogate = MFNetSurrogate(SurrogateSettings(epochs=options.epochs), book, *names)
        surrogate.fit(known, seed=0)
    space = CandidateSpace(SpaceSettings.model_validate(SPACE), book)
    model = surrogate.model(known[:N_OBSERVED])
    species = {one.name for one in (*space.salts, *space.solvents)}
    inside = [m.formulation for m in known if {*m.formulation.molality, *m.formulation.mole_fractions} <= species]
    wall, processor = [], []
    for seed in range(options.repeats):
        began, began_cpu = time.perf_counter(), time.process_time()
        decision = choose_batch(
            model,
            surrogate.encoder,
            space,
            AcquisitionSettings.model_validate({"kind": options.kind}),
            n=options.n,
            baseline=inside[:N_BASELINE],
            pending=inside[N_BASELINE : N_BASELINE + 2],
            known_ids=frozenset(m.formulation.formulation_id for m in known),
            seed=seed,
        )
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - began_cpu)
        print(f"  seed {seed}: {wall[-1]:.1f} s, {processor[-1]:.1f} s of processor time", flush=True)
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    peak_GB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if platform.system() == "Linux" else 1e9)
    table = (
        f"| kind | candidates | batch | seconds (median of {len(wall)}) | processor seconds | peak memory, GB |\n"
        "|---|---|---|---|---|---|\n"
        f"| {options.kind} | {decision.n_screened:,} | {options.n} | {statistics.median(wall):.1f} | "
        f"{statistics.median(processor):.1f} | {peak_GB:.2f} |\n\n"
        f"{n_cores} cores, load average {os.getloadavg()[0]:.1f}, {surrogate.settings.n_members} members, "
        f"torch {torch.__version__}.\n"
    )
    print(table)
    if options.out:
        options.out.write_text(table)


if __name__ == "__main__":
    main()
