"""How each kind of acquisition picks a batch from a field of candidates, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from botorch.sampling.normal import IIDNormalSampler
from saltloop.loop.acquisition.field import Field
from saltloop.loop.acquisition.functions import SMOOTH_KINDS, values
from saltloop.loop.acquisition.table import positions
from torch import Tensor

#: Finds something better than the best of the field: positions best first and the picks so far to a position.
Improve = Callable[[Field, Sequence[int], Sequence[int]], int]


@dataclass(frozen=True)
class Picks:
    """Positions in the field, and what each is worth on the scale of its kind."""

    chosen: tuple[int, ...]
    #: Of each chosen one alone, beside what is pending (of ``thompson``: in its draw; of ``uncertainty``: in its turn).
    values: tuple[float, ...]
    ranks: tuple[int, ...]
    #: The best that were not chosen: position, value, rank.
    passed: tuple[tuple[int, float, int], ...]


def pick(field: Field, n: int, *, n_passed: int, uniform: Sequence[int], improve: Improve | None = None) -> Picks:
    """Pick ``n`` candidates by the field's kind of acquisition.

    Args:
        uniform: candidates (counted among the candidates) that were drawn uniformly over the pool.
        improve: the mixed optimiser, where it may go beyond the field.
    """
    kind = field.settings.kind
    if kind in SMOOTH_KINDS:
        return _by_acquisition(field, n, n_passed, improve)
    if kind == "thompson":
        return _by_draws(field, n, n_passed)
    if kind == "uncertainty":
        return _by_uncertainty(field, n, n_passed)
    chosen = [field.candidates[index] for index in uniform[:n]]
    return Picks(tuple(chosen), (1 / len(field.candidates),) * n, tuple(range(1, n + 1)), ())


def _by_acquisition(field: Field, n: int, n_passed: int, improve: Improve | None) -> Picks:
    """Greedy: each the best beside what is pending and those before it."""
    chosen: list[int] = []
    for _ in range(n):
        left = [one for one in field.candidates if one not in chosen]
        worth = values(field.acquisition(chosen), positions(left))
        order = [left[i] for i in worth.argsort(descending=True, stable=True).tolist()]
        chosen.append(order[0] if improve is None else improve(field, order, chosen))
    alone = values(field.acquisition(()), positions(field.candidates))
    return _ranked(field, chosen, alone, n_passed)


def _by_draws(field: Field, n: int, n_passed: int) -> Picks:
    """Thompson sampling: each the best of its own joint draw, weighed by the probability of a result."""
    draws = _weighed(field.joint().draws(field.candidates, IIDNormalSampler(torch.Size([n]), seed=field.seed)), field)
    chosen: list[int] = []
    worth, ranks = [], []
    for draw in draws:
        order = draw.argsort(descending=True, stable=True).tolist()
        best = next(i for i in order if i not in chosen)
        chosen.append(best)
        worth.append(float(draw[best]))
        ranks.append(order.index(best) + 1)
    first = draws[0].argsort(descending=True, stable=True).tolist()
    passed = [(i, rank) for rank, i in enumerate(first, start=1) if i not in chosen][:n_passed]
    start = field.candidates.start
    return Picks(
        tuple(start + i for i in chosen),
        tuple(worth),
        tuple(ranks),
        tuple((start + i, float(draws[0][i]), rank) for i, rank in passed),
    )


def _by_uncertainty(field: Field, n: int, n_passed: int) -> Picks:
    """The largest posterior deviation, each conditional on what is pending and on the picks before it."""
    covariance = field.joint().covariance
    for index in field.pending:
        covariance = conditioned(covariance, index)
    span = slice(field.candidates.start, field.candidates.stop)
    alone = _deviation(covariance, field, span)
    chosen: list[int] = []
    worth: list[float] = []
    for _ in range(n):
        deviation = _deviation(covariance, field, span)
        deviation[chosen] = -1.0
        best = int(deviation.argmax())
        chosen.append(best)
        worth.append(float(deviation[best]))
        covariance = conditioned(covariance, span.start + best)
    ranked = _ranked(field, [span.start + i for i in chosen], alone, n_passed)
    return Picks(ranked.chosen, tuple(worth), ranked.ranks, ranked.passed)


def conditioned(covariance: Tensor, index: int, noise_variance: float = 0.0) -> Tensor:
    """The covariance (n x n) after a value at ``index`` with some noise is known."""
    column = covariance[:, index]
    total = column[index] + noise_variance
    return covariance - torch.outer(column, column) / total if total > 1e-12 else covariance


def _deviation(covariance: Tensor, field: Field, span: slice) -> Tensor:
    return _weighed(covariance.diagonal()[span].clamp_min(0).sqrt(), field)


def _weighed(worth: Tensor, field: Field) -> Tensor:
    """Values above zero of the candidates (... x n) times their probability of a result."""
    p = field.log_p[field.candidates.start :].exp()
    return torch.where(worth > 0, worth * p, worth)


def _ranked(field: Field, chosen: Sequence[int], alone: Tensor, n_passed: int) -> Picks:
    start = field.candidates.start
    order = [start + i for i in alone.argsort(descending=True, stable=True).tolist()]
    passed = [(one, rank) for rank, one in enumerate(order, start=1) if one not in chosen][:n_passed]
    return Picks(
        tuple(chosen),
        tuple(float(alone[one - start]) for one in chosen),
        tuple(order.index(one) + 1 for one in chosen),
        tuple((one, float(alone[one - start]), rank) for one, rank in passed),
    )
