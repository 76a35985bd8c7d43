"""What the router has learned: which liquids take which route, how sharply, and whether the tail is routed apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from saltloop.chemistry.formulation import Formulation
from saltloop.surrogates.ensemble import EnsembleNetwork
from saltloop.surrogates.symbolic_features import mixture_group
from torch import Tensor

TAIL_mS_cm = 15.0
#: With fewer rows than this above ``TAIL_mS_cm``, the tail is the highest twentieth of the rows instead.
MIN_TAIL_ROWS = 8
#: The tail counts as routed apart when routes tell at least this share of what there is to know about tail or not.
APART, PARTLY = 0.5, 0.15
SIGNIFICANT = 0.05
N_PERMUTATIONS = 400


def routes_of(network: EnsembleNetwork, X: Tensor) -> np.ndarray:
    """Weight of each route, members x n x n_routes, for encoded rows (n x dim); they sum to 1 over the routes."""
    with torch.no_grad():
        routes = network.with_routes(X.float())[1]
    weights: np.ndarray = routes.double().numpy()
    return weights


@dataclass(frozen=True)
class Route:
    """The rows that one route of one member carries: those in which it has the largest weight."""

    member: int
    number: int
    load: float
    """Mean weight over all rows."""
    n_rows: int
    salts: tuple[tuple[str, float], ...]
    """The most frequent main salts with their shares of the rows."""
    solvents: tuple[tuple[str, float], ...]
    temperature_K: tuple[float, float]
    """Lower and upper quartile."""
    molality: tuple[float, float]
    conductivity_mS_cm: tuple[float, float]


@dataclass(frozen=True)
class Dependence:
    """Mutual information between the dominant route and a label, as a share of the label's entropy."""

    label: str
    share: float
    """Mean over the members; 0: the route says nothing, 1: it tells the label."""
    by_chance: float
    """The same when each liquid has the routes of another (mean over members and permutations)."""
    p_values: tuple[float, ...]
    """One a member: how often chance does as well."""


@dataclass(frozen=True)
class RoutingReport:
    """What the routes of an ensemble have learned from rows with known conductivities."""

    n_routes: int
    n_rows: int
    sharpness: tuple[float, ...]
    """One a member: 1 minus the mean entropy of the weights over ln(n_routes); 1: each row takes one route alone."""
    routes_in_use: tuple[int, ...]
    """One a member: routes that dominate at least 1 % of the rows."""
    routes: tuple[Route, ...]
    """Of the member that uses most routes; their numbers mean nothing across members."""
    tail_above_mS_cm: float
    n_tail: int
    dependences: tuple[Dependence, ...]
    """Tail first, then salt, main solvent, temperature, concentration and conductivity (each in thirds)."""

    @property
    def tail(self) -> Dependence:
        return self.dependences[0]


def routing_report(
    weights: np.ndarray,
    formulations: Sequence[Formulation],
    conductivity_mS_cm: np.ndarray,
    rng: np.random.Generator,
) -> RoutingReport:
    """Summary of ``weights`` (members x n x n_routes) over n liquids.

    Chance is measured by giving each liquid (salt and solvent ratio) the routes of another, shifted along its rows in
    the order of temperature and concentration: points of one isotherm stay together, and are no independent evidence.

    Raises:
        ValueError: not one weight vector for each liquid.
    """
    members, n, n_routes = weights.shape
    if len(formulations) != n or len(conductivity_mS_cm) != n:
        raise ValueError(f"{n} rows of weights, {len(formulations)} liquids and {len(conductivity_mS_cm)} values.")
    order = np.array(sorted(range(n), key=lambda i: _row_order(formulations[i])))
    weights, values = weights[:, order], np.asarray(conductivity_mS_cm, dtype=float)[order]
    liquids = [formulations[i] for i in order]
    dominant = weights.argmax(-1)
    strangers = _strangers(liquids, rng)
    entropy = -(weights * np.log(np.clip(weights, 1e-300, None))).sum(-1).mean(-1)
    sharpness = 1 - entropy / np.log(n_routes) if n_routes > 1 else np.ones(members)
    limit = _tail_limit(values)
    labels = {"tail": (values > limit).astype(int), **_labels(liquids, values)}
    in_use = [int((np.bincount(d, minlength=n_routes) >= max(1, 0.01 * n)).sum()) for d in dominant]
    shown = int(np.argmax(in_use))
    return RoutingReport(
        n_routes=n_routes,
        n_rows=n,
        sharpness=tuple(float(s) for s in sharpness),
        routes_in_use=tuple(in_use),
        routes=tuple(_route(shown, r, weights[shown], dominant[shown], liquids, values) for r in range(n_routes)),
        tail_above_mS_cm=limit,
        n_tail=int(labels["tail"].sum()),
        dependences=tuple(_dependence(name, dominant, label, strangers) for name, label in labels.items()),
    )


def verdict(report: RoutingReport) -> str:
    """Whether the tail is routed apart, in words, from the figures alone."""
    tail, members = report.tail, len(report.sharpness)
    significant = sum(p < SIGNIFICANT for p in tail.p_values)
    gain = tail.share - tail.by_chance
    figures = (
        f"the dominant route tells {tail.share:.0%} of whether a row lies above {report.tail_above_mS_cm:.3g} mS/cm "
        f"({report.n_tail} of {report.n_rows} rows; {tail.by_chance:.0%} by chance; beyond chance in {significant} of "
        f"{members} members)"
    )
    if max(report.routes_in_use) <= 1:
        return f"No: one route carries everything, so nothing is routed apart ({figures})."
    if significant * 2 <= members:
        return f"No: the routes do not separate the tail better than chance: {figures}."
    if gain >= APART:
        return f"Yes: {figures}."
    others = [d for d in report.dependences[1:] if d.label != "conductivity"]
    strongest = max(others, key=lambda d: d.share - d.by_chance)
    beside = (
        f"Of composition and conditions, the routes follow {strongest.label} most ({strongest.share:.0%} of it, "
        f"{strongest.by_chance:.0%} by chance)"
    )
    if gain >= PARTLY:
        return f"In part: {figures}. {beside}."
    return f"Hardly: {figures}. {beside}."


def mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Mutual information of two labellings (non-negative integers) in nats, from their joint frequencies."""
    joint = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(joint, (a, b), 1.0)
    joint /= len(a)
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / independent[seen])).sum())


def _dependence(name: str, dominant: np.ndarray, label: np.ndarray, strangers: np.ndarray) -> Dependence:
    entropy = mutual_information(label, label)
    if entropy == 0:
        return Dependence(name, 0.0, 0.0, tuple(1.0 for _ in dominant))
    shares, chances, p_values = [], [], []
    for routes in dominant:
        found = mutual_information(routes, label)
        shifted = np.array([mutual_information(routes[one], label) for one in strangers])
        shares.append(found / entropy)
        chances.append(shifted.mean() / entropy)
        p_values.append((1 + (shifted >= found - 1e-12).sum()) / (1 + N_PERMUTATIONS))
    return Dependence(name, float(np.mean(shares)), float(np.mean(chances)), tuple(float(p) for p in p_values))


def _strangers(liquids: Sequence[Formulation], rng: np.random.Generator) -> np.ndarray:
    """Permutations x n: for each row, the row of a random liquid whose route it takes (``liquids`` in row order)."""
    names = np.array([mixture_group(one) for one in liquids])
    groups = [np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())]
    table = np.empty((N_PERMUTATIONS, len(liquids)), dtype=int)
    sizes = np.array([len(group) for group in groups])
    for permutation in table:
        # By size, or a liquid of one row would often lend its one route to a liquid of hundreds.
        donors = rng.choice(len(groups), size=len(groups), p=sizes / sizes.sum())
        for own, other in zip(groups, donors, strict=True):
            donor = groups[other]
            place = (np.arange(len(own)) + 0.5) / len(own) * len(donor)
            permutation[own] = donor[(place.astype(int) + rng.integers(len(donor))) % len(donor)]
    return table


def _labels(liquids: Sequence[Formulation], values: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "salt": _codes([_main(one.molality) for one in liquids]),
        "main solvent": _codes([_main(one.mole_fractions) for one in liquids]),
        "temperature": _thirds(np.array([one.temperature_K for one in liquids])),
        "concentration": _thirds(np.array([sum(one.molality.values()) for one in liquids])),
        "conductivity": _thirds(values),
    }


def _route(
    member: int, number: int, weights: np.ndarray, dominant: np.ndarray, liquids: Sequence[Formulation], k: np.ndarray
) -> Route:
    rows = np.flatnonzero(dominant == number)
    own = [liquids[i] for i in rows.tolist()]
    return Route(
        member=member,
        number=number,
        load=float(weights[:, number].mean()),
        n_rows=len(rows),
        salts=_most_frequent([_main(one.molality) for one in own]),
        solvents=_most_frequent([_main(one.mole_fractions) for one in own]),
        temperature_K=_quartiles([one.temperature_K for one in own]),
        molality=_quartiles([sum(one.molality.values()) for one in own]),
        conductivity_mS_cm=_quartiles(list(k[rows])),
    )


def _tail_limit(values: np.ndarray) -> float:
    if (values > TAIL_mS_cm).sum() >= MIN_TAIL_ROWS:
        return TAIL_mS_cm
    return float(np.quantile(values, 0.95))


def _main(amounts: Mapping[str, float]) -> str:
    return max(amounts, key=lambda name: amounts[name]) if amounts else "none"


def _codes(names: Sequence[str]) -> np.ndarray:
    return np.unique(np.array(names), return_inverse=True)[1]


def _thirds(values: np.ndarray) -> np.ndarray:
    return np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values)


def _most_frequent(names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    return tuple((name, count / len(names)) for name, count in Counter(names).most_common(3))


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [0.25, 0.75])
    return float(low), float(high)


def _row_order(formulation: Formulation) -> tuple[Any, ...]:
    return mixture_group(formulation), formulation.temperature_K, sum(formulation.molality.values())
