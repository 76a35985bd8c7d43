"""How molecules and charge move in replicas of one liquid: diffusion, viscosity, conductivities, with their errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from saltloop.simulators.analysis.settings import Analysis

from .displacements import Displacements, Slope, displacements
from .finite_size import size_correction_m2_s
from .onsager import ChargeMotion, charge_motion
from .trajectory import Trajectory
from .transport import (
    Conductivity,
    Diffusion,
    conductivity_factor,
    nernst_einstein_conductivity,
    remove_drift,
    self_diffusion,
    unwrap,
)
from .viscosity import Viscosity, stokes_einstein_viscosity, viscosity

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Conductivities:
    """One conductivity by several estimators."""

    nernst_einstein: Conductivity
    """As if ions moved independently; with the size correction where that is asked for."""
    nernst_einstein_in_box: Conductivity
    """Without it."""
    collective: Conductivity
    combined: Conductivity
    """Nernst-Einstein times an ionicity between 0 and 1, as likely a priori everywhere, given the collective value."""
    ionicity: float
    """Collective over Nernst-Einstein; its inverse is the Haven ratio."""
    ionicity_error: float


@dataclass(frozen=True)
class Motion:
    """Everything that follows from the molecules' centres of mass."""

    displacements: Mapping[str, Displacements]
    """By species."""
    in_box: Mapping[str, Diffusion]
    diffusion: Mapping[str, Diffusion]
    """With the size correction where that is asked for; else as ``in_box``."""
    size_correction_m2_s: float
    viscosity: Viscosity
    """Measured, or estimated where ``is_converged`` is False."""
    charge: ChargeMotion | None
    conductivities: Conductivities | None
    """None without ions."""
    volume_nm3: float


def motion_in(trajectories: Sequence[Trajectory], analysis: Analysis) -> Motion:
    """All of it from replicas of one liquid.

    Raises:
        ValueError: no trajectory, or frames at different intervals.
    """
    if not trajectories:
        raise ValueError("there is no trajectory to analyse")
    first = trajectories[0]
    if any(not math.isclose(one.frame_ps, first.frame_ps, rel_tol=1e-6) for one in trajectories):
        raise ValueError(
            f"replicas have frames of {sorted({one.frame_ps for one in trajectories})} ps; use one interval"
        )
    names, masses = first.molecule_names, first.molecule_masses
    runs = [remove_drift(unwrap(one.positions, one.edge_nm), masses) for one in trajectories]
    longest = max(one.length_ps for one in trajectories)
    fractions = analysis.fit_fractions
    window_ps = (fractions[0] * longest, fractions[1] * longest) if fractions else None

    charges = {species.name: species.formal_charge for species, _ in first.contents.molecules}
    found = {name: displacements([run[:, names == name] for run in runs], first.frame_ps) for name in charges}
    slopes = _slopes(found, charges, window_ps)
    counts = first.contents.counts
    in_box = {name: self_diffusion(slope, counts[name]) for name, slope in slopes.items()}
    state = {
        "volume_nm3": float(np.mean([one.volume_nm3 for one in trajectories])),
        "temperature_K": first.temperature_K,
    }

    shear = _viscosity(trajectories, runs, in_box, charges)
    correction, error = 0.0, 0.0
    if analysis.size_correction:
        correction, error = size_correction_m2_s(
            state["volume_nm3"] ** (1 / 3),
            shear,
            temperature_K=first.temperature_K,
            density_g_cm3=first.mean_density_g_cm3,
            friction_per_ps=first.friction_per_ps,
        )
    diffusion = {name: one.plus(correction, error) for name, one in in_box.items()}
    ions = {name: charge for name, charge in charges.items() if charge}
    charge, conductivities = None, None
    if ions:
        charge = charge_motion(
            runs,
            masses,
            np.array([float(charges[name]) for name in names]),
            first.frame_ps,
            earliest_ps=max(slopes[name].window_ps[0] for name in ions),
            may_diffuse=all(slopes[name].is_diffusive for name in ions),
            window_ps=window_ps,
        )
        conductivities = _conductivities(
            {name: diffusion[name] for name in ions}, {name: in_box[name] for name in ions}, ions, charge, state
        )
    return Motion(found, in_box, diffusion, correction, shear, charge, conductivities, state["volume_nm3"])


def _slopes(
    found: Mapping[str, Displacements], charges: Mapping[str, int], window_ps: tuple[float, float] | None
) -> dict[str, Slope]:
    """Solvents first: they are many, so that they tell when diffusion begins; ions do not diffuse before."""
    slopes: dict[str, Slope] = {}
    for name, charge in charges.items():
        if not charge:
            slopes[name] = found[name].slope(window_ps=window_ps)
    earliest = max((slope.window_ps[0] for slope in slopes.values()), default=0.0)
    diffuses = all(slope.is_diffusive for slope in slopes.values())
    for name, charge in charges.items():
        if charge:
            slopes[name] = found[name].slope(earliest_ps=earliest, window_ps=window_ps, may_diffuse=diffuses)
    return {name: slopes[name] for name in found}


def _viscosity(
    trajectories: Sequence[Trajectory],
    runs: Sequence[Array],
    in_box: Mapping[str, Diffusion],
    charges: Mapping[str, int],
) -> Viscosity:
    first = trajectories[0]
    measured = viscosity(
        runs,
        first.molecule_masses,
        [one.edge_nm for one in trajectories],
        first.frame_ps,
        temperature_K=first.temperature_K,
        friction_per_ps=first.friction_per_ps,
    )
    if measured is not None and measured.relative_error < 0.5:
        return measured
    counts = {name: count for name, count in first.contents.counts.items() if not charges[name]}
    counts = counts or dict(first.contents.counts)
    mean = sum(count * max(in_box[name].value_m2_s, 1e-14) for name, count in counts.items()) / sum(counts.values())
    n_molecules = sum(first.contents.counts.values())
    return stokes_einstein_viscosity(mean, first.volume_nm3 / n_molecules, first.edge_nm, first.temperature_K)


def _conductivities(
    diffusion: Mapping[str, Diffusion],
    in_box: Mapping[str, Diffusion],
    ions: Mapping[str, int],
    charge: ChargeMotion,
    state: Mapping[str, float],
) -> Conductivities:
    independent = nernst_einstein_conductivity(diffusion, ions, **state)
    factor = conductivity_factor(**state) / 2
    collective = _bounded(charge.slope.value * factor, charge.slope.standard_error * factor, independent)
    ionicity = collective.value_mS_cm / independent.value_mS_cm
    error = math.hypot(collective.standard_error_mS_cm, ionicity * independent.standard_error_mS_cm)
    error /= abs(independent.value_mS_cm)
    return Conductivities(
        nernst_einstein=independent,
        nernst_einstein_in_box=nernst_einstein_conductivity(in_box, ions, **state),
        collective=collective,
        combined=_combined(independent, ionicity, error),
        ionicity=ionicity,
        ionicity_error=error,
    )


def _bounded(value: float, error: float, independent: Conductivity) -> Conductivity:
    """The collective conductivity, no less certain than that it lies between zero and Nernst-Einstein's upper end.

    Ions of opposite charge move together rather than apart, so that independent motion is the most that they carry.
    """
    upper = independent.value_mS_cm + 2 * independent.standard_error_mS_cm
    return Conductivity(value, min(error, max(abs(value), upper - value) / 2))


def _combined(independent: Conductivity, ionicity: float, error: float) -> Conductivity:
    from scipy.stats import truncnorm

    share = truncnorm((0 - ionicity) / error, (1 - ionicity) / error, loc=ionicity, scale=error)
    mean, spread = float(share.mean()), float(share.std())
    total = math.hypot(spread * independent.value_mS_cm, mean * independent.standard_error_mS_cm)
    return Conductivity(mean * independent.value_mS_cm, total)
