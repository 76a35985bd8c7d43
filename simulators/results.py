"""From the samples of a finished simulation to measurements with error bars, warnings, a table and a plot."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.chemistry.measurement import Measurement

from . import transport
from .checkpoints import write_durably
from .species_parameters import all_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .protocols import Protocol
    from .trajectory import Trajectory

MAX_ENERGY_DRIFT_SIGMA = 4.0
MIN_ION_PAIRS = 10
"""Fewer pairs give a warning: their diffusion coefficients hang on a few solvation shells."""


@dataclass(frozen=True)
class Results:
    """What a simulation says."""

    measurements: tuple[Measurement, ...]
    warnings: tuple[str, ...]
    details: dict[str, Any]
    """For the provenance: box, mean temperature, log-log slopes, fit window."""
    lag_ps: np.ndarray
    msd_nm2: dict[str, np.ndarray] = field(repr=False)
    """By species, with ``charge (per ion)`` for the collective displacement."""
    fit_ps: tuple[float, float] = (0.0, 0.0)


def analyse(trajectories: Sequence[Trajectory], protocol: Protocol, source: str, reference: str) -> Results:
    """Density from the constant-pressure stage; diffusion and conductivity from production.

    ``trajectories`` are replicas: boxes of the same contents at the same temperature.
    """
    results = [_analyse_one(one, protocol, source, reference) for one in trajectories]
    if len(results) == 1:
        return results[0]
    measurements = []
    for same in zip(*(one.measurements for one in results), strict=True):
        values = np.array([one.value for one in same])
        error = math.hypot(*(one.standard_uncertainty for one in same)) / len(same)
        error = max(error, float(values.std(ddof=1)) / math.sqrt(len(same)))
        measurements.append(same[0].model_copy(update={"value": float(values.mean()), "standard_uncertainty": error}))
    warnings = tuple(dict.fromkeys(warning for one in results for warning in one.warnings))
    return replace(results[0], measurements=tuple(measurements), warnings=warnings)


def _analyse_one(trajectory: Trajectory, protocol: Protocol, source: str, reference: str) -> Results:
    contents = trajectory.contents
    formulation = contents.formulation
    method = f"{protocol.name} protocol, {contents.n_atoms} atoms, {protocol.produce.duration_ps:g} ps"
    warnings: list[str] = []

    def measurement(quantity: str, value: float, error: float, unit: str, how: str) -> Measurement:
        return Measurement(
            formulation=formulation,
            quantity=quantity,
            value=float(value),
            unit=unit,
            standard_uncertainty=float(error),
            source=source,
            method=f"{how}; {method}",
            reference=reference,
        )

    edge_nm, masses, names = trajectory.edge_nm, trajectory.molecule_masses, trajectory.molecule_names
    positions = transport.remove_drift(transport.unwrap(np.asarray(trajectory.positions, dtype=float), edge_nm), masses)
    window = (protocol.analysis.fit_start_fraction, protocol.analysis.fit_end_fraction)
    diffusion = {
        name: transport.diffusion_coefficient(positions[:, names == name], trajectory.frame_ps, *window)
        for name in contents.counts
    }
    for name, one in diffusion.items():
        if not one.is_diffusive:
            warnings.append(
                f"{name} has not reached diffusion: its mean square displacement grows as t^{one.log_slope:.2f} "
                "where it is fitted; run longer"
            )
    measurements = [
        measurement(
            f"diffusion_coefficient_{name}",
            one.value_m2_s,
            one.standard_error_m2_s,
            "m2/s",
            "Einstein, no size correction",
        )
        for name, one in diffusion.items()
    ]
    lag_ps = np.arange(len(positions)) * trajectory.frame_ps
    msd = {
        name: transport.mean_square_displacement(positions[:, names == name]).mean(axis=1).sum(axis=1)
        for name in contents.counts
    }
    details: dict[str, Any] = {
        "box_nm": round(edge_nm, 5),
        "n_frames": len(positions),
        "fit_ps": [round(float(lag_ps[-1]) * fraction, 3) for fraction in window],
        "log_slopes": {name: round(one.log_slope, 3) for name, one in diffusion.items()},
        "mean_temperature_K": round(float(trajectory.temperatures_K.mean()), 2),
    }
    charges = {name: all_parameters()[name].formal_charge for name in contents.counts}
    ions = {name: charge for name, charge in charges.items() if charge}
    if ions:
        is_ion = np.isin(names, list(ions))
        ion_positions, ion_charges = positions[:, is_ion], np.array([float(ions[name]) for name in names[is_ion]])
        state = {"volume_nm3": edge_nm**3, "temperature_K": formulation.temperature_K}
        independent = transport.nernst_einstein_conductivity({name: diffusion[name] for name in ions}, ions, **state)
        collective = transport.collective_conductivity(
            ion_positions,
            ion_charges,
            trajectory.frame_ps,
            start_fraction=window[0],
            end_fraction=window[1],
            **state,
        )
        moment = np.einsum("fmx,m->fx", ion_positions, ion_charges)[:, None, :]
        msd["charge (per ion)"] = transport.mean_square_displacement(moment)[:, 0].sum(axis=1) / is_ion.sum()
        both = {"nernst_einstein": (independent, "Nernst-Einstein"), "collective": (collective, "Einstein-Helfand")}
        reported, words = both[protocol.analysis.report]
        for quantity, (found, how) in (
            ("conductivity", (reported, words)),
            ("conductivity_nernst_einstein", both["nernst_einstein"]),
            ("conductivity_collective", both["collective"]),
        ):
            one_more = measurement(quantity, found.value_mS_cm, found.standard_error_mS_cm, "mS/cm", how)
            measurements.insert(0 if quantity == "conductivity" else len(measurements), one_more)
        details["log_slopes"]["charge"] = round(collective.log_slope, 3)
        if collective.value_mS_cm < collective.standard_error_mS_cm:
            warnings.append("the collective conductivity is below its own error: the run is too short for it")
        n_pairs = sum(count for name, count in contents.counts.items() if ions.get(name) == 1)
        if n_pairs < MIN_ION_PAIRS:
            warnings.append(f"only {n_pairs} ion pairs; the error bars do not cover what so small a box leaves out")
    if trajectory.averaged_density_g_cm3.size:
        mean, error = transport.block_average(trajectory.averaged_density_g_cm3)
        density = measurement("density", mean, error, "g/cm3", "mean at constant pressure")
        measurements.insert(1 if ions else 0, density)
    if drift := _energy_drift(trajectory.potentials_kJ_mol):
        warnings.append(drift)
    fit_ps = (float(details["fit_ps"][0]), float(details["fit_ps"][1]))
    return Results(tuple(measurements), tuple(warnings), details, lag_ps, msd, fit_ps)


def _energy_drift(potential: np.ndarray) -> str:
    """A warning if the two halves of production differ in potential energy by more than their errors, or nothing."""
    if len(potential) < 10:
        return ""
    halves = [transport.block_average(half) for half in np.array_split(potential, 2)]
    difference = halves[1][0] - halves[0][0]
    if abs(difference) > MAX_ENERGY_DRIFT_SIGMA * math.hypot(halves[0][1], halves[1][1]):
        return f"the potential energy drifts by {difference:.0f} kJ/mol in production: not in equilibrium yet"
    return ""


def plot(results: Results, job_dir: Path, title: str) -> tuple[str, ...]:
    """Write ``msd.csv`` and ``msd.png`` into the job's folder; returns their names."""
    import io

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = [results.lag_ps, *results.msd_nm2.values()]
    header = ",".join(["lag_ps", *(f"{name} (nm2)" for name in results.msd_nm2)])
    rows = "\n".join(",".join(f"{value:.6g}" for value in row) for row in zip(*columns, strict=True))
    write_durably(job_dir / "msd.csv", f"{header}\n{rows}\n".encode())

    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    last = max(2, int(0.8 * len(results.lag_ps)))
    shown = [curve[1:last] for curve in results.msd_nm2.values()]
    axes.axvspan(*results.fit_ps, color="0.92", label="fitted")
    for name, curve in zip(results.msd_nm2, shown, strict=True):
        is_charge = name.startswith("charge")
        style: dict[str, Any] = (
            {"color": "black", "ls": ":"} if is_charge else {"ls": "-" if name[-1] in "+-" else "--"}
        )
        axes.plot(results.lag_ps[1:last], curve, label=name, lw=1.6, **style)
    first_ion = shown[0]
    middle = len(first_ion) // 2
    guide = first_ion[middle] * results.lag_ps[1:last] / results.lag_ps[1 + middle]
    axes.plot(results.lag_ps[1:last], guide * 0.5, color="0.5", lw=0.8, label="slope 1")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="lag time (ps)",
        ylabel="mean square displacement (nm²)",
    )
    positive = np.concatenate([curve[curve > 0] for curve in shown])
    if positive.size:
        axes.set_ylim(float(np.percentile(positive, 1)) / 2, float(positive.max()) * 2)
    axes.set_title(title, fontsize=9)
    axes.grid(which="major", alpha=0.3)
    axes.legend(fontsize=8, ncols=2, frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    write_durably(job_dir / "msd.png", buffer.getvalue())
    return ("msd.png", "msd.csv")
