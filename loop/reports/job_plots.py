"""The plots of a job as curves, from the tables that it left in its folder; pictures of other oracles as they are."""

from __future__ import annotations

import base64
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from saltloop.loop.reports.view_types import Plot

#: Points of a curve that is drawn; longer ones are thinned out.
N_POINTS = 160
#: A picture larger than this is named and left where it is.
MOST_BYTES = 400_000


@dataclass(frozen=True)
class _Kind:
    """How a table is drawn. ``series`` picks columns by the beginning of their names; empty: all but the first.

    ``needs``: columns without which it is another oracle's table, and is not drawn.
    """

    table: str
    name: str
    title: str
    words: str
    x: str
    y: str
    is_log_x: bool = False
    is_log_y: bool = False
    series: str = ""
    needs: tuple[str, ...] = ()


KINDS = (
    _Kind(
        "msd",
        "msd",
        "Mean square displacement",
        "How far each species has moved on average. A curve parallel to the thin line grows in proportion to time: "
        "that is diffusion, and its slope gives the diffusion coefficient. The thick part was fitted.",
        "lag time / ps",
        "mean square displacement / nm²",
        is_log_x=True,
        is_log_y=True,
    ),
    _Kind(
        "rdf",
        "rdf",
        "Radial distribution around Li⁺",
        "How much more often a donor atom lies at a distance r from lithium than in a uniform liquid. The first peak "
        "is the first solvation shell.",
        "distance r / nm",
        "g(r)",
        series="g ",
    ),
    _Kind(
        "rdf",
        "coordination",
        "Coordination of Li⁺",
        "Donor atoms within r of lithium. The plateau after the first peak of g(r) is the coordination number.",
        "distance r / nm",
        "donors within r",
        series="coordination ",
    ),
    _Kind(
        "conductivity",
        "conductivity",
        "Running conductivity",
        "Conductivity from lags t to 2t. A level stretch is where it can be trusted; the band is one standard error.",
        "lag time t / ps",
        "conductivity / mS cm⁻¹",
        is_log_x=True,
    ),
    _Kind(
        "density",
        "density",
        "Density at constant pressure",
        "A level end says that the box has come to its density.",
        "time / ps",
        "density / g cm⁻³",
        needs=("run", "time_ps", "density (g/cm3)"),
    ),
    _Kind(
        "temperatures",
        "temperatures",
        "Conductivity over temperature",
        "Simulated where ions diffuse within the run, and extrapolated to the temperature asked for.",
        "temperature / K",
        "conductivity / mS cm⁻¹",
        is_log_y=True,
        needs=("temperature_K", "conductivity_mS_cm", "standard_error_mS_cm", "how"),
    ),
)


#: Columns under names that a reader knows.
LABELS = {
    "nernst_einstein_in_box": "Nernst–Einstein, in this box",
    "collective": "collective (Einstein–Helfand)",
}


def job_plots(folder: Path, fitted: Mapping[str, Any]) -> list[Plot]:
    """Plots of the job in ``folder``; none where it has left none.

    Args:
        fitted: ranges of lag (ps) that were fitted, by species, from the job's provenance.
    """
    tables = {name: _read(folder / f"{name}.csv") for name in dict.fromkeys(kind.table for kind in KINDS)}
    kinds = [kind for kind in KINDS if tables[kind.table] and tables[kind.table].keys() >= set(kind.needs)]
    plots = [_plot(kind, tables[kind.table], fitted if kind.name == "msd" else {}) for kind in kinds]
    drawn = {kind.table for kind in kinds}
    return plots + [_picture(path) for path in sorted(folder.glob("*.png")) if path.stem not in drawn]


def _read(path: Path) -> dict[str, list[str]]:
    """Columns by name; empty where there is no such table or it holds no row. Half-written rows are left out."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            head, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error):
        return {}
    rows = [row for row in rows if len(row) == len(head)]
    return {name: [row[k] for row in rows] for k, name in enumerate(head)} if rows else {}


def _plot(kind: _Kind, table: dict[str, list[str]], fitted: Mapping[str, Any]) -> Plot:
    series = _runs(table) if kind.name == "density" else _points(table) if kind.name == "temperatures" else []
    if not series:
        names = list(table)
        x = _numbers(table[names[0]])
        for name in names[1:]:
            if name.startswith(kind.series) and "_error" not in name:
                series.append(_series(kind, table, x, name, fitted))
    return {
        "name": kind.name,
        "title": kind.title,
        "words": kind.words,
        "x_label": kind.x,
        "y_label": kind.y,
        "is_log_x": kind.is_log_x,
        "is_log_y": kind.is_log_y,
        "series": series,
        "png": "",
    }


def _series(
    kind: _Kind, table: dict[str, list[str]], x: np.ndarray, name: str, fitted: Mapping[str, Any]
) -> dict[str, Any]:
    """One curve, its error where the table has one beside it, and the range that was fitted."""
    y = _numbers(table[name])
    plain, _, unit = name.partition(" (")
    label = name.removeprefix(kind.series) if kind.series else plain
    if name.startswith("charge (per ion)"):
        label = "charge (per ion)"
    error = table.get(f"{plain}_error ({unit}", table.get(f"{plain.removesuffix('_in_box')}_error ({unit}"))
    keep = _kept(x, y, kind)
    found: dict[str, Any] = {
        "label": LABELS.get(label, label.replace("_", " ")),
        "x": _short(x[keep]),
        "y": _short(y[keep]),
    }
    if error is not None:
        found["error"] = _short(_numbers(error)[keep])
    window = fitted.get(label)
    if window is not None:
        found["fitted"] = [float(edge) for edge in window]
    return found


def _kept(x: np.ndarray, y: np.ndarray, kind: _Kind) -> np.ndarray:
    """Positions of the points to draw: finite, positive on a logarithmic axis, and evenly thinned along the axis."""
    good = np.isfinite(x) & np.isfinite(y)
    if kind.is_log_x:
        good &= x > 0
    if kind.is_log_y:
        good &= y > 0
    at = np.flatnonzero(good)
    if len(at) <= N_POINTS:
        return at
    along = np.log(x[at]) if kind.is_log_x else x[at]
    wanted = np.linspace(along[0], along[-1], N_POINTS)
    return np.asarray(at[np.unique(np.searchsorted(along, wanted).clip(0, len(at) - 1))])


def _runs(table: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The density of each run."""
    run, time_ps, density = (_numbers(table[name]) for name in ("run", "time_ps", "density (g/cm3)"))
    series = []
    for number in np.unique(run):
        at = np.flatnonzero(run == number)
        at = at[:: max(1, len(at) // N_POINTS)]
        label = "density" if len(np.unique(run)) == 1 else f"run {number:g}"
        series.append({"label": label, "x": _short(time_ps[at]), "y": _short(density[at], digits=6)})
    return series


def _points(table: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Values at temperatures, by how they were found."""
    kelvin, value, error = (
        _numbers(table[name]) for name in ("temperature_K", "conductivity_mS_cm", "standard_error_mS_cm")
    )
    how = np.array(table["how"])
    return [
        {
            "label": name,
            "x": _short(kelvin[how == name]),
            "y": _short(value[how == name]),
            "error": _short(error[how == name]),
            "is_points": True,
        }
        for name in dict.fromkeys(how.tolist())
    ]


def _picture(path: Path) -> Plot:
    content = path.read_bytes()
    is_small = len(content) <= MOST_BYTES
    words = f"A picture that the oracle left: {path.name}."
    if not is_small:
        words += f" It has {len(content) / 1e6:.1f} MB and stays in {path.parent.name}/."
    return {
        "name": path.stem,
        "title": path.stem,
        "words": words,
        "x_label": "",
        "y_label": "",
        "is_log_x": False,
        "is_log_y": False,
        "series": [],
        "png": base64.b64encode(content).decode() if is_small else "",
    }


def _numbers(column: list[str]) -> np.ndarray:
    """NaN where a cell holds no number."""
    return np.array([_number(cell) for cell in column])


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _short(values: np.ndarray, digits: int = 4) -> list[float | None]:
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]
