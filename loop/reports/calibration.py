"""Were the uncertainties right? Predictions from before each measurement against what was reported."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from saltloop.loop.reports.view_types import Calibration, Coverage, ResultRow
from saltloop.loop.reports.words import some

NOMINAL = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
#: Fewer results than this say nothing about coverage.
FEWEST = 5


def calibrations(results: Sequence[ResultRow]) -> list[Calibration]:
    """One entry a source, experiments first."""
    rows = [k for k, one in enumerate(results) if _is_comparable(one)]
    sources = sorted({results[k]["source"] for k in rows}, key=lambda name: (name != "experiment", name))
    return [_of_source(results, [k for k in rows if results[k]["source"] == name], name) for name in sources]


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson's score interval)."""
    share, centre = hits / n, hits / n + z**2 / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, (centre - half) / (1 + z**2 / n)), min(1.0, (centre + half) / (1 + z**2 / n))


def _is_comparable(one: ResultRow) -> bool:
    return one["counts"] and one["mean"] is not None


def _of_source(results: Sequence[ResultRow], rows: list[int], source: str) -> Calibration:
    value, std = (np.array([results[k][key] for k in rows], dtype=float) for key in ("value", "std"))
    mean, pstd = (np.array([results[k][key] for k in rows], dtype=float) for key in ("mean", "pstd"))
    total = np.hypot(std, pstd)
    is_told = total > 0
    deviations = np.divide(value - mean, total, out=np.zeros_like(total), where=is_told)
    coverage = [_coverage(np.abs(deviations[is_told]), p) for p in NOMINAL] if is_told.sum() >= FEWEST else []
    positive = mean > 0
    ratio = float(np.median(value[positive] / mean[positive])) if positive.any() else None
    error = float(np.abs(value - mean).mean())
    return {
        "source": source,
        "n": len(rows),
        "rows": rows,
        "deviations": deviations.tolist(),
        "coverage": coverage,
        "mean_absolute_error": error,
        "median_ratio": ratio,
        "words": _words(source, len(rows), error, ratio, coverage),
        "why_not": ""
        if coverage
        else f"How many results the intervals held can be told from {FEWEST} on; {int(is_told.sum())} can be compared.",
    }


def _coverage(off: np.ndarray, nominal: float) -> Coverage:
    hits = int((off <= NormalDist().inv_cdf((1 + nominal) / 2)).sum())
    low, high = wilson(hits, len(off))
    return {"nominal": nominal, "observed": hits / len(off), "low": low, "high": high}


def _words(source: str, n: int, error: float, ratio: float | None, coverage: Sequence[Coverage]) -> str:
    said = f"Predictions from before {some(n, 'result')} of {source} were off by {error:.2f} mS/cm on average"
    said += f", median ratio reported / predicted {ratio:.2f}." if ratio is not None else "."
    if coverage:
        (at,) = (one for one in coverage if one["nominal"] == 0.9)
        verdict = "as far as one can tell as they should"
        if at["high"] < 0.9:
            verdict = "too few: the stated uncertainties are too small"
        elif at["low"] > 0.9:
            verdict = "more than they should: the stated uncertainties are too large"
        said += f" The 90 % intervals held {100 * at['observed']:.0f} % of them ({100 * at['low']:.0f} to "
        said += f"{100 * at['high']:.0f} % with 95 % confidence), {verdict}."
    if source != "experiment":
        said += " Predictions are for an experiment; a simulation's own bias is part of the difference."
    return said
