"""What predictions hang on: gradients as in SCAN, integrated gradients and Shapley values, and where they disagree.

All three answer in mS/cm for each row and feature, relative to one baseline, so that they can be compared. On a
function that is linear in its features they are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

Function = Callable[[Tensor, Tensor], Tensor]
"""Features (n x k) and the rows they belong to (n x anything) to predictions (n); rows do not see each other."""
Progress = Callable[[int, int], None]

#: Rows whose graph is kept at once while gradients are taken.
ROWS_AT_ONCE = 128
#: A feature whose rank differs by more than this between two methods is reported.
RANK_TOLERANCE = 3


@dataclass(frozen=True)
class Attribution:
    """What each feature contributes to each row's prediction, mS/cm."""

    method: str
    values: np.ndarray
    """n x k; for the two complete methods they sum to the prediction minus the baseline's."""
    gap: float
    """Largest absolute difference between that sum and what it should be, mS/cm. Gradients are not complete."""
    standard_error: np.ndarray | None = None
    """n x k, of Monte Carlo sampling."""

    @property
    def importance(self) -> np.ndarray:
        """Mean absolute contribution of each feature over the rows, mS/cm."""
        importance: np.ndarray = np.abs(self.values).mean(0)
        return importance


def gradients(function: Function, Z: Tensor, rows: Tensor) -> Tensor:
    """Gradient of each row's prediction with respect to its features, n x k."""
    parts = []
    for z, context in zip(Z.split(ROWS_AT_ONCE), rows.split(ROWS_AT_ONCE), strict=True):
        z = z.detach().clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(function(z, context).sum(), z)
        parts.append(gradient)
    return torch.cat(parts)


def gradient_attribution(function: Function, Z: Tensor, rows: Tensor, baseline: Tensor) -> Attribution:
    """Gradient-based attribution (GBA, as in SCAN): the gradient times the distance from the baseline.

    SCAN averages the bare gradient over the data set; times the distance it is in mS/cm and does not depend on how a
    feature is scaled.
    """
    values = gradients(function, Z, rows) * (Z - baseline)
    return Attribution("gradients", values.double().numpy(), _gap(function, Z, rows, baseline, values))


def integrated_gradients(
    function: Function, Z: Tensor, rows: Tensor, baseline: Tensor, *, steps: int = 24, progress: Progress | None = None
) -> Attribution:
    """Gradients averaged along the straight line from the baseline, by Gauss-Legendre quadrature.

    Source: Sundararajan, Taly, Yan, ICML 2017 (arXiv:1703.01365).
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros_like(Z)
    for step, (node, weight) in enumerate(zip((nodes + 1) / 2, weights / 2, strict=True)):
        total += float(weight) * gradients(function, baseline + float(node) * (Z - baseline), rows)
        if progress:
            progress(step + 1, steps)
    values = total * (Z - baseline)
    return Attribution("integrated gradients", values.double().numpy(), _gap(function, Z, rows, baseline, values))


def shapley_values(
    function: Function,
    Z: Tensor,
    rows: Tensor,
    baseline: Tensor,
    *,
    n_pairs: int = 4,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Attribution:
    """Shapley values by sampled orders, each used forwards and backwards; absent features have the baseline's value.

    Each row has its own orders. Exactly efficient: every order's contributions sum to the whole difference.
    Source: Castro, Gomez, Tejada, Comput. Oper. Res. 36 (2009) 1726; antithetic pairs: Mitchell et al., JMLR 23 (2022).
    """
    n, k = Z.shape
    pairs = []
    with torch.no_grad():
        for pair in range(n_pairs):
            order = torch.rand(n, k, generator=generator).argsort(dim=-1)
            both = [_along(function, Z, rows, baseline, o) for o in (order, order.flip(-1))]
            pairs.append((both[0] + both[1]) / 2)
            if progress:
                progress(pair + 1, n_pairs)
    stacked = torch.stack(pairs)
    error = stacked.std(0) / n_pairs**0.5 if n_pairs > 1 else torch.full_like(Z, torch.nan)
    values = stacked.mean(0)
    return Attribution(
        "Shapley", values.double().numpy(), _gap(function, Z, rows, baseline, values), error.double().numpy()
    )


@dataclass(frozen=True)
class Disagreement:
    """How two methods rank the same features."""

    methods: tuple[str, str]
    rank_correlation: float
    """Spearman's, of the mean absolute contributions."""
    moved: tuple[tuple[str, int, int], ...]
    """Features whose rank differs by more than ``RANK_TOLERANCE``, with their rank by either (1: most important)."""


def disagreements(names: Sequence[str], importances: Mapping[str, np.ndarray]) -> list[Disagreement]:
    """Every pair of methods; ``importances``: method to importance of each feature (k)."""
    from scipy.stats import spearmanr

    found = []
    for a, b in combinations(importances, 2):
        first, second = ranks(importances[a]), ranks(importances[b])
        moved = [
            (name, int(i), int(j))
            for name, i, j in zip(names, first, second, strict=True)
            if abs(i - j) > RANK_TOLERANCE
        ]
        correlation = float(spearmanr(importances[a], importances[b]).statistic)
        found.append(Disagreement((a, b), correlation, tuple(sorted(moved, key=lambda m: min(m[1], m[2])))))
    return found


def ranks(importance: np.ndarray) -> np.ndarray:
    """Rank of each feature, 1 for the most important."""
    order = np.argsort(-importance, kind="stable")
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(1, len(order) + 1)
    return rank


def variance_shares(values: np.ndarray, predictions: np.ndarray, groups: Sequence[str]) -> dict[str, float]:
    """Share of the predictions' variance that each group of features accounts for; they sum to 1 with ``beyond``.

    The share of a group is cov(sum of its contributions, prediction) / var(prediction). ``beyond`` is what the named
    features leave: the value at the baseline, which still differs from row to row. A share can be negative.
    """
    centred = predictions - predictions.mean()
    variance = float((centred**2).mean())
    if variance == 0:
        raise ValueError("All predictions are equal; there is no variance to share out. Give rows that differ.")
    labels = np.array(groups)
    shares = {
        group: float((values[:, labels == group].sum(-1) * centred).mean()) / variance
        for group in dict.fromkeys(groups)
    }
    return {**shares, "beyond": 1.0 - sum(shares.values())}


def _along(function: Function, Z: Tensor, rows: Tensor, baseline: Tensor, order: Tensor) -> Tensor:
    """Contributions, n x k, when each row's features arrive in its ``order`` (n x k)."""
    current = baseline.expand_as(Z).clone()
    contributions = torch.zeros_like(Z)
    before = function(current, rows)
    for column in order.T:
        index = column.unsqueeze(-1)
        current.scatter_(1, index, Z.gather(1, index))
        after = function(current, rows)
        contributions.scatter_(1, index, (after - before).unsqueeze(-1))
        before = after
    return contributions


def _gap(function: Function, Z: Tensor, rows: Tensor, baseline: Tensor, values: Tensor) -> float:
    with torch.no_grad():
        difference = function(Z, rows) - function(baseline.expand_as(Z), rows)
    return float((values.sum(-1) - difference).abs().max())
