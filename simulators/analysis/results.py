"""From the samples of simulations to measurements with error bars, and to warnings where they say little."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from saltloop.chemistry.measurement import Measurement
from saltloop.simulators.analysis.settings import Analysis

from .motion import Motion, motion_in
from .result_details import details_of, solvation_details
from .structure import MIN_SAMPLES, Solvation, solvation_in
from .trajectory import Trajectory
from .transport import block_average, mean_of_replicas

MAX_ENERGY_DRIFT_SIGMA = 4.0
MIN_ION_PAIRS = 10
"""Fewer pairs give a warning: their diffusion coefficients hang on a few solvation shells."""
MIN_STAYS = 2.0
"""A run shorter than so many stays of a molecule with lithium keeps the ion pairs with which it began."""
MIN_BOUND = 0.25
"""Molecules per lithium: species that bind less do not hold it."""
MAX_TRANSFERENCE_ERROR = 0.5
"""A transference number less certain than this is no measurement; it stands in the details only."""
MIN_NUMBER_ERROR = 1e-3
"""Of coordination numbers and fractions: where nothing changed in a run, that is no proof that nothing can."""

Measure = Callable[[str, float, float, str, str], Measurement]


@dataclass(frozen=True)
class Results:
    """What simulations of one liquid say."""

    measurements: tuple[Measurement, ...]
    """The conductivity first, where there are ions; then the density, where it was simulated."""
    warnings: tuple[str, ...]
    details: dict[str, Any]
    """For the provenance: box, mean temperature, log-log slopes, fitted windows, size correction, Onsager terms."""
    motion: Motion = field(repr=False)
    trajectories: tuple[Trajectory, ...] = field(repr=False)
    solvation: Solvation | None = field(default=None, repr=False)
    """None without lithium, or without samples of the structure."""


def analyse(
    trajectories: Sequence[Trajectory],
    settings: Analysis,
    source: str,
    reference: str,
    *,
    protocol: str,
) -> Results:
    """Density from the constant-pressure stages; diffusion, viscosity and conductivities from production.

    ``trajectories`` are replicas: boxes of the same contents at the same temperature. They give one set of
    measurements; what differs between them is in the standard errors. ``protocol`` is the name of
    theirs, for a reader.

    Raises:
        ValueError: no trajectory, fewer than 12 frames, or replicas with different intervals between frames.
    """
    motion = motion_in(trajectories, settings)
    measure = _measure(trajectories, protocol, source, reference)
    measurements = []
    if motion.conductivities is not None:
        measurements += _conductivity_measurements(motion, settings.report, measure)
    if series := [one.averaged_density_g_cm3 for one in trajectories if one.averaged_density_g_cm3.size > 1]:
        density = measure("density", *mean_of_replicas(series), "g/cm3", "mean at constant pressure")
        measurements.insert(1 if motion.conductivities else 0, density)
    corrected = "infinite box" if settings.size_correction else "no size correction"
    measurements += [
        measure(
            f"diffusion_coefficient_{name}", one.value_m2_s, one.standard_error_m2_s, "m2/s", f"Einstein, {corrected}"
        )
        for name, one in motion.diffusion.items()
    ]
    if motion.viscosity.is_converged:
        shear = motion.viscosity
        measurements.append(measure("viscosity", shear.value_mPa_s, shear.standard_error_mPa_s, "mPa s", shear.method))
    warnings = [*_warnings(motion), *_warnings_of_runs(trajectories)]
    details = details_of(trajectories, motion)
    solvation = solvation_in(trajectories)
    if solvation is not None:
        measurements += _solvation_measurements(solvation, measure)
        details["solvation"] = solvation_details(solvation)
        warnings += _warnings_of_neighbours(solvation, min(one.length_ps for one in trajectories))
    elif all(one.structure is None for one in trajectories):
        warnings.append("the structure was not recorded by the version that ran this job: no coordination numbers")
    elif motion.conductivities is not None:
        n = max(len(one.structure) for one in trajectories if one.structure is not None)
        if n < MIN_SAMPLES:
            warnings.append(
                f"{n} sample(s) of the structure are too few for coordination numbers; shorten 'structure_ps'"
            )
    return Results(tuple(measurements), tuple(warnings), details, motion, tuple(trajectories), solvation)


def _measure(trajectories: Sequence[Trajectory], protocol: str, source: str, reference: str) -> Measure:
    contents = trajectories[0].contents
    length = sum(one.length_ps for one in trajectories) / len(trajectories)
    runs = f"{len(trajectories)} runs of " if len(trajectories) > 1 else ""
    method = f"{protocol} protocol, {contents.n_atoms} atoms, {runs}{length:.5g} ps"

    def measure(quantity: str, value: float, error: float, unit: str, how: str) -> Measurement:
        return Measurement(
            formulation=contents.formulation,
            quantity=quantity,
            value=float(value),
            unit=unit,
            standard_uncertainty=float(error),
            source=source,
            method=f"{how}; {method}",
            reference=reference,
        )

    return measure


def _conductivity_measurements(motion: Motion, report: str, measure: Measure) -> list[Measurement]:
    found, charge = motion.conductivities, motion.charge
    assert found is not None
    assert charge is not None
    words = {
        "nernst_einstein": "Nernst-Einstein",
        "collective": "Einstein-Helfand",
        "combined": "Nernst-Einstein times an ionicity between 0 and 1",
    }
    measurements = []
    for quantity, kind in (("conductivity", report), *((f"conductivity_{kind}", kind) for kind in words)):
        one = getattr(found, kind)
        measurements.append(measure(quantity, one.value_mS_cm, one.standard_error_mS_cm, "mS/cm", words[kind]))
    measurements.append(measure("ionicity", found.ionicity, found.ionicity_error, "1", "collective / Nernst-Einstein"))
    onsager, frame = charge.relative_to_solvent, "relative to the solvent"
    if onsager is None:
        onsager, frame = charge.barycentric, "relative to the centre of mass"
    if onsager.transference and onsager.transference[1] <= MAX_TRANSFERENCE_ERROR:
        how = f"of the cation, Onsager coefficients, {frame}"
        measurements.append(measure("transference_number", *onsager.transference, "1", how))
    return measurements


def _solvation_measurements(solvation: Solvation, measure: Measure) -> list[Measurement]:
    numbers = {"coordination_number": solvation.total}
    for label, shell in solvation.shells.items():
        number = (shell.coordination, shell.coordination_error)
        numbers[f"coordination_number_{label.replace(' ', '_')}"] = number
    found = [
        measure(name, value, max(error, MIN_NUMBER_ERROR), "1", "of Li, up to the first minimum of g(r)")
        for name, (value, error) in numbers.items()
    ]
    return found + [
        measure(f"fraction_{name}", value, max(error, MIN_NUMBER_ERROR), "1", "of Li, by bound anions")
        for name, (value, error) in solvation.fractions.items()
    ]


def _warnings(motion: Motion) -> list[str]:
    warnings = []
    for name, one in motion.in_box.items():
        if not one.is_diffusive:
            kind = "an upper bound" if one.log_slope < 1 else "not a measurement"
            warnings.append(
                f"{name} has not reached diffusion: its mean square displacement grows as t^{one.log_slope:.2f} at "
                f"the longest lags, so that its diffusion coefficient is {kind}; run longer"
            )
    if not motion.viscosity.is_converged:
        warnings.append(
            f"no viscosity: the run is too short for it; the size correction takes {motion.viscosity.value_mPa_s:.2g} "
            f"mPa s ({motion.viscosity.method})"
        )
    if (found := motion.conductivities) is not None:
        if found.collective.value_mS_cm < found.collective.standard_error_mS_cm:
            warnings.append("the collective conductivity is below its own error: the run is too short for it")
        n_pairs = min(one.n_molecules for name, one in motion.in_box.items() if name[-1] == "+")
        if n_pairs < MIN_ION_PAIRS:
            warnings.append(f"only {n_pairs} ion pairs; the error bars do not cover what so small a box leaves out")
    return warnings


def _warnings_of_neighbours(solvation: Solvation, run_ps: float) -> list[str]:
    held = [
        f"{name} for {'at least' if stay.is_lower_bound else 'about'} {float(f'{stay.time_ps:.2g}'):g} ps"
        for name, stay in solvation.residence.items()
        if stay is not None and solvation.molecules[name][0] >= MIN_BOUND and MIN_STAYS * stay.time_ps > run_ps
    ]
    if not held:
        return []
    return [
        f"lithium keeps {' and '.join(held)}, in a run of {run_ps:.4g} ps: which ions are paired, and with it "
        "the conductivity, is what equilibration left; the error bars do not cover that"
    ]


def _warnings_of_runs(trajectories: Sequence[Trajectory]) -> list[str]:
    warnings = []
    for index, one in enumerate(trajectories):
        of = f" (run {index + 1})" if len(trajectories) > 1 else ""
        potential = one.potentials_kJ_mol
        if len(potential) < 10:
            continue
        halves = [block_average(half) for half in np.array_split(potential, 2)]
        difference = halves[1][0] - halves[0][0]
        if abs(difference) > MAX_ENERGY_DRIFT_SIGMA * math.hypot(halves[0][1], halves[1][1]):
            warnings.append(
                f"the potential energy drifts by {difference:.0f} kJ/mol in production{of}: not in equilibrium yet"
            )
    return warnings
