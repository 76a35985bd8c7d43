"""Pictures of an explanation, each as the bytes of a PNG."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.loop.explain.subject import percent

if TYPE_CHECKING:
    from saltloop.surrogates.routing import RoutingReport
    from saltloop.surrogates.sensitivity import Change
    from saltloop.surrogates.symbolic import SymbolicResult

INK, GREY, UP, DOWN = "#22303c", "#8a8a8a", "#3b7ea1", "#d1603d"
#: Okabe-Ito colours, told apart without colour vision.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000", "#8a8a8a")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "h")
UNIT = "mS cm$^{-1}$"
#: Rows drawn as points at most.
MAX_POINTS = 2000


def changes(found: Sequence[Change]) -> bytes:
    """Bars of the difference each change makes, with one standard deviation."""
    figure, axes = _figure(8.6, 0.9 + 0.27 * len(found))
    values = np.array([one.difference_mS_cm for one in found])
    errors = [one.standard_deviation_mS_cm for one in found]
    places = np.arange(len(found))[::-1]
    axes.barh(places, values, color=np.where(values >= 0, UP, DOWN), height=0.66)
    axes.errorbar(values, places, xerr=errors, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    axes.axvline(0, color=INK, lw=0.8)
    axes.set_yticks(places, [one.text for one in found], fontsize=9)
    kinds = [one.kind for one in found]
    for i in range(1, len(found)):
        if kinds[i] != kinds[i - 1]:
            axes.axhline(places[i] + 0.5, color="#dfe5e9", lw=1)
    axes.set_ylim(-0.6, len(found) - 0.4)
    axes.set_xlabel(f"predicted change of the conductivity / {UNIT} (bar: ±1 s.d.)")
    return _png(figure, axes)


Curve = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Where, mean and standard deviation."""


def curves(
    by_molality: Curve | None,
    by_temperature: Curve,
    here: tuple[float, float, float],
    measured: Sequence[tuple[float, float, float]],
) -> bytes:
    """Conductivity against molality (at the liquid's temperature) and temperature (at its molality).

    Args:
        here: molality, temperature and predicted conductivity of the liquid.
        measured: the same of measurements in the same solvents and salt; those near each curve are drawn.
    """
    figure, (left, right) = _figure(10.4, 3.9, columns=2)
    m, T, k = here
    near = {
        "left": [(one[0], one[2]) for one in measured if abs(one[1] - T) <= 2.5],
        "right": [(one[1], one[2]) for one in measured if abs(one[0] - m) <= 0.05 * max(m, 1)],
    }
    for axes, curve, x, points, label in (
        (left, by_molality, m, near["left"], "salt / mol per kg of solvent"),
        (right, by_temperature, T, near["right"], "temperature / K"),
    ):
        if curve is None:
            axes.text(0.5, 0.5, "no salt in this liquid", ha="center", va="center", transform=axes.transAxes)
            continue
        where, mean, std = curve
        axes.fill_between(where, np.maximum(mean - 2 * std, 0), mean + 2 * std, color="#d4e4ee", lw=0, label="±2 s.d.")
        axes.plot(where, mean, color=UP, lw=1.8, label="predicted")
        if points:
            axes.scatter(*zip(*points, strict=True), s=20, color=INK, zorder=3, label="measured, same mixture")
        axes.scatter([x], [k], s=70, marker="D", color=DOWN, zorder=4, label="this liquid")
        axes.set(xlabel=label, ylabel=f"conductivity / {UNIT}")
        axes.set_ylim(bottom=0)
    left.set_title(f"at {T:g} K", fontsize=11, color=INK)
    right.set_title(f"at {m:.3g} mol/kg", fontsize=11, color=INK)
    right.legend(fontsize=8, frameon=False, loc="upper left")
    return _png(figure, left, right)


def contributions(start: float, parts: Sequence[tuple[str, float, float]], end: float) -> bytes:
    """A staircase from the average liquid to this one: name, contribution and standard error in mS/cm each."""
    figure, axes = _figure(8.6, 1.2 + 0.32 * (len(parts) + 2))
    places = np.arange(len(parts) + 2)[::-1]
    reached = np.cumsum([start, *(value for _, value, _ in parts)])
    for i, (_, value, error) in enumerate(parts):
        place, colour = places[i + 1], UP if value >= 0 else DOWN
        axes.barh(place, value, left=reached[i], color=colour, height=0.62, xerr=error or None, ecolor=INK)
        axes.plot([reached[i]] * 2, [place + 0.31, place + 0.69], color=GREY, lw=0.8)
        axes.annotate(
            f"{value:+.2f}".replace("-", "−"), (max(reached[i], reached[i + 1]), place), xytext=(8, 0),
            textcoords="offset points", va="center", fontsize=8.5, color=INK,
        )  # fmt: skip
    axes.plot([reached[-1]] * 2, [places[-1], places[-1] + 0.69], color=GREY, lw=0.8)
    axes.scatter([start, end], [places[0], places[-1]], marker="D", s=60, color=[GREY, INK], zorder=3)
    names = [f"average liquid: {start:.2f}", *(name for name, _, _ in parts), f"this liquid: {end:.2f}"]
    axes.set_yticks(places, names, fontsize=9)
    axes.set_xlabel(f"predicted conductivity / {UNIT}")
    axes.use_sticky_edges = False
    axes.margins(x=0.14)
    return _png(figure, axes)


def importances(names: Sequence[str], by_method: Mapping[str, np.ndarray], n: int = 16) -> bytes:
    """Mean absolute contribution of the most important features by each method."""
    mean_rank = np.mean([np.argsort(np.argsort(-values)) for values in by_method.values()], axis=0)
    shown = np.argsort(mean_rank, kind="stable")[:n]
    figure, axes = _figure(8.8, 1.1 + 0.36 * len(shown))
    places = np.arange(len(shown))[::-1]
    for i, (method, values) in enumerate(by_method.items()):
        offset = (1 - i) * 0.22
        axes.scatter(
            np.maximum(values[shown], 1e-4), places + offset, s=34, marker=MARKERS[i], color=COLOURS[i], label=method
        )
    for place in places[:-1]:
        axes.axhline(place - 0.5, color="#eef1f3", lw=0.8, zorder=0)
    axes.set_yticks(places, [names[i] for i in shown], fontsize=9)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel(f"mean absolute contribution / {UNIT} (logarithmic)")
    axes.legend(fontsize=8.5, frameon=False, loc="lower right")
    return _png(figure, axes)


def shares(by_group: Mapping[str, float]) -> bytes:
    """Share of the predictions' variance by group of features."""
    figure, axes = _figure(8.6, 0.9 + 0.34 * len(by_group))
    places = np.arange(len(by_group))[::-1]
    values = 100 * np.array(list(by_group.values()))
    axes.barh(places, values, color=np.where(values >= 0, UP, DOWN), height=0.62)
    axes.axvline(0, color=INK, lw=0.8)
    for place, value in zip(places, values, strict=True):
        axes.annotate(
            percent(value / 100),
            (max(value, 0), place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.set_yticks(places, list(by_group), fontsize=9.5)
    axes.set_xlabel("share of the variance of the predictions / %")
    axes.margins(x=0.12)
    return _png(figure, axes)


def routing(report: RoutingReport, dominant: np.ndarray, T: np.ndarray, m: np.ndarray, k: np.ndarray) -> bytes:
    """Rows by concentration and temperature in the colour of their route, and what the route tells of each label.

    Args:
        dominant: each row's route in the member shown.
    """
    figure, (left, right) = _figure(10.6, 4.8, columns=2)
    drawn = np.zeros(len(k), dtype=bool)
    drawn[np.random.default_rng(0).permutation(len(k))[:MAX_POINTS]] = True
    for place, route in enumerate(sorted(report.routes, key=lambda r: -r.n_rows)):
        own = drawn & (dominant == route.number)
        if own.any():
            style = {"color": COLOURS[place % 9], "marker": MARKERS[place % 9], "lw": 0, "s": 15, "alpha": 0.75}
            left.scatter(m[own], T[own], label=f"route {route.number + 1} ({route.n_rows:,})", **style)
    tail = drawn & (k > report.tail_above_mS_cm)
    label = f"above {report.tail_above_mS_cm:.3g} mS/cm ({report.n_tail:,})"
    left.scatter(m[tail], T[tail], s=42, facecolors="none", edgecolors="black", lw=0.8, label=label)
    left.set_xlim(-0.05, 1.05 * np.quantile(m, 0.995))
    left.set(xlabel="salt / mol per kg of solvent", ylabel="temperature / K")
    left.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=3)
    left.set_title(f"Dominant route, member {report.routes[0].member + 1}", fontsize=11, color=INK)
    places = np.arange(len(report.dependences))[::-1]
    right.barh(places, [100 * d.share for d in report.dependences], color=UP, height=0.6, label="found")
    chance = [100 * d.by_chance for d in report.dependences]
    right.scatter(chance, places, marker="|", s=260, lw=2.2, color=DOWN, zorder=3, label="by chance")
    right.set_yticks(places, [d.label for d in report.dependences])
    right.set_xlim(0, max(10, min(100, 115 * max(d.share for d in report.dependences))))
    right.set_xlabel("what the route tells of it / % (mean of the members)")
    right.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
    right.set_title("What the routes follow", fontsize=11, color=INK)
    return _png(figure, left, right)


def fronts(results: Sequence[SymbolicResult]) -> bytes:
    """Complexity against held-out error: each fold's formulas, and the pooled front of each feature set."""
    figure, panels = _figure(5.3 * len(results), 4.2, columns=len(results), sharey=True)
    panels = np.atleast_1d(panels)
    top = max(result.constant_mae for result in results) * 1.25
    for axes, result in zip(panels, results, strict=True):
        for is_sane, colour, marker, label in (
            (False, "#c9ced2", "o", "formula, unphysical somewhere"),
            (True, COLOURS[2], "D", "formula, physically sane"),
        ):
            own = [f for f in result.formulas if f.sanity.is_sane == is_sane]
            errors = np.array([f.held_out_mae for f in own])
            axes.scatter(
                [f.complexity for f in own], np.minimum(errors, top), s=17, color=colour, marker=marker, label=label
            )
        sizes, pooled = [p.complexity for p in result.front], [min(p.mae, top) for p in result.front]
        axes.step(sizes, pooled, where="post", color=UP, lw=1.8, label="best fit up to this size, pooled")
        axes.scatter(
            [p.complexity for p in result.pareto], [min(p.mae, top) for p in result.pareto], s=34, color=DOWN, zorder=4,
            label="Pareto front",
        )  # fmt: skip
        axes.axhline(result.constant_mae, color=GREY, lw=1, ls=":", label="a constant")
        axes.set(xlabel="complexity (nodes of the formula)", ylim=(0, top * 1.03))
        axes.set_title(f"{result.features.title} ({result.n_rows} rows)", fontsize=11, color=INK)
    panels[0].set_ylabel(f"mean absolute error on held-out liquids / {UNIT}")
    panels[-1].legend(fontsize=8, frameon=False, loc="upper right")
    return _png(figure, *panels)


def _figure(width: float, height: float, *, columns: int = 1, sharey: bool = False) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, sharey=sharey)


def _png(figure: Any, *panels: Any) -> bytes:
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
    stream = io.BytesIO()
    figure.savefig(stream, dpi=140, format="png")
    return stream.getvalue()
