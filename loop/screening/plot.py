"""The picture of a screening: who is good with whom, the best mixture, the tail, and where the surrogate is unsure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from saltloop.loop.reports.files import write_picture
from saltloop.loop.screening.landscape import Landscape, read_landscape

UNIT = "mS cm$^{-1}$"
GREY = "#8a8a8a"
#: Solvents drawn, the best.
MOST_SOLVENTS = 40


def plot_landscape(path: Path, picture: Path) -> str:
    """Draw a ranked file into one PNG and say in words what it shows.

    Raises:
        DataError: the file is not one of a screening, or has no rows.
        CampaignError: the picture cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sums = read_landscape(path)
    figure, axes = pyplot.subplot_mosaic(
        [["salts", "salts", "tail"], ["pairs", "mixture", "unsure"]],
        figsize=(18, 11.5),
        layout="constrained",
        height_ratios=(0.8, 1),
        width_ratios=(1.15, 1, 1),
    )
    _salts(axes["salts"], sums)
    _pairs(axes["pairs"], sums)
    words = [_tail(axes["tail"], sums), _mixture(axes["mixture"], sums), _unsure(axes["unsure"], sums)]
    figure.suptitle(f"{sums.n_rows:,} candidates of {path.name}", fontsize=14)
    pyplot.close(figure)
    write_picture(picture, figure, dpi=130)
    return "\n".join(words)


def _salts(axes: Any, sums: Landscape) -> None:
    rows, columns = _order(sums.best_of_salt, axis=1), _order(sums.best_of_salt, axis=0)[:MOST_SOLVENTS]
    _heat(axes, sums.best_of_salt[np.ix_(rows, columns)])
    axes.set_title(
        f"Best predicted conductivity of each salt with each solvent as the main one, {sums.temperature_K:g} K"
    )
    _ticks(axes, [sums.solvents[i] for i in columns], [sums.salts[i] for i in rows])


def _pairs(axes: Any, sums: Landscape) -> None:
    order = _order(sums.best_of_pair, axis=0)[:MOST_SOLVENTS]
    _heat(axes, sums.best_of_pair[np.ix_(order, order)])
    axes.set_title(f"Best of each pair of solvents with any salt, {sums.temperature_K:g} K")
    names = [sums.solvents[i] for i in order]
    _ticks(axes, names, names)


def _heat(axes: Any, values: np.ndarray) -> None:
    image = axes.imshow(np.ma.masked_invalid(values), cmap="viridis", aspect="auto", vmin=0)
    axes.figure.colorbar(image, ax=axes, label=UNIT, shrink=0.9, pad=0.01)
    axes.set_facecolor("#eeeeee")


def _ticks(axes: Any, columns: list[str], rows: list[str]) -> None:
    small = 7 if max(len(columns), len(rows)) > 20 else 9
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=small)
    axes.set_yticks(range(len(rows)), rows, fontsize=small if len(rows) > 20 else 9)


def _tail(axes: Any, sums: Landscape) -> str:
    centres = 0.5 * (sums.mean_edges[1:] + sums.mean_edges[:-1])
    everything = sums.counts.sum(axis=1)
    axes.stairs(everything, sums.mean_edges, fill=True, color="#bcd4e6", label="all temperatures")
    axes.stairs(sums.counts_here, sums.mean_edges, color="#D55E00", lw=1.5, label=f"{sums.temperature_K:g} K")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)
    axes.set_xlim(0, sums.mean_edges[-1])
    axes.set_title("Distribution of the predictions")
    axes.set_xlabel(f"predicted conductivity / {UNIT}")
    axes.set_ylabel("candidates")
    axes.legend(frameon=False)
    share = np.cumsum(everything) / everything.sum()
    edge = float(centres[np.searchsorted(share, 0.99)])
    axes.axvline(edge, color=GREY, ls="--", lw=1)
    axes.annotate("99 %", (edge, 1), (4, -4), xycoords=("data", "axes fraction"), textcoords="offset points", va="top")
    return f"Predictions: one in a hundred lies above {edge:.1f} mS/cm; the highest is {sums.highest_mean:.1f}."


def _mixture(axes: Any, sums: Landscape) -> str:
    best = sums.best
    positions = [name.removeprefix("solvent_") for name in best if name.startswith("solvent_")]
    present = [i for i in positions if best[f"solvent_{i}"] is not None]
    liquid, salt = ":".join(best[f"solvent_{i}"] for i in present), _salt(best)
    ratio = ":".join(f"{best[f'share_{i}']:g}" for i in present) + f" by {sums.basis}"
    from matplotlib import colormaps

    temperatures = sorted({row["temperature_K"] for row in sums.same_mixture})
    for place, temperature in enumerate(temperatures):
        rows = sorted(
            (row for row in sums.same_mixture if row["temperature_K"] == temperature), key=lambda r: r["concentration"]
        )
        x, mean, std = (np.array([row[name] for row in rows]) for name in ("concentration", "mean_mS_cm", "std_mS_cm"))
        colour = colormaps["plasma"](0.85 * place / max(len(temperatures) - 1, 1))
        axes.plot(x, mean, "o-", ms=4, color=colour, label=f"{temperature:g} K")
        axes.fill_between(x, mean - std, mean + std, color=colour, alpha=0.18, lw=0)
    axes.set_ylim(bottom=0)
    axes.set_title(f"The best mixture: {salt} in {liquid}" + (f" {ratio}" if len(present) > 1 else ""))
    axes.set_xlabel(f"concentration / {best['concentration_unit']}")
    axes.set_ylabel(f"predicted conductivity / {UNIT} (band: ±1 s.d.)")
    axes.legend(frameon=False, fontsize=9, reverse=True)
    return (
        f"The best: {best['mean_mS_cm']:.1f} ± {best['std_mS_cm']:.1f} mS/cm, {best['concentration']:g} "
        f"{best['concentration_unit']} {salt} in {liquid} at {best['temperature_K']:g} K."
    )


def _salt(row: dict[str, Any]) -> str:
    """``LiPF6``, or of two salts ``LiPF6:LiFSI 0.75:0.25`` by mole."""
    if row.get("salt_2") is None:
        return str(row["salt"])
    second = row["salt_2_fraction"]
    return f"{row['salt']}:{row['salt_2']} {1 - second:g}:{second:g}"


def _unsure(axes: Any, sums: Landscape) -> str:
    from matplotlib.colors import LogNorm

    counts = np.ma.masked_equal(sums.counts.T, 0)
    image = axes.pcolormesh(sums.mean_edges, sums.std_edges, counts, cmap="cividis", norm=LogNorm(vmin=1))
    axes.figure.colorbar(image, ax=axes, label="candidates", shrink=0.9, pad=0.01)
    axes.set_title("Where the surrogate is unsure")
    axes.set_xlabel(f"predicted conductivity / {UNIT}")
    axes.set_ylabel(f"standard deviation / {UNIT}")
    top = min(sums.mean_edges[-1], sums.std_edges[-1])
    axes.plot([0, top], [0, top], color=GREY, ls="--", lw=1, label="s.d. = mean")
    axes.set_xlim(0, sums.mean_edges[-1])
    axes.set_ylim(0, sums.std_edges[-1])
    axes.legend(frameon=False, loc="upper left")
    middle = 0.5 * (sums.std_edges[1:] + sums.std_edges[:-1])
    by_std = np.cumsum(sums.counts.sum(axis=0)) / sums.n_rows
    median = float(middle[np.searchsorted(by_std, 0.5)])
    return f"Uncertainty: the median standard deviation is {median:.2f} mS/cm."


def _order(values: np.ndarray, axis: int) -> np.ndarray:
    """Rows or columns by the mean of their values, the best first."""
    known = ~np.isnan(values)
    mean = np.where(known, values, 0.0).sum(axis=axis) / np.maximum(known.sum(axis=axis), 1)
    return np.argsort(-mean, kind="stable")
