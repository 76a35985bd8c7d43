"""Accuracy of the surrogate on CALiSol-23 beside its peers, on random folds and on what training has not seen.

    python benchmarks/surrogate_accuracy.py --split random,kit --model saltloop,svr --out FOLDER
    python benchmarks/surrogate_accuracy.py --split all --model all --out FOLDER      # many hours on 2 cores
    python benchmarks/surrogate_accuracy.py --out FOLDER --table                      # Markdown of what is there

Each fold's predictions go to FOLDER/MODEL/SPLIT/FOLD.npz as soon as there are any; folds that are there are not done
again, so a run that was killed goes on. Times are processor seconds. SALTLOOP_SHARED finds the data (../shared):
all 13,302 complete rows of CALiSol-23, unaltered, in file order, negative conductivities set to 0. The splits are
described in accuracy_splits.py, the models and their settings in accuracy_peers.py.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accuracy_peers import BATCHED, PEERS, Predicted
from accuracy_splits import SPLITS, Fold, load_rows, split
from accuracy_tables import ScoredFold, tables
from saltloop.chemistry.measurement import Measurement

MODELS = (*PEERS, *BATCHED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", default="all", help=f"{', '.join(SPLITS)}, several with commas, or all")
    parser.add_argument("--model", default="all", help=f"{', '.join(MODELS)}, several with commas, or all")
    parser.add_argument("--out", type=Path, required=True, help="folder of the predictions")
    parser.add_argument("--table", action="store_true", help="print tables of what is in the folder, and run nothing")
    arguments = parser.parse_args()
    splits = chosen(arguments.split, SPLITS, parser)
    models = chosen(arguments.model, MODELS, parser)
    rows, n_known = load_rows(Path(os.environ.get("SALTLOOP_SHARED", "../shared")))
    if arguments.table:
        for name in splits:
            folds = split(name, rows, n_known)
            found = {model: saved(arguments.out / model / name, folds) for model in models}
            if found := {model: one for model, one in found.items() if one}:
                print(tables(name, found, len(folds), rows), flush=True)
        return
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    for model in models:
        jobs = [Job(fold, arguments.out / model / name) for name in splits for fold in split(name, rows, n_known)]
        run(model, [job for job in jobs if not job.file.exists()], rows)


@dataclass(frozen=True)
class Job:
    """A fold that is to be fitted and scored, and the folder of its predictions."""

    fold: Fold
    folder: Path

    @property
    def file(self) -> Path:
        return fold_file(self.folder, self.fold)


def chosen(text: str, known: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    names = list(known) if text == "all" else text.split(",")
    for name in names:
        if name not in known:
            parser.error(f"{name!r} is none of {', '.join(known)}")
    return names


def run(model: str, jobs: Sequence[Job], rows: Sequence[Measurement]) -> None:
    """One fold after another, or, where the model can do so, all in one pass."""
    passes = [jobs] if model in BATCHED else [[job] for job in jobs]
    for some in (one for one in passes if one):
        trains = [[rows[i] for i in job.fold.train] for job in some]
        tests = [[rows[i] for i in job.fold.test] for job in some]
        start = time.process_time()
        results = BATCHED[model](trains, tests) if model in BATCHED else [PEERS[model](trains[0], tests[0])]
        seconds = (time.process_time() - start) / len(some)
        for job, predicted in zip(some, results, strict=True):
            save(job, predicted, seconds)
            print(f"{model} {job.folder.name} {job.fold.name}: {len(job.fold.test)} rows, {seconds:.0f} s", flush=True)


def fold_file(folder: Path, fold: Fold) -> Path:
    return folder / (re.sub(r"[^\w.()-]", "_", fold.name) + ".npz")


def save(job: Job, predicted: Predicted, seconds: float) -> None:
    """Whole or not at all: a run may be killed at any moment."""
    job.folder.mkdir(parents=True, exist_ok=True)
    content = {"index": job.fold.test, "mean": predicted.mean, "seconds": np.array(seconds)}
    for name in ("std", "low", "high"):
        if (values := getattr(predicted, name)) is not None:
            content[name] = values
    unfinished = job.file.with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, **content)
    unfinished.replace(job.file)


def saved(folder: Path, folds: Sequence[Fold]) -> list[ScoredFold]:
    """What the folder has of the folds of one model and split."""
    found = []
    for fold in folds:
        if (path := fold_file(folder, fold)).exists():
            with np.load(path) as content:
                found.append(ScoredFold(fold.name, **{name: content[name] for name in content.files}))
    return found


if __name__ == "__main__":
    main()
