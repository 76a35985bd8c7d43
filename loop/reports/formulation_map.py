"""A map of formulations: two principal components of the space's compositions, and the liquids to draw on it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from saltloop.loop.reports.known import Composition, Known
from saltloop.loop.reports.view_types import FormulationMap, MapAxis, MapPoint

#: Species named at an end of an axis, and the least loading (of a direction of length 1) worth naming.
N_NAMED, LEAST = 3, 0.2
#: Known liquids beyond these are thinned out, evenly.
MOST_KNOWN = 1500


@lru_cache(maxsize=4)
def formulation_map(known: Known) -> FormulationMap:
    """Axes fitted on the space alone, so that the map stays as it is while the campaign goes on."""
    axes = _axes(known)
    if not axes:
        problem = known.problems[-1] if known.problems and not len(known.space) else ""
        why_not = problem or "The space varies in fewer than two ways, so that there is no map to draw."
        return {"axes": [], "space": [], "known": [], "words": "", "why_not": why_not}
    near = [(composition, value) for composition, value in known.liquids if known.is_in_space(composition)]
    near = near[:: -(-len(near) // MOST_KNOWN) or 1]
    share = sum(axis["share"] for axis in axes)
    return {
        "axes": axes,
        "space": [_point(composition, None, known) for composition in _of_space(known)],
        "known": [_point(composition, value, known) for composition, value in near],
        "words": f"The background is {len(known.space)} formulations drawn at random from the space. The two "
        f"components show {100 * share:.0f} % of how their compositions differ: near points are similar liquids as "
        "far as these axes tell.",
        "why_not": "",
    }


def _axes(known: Known) -> list[MapAxis]:
    """Principal components of the standardised columns salts, solvents, temperature; none where too little varies."""
    rows = known.space
    if len(rows) < 3:
        return []
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    varies = scale > 1e-9
    if varies.sum() < 2:
        return []
    scale = np.where(varies, scale, 1.0)
    _, sizes, directions = np.linalg.svd(np.where(varies, (rows - mean) / scale, 0.0), full_matrices=False)
    shares = sizes**2 / (sizes**2).sum()
    names = [*known.salts, *known.solvents, "temperature"]
    axes: list[MapAxis] = []
    for number in range(2):
        loadings = np.where(varies, _turned(directions[number]), 0.0)
        weights = loadings / scale
        axes.append(
            {
                "label": f"Component {number + 1}",
                "words": _words(names, loadings),
                "share": float(shares[number]),
                "weights": weights[:-1].tolist(),
                "per_kelvin": float(weights[-1]),
                "offset": -float(weights @ mean),
            }
        )
    return axes


def _turned(direction: np.ndarray) -> np.ndarray:
    """With its largest loading positive: which way a component points is otherwise left to chance."""
    turned: np.ndarray = direction * np.sign(direction[np.abs(direction).argmax()])
    return turned


def _words(names: list[str], loadings: np.ndarray) -> str:
    """What the liquids at its end hold more of, and less."""
    more = [names[k] for k in np.argsort(-loadings)[:N_NAMED] if loadings[k] > LEAST]
    less = [names[k] for k in np.argsort(loadings)[:N_NAMED] if loadings[k] < -LEAST]
    return "; ".join(f"{word} {', '.join(those)}" for word, those in (("more", more), ("less", less)) if those)


def _of_space(known: Known) -> list[Composition]:
    names = [*known.salts, *known.solvents]
    return [
        ({names[k]: float(f"{row[k]:.4g}") for k in np.flatnonzero(row[:-1])}, float(row[-1])) for row in known.space
    ]


def _point(composition: Composition, value: float | None, known: Known) -> MapPoint:
    flat = known.flat(composition, known.positions())
    return {"c": flat, "t": round(composition[1], 2), "v": None if value is None else round(value, 3)}
