"""``saltloop explain --model``: what a surrogate has learned as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.chemistry.errors import DataError
from saltloop.loop import explain_plots
from saltloop.loop.explain import CAVEAT, SEED, Explanation, Progress, Subject, listed, with_sign
from saltloop.loop.html_page import Page

if TYPE_CHECKING:
    from saltloop.surrogates.attribution import Attribution, Disagreement
    from saltloop.surrogates.routing import RoutingReport
    from saltloop.surrogates.symbolic import SymbolicResult
    from saltloop.surrogates.symbolic_search import SearchSettings

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


def explain_model(
    subject: Subject,
    search: SearchSettings | None,
    progress: Progress = lambda done, total: None,
) -> Explanation:
    """The page of the whole model; ``search``: None leaves symbolic regression out."""
    total = 13
    found = _importances(subject, lambda step: progress(step, total))
    report, dominant = _routing(subject)
    progress(3, total)
    formulas, missing = _formulas(subject, search, lambda done: progress(3 + done, total))
    page = Page("What the model has learned", f"Model: {subject.origin}.")
    for note in subject.notes:
        page.text(note, kind="note")
    lines = [
        *_about(page, subject),
        *_features(page, subject, found),
        *_identity(page, subject, found),
        *_routes(page, subject, report, dominant),
        *_symbolic(page, formulas, missing),
    ]
    page.heading("How to read this")
    page.text(CAVEAT)
    page.footer(f"saltloop; model: {subject.origin}.")
    progress(total, total)
    return Explanation(page, "\n".join(lines), _figures(subject, found, report, formulas))


def _importances(subject: Subject, progress: Any) -> Importances:
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


def _routing(subject: Subject) -> tuple[RoutingReport, np.ndarray]:
    from saltloop.surrogates.routing import routes_of, routing_report

    weights = routes_of(subject.model.network, subject.rows)
    report = routing_report(weights, subject.liquids, subject.conductivities, np.random.default_rng(SEED))
    return report, weights[report.routes[0].member].argmax(-1)


def _formulas(subject: Subject, search: SearchSettings | None, progress: Any) -> tuple[list[SymbolicResult], list[str]]:
    """Results for each feature set, and why one is missing, in words."""
    from saltloop.surrogates.symbolic import symbolic_regression
    from saltloop.surrogates.symbolic_features import FEATURE_SETS
    from saltloop.surrogates.symbolic_search import MissingBackendError

    if search is None:
        return [], ["Symbolic regression was left out, as asked (--no-symbolic)."]
    results: list[SymbolicResult] = []
    missing: list[str] = []
    for place, features in enumerate(FEATURE_SETS):
        try:
            results.append(
                symbolic_regression(
                    subject.liquids, subject.conductivities.tolist(), features, search,
                    progress=lambda done, total, place=place: progress(place * total + done),  # type: ignore[misc]
                )
            )  # fmt: skip
        except MissingBackendError as error:
            return [], [f"No formulas were searched: {error}"]
        except DataError as error:
            missing.append(f"No formulas from {features.title}: {error}")
    return results, missing


def _about(page: Page, subject: Subject) -> list[str]:
    salts, solvents = subject.species_seen()
    k = subject.conductivities
    text = (
        f"An ensemble of {subject.model.network.n_members} networks that has learned from {len(k):,} conductivities "
        f"({k.min():.3g} to {k.max():.3g} mS/cm) of {len(salts)} salts and {len(solvents)} solvents with at least "
        f"three measurements each. Most frequent: {listed(salts[:4])} in {listed(solvents[:6])}."
    )
    page.text(text)
    return [text]


def _features(page: Page, subject: Subject, found: Importances) -> list[str]:
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
        "concentration. Where the methods differ, trust the other two."
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
        "alone goes up by one standard deviation of the data (identities: from average to own).",
        folded="All features as a table",
    )
    if view.features_constant:
        page.text(
            f"Without influence because they do not vary here: {listed([f.name for f in view.features_constant])}."
        )
    return [summary, *(f"  {_disagreement(one)}" for one in found.disagreements)]


def _sampling_error(shapley: Attribution) -> np.ndarray:
    if shapley.standard_error is None:
        raise ValueError("Shapley values were sampled without an error.")
    error: np.ndarray = np.sqrt((shapley.standard_error**2).mean(0))
    return error


def _disagreement(one: Disagreement) -> str:
    text = f"{one.methods[0].capitalize()} and {one.methods[1]}: rank correlation {one.rank_correlation:.2f}"
    if not one.moved:
        return f"{text}; no feature moves by more than 3 ranks."
    moved = [f"{name} ({a} and {b})" for name, a, b in one.moved]
    return f"{text}; {len(moved)} feature(s) differ by more than 3 ranks: {listed(moved)}."


def _identity(page: Page, subject: Subject, found: Importances) -> list[str]:
    from saltloop.surrogates.feature_view import FeatureView

    view: FeatureView = subject.view
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
        f"Descriptors account for {descriptors:.1%} of the variance of the predictions, learned embeddings of the "
        f"species for {identity:.1%}, concentration and temperature for "
        f"{found.shares.get('concentration', 0) + found.shares.get('temperature', 0):.1%}, composition beyond averages "
        f"for {found.shares['beyond']:.1%}."
    ]
    if any(f.group.endswith("identity") for f in view.features_used):
        full = view.predictions(subject.rows).double().numpy()
        measured = subject.conductivities
        zeroed = view.without_embeddings(subject.rows, how="zero").double().numpy()
        averaged = view.without_embeddings(subject.rows, how="average").double().numpy()
        errors = [np.abs(k - measured).mean() for k in (full, zeroed, averaged)]
        lines.append(
            f"With all embeddings set to zero the predictions move by {np.abs(zeroed - full).mean():.2f} mS/cm on "
            f"average, and the error on the rows learned from grows from {errors[0]:.2f} to {errors[1]:.2f} mS/cm "
            f"(with the average liquid's embeddings for all: {errors[2]:.2f} mS/cm)."
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


def _routes(page: Page, subject: Subject, report: RoutingReport, dominant: np.ndarray) -> list[str]:
    from saltloop.surrogates.routing import verdict

    page.heading("What the routes have learned")
    in_use = f"{min(report.routes_in_use)} to {max(report.routes_in_use)}"
    words = (
        f"Each network mixes {report.n_routes} routes. Routes that lead on at least 1 % of the rows: {in_use} by "
        f"member; sharpness (1: each row takes one route alone, 0: all alike) {min(report.sharpness):.2f} to "
        f"{max(report.sharpness):.2f}."
    )
    page.text(words)
    answer = f"Is the tail routed apart? {verdict(report)}"
    page.text(answer, kind="answer")
    T = np.array([one.temperature_K for one in subject.liquids])
    m = np.array([sum(one.molality.values()) for one in subject.liquids])
    page.picture(
        explain_plots.routing(report, dominant, T, m, subject.conductivities),
        description="Left: rows by concentration and temperature, coloured by route. Right: what routes tell.",
        caption="Right: mutual information of the dominant route with each label over the label's entropy; by chance: "
        "each liquid with the routes of another.",
    )
    page.table(
        ["route", "load", "rows", "salts", "main solvents", "T / K", "mol/kg", "k / mS/cm"],
        [
            [
                str(route.number + 1),
                f"{route.load:.1%}",
                str(route.n_rows),
                _frequent(route.salts),
                _frequent(route.solvents),
                *(_range(pair, digits) for pair, digits in (
                    (route.temperature_K, 0), (route.molality, 2), (route.conductivity_mS_cm, 2))),
            ]
            for route in sorted(report.routes, key=lambda r: -r.n_rows)
        ],
        caption=f"Member {report.routes[0].member + 1}, which uses most routes: rows that each route leads on; middle "
        "half of their temperatures, concentrations and conductivities. Load: mean weight over all rows.",
    )  # fmt: skip
    return [words, answer]


def _frequent(names: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in names) or "–"


def _range(pair: tuple[float, float], digits: int) -> str:
    return "–" if np.isnan(pair[0]) else f"{pair[0]:.{digits}f} to {pair[1]:.{digits}f}"


def _symbolic(page: Page, results: Sequence[SymbolicResult], missing: Sequence[str]) -> list[str]:
    page.heading("Formulas")
    for words in missing:
        page.text(words, kind="note")
    if not results:
        return list(missing)
    page.text(
        "Symbolic regression of the measured conductivities. The liquids are cut in five by salt and solvent ratio; "
        "each part is held out once, formulas are searched on three others and chosen by their error on the fourth. "
        "Every error below is on liquids that neither the search nor the choice has seen, by the formula as printed."
    )
    page.picture(
        explain_plots.fronts(results),
        description="Complexity of formulas against their error on held-out liquids.",
        caption="Errors beyond the frame are drawn at its edge. The step line rises where longer formulas fit better "
        "what was searched on and worse what was held out.",
    )
    lines = [*missing]
    for result in results:
        lines.append(_formula_words(result))
        page.text(lines[-1])
        shown = result.chosen
        fold = 0 if shown is None else shown.fold
        target = "k / mS/cm" if result.features.target == "k" else "ln(k / mS/cm / m)"
        page.table(
            ["nodes", "training RMSE", "held-out MAE", f"{target} =", "physical sanity"],
            [
                [
                    str(f.complexity),
                    f"{f.training_rmse:.2f}",
                    f"{f.held_out_mae:.2f}",
                    f.text,
                    "sane" if f.sanity.is_sane else "; ".join(f.sanity.complaints()),
                ]
                for f in result.front_of(fold)
            ],
            caption=f"Front of fold {fold + 1} of {result.settings.n_folds}, {result.features.title}; "
            + "; ".join(f"{s}: {m}" for s, m in {**result.features.composition, **result.features.conditions}.items())
            + ".",
        )
    return lines


def _formula_words(result: SymbolicResult) -> str:
    best = min(result.front, key=lambda point: point.mae)
    left_out = "".join(f" {n} rows could not be used ({reason})." for reason, n in result.left_out.items())
    text = (
        f"{result.features.title[0].upper()}{result.features.title[1:]}: {result.n_rows:,} rows, {result.n_groups} "
        f"formulation groups.{left_out} A constant has a held-out error of {result.constant_mae:.2f} mS/cm; the front "
        f"reaches {best.mae:.2f} at {best.complexity} nodes."
    )
    n_sane = sum(f.sanity.is_sane for f in result.formulas)
    shown = result.chosen
    if shown is None:
        return f"{text} None of {len(result.formulas)} formulas is physically sane over 200-400 K and 0.01-3 mol/kg."
    pooled = (
        f", pooled held-out error of the folds' choices {result.chosen_mae:.2f} mS/cm"
        if np.isfinite(result.chosen_mae)
        else ", but not in every fold"
    )
    left = "k" if result.features.target == "k" else "ln(k/m)"
    return (
        f"{text} {n_sane} of {len(result.formulas)} formulas are physically sane over 200-400 K and 0.01-3 mol/kg"
        f"{pooled}. Chosen: {left} = {shown.text} (held-out error {shown.held_out_mae:.2f} mS/cm on "
        f"{shown.n_held_out} rows)."
    )


def _figures(
    subject: Subject, found: Importances, report: RoutingReport, formulas: Sequence[SymbolicResult]
) -> dict[str, Any]:
    """The page's figures as plain JSON."""
    from dataclasses import asdict

    return {
        "origin": subject.origin,
        "n_rows": len(subject.known),
        "importance_mS_cm": {
            a.method: dict(zip(subject.view.names, map(float, a.importance), strict=True)) for a in found.attributions
        },
        "disagreements": [asdict(one) for one in found.disagreements],
        "variance_shares": found.shares,
        "routing": asdict(report),
        "symbolic": [
            {
                "features": r.features.name,
                "front": [asdict(point) for point in r.front],
                "formulas": [{**asdict(f), "is_sane": f.sanity.is_sane} for f in r.formulas],
                "chosen": None if r.chosen is None else r.chosen.text,
                "chosen_mae": r.chosen_mae,
            }
            for r in formulas
        ],
    }
