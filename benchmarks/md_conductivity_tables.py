"""Measures, tables and the parity plot of ``md_conductivity.py``, from its rows alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from md_reference import Electrolyte, electrolytes
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.sources.discrepancy import Discrepancy

Row = Mapping[str, str]
REPORTED = "conductivity_combined"
#: Liquids measured below this come out several times too conductive, as was found: averages are told without them, too.
LOW_MS_CM = 4.0
TICKS_MS_CM = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
RING: dict[str, Any] = {"marker": "o", "ls": "", "ms": 9, "mfc": "none", "mec": "0.3", "mew": 0.7}
TARGETS = {"raw": 0.30, "calibrated": 0.15, "rank": 0.85}


@dataclass(frozen=True)
class Compared:
    """One estimator on n electrolytes."""

    estimator: str
    electrolytes: tuple[Electrolyte, ...]
    simulated: np.ndarray
    error: np.ndarray
    measured: np.ndarray
    calibrated: np.ndarray
    """Each as the calibration against experiment by all other electrolytes makes it."""
    calibrated_error: np.ndarray


def report(rows: Sequence[Row], plot: Path | None) -> str:
    """All tables in Markdown; the parity plot of the reported estimator goes to ``plot``."""
    known = {str(one.formulation): one for one in electrolytes()}
    rows = [row for row in rows if row["liquid"] in known]
    if not rows:
        return "No electrolyte has been simulated yet."
    estimators = sorted({name[: -len(" (mS/cm)")] for row in rows for name in row if name.endswith(" (mS/cm)")})
    found = [one for one in (compare(name, rows, known) for name in estimators) if one]
    reported = next(one for one in found if one.estimator == REPORTED)
    text = [_measures(found, len(rows)), _against_errors(reported), _liquids(reported, rows)]
    if plot is not None:
        parity_plot(reported, plot)
        text.append(f"![Simulated and measured conductivity](images/{plot.name})")
    return "\n\n".join(text)


def compare(estimator: str, rows: Sequence[Row], known: Mapping[str, Electrolyte]) -> Compared | None:
    """The values of an estimator beside experiment, raw and calibrated; None where no row has it above zero."""
    column = f"{estimator} (mS/cm)"
    usable = [row for row in rows if row.get(column) and float(row[column]) > 0]
    if not usable:
        return None
    liquids = tuple(known[row["liquid"]] for row in usable)
    value = np.array([float(row[column]) for row in usable])
    error = np.array([float(row[f"{column} error"]) for row in usable])
    measured = np.array([one.measured.value for one in liquids])
    results = [
        one.measured.model_copy(update={"value": float(v), "standard_uncertainty": float(e), "source": "openmm"})
        for one, v, e in zip(liquids, value, error, strict=True)
    ]
    calibrated = _left_out(results, [one.measured for one in liquids])
    return Compared(
        estimator,
        liquids,
        value,
        error,
        measured,
        np.array([one.value for one in calibrated]),
        np.array([one.standard_uncertainty for one in calibrated]),
    )


def _left_out(results: list[Measurement], measured: list[Measurement]) -> list[Measurement]:
    """Each result through the campaign's own calibration, which a liquid's own experiment has no part in."""
    return Discrepancy.fit(results, measured).as_experiments(results)


def _measures(found: Sequence[Compared], n_rows: int) -> str:
    """Only liquids whose value is above zero have a share in an estimator's row; collective ones may be below."""
    lines = [
        "| estimator | liquids, above zero | mean abs. deviation | of those not used for choosing | "
        "simulated / measured, median | Spearman | calibrated, left out | 95 % interval holds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in (*found, *(_without_low(one) for one in found if one.estimator == REPORTED)):
        deviation = np.abs(one.simulated / one.measured - 1)
        is_test = np.array([liquid.used_for == "test" for liquid in one.electrolytes])
        after = np.abs(one.calibrated / one.measured - 1)
        holds = np.abs(np.log(one.measured / one.calibrated)) <= 1.96 * one.calibrated_error / one.calibrated
        n = f"{len(deviation)} of {n_rows}" if len(deviation) < n_rows else str(n_rows)
        lines.append(
            f"| {one.estimator} | {n} | {_percent(deviation)} | {_percent(deviation[is_test])} | "
            f"{np.median(one.simulated / one.measured):.2f} | {_spearman(one.simulated, one.measured)} | "
            f"{_percent(after)} | {int(holds.sum())} of {len(holds)} |"
        )
    lines.append(
        f"| to reach | 24 | ≤ {100 * TARGETS['raw']:.0f} % | | | ≥ {TARGETS['rank']:.2f} | "
        f"≤ {100 * TARGETS['calibrated']:.0f} % | |"
    )
    return "\n".join(lines)


def _against_errors(one: Compared) -> str:
    """How far the deviations go beyond what the runs' own standard errors let expect."""
    in_errors = (one.simulated - one.measured) / one.error
    expected = np.sqrt(2 / np.pi) * one.error / one.measured
    return (
        f"Simulated less measured is {np.sqrt((in_errors**2).mean()):.2f} stated standard errors in the root mean "
        f"square (largest: {np.abs(in_errors).max():.1f}); errors of that size alone would give a mean absolute "
        f"deviation of {_percent(expected)}."
    )


def _without_low(one: Compared) -> Compared:
    """The same without the liquids measured below ``LOW_MS_CM``; calibrated values are those of all."""
    kept = one.measured >= LOW_MS_CM
    return Compared(
        f"{one.estimator}, measured above {LOW_MS_CM:g} mS/cm",
        tuple(liquid for liquid, is_kept in zip(one.electrolytes, kept, strict=True) if is_kept),
        *(values[kept] for values in (one.simulated, one.error, one.measured, one.calibrated, one.calibrated_error)),
    )


def _liquids(one: Compared, rows: Sequence[Row]) -> str:
    by_liquid = {row["liquid"]: row for row in rows}
    lines = [
        "| electrolyte | measured | simulated | deviation | calibrated, left out | Li with an anion | g/cm³ | atoms | "
        "ns | h | for |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for k, liquid in enumerate(one.electrolytes):
        row = by_liquid[str(liquid.formulation)]
        lines.append(
            f"| {liquid.formulation} | {one.measured[k]:.2f} | {one.simulated[k]:.2f} ± {one.error[k]:.2f} | "
            f"{100 * (one.simulated[k] / one.measured[k] - 1):+.0f} % | "
            f"{one.calibrated[k]:.2f} ± {one.calibrated_error[k]:.2f} | {_paired(row)} | "
            f"{float(row['density (g/cm3)']):.3f} | {row['n_atoms']} | {float(row['produced_ps']) / 1e3:g} | "
            f"{float(row['wall_s']) / 3600:.1f} | {liquid.used_for} |"
        )
    return "\n".join(lines)


def _paired(row: Row) -> str:
    free = float(row["fraction_solvent_separated (1)"])
    return f"{100 * (1 - free):.0f} ± {100 * float(row['fraction_solvent_separated (1) error']):.0f} %"


def _percent(values: np.ndarray) -> str:
    return f"{100 * values.mean():.0f} %" if values.size else "–"


def _spearman(a: np.ndarray, b: np.ndarray) -> str:
    from scipy.stats import spearmanr

    return f"{float(spearmanr(a, b).statistic):.2f}" if len(a) > 2 else "–"


def parity_plot(one: Compared, path: Path) -> None:
    """Simulated against measured, raw and after calibration, on logarithmic axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    salts = sorted({liquid.formulation.salts[0][0].name for liquid in one.electrolytes})
    colours = {salt: f"C{k}" for k, salt in enumerate(salts)}
    low = 0.8 * min(one.measured.min(), one.simulated.min(), one.calibrated.min())
    high = 1.08 * float(max(one.measured.max(), (one.simulated + one.error).max()))
    panels = (
        ("raw", one.simulated, one.error),
        ("calibrated by the other liquids", one.calibrated, one.calibrated_error),
    )
    for axes, (title, value, error) in zip(figure.subplots(1, 2, sharey=True), panels, strict=True):
        line = np.array([low, high])
        axes.fill_between(line, line / 1.3, line * 1.3, color="0.92", lw=0, label="±30 %")
        axes.plot(line, line, color="0.5", lw=0.8)
        for salt in salts:
            rows = [k for k, liquid in enumerate(one.electrolytes) if liquid.formulation.salts[0][0].name == salt]
            chosen = [k for k in rows if one.electrolytes[k].used_for == "choosing"]
            axes.errorbar(
                one.measured[rows],
                value[rows],
                # An error bar that reaches below zero cannot be drawn on a logarithmic axis.
                yerr=[np.minimum(error[rows], 0.9 * value[rows]), error[rows]],
                fmt="o",
                ms=5,
                lw=0.8,
                color=colours[salt],
                label=salt,
            )
            axes.plot(one.measured[chosen], value[chosen], **RING)
        axes.plot([], [], **RING, label="used for choosing")
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
        axes.set(xlabel="measured conductivity (mS/cm)", title=title)
        axes.set_aspect("equal")
        ticks = [tick for tick in TICKS_MS_CM if low < tick < high]
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
            axis.set_ticks([], minor=True)
        axes.grid(which="major", alpha=0.3)
    figure.axes[0].set_ylabel("simulated conductivity (mS/cm)")
    handles, labels = figure.axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, frameon=False, loc="outside lower center", ncols=7)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=150)
