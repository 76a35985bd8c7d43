"""The conductivity of a slow liquid over temperature: what was simulated, and what was extrapolated from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from saltloop.simulators.analysis.extrapolation import extrapolate
from saltloop.simulators.analysis.plots import BLUE, RED, new_figure, save
from saltloop.simulators.analysis.temperature_laws import Law
from saltloop.simulators.checkpoints import write_durably

from .hotter import HotterResults

N_CURVE = 25
GREY = "0.45"


def plot_temperatures(found: HotterResults, law: Law, job_dir: Path, title: str) -> tuple[str, ...]:
    """Write ``temperatures.csv`` and ``temperatures.png`` (ln of the conductivity over 1/T); returns their names."""
    from matplotlib.ticker import LogFormatter

    result = found.measurements[0]
    target_K = result.formulation.temperature_K
    rows = [
        (point.temperature_K, point.value, point.standard_error, "at most" if point.is_bound else "simulated")
        for point in found.points
    ]
    rows.append((target_K, result.value, result.standard_uncertainty, "extrapolated"))
    lines = [f"{t:g},{value:.6g},{error:.4g},{how}" for t, value, error, how in sorted(rows)]
    header = "temperature_K,conductivity_mS_cm,standard_error_mS_cm,how"
    write_durably(job_dir / "temperatures.csv", "\n".join([header, *lines, ""]).encode())

    grid = np.linspace(target_K, max(point.temperature_K for point in found.points), N_CURVE)
    curve = [extrapolate(found.points, float(t), law) for t in grid]
    figure, axes = new_figure(title)
    band = np.array([one.interval for one in curve])
    axes.fill_between(
        1e3 / grid, band[:, 0], band[:, 1], color=BLUE, alpha=0.15, lw=0, label="95 % of what the laws allow"
    )
    axes.plot(1e3 / grid, [one.value for one in curve], color=BLUE, lw=1.4)
    styles: dict[str, dict[str, Any]] = {
        "simulated": {"color": BLUE, "marker": "o", "label": "simulated"},
        "at most": {"color": GREY, "marker": "v", "label": "at most: ions did not diffuse"},
        "extrapolated": {"color": RED, "marker": "D", "label": f"extrapolated to {target_K:g} K"},
    }
    for how, style in styles.items():
        chosen = [row for row in rows if row[3] == how]
        if chosen:
            inverse, values, errors = zip(*((1e3 / row[0], row[1], row[2]) for row in chosen), strict=True)
            axes.errorbar(inverse, values, yerr=errors if any(errors) else None, ls="", capsize=3, ms=6, **style)
    axes.set(yscale="log", xlabel="1000 K / T", ylabel="conductivity (mS/cm)")
    for axis_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        axis_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    above = axes.secondary_xaxis("top", functions=(_inverse, _inverse))
    above.set_xticks(sorted({round(row[0]) for row in rows}))
    above.set_xlabel("T (K)")
    axes.legend(fontsize=9, frameon=False)
    return save(figure, job_dir / "temperatures.png"), "temperatures.csv"


def _inverse(x: np.ndarray) -> np.ndarray:
    return 1e3 / np.maximum(x, 1e-9)
