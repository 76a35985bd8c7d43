"""Measures of the accuracy benchmark, and its tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from accuracy_splits import SMALLEST_GROUP
from saltloop.chemistry.measurement import Measurement

#: Conductivities 6 to 100 times below all comparable ones (docs/data.md).
ODD_PAPERS = ("10.1007/s10008-002-0300-9", "10.1016/S0378-7753(01)00697-8")
RANGES = ("≤ 1", "1–4", "4–10", "10–15", "> 15")
EDGES = (1.0, 4.0, 10.0, 15.0)
#: Splits whose folds are things of their own, so that the mean over folds means something.
MACRO_SPLITS = ("papers", "salts", "solvents", "laboratories")
MOST_COLUMNS = 10
"""Splits with more folds get no table of each fold's MAE."""


@dataclass(frozen=True)
class ScoredFold:
    """Predictions for the rows ``index`` of one fold, mS/cm."""

    name: str
    index: np.ndarray
    mean: np.ndarray
    seconds: np.ndarray
    std: np.ndarray | None = None
    low: np.ndarray | None = None
    """``levels x n``: 50, 80 and 95 %."""
    high: np.ndarray | None = None


def tables(split: str, found: Mapping[str, Sequence[ScoredFold]], n_folds: int, rows: Sequence[Measurement]) -> str:
    """Errors of every model, and intervals of those that have them."""
    by_range = " | ".join(f"MAE, k {one}" for one in RANGES)
    lines = [
        f"\n**{split}** ({n_folds} folds)\n",
        f"| model | MAE | RMSE | R² | macro MAE | {by_range} | MAE / RMSE without odd papers | CPU s a fold |",
        "|" + "---|" * 12,
    ]
    lines += [f"| {model} | {_errors(split, folds, n_folds, rows)} |" for model, folds in found.items()]
    with_intervals = {model: folds for model, folds in found.items() if all(fold.low is not None for fold in folds)}
    if with_intervals:
        lines += [
            "\n| model | in the 50 / 80 / 95 % interval | mean widths, mS/cm | correlation of error and deviation |",
            "|---|---|---|---|",
        ]
        lines += [f"| {model} | {_intervals(folds, rows)} |" for model, folds in with_intervals.items()]
    if 1 < n_folds <= MOST_COLUMNS:
        names = list(dict.fromkeys(fold.name for folds in found.values() for fold in folds))
        lines += [f"\n| MAE of each fold | {' | '.join(names)} |", "|" + "---|" * (len(names) + 1)]
        lines += [f"| {model} | {' | '.join(_each(folds, names, rows))} |" for model, folds in found.items()]
    return "\n".join(lines)


def _each(folds: Sequence[ScoredFold], names: Sequence[str], rows: Sequence[Measurement]) -> list[str]:
    errors = {fold.name: np.abs(fold.mean - truth_of(rows, fold.index)).mean() for fold in folds}
    return [f"{errors[name]:.3f}" if name in errors else "" for name in names]


def _errors(split: str, folds: Sequence[ScoredFold], n_folds: int, rows: Sequence[Measurement]) -> str:
    index = np.concatenate([fold.index for fold in folds])
    truth = truth_of(rows, index)
    error = np.concatenate([fold.mean for fold in folds]) - truth
    by_range = mae_by_range(error, truth)
    trusted = np.array([rows[i].reference not in ODD_PAPERS for i in index])
    r2 = 1 - (error**2).sum() / ((truth - truth.mean()) ** 2).sum()
    macro = f"{macro_mae(folds, rows):.2f}" if split in MACRO_SPLITS else "–"
    cells = [f"{np.abs(error).mean():.3f}", f"{_rmse(error):.3f}", f"{r2:.3f}", macro]
    cells += ["–" if np.isnan(one) else f"{one:.2f}" for one in by_range]
    cells.append(f"{np.abs(error[trusted]).mean():.3f} / {_rmse(error[trusted]):.3f}" if trusted.any() else "–")
    cells.append(f"{np.mean([fold.seconds for fold in folds]):.0f}")
    note = "" if len(folds) == n_folds else f" (only {len(folds)} of {n_folds} folds)"
    return " | ".join(cells) + note


def _intervals(folds: Sequence[ScoredFold], rows: Sequence[Measurement]) -> str:
    truth = truth_of(rows, np.concatenate([fold.index for fold in folds]))
    mean, std = (np.concatenate([getattr(fold, name) for fold in folds]) for name in ("mean", "std"))
    low, high = (np.concatenate([getattr(fold, name) for fold in folds], axis=1) for name in ("low", "high"))
    inside = ((low <= truth) & (truth <= high)).mean(axis=1)
    width = (high - low).mean(axis=1)
    correlation = np.corrcoef(np.abs(mean - truth), std)[0, 1]
    shares, widths = (
        " / ".join(form.format(one) for one in numbers) for form, numbers in (("{:.1%}", inside), ("{:.2f}", width))
    )
    return f"{shares} | {widths} | {correlation:.2f}"


def macro_mae(folds: Sequence[ScoredFold], rows: Sequence[Measurement]) -> float:
    """Mean of the folds' MAE, over folds of at least ``SMALLEST_GROUP`` rows."""
    large = [fold for fold in folds if len(fold.index) >= SMALLEST_GROUP]
    return (
        float(np.mean([np.abs(fold.mean - truth_of(rows, fold.index)).mean() for fold in large])) if large else np.nan
    )


def mae_by_range(error: np.ndarray, truth: np.ndarray) -> list[float]:
    """MAE of the rows in each of ``RANGES`` of the measured conductivity; nan where there is none."""
    bins = np.digitize(truth, EDGES, right=True)
    return [float(np.abs(error[bins == one]).mean()) if (bins == one).any() else np.nan for one in range(len(RANGES))]


def truth_of(rows: Sequence[Measurement], index: np.ndarray) -> np.ndarray:
    return np.array([rows[i].value for i in index])


def _rmse(error: np.ndarray) -> float:
    return float(np.sqrt((error**2).mean()))
