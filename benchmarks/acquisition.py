"""What the mixed optimiser is worth: its acquisition value against that of pool scoring with as many evaluations.

    python benchmarks/acquisition.py                    # 20 seeds; trains a small ensemble on the literature set
    python benchmarks/acquisition.py --seeds 5 --out acquisition.md

For each seed, 30 random conductivities of the literature set are a campaign's results; the acquisition function is
log noisy expected improvement over the best 20 of them. The mixed optimiser scores a shortlist and climbs from its two
best families. Pool scoring gets the same shortlist, and then as many formulations of the grid, those with the highest
confidence bounds first, as the mixed optimiser evaluated, gradients counted twice. Both end with one formulation; the
same function, with 4,096 samples of its own, judges them.
"""

from __future__ import annotations

import argparse
import math
import statistics
from pathlib import Path

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction
from saltloop.chemistry.dataset import load_dataset
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.acquisition.field import Field
from saltloop.loop.acquisition.functions import values
from saltloop.loop.acquisition.objectives import Objectives
from saltloop.loop.acquisition.refine import climb
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.acquisition.shortlist import screen
from saltloop.loop.acquisition.table import positions
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.space.settings import SpaceSettings
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.surrogate import MFNetSurrogate
from torch import Tensor

SPACES = {
    "pairs, 10 %": {"max_solvents": 2, "fraction_step": 0.1, "concentration": {"step": 0.2}},
    "threes, 20 %": {"max_solvents": 3, "fraction_step": 0.2, "concentration": {"step": 0.4}},
}
SPECIES = {
    "salts": ["LiPF6", "LiFSI", "LiTFSI", "LiBF4"],
    "solvents": ["EC", "PC", "DMC", "EMC", "DEC", "DME", "EA", "AN", "MA", "DOL"],
}
N_RESULTS, N_BASELINE, N_STARTS, JUDGE_SAMPLES = 30, 20, 2, 4096


class Counted(AcquisitionFunction):
    """An acquisition function that counts the formulations it is asked about; with a gradient, twice."""

    def __init__(self, base: AcquisitionFunction) -> None:
        super().__init__(base.model)
        self.base, self.n = base, 0

    def forward(self, X: Tensor) -> Tensor:
        self.n += X.shape[:-2].numel() * (2 if X.requires_grad else 1)
        found: Tensor = self.base(X)
        return found

    def set_X_pending(self, X_pending: Tensor | None = None) -> None:
        self.base.set_X_pending(X_pending)


def compare(surrogate: MFNetSurrogate, space: CandidateSpace, known: list, seed: int) -> tuple[float, float, int]:
    """Log expected improvement of pool scoring and of the mixed optimiser, and evaluations of each."""
    generator = np.random.default_rng(seed)
    results = [known[i] for i in generator.choice(len(known), N_RESULTS, replace=False)]
    model, encoder = surrogate.model(results), surrogate.encoder
    objectives, settings = Objectives.conductivity_alone(model), AcquisitionSettings()
    best = sorted(results, key=lambda m: -m.value)[:N_BASELINE]
    baseline = [m.formulation for m in best]
    taken = frozenset(f.formulation_id for f in baseline)
    pool = shortlist(objectives, encoder, space, settings, taken, seed)
    field = Field(objectives, encoder, settings, [*baseline, *pool], len(baseline), 0, seed)
    worth = values(field.acquisition([]), positions(field.candidates))
    order = [field.formulations[field.candidates[i]] for i in worth.argsort(descending=True, stable=True).tolist()]
    starts: dict[frozenset[str], Formulation] = {}
    for one in order:
        starts.setdefault(frozenset((*one.molality, *one.mole_fractions)), one)
    counted = Counted(field.acquisition_over_rows([]))
    climbed = [climb(counted, encoder, space, start, taken) for start in list(starts.values())[:N_STARTS]]
    mixed = max(climbed, key=lambda end: end[1])[0]
    n_pool = len(pool) + counted.n
    wide = shortlist(objectives, encoder, space, settings.model_copy(update={"shortlist": n_pool}), taken, seed)
    X = encoder.encode([*pool, *wide[: counted.n]])
    scored = values(field.acquisition_over_rows([]), X)
    plain = [*pool, *wide][int(scored.argmax())]
    judge = Field(
        objectives, encoder, settings.model_copy(update={"mc_samples": JUDGE_SAMPLES}), [*baseline, plain, mixed],
        len(baseline), 0, seed + 10_000,
    )  # fmt: skip
    before, after = values(judge.acquisition([]), positions(judge.candidates)).tolist()
    return before, after, n_pool


def shortlist(objectives, encoder, space, settings, taken, seed) -> list[Formulation]:  # type: ignore[no-untyped-def]
    found = screen(objectives, encoder, space, settings, n=1, known_ids=taken, feasibility=None, seed=seed)
    return list(found.formulations)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    book = SpeciesBook.builtin()
    known = [m for m in load_dataset("literature", species=book).measurements if m.quantity == "conductivity"]
    names = [[one.name for one in kind] for kind in (book.salts, book.solvents)]
    surrogate = MFNetSurrogate(SurrogateSettings(n_members=3, hidden=32, epochs=options.epochs), book, *names)
    surrogate.fit(known, seed=0)
    here = [m for m in known if abs(m.formulation.temperature_K - 298.15) < 2]
    lines = [
        "| space | candidates | evaluations | mixed better | worse | median gain in expected improvement | quartiles |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, settings in SPACES.items():
        space = CandidateSpace(SpaceSettings.model_validate({**SPECIES, **settings}), book)
        found = [compare(surrogate, space, here, seed) for seed in range(options.seeds)]
        gains = [math.expm1(after - before) for before, after, _ in found]
        low, middle, high = statistics.quantiles(gains, n=4)
        lines.append(
            f"| {name} | {len(space):,} | {statistics.median(n for _, _, n in found):.0f} | "
            f"{sum(gain > 1e-3 for gain in gains)} of {len(gains)} | {sum(gain < -1e-3 for gain in gains)} | "
            f"{middle:+.1%} | {low:+.1%} to {high:+.1%} |"
        )
        print(lines[-1], flush=True)
    table = "\n".join(lines) + "\n"
    print(table)
    if options.out:
        options.out.write_text(table)


if __name__ == "__main__":
    main()
