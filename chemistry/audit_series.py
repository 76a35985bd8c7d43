"""Temperature series of one paper and one liquid: points that jump out, and two series where there can be one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from .audit_papers import Comparison, counted
from .audit_rows import LEAST_mS_cm, Rows
from .audit_verdicts import Finding

if TYPE_CHECKING:
    import pandas

JUMP_FACTOR, JUMP_mS_cm = 1.2, 0.15
TWICE_FACTOR = 1.15
FEWEST_OF_A_SERIES = 5
_AGREES, _BETTER = 1.5, 1.3
"""A series agrees with other papers where the median factor to comparable rows is no more than 1.5; of two it is the
right one where the other's is 1.3 times that."""


def series_findings(rows: Rows, tested: np.ndarray, suspect: np.ndarray, comparison: Comparison) -> Iterator[Finding]:
    """Both checks over every liquid of every paper; ``tested`` rows have neighbours that judge them better."""
    twice = []
    for _, liquid in rows.frame[~suspect].groupby(["block", rows.frame["c"].round(3)]):
        runs = _runs(liquid)
        if len(runs) == 2:
            twice += list(_two_series(rows, runs[0], runs[1], comparison))
        for run in runs:
            yield from _jumps(run, tested)
    yield from twice


def _runs(liquid: pandas.DataFrame) -> list[pandas.DataFrame]:
    """The stretches of file order in which the temperature goes one way, if they are long enough for series."""
    liquid = liquid.sort_values("row")
    steps = np.sign(np.diff(liquid["T"].to_numpy()))
    turns = (np.flatnonzero(steps != (np.sign(steps.sum()) or 1)) + 1).tolist()
    pieces = [liquid.iloc[a:b] for a, b in zip([0, *turns], [*turns, len(liquid)], strict=True)]
    return [piece for piece in pieces if len(piece) >= FEWEST_OF_A_SERIES]


def _jumps(run: pandas.DataFrame, tested: np.ndarray) -> Iterator[Finding]:
    """Rows without neighbours of their own that leave the curve through the four nearest temperatures."""
    run = run.sort_values("T")
    reciprocal, k = 1000.0 / run["T"].to_numpy(), run["k"].to_numpy()
    log_k = np.log(np.maximum(k, LEAST_mS_cm))
    for i in range(1, len(run) - 1):
        if tested[run.index[i]]:
            continue
        near = [j for j in range(max(0, i - 2), min(len(run), i + 3)) if j != i]
        degree = 2 if len(near) == 4 else 1
        there = float(np.exp(np.polyfit(reciprocal[near] - reciprocal[i], log_k[near], degree)[-1]))
        if abs(log_k[i] - np.log(there)) > np.log(JUMP_FACTOR) and abs(k[i] - there) > JUMP_mS_cm:
            named = ", ".join(str(run["row"].iloc[j]) for j in near)
            yield Finding(
                row=int(run["row"].iloc[i]),
                doi=run["doi"].iloc[i],
                check="off_series",
                verdict="downweight",
                relative_uncertainty=round(abs(there - k[i]) / max(k[i], LEAST_mS_cm), 2),
                evidence=f"{k[i]:.3g} mS/cm reported, {there:.3g} expected from rows {named} of its temperature series",
            )


def _two_series(
    rows: Rows, first: pandas.DataFrame, second: pandas.DataFrame, comparison: Comparison
) -> Iterator[Finding]:
    """Two series of one paper for one liquid that differ throughout: one at least is of something else."""
    factor = _factor(first, second)
    if factor is None or max(factor, 1 / factor) < TWICE_FACTOR:
        return
    agreement = [_agreement(comparison, run) for run in (first, second)]
    for mine, other, own, others, times in (
        (first, second, agreement[0], agreement[1], factor),
        (second, first, agreement[1], agreement[0], 1 / factor),
    ):
        exclude = others is not None and others < _AGREES and own is not None and own > others * _BETTER
        keep = own is not None and own < _AGREES and others is not None and others > own * _BETTER
        said = f"{times:.2f} times the series in rows {other['row'].min()} to {other['row'].max()} of the same liquid"
        n = int(comparison.n[mine.index].sum())
        if own is not None:
            said += f"; a factor of {own:.2f} from {counted(n, 'comparable row')} of other papers"
        relative = None if exclude or keep else round(abs(float(np.log(factor))), 2)
        for row, doi in zip(mine["row"], mine["doi"], strict=True):
            verdict = "exclude" if exclude else "note" if keep else "downweight"
            yield Finding.model_validate(
                {"row": int(row), "doi": doi, "check": "two_series", "verdict": verdict, "evidence": said}
                | {"relative_uncertainty": relative}
            )


def _factor(first: pandas.DataFrame, second: pandas.DataFrame) -> float | None:
    """Median of the first series over the second where their temperatures overlap; None where they hardly do."""
    other = second.sort_values("T")
    inside = first[first["T"].between(other["T"].iloc[0], other["T"].iloc[-1]) & (first["k"] > LEAST_mS_cm)]
    if len(inside) < FEWEST_OF_A_SERIES - 1 or (other["k"] <= LEAST_mS_cm).any():
        return None
    at = np.interp(1000 / inside["T"][::-1], 1000 / other["T"][::-1], np.log(other["k"][::-1]))
    return float(np.exp(np.median(np.log(inside["k"][::-1]) - at)))


def _agreement(comparison: Comparison, run: pandas.DataFrame) -> float | None:
    """The median factor, either way, between a series and comparable rows of other papers; None without any."""
    ratio = comparison.ratio[run.index]
    ratio = ratio[np.isfinite(ratio)]
    return float(np.exp(abs(np.log(np.median(ratio))))) if len(ratio) else None
