"""Plots of a job's results and the tables behind them, in the job's folder."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.simulators.checkpoints import write_durably

from .results import Results
from .structure import Solvation
from .transport import conductivity_factor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, RED, PINK = (
    *("#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"),
)
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""
ION_COLOURS, SOLVENT_COLOURS = (RED, BLUE, PINK, BLACK), (GREEN, ORANGE, SKY, "#7F7F7F", YELLOW)
DONOR_COLOURS, LINES = (BLUE, RED, GREEN, ORANGE, PINK, SKY, BLACK), ("-", "--", ":")


def plot(results: Results, job_dir: Path, title: str) -> tuple[str, ...]:
    """Write plots (png) and tables (csv) of displacements, conductivity and density; returns the names of the files."""
    names = [*_displacements(results, job_dir, title)]
    if results.motion.charge is not None:
        names += _conductivity(results, job_dir, title)
    if results.solvation is not None:
        names += _distributions(results.solvation, job_dir, title)
    if any(one.density_g_cm3.size for one in results.trajectories):
        names += _density(results, job_dir, title)
    return tuple(names)


def colours_of(charges: Mapping[str, int]) -> dict[str, str]:
    """A colour for each species: ions from one half of the palette, solvents from the other."""
    ions = [name for name, charge in charges.items() if charge]
    solvents = [name for name in charges if name not in ions]
    return {name: ION_COLOURS[i % len(ION_COLOURS)] for i, name in enumerate(ions)} | {
        name: SOLVENT_COLOURS[i % len(SOLVENT_COLOURS)] for i, name in enumerate(solvents)
    }


def new_figure(title: str) -> tuple[Figure, Any]:
    """A figure with one pair of axes, 960 x 690 pixels, readable at 600."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=9.5, loc="left")
    axes.grid(which="major", alpha=0.25, lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, path: Path) -> str:
    """The name of the file written."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    write_durably(path, buffer.getvalue())
    return path.name


def save_table(columns: Mapping[str, Any], path: Path) -> str:
    """A csv of columns of one length; the name of the file written."""
    rows = "\n".join(",".join(f"{value:.6g}" for value in row) for row in zip(*columns.values(), strict=True))
    write_durably(path, f"{','.join(columns)}\n{rows}\n".encode())
    return path.name


def _displacements(results: Results, job_dir: Path, title: str) -> list[str]:
    motion = results.motion
    found = dict(motion.displacements)
    lag_ps = next(iter(found.values())).lag_ps
    curves = {name: 3 * one.per_axis for name, one in found.items()}
    fits = {name: one.slope.window_ps for name, one in motion.in_box.items()}
    charges = {species.name: species.formal_charge for species, _ in results.trajectories[0].contents.molecules}
    colours = colours_of(charges)
    if motion.charge is not None:
        n_ions = sum(one.n_molecules for name, one in motion.in_box.items() if charges[name])
        curves["charge (per ion)"] = 3 * motion.charge.total.per_axis / n_ions
        fits["charge (per ion)"] = motion.charge.slope.window_ps
        colours["charge (per ion)"] = "#7F7F7F"
    figure, axes = new_figure(title)
    for name, curve in curves.items():
        positive = curve > 0
        style = "--" if charges.get(name) == 0 else "-" if name in charges else ":"
        axes.plot(lag_ps[positive], curve[positive], ls=style, lw=1.3, color=colours[name], label=name)
        fitted = (lag_ps >= fits[name][0]) & (lag_ps <= fits[name][1]) & (curve > 0)
        axes.plot(lag_ps[fitted], curve[fitted], lw=4, alpha=0.35, color=colours[name], solid_capstyle="round")
    _slope_guide(axes, lag_ps, next(iter(curves.values())))
    axes.set(xscale="log", yscale="log", xlabel="lag time (ps)", ylabel="mean square displacement (nm²)")
    axes.plot([], [], lw=4, alpha=0.35, color="0.3", label="fitted")
    axes.legend(fontsize=9, ncols=2, frameon=False)
    table = {"lag_ps": lag_ps} | {f"{name} (nm2)": curve for name, curve in curves.items()}
    return [save(figure, job_dir / "msd.png"), save_table(table, job_dir / "msd.csv")]


def _slope_guide(axes: Any, lag_ps: np.ndarray, curve: np.ndarray) -> None:
    """A thin line that grows as t, over the last decade and below the first curve."""
    late = lag_ps >= lag_ps[-1] / 10
    height = curve[late][-1] / 3
    if height > 0:
        axes.plot(lag_ps[late], height * lag_ps[late] / lag_ps[-1], color="0.5", lw=0.9)
        axes.annotate("∝ t", (lag_ps[-1], height), xytext=(4, -3), textcoords="offset points", fontsize=9, color="0.4")


def _conductivity(results: Results, job_dir: Path, title: str) -> list[str]:
    """Local slopes between each lag and its double, and the values that are reported."""
    motion, first = results.motion, results.trajectories[0]
    assert motion.charge is not None
    assert motion.conductivities is not None
    factor = conductivity_factor(motion.volume_nm3, first.temperature_K) / 2
    lag_ps, collective, collective_error = (
        values * scale for values, scale in zip(motion.charge.total.running(), (1, factor, factor), strict=True)
    )
    independent, independent_error = np.zeros_like(lag_ps), np.zeros_like(lag_ps)
    for species, count in first.contents.molecules:
        if species.formal_charge:
            _, slope, error = motion.displacements[species.name].running()
            independent += species.formal_charge**2 * count * factor * slope
            independent_error += species.formal_charge**2 * count * factor * error
    figure, axes = new_figure(title)
    for values, errors, colour, style, name in (
        (independent, independent_error, BLUE, "-", "Nernst–Einstein, this box"),
        (collective, collective_error, RED, "--", "collective"),
    ):
        axes.plot(lag_ps, values, color=colour, ls=style, lw=1.4, label=name)
        axes.fill_between(lag_ps, values - errors, values + errors, color=colour, alpha=0.18, lw=0)
    reported = motion.conductivities
    place = lag_ps[-1]
    for index, (one, colour, marker, name) in enumerate(
        (
            (reported.nernst_einstein, BLUE, "o", "Nernst–Einstein, reported"),
            (reported.collective, RED, "s", "collective, reported"),
            (reported.combined, GREEN, "D", "combined, reported"),
        )
    ):
        axes.errorbar(
            place * 1.25 * 1.2**index,
            one.value_mS_cm,
            yerr=one.standard_error_mS_cm,
            **{"fmt": marker, "color": colour, "capsize": 3, "ms": 5, "label": name},
        )
    top = max(
        1.6 * float(np.median(independent)),
        reported.nernst_einstein.value_mS_cm + reported.nernst_einstein.standard_error_mS_cm,
        reported.collective.value_mS_cm,
    )
    axes.set(xscale="log", xlabel="lag time t (ps)", ylabel="conductivity from lags t to 2t (mS/cm)")
    axes.set_ylim(min(0.0, -0.15 * top if (collective[lag_ps < place / 4] < 0).any() else 0.0), 1.15 * top)
    axes.legend(fontsize=9, frameon=False)
    table = {
        "lag_ps": lag_ps,
        "nernst_einstein_in_box (mS/cm)": independent,
        "nernst_einstein_error (mS/cm)": independent_error,
        "collective (mS/cm)": collective,
        "collective_error (mS/cm)": collective_error,
    }
    return [save(figure, job_dir / "conductivity.png"), save_table(table, job_dir / "conductivity.csv")]


def _distributions(solvation: Solvation, job_dir: Path, title: str) -> list[str]:
    """Radial distributions above, running coordination numbers below, cutoffs as dots."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    above.set_title(title, fontsize=9.5, loc="left")
    for index, (label, shell) in enumerate(solvation.shells.items()):
        colour, style = DONOR_COLOURS[index % len(DONOR_COLOURS)], LINES[index // len(DONOR_COLOURS) % len(LINES)]
        above.plot(shell.r_nm, shell.g, color=colour, ls=style, lw=1.4)
        below.plot(shell.r_nm, shell.running, color=colour, ls=style, lw=1.4, label=label)
        if shell.has_peak:
            below.plot(shell.cutoff_nm, shell.coordination, "o", color=colour, ms=5)
    above.set_ylabel("g(r), Li to donor")
    below.set(xlabel="r (nm)", ylabel="donors within r", xlim=(0.1, 0.6), ylim=(0, 7.5))
    for axes in (above, below):
        axes.grid(which="major", alpha=0.25, lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    above.set_ylim(bottom=0)
    below.legend(fontsize=9, frameon=False, ncols=2 if len(solvation.shells) > 3 else 1, loc="upper left")
    table: dict[str, Any] = {"r_nm": next(iter(solvation.shells.values())).r_nm}
    for label, shell in solvation.shells.items():
        table |= {f"g {label}": shell.g, f"coordination {label}": shell.running}
    return [save(figure, job_dir / "rdf.png"), save_table(table, job_dir / "rdf.csv")]


def _density(results: Results, job_dir: Path, title: str) -> list[str]:
    figure, axes = new_figure(title)
    runs = [one for one in results.trajectories if one.density_g_cm3.size]
    colours = (BLUE, RED, GREEN, PINK, ORANGE, SKY)
    columns: dict[str, list[float]] = {"run": [], "time_ps": [], "density (g/cm3)": [], "averaged": []}
    for index, one in enumerate(runs):
        time_ps = one.density_ps * np.arange(1, one.density_g_cm3.size + 1)
        colour = colours[index % len(colours)]
        of = f", run {index + 1}" if len(runs) > 1 else ""
        axes.plot(time_ps, one.density_g_cm3, color=colour, lw=0.8, alpha=0.6)
        mean = float(one.averaged_density_g_cm3.mean())
        averaged_ps = time_ps[one.n_density_equilibrating :]
        axes.plot(averaged_ps[[0, -1]], [mean, mean], color=colour, lw=2.2, label=f"mean {mean:.3f} g/cm³{of}")
        columns["run"] += [index + 1] * len(time_ps)
        columns["time_ps"] += time_ps.tolist()
        columns["density (g/cm3)"] += one.density_g_cm3.tolist()
        columns["averaged"] += (np.arange(len(time_ps)) >= one.n_density_equilibrating).astype(float).tolist()
    axes.set(xlabel="time at constant pressure (ps)", ylabel="density (g/cm³)")
    axes.legend(fontsize=9, frameon=False)
    return [save(figure, job_dir / "density.png"), save_table(columns, job_dir / "density.csv")]
