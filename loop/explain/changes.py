"""The part of a formulation's page on changes: bench-sized steps, and curves in concentration and temperature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from saltloop.chemistry.formulation import MAX_TOTAL_MOLALITY, TEMPERATURE_RANGE_K, Formulation
from saltloop.loop.explain import plots as explain_plots
from saltloop.loop.explain.subject import Subject, with_sign
from saltloop.loop.reports.html_page import Page

if TYPE_CHECKING:
    from saltloop.surrogates.sensitivity import Change

MAX_MOLALITY_DRAWN = 3.0
TEMPERATURES_DRAWN_K = (233.15, 343.15)
GAS_CONSTANT_kJ = 8.314462e-3


def changes_section(page: Page, changes: Sequence[Change]) -> None:
    page.heading("What a small change would do")
    steps = {change.text: change for change in changes if change.kind == "conditions"}
    sentences = [
        f"{'Warming' if text.startswith('+') else 'Cooling'} by 10 K brings {_amount(step)}."
        for text, step in steps.items()
        if text.endswith(" K")
    ]
    sentences += [
        f"A tenth of a mol/kg {'more' if text.startswith('+') else 'less'} salt brings {_amount(step)}."
        for text, step in steps.items()
        if text.endswith("salt")
    ]
    exchanges = [c for c in changes if c.kind == "exchange"]
    if exchanges:
        best = max(exchanges, key=lambda c: c.difference_mS_cm)
        sentences.append(f"Of the exchanges among its own solvents, {best.text} raises it most: {_amount(best)}.")
    page.text(" ".join(sentences))
    page.picture(
        explain_plots.changes(_most_telling(changes)),
        description="Bars: predicted change of the conductivity for each small change of the formulation.",
        caption="Solvents and salts that the model knows from at least three measurements; molality is kept where "
        "solvents or salts change.",
    )
    page.table(
        ["change", "difference / mS/cm", "the liquid then"],
        [
            [c.text, f"{with_sign(c.difference_mS_cm)} ± {c.standard_deviation_mS_cm:.2f}", str(c.formulation)]
            for c in changes
        ],
        folded=f"All {len(changes)} changes as a table",
    )


def _amount(change: Change) -> str:
    amount = f"{with_sign(change.difference_mS_cm)} ± {change.standard_deviation_mS_cm:.2f} mS/cm"
    sure = abs(change.difference_mS_cm) > 2 * change.standard_deviation_mS_cm
    return amount if sure else f"{amount}, which cannot be told from zero"


def _most_telling(changes: Sequence[Change], n: int = 8) -> list[Change]:
    """Conditions and exchanges all, of additions and other salts those that change most, the order kept."""
    kept: list[Change] = []
    for kind in ("conditions", "exchange", "addition", "other salt"):
        own = [c for c in changes if c.kind == kind]
        if kind in ("addition", "other salt") and len(own) > n:
            limit = sorted((abs(c.difference_mS_cm) for c in own), reverse=True)[n - 1]
            own = [c for c in own if abs(c.difference_mS_cm) >= limit]
        if kind in ("addition", "other salt"):
            own = sorted(own, key=lambda c: -c.difference_mS_cm)
        kept += own
    return kept


def curves_section(page: Page, subject: Subject, liquid: Formulation, k: float) -> str:
    from saltloop.surrogates.symbolic_features import mixture_group

    page.heading("Concentration and temperature")
    own, group = liquid.in_terms_of(liquid.basis, "mol/kg"), mixture_group(liquid)
    total = sum(liquid.molality.values())
    low, high = TEMPERATURES_DRAWN_K
    T = np.linspace(min(low, liquid.temperature_K), max(high, liquid.temperature_K), 56)
    by_temperature = (T, *subject.predicted([liquid.at(float(one)) for one in T]))
    by_molality, words = None, ""
    if total > 0:
        # A hair below the most that a formulation may hold: the salts' parts need not add up to the last digit.
        grid = np.linspace(0.05, min(max(MAX_MOLALITY_DRAWN, total * 1.1), MAX_TOTAL_MOLALITY * (1 - 1e-9)), 60)
        scaled = [
            Formulation(
                tuple((salt, amount * float(m) / total) for salt, amount in own.salts),
                own.solvents,
                "mol/kg",
                own.basis,
                own.temperature_K,
            )
            for m in grid
        ]
        by_molality = (grid, *subject.predicted(scaled))
        best = int(by_molality[1].argmax())
        inside = 0 < best < len(grid) - 1
        words = (
            f"At {liquid.temperature_K:g} K the predicted optimum lies at {grid[best]:.2f} mol/kg with "
            f"{by_molality[1][best]:.2f} mS/cm"
            + ("." if inside else f", the edge of the range drawn ({grid[0]:.2f} to {grid[-1]:.2f} mol/kg).")
        )
    beside_K = [float(np.clip(liquid.temperature_K + d, *TEMPERATURE_RANGE_K)) for d in (-5.0, 5.0)]
    colder, warmer = subject.predicted([liquid.at(one) for one in beside_K])[0]
    if colder > 0 and warmer > 0:
        energy = GAS_CONSTANT_kJ * liquid.temperature_K**2 * np.log(warmer / colder) / (beside_K[1] - beside_K[0])
        words += f" The apparent activation energy there is {energy:.1f} kJ/mol."
    page.text(words.strip())
    measured = [
        (sum(one.formulation.molality.values()), one.formulation.temperature_K, one.value)
        for one in subject.known
        if mixture_group(one.formulation) == group
    ]
    page.picture(
        explain_plots.curves(by_molality, by_temperature, (total, liquid.temperature_K, k), measured),
        description="Predicted conductivity against concentration and against temperature, with measured points.",
        caption=f"{len(measured)} measurements are of this salt and solvent ratio; drawn are those within 2.5 K of the "
        "left curve and within 5 % of the right curve's molality.",
    )
    return words.strip()
