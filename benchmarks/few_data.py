"""Learning from few conductivities: error, rank and coverage on liquids that were not measured.

    python benchmarks/few_data.py --seeds 8

The isothermal 298.15 K pool of CALiSol-23 (loop/backtest/pool.py), the half of its liquids whose id hashes to an odd
number: the Gaussian process was designed on the other half. From n liquids of it, drawn at random or from its lower
half (20b), the rest is predicted. CALiSol-23 is found through SALTLOOP_SHARED.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from accuracy_peers import composition, normal
from saltloop.chemistry import SpeciesBook
from saltloop.chemistry.calisol import load_calisol, standard_uncertainty
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.backtest.pool import isothermal_pool
from saltloop.surrogates.factory import new_surrogate
from saltloop.surrogates.settings import SurrogateSettings
from scipy.stats import spearmanr

SIZES = ("20", "20b", "60", "120", "200")
MODELS = ("saltloop gp", "saltloop ensemble", "extra trees")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    seeds = parser.parse_args().seeds
    rows = held_out_half(Path(os.environ.get("SALTLOOP_SHARED", "../shared")) / "data" / "calisol23.csv")
    print(f"{len(rows)} liquids; median of {seeds} seeds\n")
    print("| learned from | model | MAE, mS/cm | Spearman | 95 % interval holds | s a fit |")
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        for model in MODELS:
            figures = np.median([score(model, rows, size, seed) for seed in range(seeds)], axis=0)
            mae, rank, held, seconds = figures
            print(f"| {size} | {model} | {mae:.2f} | {rank:.2f} | {held:.0%} | {seconds:.1f} |", flush=True)


def held_out_half(path: Path) -> list[Measurement]:
    """The liquids that had no say in the design, as measurements."""
    pool = isothermal_pool(load_calisol(path, clean=False).measurements)
    return [
        Measurement(
            formulation=formulation,
            value=float(value),
            unit="mS/cm",
            standard_uncertainty=standard_uncertainty(float(value)),
            source="experiment",
        )
        for formulation, value in zip(pool.formulations, pool.values, strict=True)
        if int(hashlib.sha256(formulation.formulation_id.encode()).hexdigest(), 16) % 2
    ]


def score(model: str, rows: Sequence[Measurement], size: str, seed: int) -> tuple[float, float, float, float]:
    """MAE (mS/cm), rank correlation, share of values in the 95 % interval, seconds of the fit."""
    generator = np.random.default_rng(seed)
    y = np.array([m.value for m in rows])
    offered = np.argsort(y)[: len(y) // 2] if size.endswith("b") else np.arange(len(y))
    chosen = set(generator.choice(offered, int(size.removesuffix("b")), replace=False).tolist())
    train = [rows[i] for i in sorted(chosen)]
    test = [one for i, one in enumerate(rows) if i not in chosen]
    truth = np.array([m.value for m in test])
    start = time.perf_counter()
    mean, low, high = predict(model, train, test, seed)
    seconds = time.perf_counter() - start
    held = float(((truth >= low) & (truth <= high)).mean())
    return float(np.abs(mean - truth).mean()), float(spearmanr(mean, truth).statistic), held, seconds


def predict(
    model: str, train: Sequence[Measurement], test: Sequence[Measurement], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if model == "extra trees":
        from sklearn.ensemble import ExtraTreesRegressor

        forest = ExtraTreesRegressor(100, random_state=seed)
        forest.fit(composition(train), [m.value for m in train])
        trees = np.array([tree.predict(composition(test)) for tree in forest.estimators_])
        told = normal(trees.mean(axis=0), trees.std(axis=0))
        return told.mean, told.low[2], told.high[2]  # type: ignore[index]
    book = SpeciesBook.builtin()
    settings = SurrogateSettings(architecture="gp" if model == "saltloop gp" else "physics")
    surrogate = new_surrogate(settings, book, [s.name for s in book.salts], [s.name for s in book.solvents])
    surrogate.fit(train, seed=seed)
    prediction = surrogate.predict([m.formulation for m in test])
    noise = np.array([standard_uncertainty(max(mean, 0.0)) for mean in prediction.mean])
    return prediction.mean, *prediction.interval(0.95, noise)


if __name__ == "__main__":
    main()
