"""What the peers of the backtest see of a liquid: share of each salt, mole fraction of each solvent, total molality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from saltloop.chemistry import Formulation, Measurement

Formulations = Sequence[Formulation]
Measured = Mapping[int, Measurement]


def features(formulations: Formulations) -> tuple[np.ndarray, list[str]]:
    """Composition features (n x d) and their names; what is the same in the whole pool is left out."""
    from saltloop.chemistry import SpeciesBook
    from saltloop.surrogates.encoding import FormulationEncoder

    book = SpeciesBook.builtin()
    encoder = FormulationEncoder(book, [s.name for s in book.salts], [s.name for s in book.solvents])
    X = encoder.encode(formulations).numpy()
    salts = X[:, encoder.salt_slice]
    molality = salts.sum(axis=1, keepdims=True)
    rows = np.hstack([salts / np.maximum(molality, 1e-9), X[:, encoder.solvent_slice], molality])
    varies = np.ptp(rows, axis=0) > 0
    names = [*encoder.columns[:-1], "molality"]
    return rows[:, varies], [name for name, is_kept in zip(names, varies, strict=True) if is_kept]


def split(formulations: Formulations, measured: Measured) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features of all, positions and values of what is measured, positions of the rest."""
    known = np.array(list(measured), dtype=int)
    rest = np.setdiff1d(np.arange(len(formulations)), known)
    return features(formulations)[0], known, values(measured), rest


def values(measured: Measured) -> np.ndarray:
    """Conductivities, mS/cm."""
    return np.array([one.value for one in measured.values()])


def positions(picked: np.ndarray, rows: np.ndarray, rest: np.ndarray) -> list[int]:
    """Which of the rows at ``rest`` were picked, each once (two liquids may share their features)."""
    found: list[int] = []
    for one in picked:
        distance = np.abs(rows[rest] - one).max(axis=1)
        distance[np.isin(rest, found)] = np.inf
        found.append(int(rest[distance.argmin()]))
    return found
