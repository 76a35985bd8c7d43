"""The training set's long tail, before the campaign and now."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from saltloop.loop.reports.known import Known
from saltloop.loop.reports.view_types import ResultRow, Tail
from saltloop.loop.reports.words import some

N_BINS = 30


def tail(results: Sequence[ResultRow], known: Known, compositions: Sequence[Sequence[str]]) -> Tail:
    """Histogram of conductivities, values beyond the data sets' 90 % quantile, and values by species.

    Args:
        compositions: the species of each result.
    """
    before = [value for _, value in known.liquids]
    chosen = [k for k, one in enumerate(results) if one["counts"]]
    added = [results[k]["value"] for k in chosen]
    edges = _edges([*before, *added])
    edge = float(np.quantile(before, 0.9)) if before else None
    above_before = sum(value > edge for value in before) if edge is not None else 0
    above_added = sum(value > edge for value in added) if edge is not None else 0
    is_simulated = any(results[k]["source"] != "experiment" for k in chosen)
    return {
        "edges": edges,
        "before": np.histogram(before, edges)[0].tolist(),
        "added": np.histogram(added, edges)[0].tolist(),
        "n_before": len(before),
        "n_added": len(added),
        "edge_90": edge,
        "above_before": above_before,
        "above_added": above_added,
        "species": _species(known, [compositions[k] for k in chosen]),
        "words": _words(len(before), len(added), edge, above_before, above_added, is_simulated=is_simulated),
        "why_not": "" if before or added else "Neither the data sets nor the campaign hold a conductivity.",
    }


def _edges(values: Sequence[float]) -> list[float]:
    """Edges of round numbers from 0 (or below) past the largest value."""
    top, bottom = max([*values, 1.0]), min([*values, 0.0])
    rough = (top - bottom) / N_BINS
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    first, last = math.floor(bottom / step), math.floor(top / step) + 1
    return [round(step * k, 10) for k in range(first, last + 1)]


def _species(known: Known, added: Sequence[Sequence[str]]) -> list[tuple[str, int, int]]:
    """Of the space's species and those that came in: training values that hold each, before and added."""
    had = Counter(name for (amounts, _), _ in known.liquids for name in amounts)
    came = Counter(name for names in added for name in names)
    names = dict.fromkeys([*known.salts, *known.solvents, *came])
    return sorted(((name, had[name], came[name]) for name in names), key=lambda row: (row[1], row[0]))


def _words(
    n_before: int, n_added: int, edge: float | None, above_before: int, above_added: int, *, is_simulated: bool
) -> str:
    if edge is None:
        return f"The campaign has added {some(n_added, 'value')}; the data sets hold none to compare with."
    said = f"The best tenth of the data sets' {n_before} values lies above {edge:.1f} mS/cm. "
    if not n_added:
        return said + "The campaign has not added a value yet."
    added = some(n_added, "value")
    if not above_added:
        said += f"None of the {added} that the campaign added does, so that the tail is as it was."
    else:
        share = f"{above_added} of the {added} that the campaign added ({100 * above_added / n_added:.0f} %)"
        said += f"So do {share}: the tail now holds {above_before + above_added} instead of {above_before}."
    return said + " Simulated values are counted as they came." * is_simulated
