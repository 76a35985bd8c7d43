"""Coverage pictures of a data set: the long tail, temperature against concentration, salts against solvents."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .describe import TAIL_mS_cm, conductivities_mS_cm
from .errors import DataError

if TYPE_CHECKING:
    from .dataset import Dataset

_INK, _BAR, _TAIL, _MAP = "#22303c", "#3b7ea1", "#d1603d", "viridis"
_SMALLEST_mS_cm = 1e-3


def plot_coverage(dataset: Dataset, path: Path) -> Path:
    """Write the coverage plots of a data set as one PNG; returns its path.

    Raises:
        DataError: no conductivity that a logarithmic axis shows, or a path that cannot be written.
    """
    values = conductivities_mS_cm(dataset.measurements)
    if not values:
        raise DataError(f"The data set {dataset.name!r} has no conductivity to plot.")
    if max(values) < _SMALLEST_mS_cm:
        raise DataError(
            f"All conductivities of the data set {dataset.name!r} are below {_SMALLEST_mS_cm:g} mS/cm, which the plot "
            "begins with; check their unit."
        )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    salts = Counter(name for one in dataset.measurements for name in one.formulation.molality)
    solvents = Counter(name for one in dataset.measurements for name in one.formulation.mole_fractions)
    map_height = 1.3 + 0.34 * max(len(salts), 2)
    figure = Figure(figsize=(12, 4.6 + map_height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"{dataset.name}: {len(dataset):,} measurements", color=_INK, fontsize=14, fontweight="bold")
    grid = figure.add_gridspec(2, 2, height_ratios=(4.2, map_height))
    _tail(figure.add_subplot(grid[0, 0]), values)
    _conditions(figure, figure.add_subplot(grid[0, 1]), dataset)
    _heat_map(figure, figure.add_subplot(grid[1, :]), dataset, [one for one, _ in salts.most_common()], list(solvents))
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(partial, dpi=130, format="png")
        os.replace(partial, path)
    except OSError as error:
        raise DataError(f"Cannot write the picture {path}: {error.strerror or error}.") from error
    return path


def _tail(axes: Any, values: list[float]) -> None:
    import numpy as np

    shown = [value for value in values if value >= _SMALLEST_mS_cm]
    low, high = np.log10(min(shown)), np.log10(max(shown))
    per_decade = max(1, round(45 / max(high - low, 0.5)))
    # Whole decades are edges, so that the coloured tail starts at 10 mS/cm exactly.
    bins = 10.0 ** (np.arange(np.floor(low * per_decade), np.floor(high * per_decade) + 2) / per_decade)
    _, _, bars = axes.hist(shown, bins=bins, color=_BAR, edgecolor="white", linewidth=0.4)
    for left, bar in zip(bins, bars, strict=False):
        if left >= TAIL_mS_cm[0] * (1 - 1e-9):
            bar.set_facecolor(_TAIL)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    lines = [f"above {limit:g} mS/cm: {sum(v > limit for v in values):,}" for limit in TAIL_mS_cm]
    if left_out := len(values) - len(shown):
        lines.append(f"below {_SMALLEST_mS_cm:g}, not shown: {left_out:,}")
    axes.text(0.03, 0.96, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=9, color=_INK)
    axes.set(title="The long tail of conductivity", xlabel="conductivity (mS/cm)", ylabel="measurements")
    _quiet(axes)


def _conditions(figure: Any, axes: Any, dataset: Dataset) -> None:
    from matplotlib.colors import LogNorm

    molality = [sum(one.formulation.molality.values()) for one in dataset.measurements]
    temperature_K = [one.formulation.temperature_K for one in dataset.measurements]
    bins = axes.hexbin(molality, temperature_K, gridsize=(34, 20), mincnt=1, norm=LogNorm(), cmap=_MAP, linewidths=0.2)
    _colour_bar(figure, axes, bins)
    axes.set(title="Where it was measured", xlabel="salt (mol per kg of solvent)", ylabel="temperature (K)")
    _quiet(axes)


def _heat_map(figure: Any, axes: Any, dataset: Dataset, salts: list[str], solvents: list[str]) -> None:
    import numpy as np
    from matplotlib.colors import LogNorm

    counts = Counter(
        (salt, solvent)
        for one in dataset.measurements
        for salt in one.formulation.molality
        for solvent in one.formulation.mole_fractions
    )
    solvents = sorted(solvents, key=lambda solvent: -sum(counts[salt, solvent] for salt in salts))
    table = np.array([[counts[salt, solvent] or np.nan for solvent in solvents] for salt in salts], dtype=float)
    table = table.reshape(len(salts), len(solvents))
    if not salts:
        axes.set_axis_off()
        return
    image = axes.imshow(table, cmap=_MAP, norm=LogNorm(vmin=1), aspect="auto")
    _colour_bar(figure, axes, image)
    axes.set_xticks(range(len(solvents)), solvents, rotation=55 if len(solvents) > 12 else 0, fontsize=8)
    if len(solvents) > 12:
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(salts)), salts, fontsize=9)
    axes.set_xticks(np.arange(len(solvents) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(salts) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#dfe5e9", linewidth=0.6)
    axes.tick_params(which="both", length=0, colors=_INK)
    if len(solvents) <= 12:
        for (row, column), n in np.ndenumerate(table):
            if not np.isnan(n):
                dark = np.log(n) < 0.6 * np.log(np.nanmax(table))
                colour = "white" if dark else _INK
                axes.text(column, row, f"{n:,.0f}", ha="center", va="center", fontsize=9, color=colour)
    axes.set_title("Measurements by salt and solvent (a mixture counts for each of its solvents)", color=_INK)


def _colour_bar(figure: Any, axes: Any, mappable: Any) -> None:
    bar = figure.colorbar(mappable, ax=axes, pad=0.015, aspect=28, format=lambda value, _: f"{value:,.0f}")
    bar.ax.minorticks_off()
    bar.set_label("measurements", color=_INK)
    bar.outline.set_visible(False)


def _quiet(axes: Any) -> None:
    axes.title.set_color(_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_INK)
