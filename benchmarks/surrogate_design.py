"""How the surrogate's design was chosen: variants compared inside each half of the papers, by themselves.

    python benchmarks/surrogate_design.py --half A --split salts                         # as it is
    python benchmarks/surrogate_design.py --half A --split salts --salt-descriptors all  # salts told by everything
    python benchmarks/surrogate_design.py --half B --split papers --set n_routes=1       # any setting

Papers fall into halves by the SHA-256 of their DOI (first digit below 8: A). A variant is fitted and scored inside one
half only, on what is left out within it, and is taken when it wins in both: so the choice that holds for the papers of
one half was also made without them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import torch
from accuracy_splits import load_rows
from saltloop.chemistry import SpeciesBook
from saltloop.chemistry.measurement import Measurement
from saltloop.surrogates import descriptors
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.surrogate import MFNetSurrogate
from sklearn.model_selection import GroupKFold

SMALLEST_GROUP, SMALLEST_TRAINING = 20, 100
Folds = dict[str, np.ndarray]
"""Name of each fold, and which rows of the half it leaves out (bool)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("A", "B"), required=True)
    parser.add_argument("--split", choices=("papers", "salts", "solvents", "formulations"), required=True)
    parser.add_argument("--salt-descriptors", choices=("chosen", "all"), default="chosen")
    parser.add_argument("--largest", type=float, help="descriptors no further than this many standard deviations")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the surrogate")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.salt_descriptors == "all":
        descriptors.SALT_NAMES = descriptors.DESCRIPTOR_NAMES
    if arguments.largest:
        descriptors.LARGEST = arguments.largest
    values = {name: json.loads(value) for name, value in (one.split("=") for one in arguments.set)}
    settings = SurrogateSettings.model_validate(values)
    rows, n_known = load_rows(Path(os.environ.get("SALTLOOP_SHARED", "../shared")))
    half = [row for row in rows[:n_known] if half_of(row.reference) == arguments.half]
    errors = {}
    for name, out in folds(half, arguments.split).items():
        errors[name] = score(half, out, settings)
        print(f"{name}: {out.sum()} rows, MAE {errors[name].mean():.3f}", flush=True)
    pooled = np.concatenate(list(errors.values())).mean()
    macro = np.mean([error.mean() for error in errors.values() if len(error) >= SMALLEST_GROUP])
    print(f"half {arguments.half}, {arguments.split}: pooled MAE {pooled:.3f}, macro MAE {macro:.3f}")


def half_of(doi: str) -> str:
    return "A" if hashlib.sha256(doi.encode()).hexdigest()[0] < "8" else "B"


def folds(rows: list[Measurement], split: str) -> Folds:
    """What to leave out of a half: each paper, each salt, each solvent, or fifths of the formulations."""
    if split == "formulations":
        liquids = [
            str(sorted(row.formulation.molality)) + str(sorted(row.formulation.mole_fractions.items())) for row in rows
        ]
        index = np.arange(len(rows))
        return {
            f"fold{k}": np.isin(index, test) for k, (_, test) in enumerate(GroupKFold(5).split(index, groups=liquids))
        }
    of_row = {
        "papers": lambda row: {row.reference},
        "salts": lambda row: set(row.formulation.molality),
        "solvents": lambda row: set(row.formulation.mole_fractions),
    }[split]
    members = [of_row(row) for row in rows]
    found = {name: np.array([name in one for one in members]) for name in sorted(set.union(*members))}
    smallest = 1 if split == "papers" else SMALLEST_GROUP
    return {name: out for name, out in found.items() if out.sum() >= smallest and (~out).sum() >= SMALLEST_TRAINING}


def score(rows: list[Measurement], out: np.ndarray, settings: SurrogateSettings) -> np.ndarray:
    """Absolute errors (mS/cm) on the rows left out."""
    book = SpeciesBook.builtin()
    surrogate = MFNetSurrogate(settings, book, [s.name for s in book.salts], [s.name for s in book.solvents])
    surrogate.fit([row for row, is_out in zip(rows, out, strict=True) if not is_out], seed=1)
    test = [row for row, is_out in zip(rows, out, strict=True) if is_out]
    predicted = surrogate.predict([row.formulation for row in test]).mean
    return np.abs(predicted - np.array([row.value for row in test]))


if __name__ == "__main__":
    main()
