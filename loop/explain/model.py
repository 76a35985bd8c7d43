"""``saltloop explain --model``: what a surrogate has learned as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.loop.explain import plots as explain_plots
from saltloop.loop.explain.features import Importances, features_section, identity_section, importances
from saltloop.loop.explain.formulas import formulas_section, search_formulas
from saltloop.loop.explain.subject import CAVEAT, SEED, Explanation, Progress, Subject, listed
from saltloop.loop.reports.html_page import Page

if TYPE_CHECKING:
    from saltloop.surrogates.routing import RoutingReport
    from saltloop.surrogates.symbolic import SymbolicResult
    from saltloop.surrogates.symbolic_search import SearchSettings


def explain_model(
    subject: Subject,
    search: SearchSettings | None,
    progress: Progress = lambda done, total: None,
) -> Explanation:
    """The page of the whole model; ``search``: None leaves symbolic regression out."""
    total = 13
    found = importances(subject, lambda step: progress(step, total))
    report, dominant = _routing(subject)
    progress(3, total)
    formulas, missing = search_formulas(subject, search, lambda done: progress(3 + done, total))
    page = Page("What the model has learned", f"Model: {subject.origin}.")
    for note in subject.notes:
        page.text(note, kind="note")
    lines = [
        *_about(page, subject),
        *features_section(page, subject, found),
        *identity_section(page, subject, found),
        *_routes(page, subject, report, dominant),
        *formulas_section(page, formulas, missing),
    ]
    page.heading("How to read this")
    page.text(CAVEAT)
    page.footer(f"saltloop; model: {subject.origin}.")
    progress(total, total)
    return Explanation(page, "\n".join(lines), _figures(subject, found, report, formulas))


def _routing(subject: Subject) -> tuple[RoutingReport, np.ndarray]:
    from saltloop.surrogates.routing import routes_of, routing_report

    weights = routes_of(subject.model.network, subject.rows)
    report = routing_report(weights, subject.liquids, subject.conductivities, np.random.default_rng(SEED))
    return report, weights[report.routes[0].member].argmax(-1)


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
        "each liquid with the routes of another. Left: at most 2,000 rows, at random.",
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
    return "–" if np.isnan(pair[0]) else f"{pair[0]:.{digits}f}–{pair[1]:.{digits}f}"


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
