"""The samplings that SCAN compares itself with: more of the rare high conductivities, fewer of the common rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BINS = (1.0, 4.0, 10.0, 15.0)
"""mS/cm."""
SMALLEST_BIN = 2000
"""Rows; SMOTE fills smaller bins up to this."""
N_NEIGHBOURS = 5

Rows = tuple[np.ndarray, np.ndarray]


def smote(X: np.ndarray, y: np.ndarray) -> Rows:
    """SMOTE for regression: the target is interpolated with the features, within one range of conductivity.

    imbalanced-learn's SMOTE on ``[X, y]`` in units of their standard deviations, with the range as the class.
    """
    from imblearn.over_sampling import SMOTE

    joint = np.column_stack([X, y])
    scale = np.maximum(joint.std(axis=0), 1e-9)
    bins = np.digitize(y, BINS)
    wanted = {int(one): max(SMALLEST_BIN, int(n)) for one, n in zip(*np.unique(bins, return_counts=True), strict=True)}
    sampler = SMOTE(sampling_strategy=wanted, k_neighbors=N_NEIGHBOURS, random_state=0)
    filled = sampler.fit_resample(joint / scale, bins)[0] * scale
    return filled[:, :-1], filled[:, -1]


def undersample(X: np.ndarray, y: np.ndarray) -> Rows:
    """KUTE-style: of the common rows, those go that their nearest neighbours say already.

    In each range above ``2 * SMALLEST_BIN`` rows, the half whose target is nearest to the mean of its
    ``N_NEIGHBOURS`` neighbours is dropped. Our own small version of undersampling by nearest neighbours.
    """
    from sklearn.neighbors import NearestNeighbors

    scaled = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9)
    near = NearestNeighbors(n_neighbors=N_NEIGHBOURS + 1).fit(scaled).kneighbors(scaled, return_distance=False)[:, 1:]
    novelty = np.abs(y - y[near].mean(axis=1))
    keep = np.ones(len(y), dtype=bool)
    bins = np.digitize(y, BINS)
    for one in np.unique(bins):
        rows = np.flatnonzero(bins == one)
        if len(rows) > 2 * SMALLEST_BIN:
            keep[rows[np.argsort(novelty[rows])[: len(rows) // 2]]] = False
    return X[keep], y[keep]


SAMPLINGS: dict[str, Callable[[np.ndarray, np.ndarray], Rows]] = {
    "none": lambda X, y: (X, y),
    "smote": smote,
    "kute": undersample,
    "both": lambda X, y: smote(*undersample(X, y)),
}
