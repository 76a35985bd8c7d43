"""What a simulation must not do: blow up, run hot, end at an impossible density, or cease to be one liquid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from saltloop.simulators.contents import BoxContents
from saltloop.simulators.failures import SimulationFailureError

from . import phases
from .boxes import estimated_density_g_cm3

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saltloop.simulators.analysis.trajectory import Trajectory

DENSITY_LIMITS_G_CM3 = (0.5, 2.5)
MAX_DENSITY_DEVIATION = 0.25
"""From the estimate for the mixture, where one is known."""
MAX_TEMPERATURE_DEVIATION = 0.05
"""Of the mean temperature of a piece, beyond what a small box fluctuates."""
MAX_ENERGY_KJ_MOL_PER_ATOM = 1e3

MAX_CAVITY_MOLECULES = 8.0
"""That a sphere without any would hold; 2.7 to 3.6 in six boxes of 60 to 90 molecules, salts in ethers and esters."""
MAX_COMPOSITION_WAVE, SUSPECT_COMPOSITION_WAVE = 0.15, 0.05
"""Of ``phases.demixing``; with fewer than 200 molecules chance alone gives more than 0.05, hence the next limit."""
MIN_COMPOSITION_WAVE_MOLECULES = 10.0
"""The wave times the number of molecules: 1 in random mixing, below 5 in the boxes above."""
SALT_SHARE, SALT_CROWDING, SALT_PURITY, SALT_IONS = 0.6, 2.5, 0.5, 12
"""A cluster with more than these of the ions, their density, their share among neighbours and their number is salt."""
MIN_CRYSTAL_PEAK, MIN_CRYSTAL_PEAK_MOLECULES = 0.25, 25.0
"""Of ``phases.crystal_peak``, and of it times the number of molecules; that was 3 to 7 in the boxes above."""
MIN_MOTION, MAX_FROZEN_MOTION = 0.2, 0.3
"""In distances of neighbours, over a run; 0.6 to 0.8 in 100 ps of the liquids above."""
MAX_DENSITY_JUMP = 0.05
MIN_MOLECULES = 20
"""With fewer a box is too small to tell phases apart."""
N_FRAMES, N_WAVE_FRAMES = 8, 40


def check_energy(state: Any, n_atoms: int) -> None:
    """Raise SimulationFailureError (``blow_up``) if the potential energy of an OpenMM state is absurd."""
    energy = state.getPotentialEnergy()._value
    if not math.isfinite(energy) or energy > MAX_ENERGY_KJ_MOL_PER_ATOM * n_atoms:
        raise SimulationFailureError(
            "blow_up", f"the potential energy is {energy:.3g} kJ/mol for {n_atoms} atoms", is_retryable=True
        )


def check_temperature(
    stage: str, temperatures: Sequence[float], target_K: float, *, degrees: int, n_independent: float
) -> None:
    """Raise SimulationFailureError (``temperature``) if the mean is off by more than 5 % and four standard errors.

    ``degrees`` of freedom give the fluctuation; ``n_independent`` of the temperatures count for the mean's error.
    """
    mean = sum(temperatures) / len(temperatures)
    noise = target_K * math.sqrt(2 / degrees / min(n_independent, len(temperatures)))
    if abs(mean - target_K) > MAX_TEMPERATURE_DEVIATION * target_K + 4 * noise:
        raise SimulationFailureError(
            "temperature",
            f"the temperature of stage '{stage}' is {mean:.0f} K instead of {target_K:g} K; shorten the time step",
            is_retryable=True,
        )


def check_density(density_g_cm3: float, contents: BoxContents) -> None:
    """Raise SimulationFailureError (``absurd_density``) for a density that the liquid cannot have."""
    low, high = DENSITY_LIMITS_G_CM3
    if not low <= density_g_cm3 <= high:
        raise SimulationFailureError(
            "absurd_density",
            f"the density at constant pressure is {density_g_cm3:.3f} g/cm3, outside {low}-{high}",
            is_retryable=False,
        )
    expected, is_known = estimated_density_g_cm3(contents.formulation)
    if is_known and abs(density_g_cm3 / expected - 1) > MAX_DENSITY_DEVIATION:
        raise SimulationFailureError(
            "absurd_density",
            f"the density at constant pressure is {density_g_cm3:.3f} g/cm3, but {expected:.3f} was expected; a longer "
            "'equilibrate_npt' may help",
            is_retryable=False,
        )


def check_homogeneous(trajectory: Trajectory) -> tuple[str, ...]:
    """Warnings about the second half of production; a box with a hole, two liquids or a lump of salt is no result.

    Raises:
        SimulationFailureError: ``cavity``, ``phase_separation`` or ``precipitation``.
    """
    import numpy as np

    names, edge = trajectory.molecule_names, trajectory.edge_nm
    if len(names) < MIN_MOLECULES:
        return (f"{len(names)} molecules are too few to tell whether the box is one liquid",)
    frames = phases.spread_frames(trajectory.positions, N_FRAMES)
    cavity = float(np.median([phases.largest_cavity(frame, edge) for frame in frames]))
    if cavity > MAX_CAVITY_MOLECULES:
        raise SimulationFailureError(
            "cavity",
            f"the box has a hole in which {cavity:.0f} of its {len(names)} molecules would fit: the liquid boiled, or "
            "the density is too low; lower the temperature or let the density be simulated",
            is_retryable=True,
        )
    charges = {species.name: species.formal_charge for species, _ in trajectory.contents.molecules}
    charge = np.array([charges[str(name)] for name in names])
    warnings = []
    groups = {name: names == name for name, sign in charges.items() if not sign}
    groups |= {"the salt": charge != 0} if (charge != 0).any() else {}
    spread = phases.spread_frames(trajectory.positions, N_WAVE_FRAMES)
    waves = {name: phases.demixing(spread, members, edge) for name, members in groups.items()}
    name, wave = max(waves.items(), key=lambda item: item[1])
    if wave * len(names) > MIN_COMPOSITION_WAVE_MOLECULES and wave > SUSPECT_COMPOSITION_WAVE:
        words = f"{name} gathers in one part of the box (composition wave {wave:.2f}, {1 / len(names):.3f} if mixed)"
        if wave > MAX_COMPOSITION_WAVE:
            raise SimulationFailureError(
                "phase_separation", f"the liquid separated: {words}; no one liquid was simulated", is_retryable=False
            )
        warnings.append(f"{words}: it may be separating")
    clusters = [phases.largest_ion_cluster(frame, charge > 0, charge < 0, edge) for frame in frames]
    share, crowding, purity = np.median([(one.share, one.crowding, one.purity) for one in clusters], axis=0)
    if share > SALT_SHARE and crowding > SALT_CROWDING and purity > SALT_PURITY:
        n_ions = round(share * (charge != 0).sum())
        words = f"{n_ions} of {(charge != 0).sum()} ions are in one lump, {crowding:.1f} times as dense as if mixed"
        if n_ions > SALT_IONS:
            raise SimulationFailureError("precipitation", f"the salt precipitated: {words}", is_retryable=False)
        warnings.append(f"{words}: precipitation, or a box with too few ion pairs")
    return tuple(warnings)


def check_liquid(trajectory: Trajectory) -> tuple[str, ...]:
    """Warnings if molecules hardly moved in production or the density jumped; a crystal is no result.

    Raises:
        SimulationFailureError: ``frozen``.
    """
    from saltloop.simulators.analysis.transport import unwrap

    names, edge = trajectory.molecule_names, trajectory.edge_nm
    warnings = []
    jump = phases.density_jump(trajectory.averaged_density_g_cm3)
    if abs(jump) > MAX_DENSITY_JUMP:
        warnings.append(
            f"the density jumped by {100 * jump:+.0f} % while it was averaged: freezing, boiling, or not yet settled"
        )
    motion = phases.relative_motion(unwrap(trajectory.positions.astype(float), edge), edge)
    if motion < MAX_FROZEN_MOTION:
        peak = phases.crystal_peak(phases.spread_frames(trajectory.positions, N_FRAMES), edge)
        if peak > max(MIN_CRYSTAL_PEAK, MIN_CRYSTAL_PEAK_MOLECULES / len(names)):
            raise SimulationFailureError(
                "frozen",
                f"the box crystallised: a Bragg peak of {peak:.2f} (a liquid of {len(names)} molecules has about "
                f"{5 / len(names):.2f}), and molecules moved {motion:.2f} of a neighbour's distance; simulate hotter",
                is_retryable=False,
            )
    if motion < MIN_MOTION:
        warnings.append(
            f"molecules moved {motion:.2f} of a neighbour's distance in {trajectory.length_ps:g} ps: a glass, or a run "
            "too short; diffusion and conductivity are upper bounds"
        )
    return tuple(warnings)
