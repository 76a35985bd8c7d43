"""``saltloop explain "FORMULATION"``: what is predicted for one liquid, what would change it, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.loop.explain import plots as explain_plots
from saltloop.loop.explain.changes import changes_section, curves_section
from saltloop.loop.explain.subject import CAVEAT, SEED, Explanation, Progress, Subject, listed, with_sign
from saltloop.loop.reports.html_page import Page

if TYPE_CHECKING:
    from saltloop.surrogates.attribution import Attribution
    from saltloop.surrogates.sensitivity import Change

#: Copies of the liquid's row, each with its own sampled orders, for its Shapley values.
N_COPIES = 48
N_FEATURES_DRAWN = 12
#: Features below this share of all contributions are drawn together.
NOTICEABLE = 0.01


def explain_liquid(subject: Subject, liquid: Formulation, progress: Progress = lambda done, total: None) -> Explanation:
    """The page of one formulation."""
    from saltloop.loop.acquisition.neighbours import Neighbours
    from saltloop.surrogates.routing import routes_of
    from saltloop.surrogates.sensitivity import sensitivities

    encoder = subject.encoder
    mean, std = subject.predicted([liquid])
    salts, solvents = subject.species_seen()
    near = Neighbours(encoder, subject.known).of(liquid)
    progress(1, 4)
    changes = sensitivities(subject.model, encoder, liquid, subject.species, known_salts=salts, known_solvents=solvents)
    progress(2, 4)
    page = Page(f"Why {mean[0]:.2f} mS/cm?", str(liquid))
    _answer(page, subject, liquid, float(mean[0]), float(std[0]), near)
    changes_section(page, changes)
    words = curves_section(page, subject, liquid, float(mean[0]))
    progress(3, 4)
    parts = _contributions(page, subject, liquid) if liquid.molality else []
    routes = routes_of(subject.model.network, encoder.encode([liquid]))[:, 0]
    _routes(page, routes)
    page.heading("How to read this")
    page.text(CAVEAT)
    page.text(
        "A change's uncertainty is that of the difference between the two liquids: what the model does not know about "
        "both alike cancels. A change smaller than twice its standard deviation may be none."
    )
    page.footer(f"saltloop; model: {subject.origin}.")
    progress(4, 4)
    figures = {
        "formulation": str(liquid),
        "formulation_id": liquid.formulation_id,
        "unit": "mS/cm",
        "mean": float(mean[0]),
        "standard_deviation": float(std[0]),
        "changes": [
            {"text": c.text, "difference": c.difference_mS_cm, "standard_deviation": c.standard_deviation_mS_cm}
            for c in changes
        ],
        "contributions": [{"feature": n, "contribution": v, "standard_error": e} for n, v, e in parts],
        "nearest_known": near,
    }
    return Explanation(page, _summary(liquid, mean[0], std[0], changes, parts, words), figures)


def _answer(
    page: Page, subject: Subject, liquid: Formulation, mean: float, std: float, near: list[dict[str, Any]]
) -> None:
    page.text(f"The model expects {mean:.2f} ± {std:.2f} mS/cm (one standard deviation).", kind="answer")
    for note in subject.notes:
        page.text(note, kind="note")
    unseen = sorted(
        {*liquid.molality, *liquid.mole_fractions} - {name for one in subject.species_seen() for name in one}
    )
    if unseen:
        page.text(
            f"{listed(unseen)} {'has' if len(unseen) == 1 else 'have'} fewer than three measurements in what the model "
            "learned from: what follows rests on structure alone.",
            kind="note",
        )
    for reason in subject.model.domain.reasons(subject.encoder.encode([liquid]), subject.encoder)[0]:
        page.text(f"Unlike anything known: {reason}. Everything on this page reaches beyond the data.", kind="note")
    page.table(
        ["nearest measured liquid", "k / mS/cm", "distance", "reference"],
        [[n["text"], f"{n['conductivity_mS_cm']:.2f}", f"{n['distance']:.2f}", n["reference"]] for n in near],
        caption="Distance: half the mole fractions exchanged, plus molality / 2 and temperature / 100 K; 0 is the "
        "same liquid.",
    )


def _contributions(page: Page, subject: Subject, liquid: Formulation) -> list[tuple[str, float, float]]:
    """Adds the section on attributions; returns features with contribution and standard error, the largest first."""
    import torch
    from saltloop.surrogates.attribution import integrated_gradients, shapley_values

    page.heading("Where the number comes from")
    view = subject.view
    row = subject.encoder.encode([liquid]).float()
    Z = view.features(row)
    copies = (Z.expand(N_COPIES, -1), row.expand(N_COPIES, -1))
    shapley = shapley_values(view, *copies, view.baseline, n_pairs=1, generator=torch.Generator().manual_seed(SEED))
    integrated = integrated_gradients(view, Z, row, view.baseline, steps=48)
    values, errors = shapley.values.mean(0), shapley.values.std(0, ddof=1) / N_COPIES**0.5
    with torch.no_grad():
        end, start = float(view(Z, row)[0]), float(view(view.baseline.unsqueeze(0), row)[0])
    order = np.argsort(-np.abs(values), kind="stable")
    parts = [(view.names[i], float(values[i]), float(errors[i])) for i in order]
    noticeable = NOTICEABLE * max(float(np.abs(values).sum()), 1e-12)
    shown = [part for part in parts[:N_FEATURES_DRAWN] if abs(part[1]) >= noticeable]
    rest = parts[len(shown) :]
    if rest:
        joint = float(np.sqrt(sum(e**2 for _, _, e in rest)))
        shown = [*shown, (f"{len(rest)} others together", sum(v for _, v, _ in rest), joint)]
    baseline = dict(zip(view.names, view.baseline.tolist(), strict=True))
    page.text(
        f"From the average liquid of what was learned ({baseline['concentration']:.2f} mol/kg, "
        f"{baseline['temperature']:.0f} K, mean descriptors, embeddings withheld: {start:.2f} mS/cm) to this one "
        f"({end:.2f} mS/cm by the network alone, before its correction near the data and a campaign's own results): "
        "Shapley values of the features, averaged over the orders in which they can be given their own value."
    )
    page.picture(
        explain_plots.contributions(start, shown, end),
        description="Staircase of contributions of the features from the average liquid to this liquid.",
        caption="'Identity (learned)' is the embedding of the species: what the model has learned of a molecule beyond "
        "its descriptors. Bars: sampling error.",
    )
    page.text(_agreement(view.names, values, integrated))
    page.table(
        ["feature", "Shapley / mS/cm", "integrated gradients / mS/cm", "this liquid", "average liquid"],
        [
            [
                view.names[i],
                f"{with_sign(values[i], 3)} ± {errors[i]:.3f}",
                with_sign(integrated.values[0, i], 3),
                f"{float(Z[0, i]):.3g}",
                f"{float(view.baseline[i]):.3g}",
            ]
            for i in order
        ],
        folded="All features as a table",
    )
    return parts


def _agreement(names: Sequence[str], shapley: np.ndarray, integrated: Attribution) -> str:
    from saltloop.surrogates.attribution import disagreements

    found = disagreements(names, {"Shapley": np.abs(shapley), "integrated gradients": np.abs(integrated.values[0])})[0]
    opposed = [
        name
        for name, a, b in zip(names, shapley, integrated.values[0], strict=True)
        if a * b < 0 and min(abs(a), abs(b)) > 0.05
    ]
    text = (
        f"Integrated gradients along the straight line rank the features with a correlation of "
        f"{found.rank_correlation:.2f} to this"
    )
    if opposed:
        return f"{text}; they disagree in sign on {listed(opposed)}: do not lean on that."
    return f"{text} and disagree in sign on no feature that matters (more than 0.05 mS/cm)."


def _routes(page: Page, weights: np.ndarray) -> None:
    """``weights``: members x n_routes."""
    page.heading("Its route through the network")
    n_routes = weights.shape[1]
    top = weights.max(1)
    alone = int((top > 0.9).sum())
    page.text(
        f"The router mixes {n_routes} heads for each liquid. For this one, {alone} of {len(weights)} members send more "
        f"than 90 % through a single route; the weight of the strongest route is {top.min():.0%} to {top.max():.0%}. "
        "Whether routes separate kinds of liquids at all is on the page of the model ('saltloop explain --model')."
    )
    page.table(
        ["member", *(f"route {r + 1}" for r in range(n_routes))],
        [[str(m + 1), *(f"{w:.2f}" for w in row)] for m, row in enumerate(weights)],
        caption="Weight of each route; the numbers of routes mean nothing across members.",
        folded="Weights of the routes",
    )


def _summary(
    liquid: Formulation,
    mean: float,
    std: float,
    changes: Sequence[Change],
    parts: Sequence[tuple[str, float, float]],
    words: str,
) -> str:
    lines = [str(liquid), f"  predicted {mean:.2f} ± {std:.2f} mS/cm (1 s.d.)"]
    if parts:
        strongest = ", ".join(f"{name} {with_sign(value)}" for name, value, _ in parts[:4])
        lines.append(f"  against the average liquid: {strongest} mS/cm")
    lines += [
        f"  {c.text}: {with_sign(c.difference_mS_cm)} ± {c.standard_deviation_mS_cm:.2f} mS/cm"
        for c in changes
        if c.kind in ("conditions", "exchange")
    ]
    return "\n".join([*lines, f"  {words}"])
