"""The part of the model's page on formulas: symbolic regression of what was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from saltloop.chemistry.errors import DataError
from saltloop.loop.explain import plots as explain_plots
from saltloop.loop.explain.subject import Subject
from saltloop.loop.reports.html_page import Page

if TYPE_CHECKING:
    from saltloop.surrogates.symbolic import SymbolicResult
    from saltloop.surrogates.symbolic_search import SearchSettings

#: Heads of the columns on what a formula must do to be physical.
SANITY_WORDS = {
    "finite_and_positive": "k ≥ 0, finite",
    "rises_with_temperature": "rises with T",
    "vanishes_with_salt": "small as c → 0",
    "one_maximum": "one maximum in c",
}


def search_formulas(
    subject: Subject, search: SearchSettings | None, progress: Callable[[int], None]
) -> tuple[list[SymbolicResult], list[str]]:
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


def formulas_section(page: Page, results: Sequence[SymbolicResult], missing: Sequence[str]) -> list[str]:
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
            ["nodes", "training RMSE", "held-out MAE", *SANITY_WORDS.values(), f"{target} ="],
            [
                [
                    str(f.complexity),
                    f"{f.training_rmse:.2f}",
                    f"{f.held_out_mae:.2f}" if f.held_out_mae < 1000 else f"{f.held_out_mae:.0e}",
                    *(f"{getattr(f.sanity, name):.0%}" for name in SANITY_WORDS),
                    _typed(f.text) + ("  (chosen)" if f is shown else ""),
                ]
                for f in result.front_of(fold)
            ],
            caption=f"Front of fold {fold + 1} of {result.settings.n_folds} from {result.features.title}; percentages: "
            "mixtures for which it holds.",
        )
        symbols = {**result.features.composition, **result.features.conditions}
        page.text("Symbols: " + "; ".join(f"{symbol}: {meaning}" for symbol, meaning in symbols.items()) + ".")
    return lines


def _pareto(result: SymbolicResult, n: int = 5) -> str:
    """A few points of the Pareto front, from the shortest formula to the best."""
    points = result.pareto
    shown = sorted({round(i) for i in np.linspace(0, len(points) - 1, n)})
    return ", ".join(f"{points[i].complexity}: {points[i].mae:.2f}" for i in shown) + " mS/cm"


def _typed(formula: str) -> str:
    return formula.replace("**", "^").replace("*", "·")


def _formula_words(result: SymbolicResult) -> str:
    left_out = "".join(f" {n:,} rows could not be used ({reason})." for reason, n in result.left_out.items())
    text = (
        f"{result.features.title[0].upper()}{result.features.title[1:]}: {result.n_rows:,} rows, {result.n_groups} "
        f"formulation groups.{left_out} A constant has a held-out error of {result.constant_mae:.2f} mS/cm; the "
        f"front (nodes: error) {_pareto(result)}."
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
        f"{pooled}. Chosen: {left} = {_typed(shown.text)} (held-out error {shown.held_out_mae:.2f} mS/cm on "
        f"{shown.n_held_out} rows)."
    )
