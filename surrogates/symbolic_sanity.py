"""Whether a formula for the conductivity is one that a liquid could follow, over a box of conditions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from saltloop.surrogates.symbolic_features import FeatureSet

TEMPERATURES_K = np.append(np.arange(200.0, 401.0, 20.0), 298.15)
TEMPERATURES_K.sort()
ROOM_K = 298.15
MOLALITIES = np.concatenate([[0.01, 0.03], np.arange(0.1, 3.01, 0.1)])
#: Mixtures that a formula is checked on at most, the most frequent ones.
MAX_MIXTURES = 60
#: At 0.01 mol/kg the conductivity may be this share of its maximum over the concentration at most.
SMALL = 0.1


@dataclass(frozen=True)
class Sanity:
    """Share of the mixtures for which each demand holds (0 to 1)."""

    finite_and_positive: float
    """Finite and not negative over 200-400 K and 0.01-3 mol/kg."""
    rises_with_temperature: float
    """Everywhere in that box higher at the next higher temperature."""
    vanishes_with_salt: float
    """At 0.01 mol/kg and 298 K at most a tenth of the highest value at 298 K."""
    one_maximum: float
    """At 298 K, between 0.01 and 3 mol/kg, one maximum in concentration and no minimum."""

    @property
    def is_sane(self) -> bool:
        return all(getattr(self, one.name) == 1.0 for one in fields(self))

    def complaints(self) -> list[str]:
        """What fails, in words."""
        words = {
            "finite_and_positive": "negative or not finite somewhere",
            "rises_with_temperature": "does not always rise with temperature",
            "vanishes_with_salt": "does not vanish with the salt",
            "one_maximum": "not one maximum in concentration",
        }
        return [
            f"{text} ({1 - getattr(self, name):.0%} of mixtures)"
            for name, text in words.items()
            if getattr(self, name) < 1.0
        ]


def check_formula(
    evaluate: Callable[[np.ndarray, np.ndarray], np.ndarray], features: FeatureSet, mixtures: np.ndarray
) -> Sanity:
    """Check a formula (feature rows n x k and molalities n to mS/cm) on mixtures (rows of composition features)."""
    mixtures = mixtures[:MAX_MIXTURES]
    T, m = (grid.ravel() for grid in np.meshgrid(TEMPERATURES_K, MOLALITIES, indexing="ij"))
    conditions = np.column_stack(list(features.of_conditions(T, m)))
    rows = np.concatenate([np.column_stack([np.tile(one, (len(T), 1)), conditions]) for one in mixtures])
    shape = (len(mixtures), len(TEMPERATURES_K), len(MOLALITIES))
    k = evaluate(rows, np.tile(m, len(mixtures))).reshape(shape)
    finite = np.isfinite(k)
    k = np.where(finite, k, -np.inf)
    tolerance = 1e-9 * np.abs(np.where(finite, k, 0.0)).max(initial=1e-12)
    with np.errstate(invalid="ignore"):
        rises = (np.diff(k, axis=1) > 0).all(axis=(1, 2))
        room = k[:, int(np.flatnonzero(TEMPERATURES_K == ROOM_K)[0])]
        slope = np.diff(room, axis=1)
    return Sanity(
        finite_and_positive=float((finite & (k >= -tolerance)).all(axis=(1, 2)).mean()),
        rises_with_temperature=float(rises.mean()),
        vanishes_with_salt=float((np.abs(room[:, 0]) <= SMALL * room.max(axis=1)).mean()),
        one_maximum=float(np.mean([_has_one_maximum(one, tolerance) for one in slope])),
    )


def _has_one_maximum(slope: np.ndarray, tolerance: float) -> bool:
    """Whether a curve of these differences first rises, then falls, and does nothing else."""
    if not np.isfinite(slope).all():
        return False
    signs = np.sign(np.where(np.abs(slope) <= tolerance, 0.0, slope))
    signs = signs[signs != 0]
    turns = np.flatnonzero(np.diff(signs))
    return len(turns) == 1 and signs[0] > 0
