"""The part of the model's page on features: attributions by three methods, and what only a species' name tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from saltloop.loop.explain import plots as explain_plots
from saltloop.loop.explain.subject import SEED, Subject, listed, percent, with_sign
from saltloop.loop.reports.html_page import Page

if TYPE_CHECKING:
    from saltloop.surrogates.attribution import Attribution, Disagreement

#: Rows that attributions are taken on, at most; drawn at random, the same for all methods.
ATTRIBUTION_ROWS = 400
N_PAIRS_OF_ORDERS = 2
IG_STEPS = 24
#: Disagreements on features that are less important than this by either method are in the table alone.
N_LEADING = 10


@dataclass(frozen=True)
class Importances:
    """Attributions of a sample of the rows by three methods."""

    attributions: tuple[Attribution, ...]
    disagreements: tuple[Disagreement, ...]
    shares: dict[str, float]
    slopes: np.ndarray
    """Mean change of the prediction when a feature goes up by one standard deviation, mS/cm."""
    n_rows: int


def importances(subject: Subject, progress: Callable[[int], None]) -> Importances:
    import torch
    from saltloop.surrogates.attribution import (
        disagreements,
        gradient_attribution,
        gradients,
        integrated_gradients,
        shapley_values,
        variance_shares,
    )

    view, generator = subject.view, torch.Generator().manual_seed(SEED)
    order = torch.randperm(len(subject.rows), generator=generator)
    rows = subject.rows[order[:ATTRIBUTION_ROWS]]
    Z = view.features(rows)
    slopes = (gradients(view, Z, rows).mean(0) * view.spread).double().numpy()
    plain = gradient_attribution(view, Z, rows, view.baseline)
    integrated = integrated_gradients(view, Z, rows, view.baseline, steps=IG_STEPS)
    progress(1)
    shapley = shapley_values(view, Z, rows, view.baseline, n_pairs=N_PAIRS_OF_ORDERS, generator=generator)
    progress(2)
    with torch.no_grad():
        predictions = view(Z, rows).double().numpy()
    groups = [f.name if f.group == "conditions" else f.group for f in view.features_used]
    attributions = (plain, integrated, shapley)
    return Importances(
        attributions=attributions,
        disagreements=tuple(disagreements(view.names, {a.method: a.importance for a in attributions})),
        shares=variance_shares(shapley.values, predictions, groups),
        slopes=slopes,
        n_rows=len(rows),
    )


def features_section(page: Page, subject: Subject, found: Importances) -> list[str]:
    """Adds the section; returns its gist in lines."""
    from saltloop.surrogates.attribution import ranks

    view, (gba, integrated, shapley) = subject.view, found.attributions
    page.heading("Which features the predictions hang on")
    top = sorted(zip(view.names, shapley.importance, strict=True), key=lambda one: -one[1])[:5]
    summary = "Most important (Shapley): " + ", ".join(f"{name} {value:.2f}" for name, value in top) + " mS/cm."
    page.text(
        f"{summary} Three ways to ask, all relative to the average liquid of the data ({found.n_rows} rows at "
        "random): the gradient times the distance from the average (GBA, as in SCAN), the gradient integrated along "
        "the way there, and Shapley values."
    )
    page.picture(
        explain_plots.importances(view.names, {a.method: a.importance for a in found.attributions}),
        description="Mean absolute contribution of the most important features by three methods.",
    )
    page.text(
        f"Integrated gradients and Shapley values must add up to each prediction; they do within {integrated.gap:.2g} "
        f"and {shapley.gap:.2g} mS/cm. The plain gradient need not, and misses by up to {gba.gap:.1f} mS/cm: it takes "
        "the slope at one place for the whole way, which is wrong wherever the conductivity has its maximum in "
        "concentration. Where they differ, trust integrated gradients and Shapley values."
    )
    for one in found.disagreements:
        page.text(_disagreement(one, len(view.names)))
    by_method = [ranks(a.importance) for a in found.attributions]
    page.table(
        ["feature", "gradient", "integrated", "Shapley", "± sampling", "ranks", "one s.d. up", "s.d.", "unit"],
        [
            [
                view.names[i],
                *(f"{a.importance[i]:.3f}" for a in found.attributions),
                f"{_sampling_error(shapley)[i]:.3f}",
                " / ".join(str(rank[i]) for rank in by_method),
                with_sign(found.slopes[i], 3),
                f"{float(view.spread[i]):.3g}",
                view.features_used[i].unit,
            ]
            for i in np.argsort(-shapley.importance)
        ],
        caption="Mean absolute contribution in mS/cm; 'one s.d. up': mean change of the prediction when the feature "
        "alone goes up by one standard deviation of the data (identities: from withheld to own).",
        folded="All features as a table",
    )
    if view.features_constant:
        page.text(
            f"Without influence because they do not vary here: {listed([f.name for f in view.features_constant])}."
        )
    return [summary, *(f"  {_disagreement(one, len(view.names), is_short=True)}" for one in found.disagreements)]


def _sampling_error(shapley: Attribution) -> np.ndarray:
    if shapley.standard_error is None:
        raise ValueError("Shapley values were sampled without an error.")
    error: np.ndarray = np.sqrt((shapley.standard_error**2).mean(0))
    return error


def _disagreement(one: Disagreement, n: int, *, is_short: bool = False) -> str:
    """In words; ``n``: features in all."""
    from saltloop.surrogates.attribution import RANK_TOLERANCE

    text = f"{one.methods[0].capitalize()} and {one.methods[1]}: rank correlation {one.rank_correlation:.2f}"
    if not one.moved:
        return f"{text}; no feature moves by more than {RANK_TOLERANCE} ranks."
    text = f"{text}; {len(one.moved)} of {n} features differ by more than {RANK_TOLERANCE} ranks"
    leading = [f"{name} ({a} and {b})" for name, a, b in one.moved if min(a, b) <= N_LEADING]
    if not leading:
        return f"{text}, none of them among the {N_LEADING} most important of either."
    if is_short:
        return f"{text}, {len(leading)} of them among the {N_LEADING} most important of either."
    return f"{text}; among the {N_LEADING} most important of either: {listed(leading)}."


def identity_section(page: Page, subject: Subject, found: Importances) -> list[str]:
    view = subject.view
    page.heading("What descriptors say, and what only the species' name does")
    page.picture(
        explain_plots.shares(_named(found.shares)),
        description="Share of the variance of the predictions that each group of features accounts for.",
        caption="Shapley values summed over a group, covariance with the prediction over its variance. 'Beyond': "
        "composition that averages do not tell. A share can be negative.",
    )
    descriptors = sum(v for name, v in found.shares.items() if name.endswith("descriptors"))
    identity = sum(v for name, v in found.shares.items() if name.endswith("identity"))
    lines = [
        f"Descriptors account for {percent(descriptors)} of the variance of the predictions, learned embeddings of the "
        f"species for {percent(identity)}, concentration and temperature for "
        f"{percent(found.shares.get('concentration', 0) + found.shares.get('temperature', 0))}, composition beyond "
        f"averages for {percent(found.shares['beyond'])}."
    ]
    if any(f.group.endswith("identity") for f in view.features_used):
        full = view.predictions(subject.rows).double().numpy()
        measured = subject.conductivities
        zeroed = view.without_embeddings(subject.rows).double().numpy()
        errors = [np.abs(k - measured).mean() for k in (full, zeroed)]
        lines.append(
            "With all embeddings set to zero (what the model takes for a species that it has never seen) the "
            f"network's predictions move by {np.abs(zeroed - full).mean():.2f} mS/cm on average, and its error on the "
            f"rows learned from grows from {errors[0]:.2f} to {errors[1]:.2f} mS/cm."
        )
        lines.append(_identity_verdict(descriptors, identity))
    else:
        lines.append("This model has no learned embeddings: a species is its descriptors.")
    for line in lines:
        page.text(line)
    return lines


def _identity_verdict(descriptors: float, identity: float) -> str:
    if identity > 2 * max(descriptors, 0.0):
        return (
            "So the model tells known species apart mostly by what it has learned of each, not by their descriptors. "
            "The descriptors' attributions above explain little of it, and a species without measurements, for which "
            "only descriptors speak, is predicted with much less than the accuracy on known ones."
        )
    if descriptors > 2 * max(identity, 0.0):
        return "So the model tells species apart mostly by their descriptors, which also speak for unseen species."
    return (
        "So the model tells species apart by their descriptors and by what it has learned of each, neither being most "
        "of it: the descriptors' attributions above are a part of the story."
    )


def _named(shares: dict[str, float]) -> dict[str, float]:
    names = {"salt identity": "salt identity (learned)", "solvent identity": "solvent identity (learned)"}
    return {names.get(name, name): value for name, value in shares.items()}
