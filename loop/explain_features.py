"""The part of the model's page on features: attributions by three methods, and what only a species' name tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from saltloop.loop import explain_plots
from saltloop.loop.explain import SEED, Subject, listed, percent, with_sign
from saltloop.loop.html_page import Page

if TYPE_CHECKING:
    from saltloop.surrogates.attribution import Attribution, Disagreement

#: Rows that gradients and integrated gradients are taken on, and Shapley values, at most; drawn at random.
ATTRIBUTION_ROWS, SHAPLEY_ROWS = 600, 200
IG_STEPS = 24


@dataclass(frozen=True)
class Importances:
    """Attributions of a sample of the rows by three methods."""

    attributions: tuple[Attribution, ...]
    disagreements: tuple[Disagreement, ...]
    shares: dict[str, float]
    slopes: np.ndarray
    """Mean change of the prediction when a feature goes up by one standard deviation, mS/cm."""
    n_rows: tuple[int, int]


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
    rows, few = subject.rows[order[:ATTRIBUTION_ROWS]], subject.rows[order[:SHAPLEY_ROWS]]
    Z, Z_few = view.features(rows), view.features(few)
    slopes = (gradients(view, Z, rows).mean(0) * view.spread).double().numpy()
    plain = gradient_attribution(view, Z, rows, view.baseline)
    integrated = integrated_gradients(view, Z, rows, view.baseline, steps=IG_STEPS)
    progress(1)
    shapley = shapley_values(view, Z_few, few, view.baseline, n_pairs=3, generator=generator)
    progress(2)
    with torch.no_grad():
        predictions = view(Z_few, few).double().numpy()
    groups = [f.name if f.group == "conditions" else f.group for f in view.features_used]
    attributions = (plain, integrated, shapley)
    return Importances(
        attributions=attributions,
        disagreements=tuple(disagreements(view.names, {a.method: a.importance for a in attributions})),
        shares=variance_shares(shapley.values, predictions, groups),
        slopes=slopes,
        n_rows=(len(rows), len(few)),
    )


def features_section(page: Page, subject: Subject, found: Importances) -> list[str]:
    view, (gba, integrated, shapley) = subject.view, found.attributions
    page.heading("Which features the predictions hang on")
    top = sorted(zip(view.names, shapley.importance, strict=True), key=lambda one: -one[1])[:5]
    summary = "Most important (Shapley): " + ", ".join(f"{name} {value:.2f}" for name, value in top) + " mS/cm."
    page.text(
        f"{summary} Three ways to ask, all relative to the average liquid of the data ({found.n_rows[0]} rows at "
        f"random, {found.n_rows[1]} for Shapley values): the gradient times the distance from the average (GBA, as in "
        "SCAN), the gradient integrated along the way there, and Shapley values."
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
        page.text(_disagreement(one))
    page.table(
        ["feature", "gradient", "integrated", "Shapley", "± sampling", "one s.d. up", "s.d.", "unit"],
        [
            [
                view.names[i],
                *(f"{a.importance[i]:.3f}" for a in found.attributions),
                f"{_sampling_error(shapley)[i]:.3f}",
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
    return [summary, *(f"  {_disagreement(one, is_short=True)}" for one in found.disagreements)]


def _sampling_error(shapley: Attribution) -> np.ndarray:
    if shapley.standard_error is None:
        raise ValueError("Shapley values were sampled without an error.")
    error: np.ndarray = np.sqrt((shapley.standard_error**2).mean(0))
    return error


def _disagreement(one: Disagreement, *, is_short: bool = False) -> str:
    text = f"{one.methods[0].capitalize()} and {one.methods[1]}: rank correlation {one.rank_correlation:.2f}"
    if not one.moved:
        return f"{text}; no feature moves by more than 3 ranks."
    if is_short:
        return f"{text}; {len(one.moved)} feature(s) differ by more than 3 ranks (named on the page)."
    moved = [f"{name} ({a} and {b})" for name, a, b in one.moved]
    return f"{text}; {len(moved)} feature(s) differ by more than 3 ranks: {listed(moved)}."


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
            f"predictions move by {np.abs(zeroed - full).mean():.2f} mS/cm on average, and the error on the rows "
            f"learned from grows from {errors[0]:.2f} to {errors[1]:.2f} mS/cm."
        )
        lines.append(_identity_verdict(descriptors, identity))
    else:
        lines.append("This model has no learned embeddings: a species is its descriptors.")
    for line in lines:
        page.text(line)
    return lines


def _identity_verdict(descriptors: float, identity: float) -> str:
    if identity > descriptors:
        return (
            "So the model tells known species apart mostly by what it has learned of each, not by their descriptors. "
            "The descriptors' attributions above explain little of it, and a species without measurements, for which "
            "only descriptors speak, is predicted with much less than the accuracy on known ones."
        )
    return "So the model tells species apart mostly by their descriptors, which also speak for species it has not seen."


def _named(shares: dict[str, float]) -> dict[str, float]:
    names = {"salt identity": "salt identity (learned)", "solvent identity": "solvent identity (learned)"}
    return {names.get(name, name): value for name, value in shares.items()}
