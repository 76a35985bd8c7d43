"""Symbolic regression of the conductivity: formulas from short to long, scored on liquids they have not seen.

The formulation groups (salt and solvent ratio) are cut in five. Each part is held out once: formulas are searched on
three of the others, one of them is chosen by its error on the fourth, and all are scored, as they are printed, on the
part held out. Nothing is chosen by a held-out error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.formulation import Formulation
from saltloop.surrogates.symbolic_features import FeatureSet, mixture_group
from saltloop.surrogates.symbolic_formula import compiled, complexity_of
from saltloop.surrogates.symbolic_sanity import Sanity, check_formula
from saltloop.surrogates.symbolic_search import SearchSettings, backend

Progress = Callable[[int, int], None]

MIN_GROUPS = 5


@dataclass(frozen=True)
class Formula:
    """One formula of a fold's front, with its errors in mS/cm."""

    text: str
    """As scored, in the symbols of the feature set."""
    complexity: int
    """Nodes of the simplified expression: operators, variables, constants."""
    fold: int
    training_rmse: float
    """On the rows that the search and its constants saw."""
    validation_r2: float
    """On other liquids; tells which formula of a fold to take."""
    held_out_mae: float
    """Infinite where the formula has no finite value for a held-out row."""
    held_out_rmse: float
    n_held_out: int
    sanity: Sanity


@dataclass(frozen=True)
class FrontPoint:
    """Error on unseen liquids of the search at one complexity: in each fold, the formula of that size or smaller that
    fitted its training part best, pooled over the folds (each row scored once)."""

    complexity: int
    mae: float
    rmse: float


@dataclass(frozen=True)
class SymbolicResult:
    """Formulas for one feature set."""

    features: FeatureSet
    settings: SearchSettings
    n_rows: int
    n_groups: int
    left_out: Mapping[str, int]
    """Reason: rows that could not be used."""
    formulas: tuple[Formula, ...]
    """All folds' fronts, by fold and complexity."""
    front: tuple[FrontPoint, ...]
    constant_mae: float
    """Error of each fold's training mean, pooled: what no formula at all reaches."""

    @property
    def chosen_mae(self) -> float:
        """Held-out error of the formulas chosen in each fold, pooled (each row scored once)."""
        picked = [f for f in map(self.choice_of, range(self.settings.n_folds)) if f is not None]
        if len(picked) < self.settings.n_folds:
            return float("nan")
        return sum(f.held_out_mae * f.n_held_out for f in picked) / sum(f.n_held_out for f in picked)

    @property
    def chosen(self) -> Formula | None:
        """Of the folds' choices, the one with the highest validation R2; None where no formula is sane."""
        picked = [f for f in map(self.choice_of, range(self.settings.n_folds)) if f is not None]
        return max(picked, key=lambda f: f.validation_r2, default=None)

    def choice_of(self, fold: int) -> Formula | None:
        """The physically sane formula of a fold that does best on its validation liquids; None where none is sane."""
        sane = [f for f in self.front_of(fold) if f.sanity.is_sane]
        return max(sane, key=lambda f: f.validation_r2, default=None)

    @property
    def pareto(self) -> tuple[FrontPoint, ...]:
        """The points of ``front`` that no shorter formula beats on held-out liquids."""
        kept: list[FrontPoint] = []
        for point in self.front:
            if not kept or point.mae < kept[-1].mae:
                kept.append(point)
        return tuple(kept)

    def front_of(self, fold: int) -> tuple[Formula, ...]:
        """The Pareto front of complexity against training error that one fold's search found."""
        return tuple(f for f in self.formulas if f.fold == fold)


def symbolic_regression(
    liquids: Sequence[Formulation],
    conductivity_mS_cm: Sequence[float],
    features: FeatureSet,
    settings: SearchSettings = SearchSettings(),  # noqa: B008  (frozen)
    progress: Progress | None = None,
) -> SymbolicResult:
    """Search formulas for the conductivity of liquids.

    Raises:
        DataError: fewer than five formulation groups can be described.
        MissingBackendError: pyoperon, or PySR, is not installed.
    """
    search = backend(settings.backend)
    rows = _Rows.collect(liquids, conductivity_mS_cm, features)
    n_groups = len(set(rows.groups))
    if n_groups < max(MIN_GROUPS, settings.n_folds):
        raise DataError(
            f"{n_groups} formulation groups (salt and solvent ratio) are too few to score formulas on unseen liquids; "
            f"{max(MIN_GROUPS, settings.n_folds)} are the least."
        )
    from sklearn.model_selection import GroupKFold

    outer, inner = GroupKFold(settings.n_folds), GroupKFold(settings.n_folds - 1)
    formulas: list[Formula] = []
    errors: list[dict[int, np.ndarray]] = []
    baseline: list[np.ndarray] = []
    for fold, (train, test) in enumerate(outer.split(rows.values, rows.k, rows.groups)):
        rng = np.random.default_rng([settings.seed, fold])
        search_part, choice_part = next(inner.split(train, groups=rows.groups[train]))
        seen = rng.permutation(train[search_part])[: settings.max_rows]
        target = features.to_target(rows.k[seen], rows.molality[seen])
        found = search(rows.values[seen], target, features.symbols, settings, int(rng.integers(2**31)))
        front, residuals = _scored(_distinct(found), rows, (seen, train[choice_part], test), fold)
        formulas += front
        errors.append(residuals)
        baseline.append(np.abs(rows.k[test] - rows.k[seen].mean()))
        if progress:
            progress(fold + 1, settings.n_folds)
    return SymbolicResult(
        features=features,
        settings=settings,
        n_rows=len(rows.k),
        n_groups=n_groups,
        left_out=rows.left_out,
        formulas=tuple(formulas),
        front=_front(errors),
        constant_mae=float(np.concatenate(baseline).mean()),
    )


@dataclass(frozen=True)
class _Rows:
    """Rows that the feature set can describe."""

    features: FeatureSet
    values: np.ndarray
    k: np.ndarray
    molality: np.ndarray
    groups: np.ndarray
    mixtures: np.ndarray
    """Distinct composition features, the most frequent first."""
    left_out: Mapping[str, int]

    @classmethod
    def collect(cls, liquids: Sequence[Formulation], k: Sequence[float], features: FeatureSet) -> _Rows:
        kept, composition, left_out = [], [], {"no salt or no positive conductivity": 0, "a property is not known": 0}
        for i, (liquid, value) in enumerate(zip(liquids, k, strict=True)):
            if not liquid.molality or not value > 0:
                left_out["no salt or no positive conductivity"] += 1
                continue
            own = features.of_composition(liquid)
            if any(one is None for one in own):
                left_out["a property is not known"] += 1
                continue
            kept.append(i)
            composition.append(own)
        if not kept:
            raise DataError(f"No row has all of {', '.join(features.composition)}; symbolic regression has no input.")
        T = np.array([liquids[i].temperature_K for i in kept])
        m = np.array([sum(liquids[i].molality.values()) for i in kept])
        of_composition = np.array(composition, dtype=float)
        distinct, counts = np.unique(of_composition.round(6), axis=0, return_counts=True)
        return cls(
            features=features,
            values=np.column_stack([of_composition, *features.of_conditions(T, m)]),
            k=np.array([k[i] for i in kept], dtype=float),
            molality=m,
            groups=np.array([mixture_group(liquids[i]) for i in kept]),
            mixtures=distinct[np.argsort(-counts, kind="stable")],
            left_out={reason: n for reason, n in left_out.items() if n},
        )


def _scored(
    expressions: Sequence[Any], rows: _Rows, parts: tuple[np.ndarray, np.ndarray, np.ndarray], fold: int
) -> tuple[list[Formula], dict[int, np.ndarray]]:
    """A fold's front (by training error), and the held-out residuals of its best formula up to each complexity.

    ``parts``: the rows searched on, to choose by, and held out.
    """
    train, choice, test = parts
    scored = []
    for expression in expressions:
        evaluate = compiled(expression, rows.features)
        residual = evaluate(rows.values, rows.molality) - rows.k
        inside = residual[train]
        if np.isfinite(inside).all():
            scored.append(
                (complexity_of(expression), float(np.sqrt((inside**2).mean())), expression, evaluate, residual)
            )
    formulas: list[Formula] = []
    residuals: dict[int, np.ndarray] = {}
    best = np.inf
    for complexity, rmse, expression, evaluate, residual in sorted(scored, key=lambda one: one[:2]):
        if rmse >= best * (1 - 1e-6):
            continue
        best = rmse
        outside = np.where(np.isfinite(residual[test]), residual[test], np.inf)
        residuals[complexity] = outside
        formulas.append(
            Formula(
                text=str(expression),
                complexity=complexity,
                fold=fold,
                training_rmse=rmse,
                validation_r2=_r2(residual[choice], rows.k[choice]),
                held_out_mae=float(np.abs(outside).mean()),
                held_out_rmse=float(np.sqrt((outside**2).mean())),
                n_held_out=len(test),
                sanity=check_formula(evaluate, rows.features, rows.mixtures),
            )
        )
    return formulas, residuals


def _front(errors: Sequence[Mapping[int, np.ndarray]]) -> tuple[FrontPoint, ...]:
    """Pooled held-out error of the procedure, for every complexity from which on each fold has a formula."""
    sizes = sorted({size for fold in errors for size in fold})
    start = max(min(fold) for fold in errors)
    points: list[FrontPoint] = []
    for size in (s for s in sizes if s >= start):
        pooled = np.concatenate([fold[max(s for s in fold if s <= size)] for fold in errors])
        points.append(FrontPoint(size, float(np.abs(pooled).mean()), float(np.sqrt((pooled**2).mean()))))
    return tuple(points)


def _r2(residual: np.ndarray, k: np.ndarray) -> float:
    if not np.isfinite(residual).all():
        return -np.inf
    return 1 - float((residual**2).sum()) / max(float(((k - k.mean()) ** 2).sum()), 1e-12)


def _distinct(expressions: Sequence[Any]) -> list[Any]:
    return list({str(expression): expression for expression in expressions}.values())
