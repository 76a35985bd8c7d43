"""The rows that an audit looks at: as they are written, and as liquids."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .calisol import load_calisol
from .density import salt_volume_L_per_mol
from .errors import DataError

if TYPE_CHECKING:
    import pandas

LEAST_mS_cm = 0.03
"""Below it a logarithm of the conductivity says nothing: digitised figures do not resolve less."""


@dataclass(frozen=True)
class Rows:
    """Rows with a conductivity, in file order.

    ``frame`` has row (line in the file), doi, k (mS/cm, as published), T (K), c (as published), salt, molality
    (mol/kg of solvent), salt_volume (share of a litre, 0 for mol/kg), liquid (the formulation's id), block (number of
    the run of rows with one paper, salt and composition). ``shares`` are mole fractions, rows x solvents.
    """

    frame: pandas.DataFrame
    shares: np.ndarray
    solvents: tuple[str, ...]
    raw: dict[int, dict[str, str]]
    """Line -> the row as written, those without a conductivity included."""

    @property
    def log_k(self) -> np.ndarray:
        """ln k, with k of at least 0.03 mS/cm."""
        return np.log(np.maximum(self.frame["k"].to_numpy(), LEAST_mS_cm))

    def composition(self, i: int) -> str:
        """Solvents and mole fractions of the i-th row, the largest first."""
        order = np.argsort(-self.shares[i], kind="stable")
        return ":".join(f"{self.solvents[j]} {self.shares[i, j]:.2f}" for j in order if self.shares[i, j] > 0)

    def with_salt(self, at: np.ndarray, salt: str) -> Rows:
        """The same rows with another salt at some positions."""
        frame = self.frame.copy()
        frame.loc[frame.index[at], "salt"] = salt
        return replace(self, frame=frame)


def read_rows(path: Path) -> Rows:
    """The rows of a copy of CALiSol-23.

    Raises:
        DataError: as ``load_calisol``, or a file without a conductivity.
    """
    import pandas

    dataset = load_calisol(path, clean=False)
    if not dataset.measurements:
        raise DataError(f"{path} has no row with a conductivity; is it whole? `saltloop data fetch calisol23` gets it.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        raw = dict(enumerate(csv.DictReader(file), start=2))
    solvents = tuple(sorted({name for one in dataset.measurements for name in one.formulation.mole_fractions}))
    place = {name: j for j, name in enumerate(solvents)}
    shares = np.zeros((len(dataset), len(solvents)))
    records = []
    for i, one in enumerate(dataset.measurements):
        liquid, line = one.formulation, int(one.external_id.split(":")[1])
        for name, share in liquid.mole_fractions.items():
            shares[i, place[name]] = share
        molar = liquid.concentration_unit == "mol/L"
        records.append(
            {
                "row": line,
                "doi": one.reference,
                "k": float(raw[line]["k"]),
                "T": liquid.temperature_K,
                "c": float(raw[line]["c"]),
                "salt": "+".join(liquid.molality),
                "molality": math.fsum(liquid.molality.values()),
                "salt_volume": sum(c * salt_volume_L_per_mol(salt) for salt, c in liquid.salts) if molar else 0.0,
                "liquid": liquid.formulation_id,
            }
        )
    frame = pandas.DataFrame.from_records(records)
    same = (frame[["doi", "salt"]] == frame[["doi", "salt"]].shift()).all(axis=1).to_numpy()
    alike = np.concatenate([[False], np.abs(np.diff(shares, axis=0)).max(axis=1) < 1e-3])
    frame["block"] = np.cumsum(~(same & alike))
    return Rows(frame, shares, solvents, raw)
