"""Figures of a campaign for notebooks and papers, drawn from what the report shows (``loop.reports.view``)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from saltloop.loop.reports.plots import GREY, OTHER_STYLE, SOURCE_STYLE
from saltloop.loop.reports.view_types import Best, Calibration, ResultRow, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONDUCTIVITY = "conductivity / mS cm$^{-1}$"
#: Random draws by what they are taken from: colour, line.
POOL_STYLE = {"known": ("#CC79A7", "--"), "measured": ("#009E73", ":")}
SIZE_IN = (6.4, 4.2)


def progress_figure(view: View) -> Figure:
    """Best so far by result, against random draws (expectation, and the middle 90 %). A panel for each source."""
    figure, panels = new_figure(max(1, len(view["best"])))
    for axes, best in zip(panels, view["best"], strict=False):
        _progress(axes, best, [one for one in _conductivities(view) if one["source"] == best["source"]])
    if not view["best"]:
        nothing(panels[0], "no result yet")
    panels[0].set_title("Best so far")
    return captioned(figure, (best["words"] for best in view["best"]))


def parity_figure(view: View) -> Figure:
    """What the model said before each measurement against what came back, with one standard deviation of each."""
    figure, (axes,) = new_figure()
    axes.set_title("Predicted before, against what came back")
    axes.set_xlabel(f"predicted {CONDUCTIVITY}")
    axes.set_ylabel(f"reported {CONDUCTIVITY}")
    compared = [one for one in _conductivities(view) if one["mean"] is not None]
    if not compared:
        return nothing(axes, "no result that was predicted before")
    for source in dict.fromkeys(one["source"] for one in compared):
        rows = [one for one in compared if one["source"] == source]
        mean, pstd, value, std = (_column(rows, key) for key in ("mean", "pstd", "value", "std"))
        axes.errorbar(mean, value, xerr=pstd, yerr=std, label=f"{source} (±1 standard deviation)", **_marker(source))
    mean, pstd, value, std = (_column(compared, key) for key in ("mean", "pstd", "value", "std"))
    spread = np.concatenate([mean - pstd, mean + pstd, value - std, value + std])
    room = 0.05 * float(np.ptp(spread) or 1)
    ends = (float(spread.min()) - room, float(spread.max()) + room)
    axes.plot(ends, ends, color=GREY, lw=1, ls="--", label="agreement", zorder=0)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal")
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    return captioned(figure, (one["words"] for one in view["calibration"]))


def calibration_figure(view: View) -> Figure:
    """Were the uncertainties right: share of results inside each interval, and deviations beside a normal curve."""
    figure, (left, right) = new_figure(2, is_wide=True)
    left.set_title("Intervals that held the result")
    left.set_xlabel("probability of the interval")
    left.set_ylabel("share of results inside")
    left.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--", label="calibrated")
    right.set_title("Deviations")
    right.set_xlabel("(reported − predicted) / standard deviation of both")
    right.set_ylabel("number of results")
    deviations = [deviation for one in view["calibration"] for deviation in one["deviations"]]
    for one in view["calibration"]:
        if one["coverage"]:
            _coverage(left, one)
    if not any(one["coverage"] for one in view["calibration"]):
        reasons = [one["why_not"] for one in view["calibration"]] or ["no result that was predicted before"]
        nothing(left, textwrap.fill(reasons[0], 32))
    if deviations:
        _deviations(right, view["calibration"], deviations)
    else:
        nothing(right, "no result that was predicted before")
    _legend(left)
    return captioned(figure, (one["words"] for one in view["calibration"]))


def tail_figure(view: View) -> Figure:
    """How the conductivities that the model learns from were distributed before the campaign, and are now."""
    tail = view["tail"]
    figure, (axes,) = new_figure()
    axes.set_title("The training set's tail")
    axes.set_xlabel(CONDUCTIVITY)
    axes.set_ylabel("number of values")
    if tail["why_not"]:
        return nothing(axes, tail["why_not"])
    edges, before, added = (np.array(tail[key]) for key in ("edges", "before", "added"))
    centres, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    how: dict[str, Any] = {"width": 0.94 * widths, "edgecolor": "white", "lw": 0.3}
    axes.bar(centres, before, color="#9ab8cf", label=f"data sets ({tail['n_before']})", **how)
    axes.bar(
        centres, added, bottom=before, color="#D55E00", hatch="//", label=f"this campaign ({tail['n_added']})", **how
    )
    if tail["edge_90"] is not None:
        axes.axvline(tail["edge_90"], color="black", lw=1, ls=":", label="90 % of the data sets lie below")
    axes.set_yscale("log")
    axes.set_ylim(0.7, 1.6 * float((before + added).max()))
    _legend(axes)
    return captioned(figure, [tail["words"]])


def new_figure(n_panels: int = 1, *, is_wide: bool = False) -> tuple[Figure, list[Axes]]:
    """A figure with panels below (or, ``is_wide``, beside) each other. A notebook shows it once, where it is asked to:
    pyplot makes it, so that the notebook knows how, and lets go of it."""
    from matplotlib import pyplot

    width, height = SIZE_IN
    size = (1.5 * width, height) if is_wide else (width, height * (1 + 0.75 * (n_panels - 1)))
    rows, columns = (1, n_panels) if is_wide else (n_panels, 1)
    figure, panels = pyplot.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    pyplot.close(figure)
    return figure, list(panels.flat)


def captioned(figure: Figure, words: Iterable[str]) -> Figure:
    """The figure with what it says in words below it."""
    characters = int(16.5 * figure.get_figwidth())
    text = "\n".join(textwrap.fill(one, characters) for one in words if one)
    if text:
        figure.supxlabel(text, fontsize=8, x=0.01, ha="left", color="#444444")
    return figure


def nothing(axes: Axes, why: str) -> Figure:
    """Say why there is nothing to see."""
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes, color="#555555")
    return cast("Figure", axes.figure)


def _progress(axes: Axes, best: Best, results: Sequence[ResultRow]) -> None:
    from matplotlib.ticker import MaxNLocator

    source = best["source"]
    axes.set_xlabel(f"number of the result ({source})")
    axes.set_ylabel(CONDUCTIVITY)
    numbers = np.arange(1, len(results) + 1)
    axes.errorbar(
        numbers, _column(results, "value"), yerr=_column(results, "std"), label=f"{source} (±1 standard deviation)",
        **_marker(source),
    )  # fmt: skip
    steps = [*best["steps"], (len(results) + 0.5, best["steps"][-1][1])]
    axes.step(*zip(*steps, strict=True), where="post", color="black", lw=1.5, label="best so far")
    for pool in best["pools"]:
        colour, line = POOL_STYLE[pool["key"]]
        what = f"{pool['n']} known liquids" if pool["key"] == "known" else "these results"
        shown = np.array(pool["draws"]) <= max(len(results), 1) + 0.5
        draws, expected, low, high = (np.array(pool[key])[shown] for key in ("draws", "expected", "low", "high"))
        axes.plot(draws, expected, color=colour, ls=line, lw=1.5, label=f"random from {what}: mean, middle 90 %")
        axes.fill_between(draws, low, high, color=colour, alpha=0.13, lw=0)
    if best["best_known"] is not None:
        axes.axhline(best["best_known"], color=GREY, lw=1, ls="-.", label="best known before")
    axes.set_xlim(0.5, len(results) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(-0.1, -0.17), ncols=2)


def _coverage(axes: Axes, one: Calibration) -> None:
    nominal, observed, low, high = (
        np.array([point[key] for point in one["coverage"]]) for key in ("nominal", "observed", "low", "high")
    )
    axes.errorbar(
        nominal, observed, yerr=np.maximum([observed - low, high - observed], 0),
        label=f"{one['source']} (n = {one['n']}, 95 % interval)", **_marker(one["source"]),
    )  # fmt: skip


def _deviations(axes: Axes, sources: Sequence[Calibration], deviations: Sequence[float]) -> None:
    from matplotlib.ticker import MaxNLocator

    most = max(3.5, float(np.abs(deviations).max()))
    edges = (np.arange(-np.ceil(most * 2), np.ceil(most * 2) + 1) / 2).tolist()
    colours = [_style(one["source"])[0] for one in sources]
    names = [one["source"] for one in sources]
    axes.hist([one["deviations"] for one in sources], bins=edges, stacked=True, color=colours, label=names, alpha=0.75)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    at = np.linspace(edges[0], edges[-1], 200)
    normal = len(deviations) * 0.5 * np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)
    axes.plot(at, normal, color="black", lw=1.2, ls="--", label="if the uncertainties are right")
    _legend(axes)


def _conductivities(view: View) -> list[ResultRow]:
    """Those that count, in the order in which they came."""
    return [one for one in view["results"] if one["counts"]]


def _column(rows: Sequence[ResultRow], key: str) -> np.ndarray:
    return np.array([row[key] for row in rows], dtype=float)  # type: ignore[literal-required]


def _style(source: str) -> tuple[str, str]:
    return SOURCE_STYLE.get(source, OTHER_STYLE)


def _marker(source: str) -> dict[str, Any]:
    colour, marker = _style(source)
    return {"fmt": marker, "color": colour, "capsize": 3, "ms": 5, "elinewidth": 1}


def _legend(axes: Axes) -> None:
    axes.legend(fontsize=8, frameon=False)
