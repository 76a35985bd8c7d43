"""The rows of the accuracy benchmark, and the ways of leaving some of them out of training.

Rows are CALiSol-23's 13,302 in file order, then the KIT robot's, which are never trained on.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from saltloop.chemistry import Formulation, load_calisol
from saltloop.chemistry.measurement import Measurement

SMALLEST_GROUP = 20
"""Salts and solvents with fewer rows are not left out; papers with fewer are, but do not enter the macro MAE."""
KIT_CYCLIC_SHARE = 0.3
"""Mass share of EC and PC together in the KIT solvents; the rest is EMC."""
KIT_UNCERTAINTY = 0.05

LABORATORIES: dict[str, tuple[str, str]] = {
    "10.1149/1.1403730": ("ARL", "certain: Ding, Xu, Zhang, Amine, Henriksen, Jow 2001"),
    "10.1149/1.1466857": ("ARL", "certain: Zhang, Xu, Jow 2002"),
    "10.1149/1.1513556": ("ARL", "certain: Ding, Xu, Jow 2002"),
    "10.1007/s10008-002-0300-9": ("ARL", "certain: Zhang, Xu, Jow 2003"),
    "10.1021/JE020219O": ("ARL", "certain: Ding 2003"),
    "10.1149/1.1566019": ("ARL", "certain: Ding, Jow 2003"),
    "10.1149/1.1630593": ("ARL", "certain: Ding, Jow 2004"),
    "10.1021/je0498863": ("ARL", "certain: Ding 2004"),
    "10.1149/1.1833611": ("ARL", "certain: Ding, Xu, Jow 2005"),
    "10.1149/1.1914757": ("ARL", "likely: LiBOB in PC and EA, on the grid of the papers by Ding"),
    "10.1016/S0378-7753(03)00153-8": ("ARL", "likely: Jow and others 2003; repeats rows of 10.1021/JE020219O"),
    "10.1149/1.1344281": ("Angell", "certain: Xu, Angell 2001"),
    "10.1149/1.1527939": ("Angell", "certain: Xu and others, Angell 2003"),
    "10.1149/2.0271802jes": ("Dahn", "certain: Logan and others, Dahn 2018"),
    "10.1149/2.0981803jes": ("Dahn", "certain: Logan and others, Dahn 2018"),
    "10.1016/0378-7753(91)80004-H": (
        "Dahn",
        "certain of the authors (Dudley and others, Dahn 1991), then at Moli Energy",
    ),
    "10.1016/j.jpowsour.2011.06.030": ("Niedzicki", "certain: Niedzicki and others 2011 (LiTDI, LiPDI)"),
}
"""DOI -> group by the authors, and how sure that is. Papers that are not listed stay in training in every fold."""


@dataclass(frozen=True)
class Fold:
    """One fit: positions of the rows to learn from, and of those to score."""

    name: str
    train: np.ndarray
    test: np.ndarray


def load_rows(shared: Path) -> tuple[list[Measurement], int]:
    """All rows, and how many of them, the first ones, are CALiSol-23's (unaltered, negative values set to 0)."""
    known = list(load_calisol(shared / "data" / "calisol23.csv", clean=False).measurements)
    return known + load_kit(shared / "data" / "kit_pc_ec_emc_lipf6.csv"), len(known)


def load_kit(path: Path) -> list[Measurement]:
    """Means of the repeats in the KIT file: 849 points of 3,626 measurements.

    ``c`` is mol per kg of solvent and ``T`` is in kelvin, as the header says; ``r`` is the mass share of PC in EC + PC.
    The file does not say how much EMC there is: see ``KIT_CYCLIC_SHARE`` and docs/benchmarks.md.
    """
    repeats: dict[tuple[float, float, float], list[float]] = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            repeats[float(row["r"]), float(row["c [mol/kg]"]), float(row["T [K]"])].append(float(row["k [mS/cm]"]))
    return [
        Measurement(
            formulation=Formulation.create({"LiPF6": c}, kit_solvents(r), temperature_K=T),
            value=float(np.mean(values)),
            unit="mS/cm",
            standard_uncertainty=KIT_UNCERTAINTY * float(np.mean(values)),
            source="experiment",
            reference="KIT",
        )
        for (r, c, T), values in repeats.items()
    ]


def kit_solvents(r: float) -> dict[str, float]:
    """Mass fractions of EC, PC and EMC from the share of PC among the cyclic carbonates."""
    return {"EC": KIT_CYCLIC_SHARE * (1 - r), "PC": KIT_CYCLIC_SHARE * r, "EMC": 1 - KIT_CYCLIC_SHARE}


def split(name: str, rows: Sequence[Measurement], n_known: int) -> list[Fold]:
    """The folds of a split by name (``SPLITS``)."""
    if name == "kit":
        return [Fold("kit", np.arange(n_known), np.arange(n_known, len(rows)))]
    return _SPLITTERS[name](rows[:n_known])


def random_folds(rows: Sequence[Measurement]) -> list[Fold]:
    """SCAN's own five folds."""
    from sklearn.model_selection import StratifiedKFold

    bins = np.digitize([m.value for m in rows], [1.0, 4.0])
    pairs = StratifiedKFold(5, shuffle=True, random_state=42).split(np.zeros(len(rows)), bins)
    return [Fold(f"fold{i}", train, test) for i, (train, test) in enumerate(pairs)]


def formulation_folds(rows: Sequence[Measurement]) -> list[Fold]:
    """Five folds in which a salt in one solvent ratio, at whatever concentration and temperature, stays together."""
    from sklearn.model_selection import GroupKFold

    pairs = GroupKFold(5).split(np.zeros(len(rows)), groups=[composition_key(m) for m in rows])
    return [Fold(f"fold{i}", train, test) for i, (train, test) in enumerate(pairs)]


def composition_key(row: Measurement) -> str:
    """Salts and solvent fractions as they are written in the source, without concentration and temperature."""
    shares = (f"{solvent.name} {share:.3f}" for solvent, share in sorted(row.formulation.solvents, key=_by_name))
    return "+".join(sorted(salt.name for salt, _ in row.formulation.salts)) + " " + ":".join(shares)


def paper_folds(rows: Sequence[Measurement]) -> list[Fold]:
    return leave_out([{m.reference} for m in rows], smallest=1)


def salt_folds(rows: Sequence[Measurement]) -> list[Fold]:
    return leave_out([set(m.formulation.molality) for m in rows], smallest=SMALLEST_GROUP)


def solvent_folds(rows: Sequence[Measurement]) -> list[Fold]:
    return leave_out([set(m.formulation.mole_fractions) for m in rows], smallest=SMALLEST_GROUP)


def laboratory_folds(rows: Sequence[Measurement]) -> list[Fold]:
    known = [LABORATORIES.get(m.reference) for m in rows]
    return leave_out([{one[0]} if one else set() for one in known], smallest=1)


def leave_out(labels: Sequence[set[str]], *, smallest: int) -> list[Fold]:
    """A fold for each label: scored on all rows that have it, trained on all others.

    Labels with fewer than ``smallest`` rows get none; their rows are still trained on.
    """
    counts: dict[str, int] = defaultdict(int)
    for label in (label for one in labels for label in one):
        counts[label] += 1
    folds = []
    for name in (name for name, count in counts.items() if count >= smallest):
        has_it = np.array([name in one for one in labels])
        folds.append(Fold(name, np.flatnonzero(~has_it), np.flatnonzero(has_it)))
    return folds


def _by_name(pair: tuple) -> str:
    return pair[0].name


_SPLITTERS: dict[str, Callable[[Sequence[Measurement]], list[Fold]]] = {
    "random": random_folds,
    "formulations": formulation_folds,
    "papers": paper_folds,
    "salts": salt_folds,
    "solvents": solvent_folds,
    "laboratories": laboratory_folds,
}
SPLITS = (*_SPLITTERS, "kit")
