"""The evidence of an audit as pictures: papers against comparable rows, and odd points beside their isotherms."""

from __future__ import annotations

import os
from collections import Counter
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .audit_papers import OFF_FACTOR
from .audit_rows import LEAST_mS_cm
from .errors import DataError

if TYPE_CHECKING:
    from .audit import Audit

_INK, _GOOD, _ODD, _FAINT = "#22303c", "#3b7ea1", "#d1603d", "#c8d2d9"
_ISOTHERM_CHECKS = ("off_isotherm", "copied_point")
_N_ISOTHERMS, _MOST_TEMPERATURES = 4, 16


def plot_audit(audit: Audit, path: Path) -> Path:
    """Write the plots as one PNG; returns its path.

    Raises:
        DataError: the path cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 13), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle("CALiSol-23 audited", color=_INK, fontsize=15, fontweight="bold")
    above, below = figure.subfigures(2, 1, height_ratios=(4.4, 7.0), hspace=0.02, squeeze=False).flat
    papers, neighbours = above.subplots(1, 2)
    _papers(papers, audit)
    _against_neighbours(neighbours, audit)
    below.suptitle(
        "Odd points beside their isotherms: a cross has the colour of the temperature it is listed at", color=_INK
    )
    blocks = _worst_blocks(audit)
    for axes, block in zip_longest(below.subplots(2, 2).flat, blocks):
        axes.set_axis_off() if block is None else _isotherms(axes, audit, block)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(partial, dpi=120, format="png")
        os.replace(partial, path)
    except OSError as error:
        raise DataError(f"Cannot write the picture {path}: {error.strerror or error}.") from error
    return path


def _papers(axes: Any, audit: Audit) -> None:
    """Median and 10th to 90th percentile of reported over comparable rows, a line a paper."""
    papers = sorted(audit.comparison.papers, key=lambda paper: -paper.ratio)
    for y, paper in enumerate(papers):
        off = max(paper.ratio, 1 / paper.ratio) > OFF_FACTOR
        axes.plot([paper.low, paper.high], [y, y], color=_ODD if off else _FAINT, linewidth=3, solid_capstyle="round")
        axes.plot(paper.ratio, y, "o", color=_ODD if off else _GOOD, markersize=6)
    axes.axvline(1.0, color=_INK, linewidth=0.8)
    names = [f"{paper.doi}  ({paper.n_rows:,} rows, {paper.n_comparisons:,} comparisons)" for paper in papers]
    axes.set_yticks(range(len(papers)), names, fontsize=7.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("reported conductivity over the median of comparable rows of other papers")
    axes.set_title("Papers beside each other (median, 10th to 90th percentile)", fontsize=11)
    _quiet(axes)


def _against_neighbours(axes: Any, audit: Audit) -> None:
    found = audit.isotherms
    tested = np.isfinite(found.local.residual)
    odd = tested & found.odd
    k, expected = np.maximum(audit.rows.frame["k"].to_numpy(), LEAST_mS_cm), found.local.expected_mS_cm
    for mask, colour, size, label in (
        (tested & ~odd, _GOOD, 3, f"{int((tested & ~odd).sum()):,} agree"),
        (odd, _ODD, 12, f"{int(odd.sum()):,} do not"),
    ):
        axes.scatter(expected[mask], k[mask], s=size, color=colour, linewidths=0, label=label, rasterized=True)
    low, high = LEAST_mS_cm * 0.8, float(k.max()) * 1.2
    axes.plot([low, high], [low, high], color=_INK, linewidth=0.8)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set(xlabel="expected from neighbours (mS/cm)", ylabel="reported (mS/cm; below 0.03 drawn at 0.03)")
    axes.set_title("Each row against a robust fit through its neighbours", fontsize=11)
    axes.legend(frameon=False, loc="upper left", markerscale=1.8)
    _quiet(axes)


def _worst_blocks(audit: Audit) -> list[int]:
    """The blocks of isotherms with the most odd rows, two a paper at most."""
    frame = audit.rows.frame
    block = dict(zip(frame["row"], frame["block"], strict=True))
    n_temperatures = frame["T"].round(0).groupby(frame["block"]).nunique()
    counts = Counter((block[one.row], one.doi) for one in audit.findings if one.check in _ISOTHERM_CHECKS and one.row)
    chosen: list[int] = []
    per_paper: Counter[str] = Counter()
    for (number, doi), _ in counts.most_common():
        if per_paper[doi] < 2 and len(chosen) < _N_ISOTHERMS and n_temperatures[number] <= _MOST_TEMPERATURES:
            chosen.append(number)
            per_paper[doi] += 1
    return chosen


def _isotherms(axes: Any, audit: Audit, block: int) -> None:
    """Conductivity against molality, a line through the good rows of each temperature, odd rows with their line."""
    rows, found = audit.rows, audit.isotherms
    frame = rows.frame.assign(odd=found.odd, expected=found.local.expected_mS_cm)
    here = frame[frame["block"] == block]
    from matplotlib import colormaps

    temperatures = sorted(here["T"].round(0).unique())
    apart, labelled = 0.035 * float(np.ptp(here["k"])), -np.inf
    shades = colormaps["viridis"](np.linspace(0.05, 0.9, len(temperatures)))
    for temperature_K, shade in zip(temperatures, shades, strict=True):
        line = here[here["T"].round(0) == temperature_K].sort_values("molality")
        good, odd = line[~line["odd"]], line[line["odd"]]
        axes.plot(good["molality"], good["k"], "o-", color=shade, markersize=3, linewidth=0.9)
        axes.scatter(
            odd["molality"], odd["k"], marker="X", s=42, color=shade, edgecolors="white", linewidths=0.4, zorder=3
        )
        if len(good) and good["k"].iloc[-1] > labelled + apart:
            last, labelled = good.iloc[-1], good["k"].iloc[-1]
            axes.annotate(
                f"{temperature_K:.0f} K",
                (last["molality"], last["k"]),
                xytext=(5, 0),
                textcoords="offset points",
                fontsize=7,
                color=shade,
                va="center",
            )
    axes.set(xlabel="salt (mol/kg of solvent)", ylabel="conductivity (mS/cm)")
    first = here.iloc[0]
    title = f"{first['salt']} in {rows.composition(int(here.index[0]))}, {first['doi']}"
    axes.set_title(f"{title}: {int(here['odd'].sum())} of {len(here)} rows odd", fontsize=9.5)
    axes.margins(x=0.09)
    _quiet(axes)


def _quiet(axes: Any) -> None:
    axes.title.set_color(_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_INK)
