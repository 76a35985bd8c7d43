"""Whether ions have moved far enough to speak of diffusion, and what can be said where they have not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from saltloop.simulators.analysis import transport
from saltloop.simulators.analysis.trajectory import Array, Trajectory
from saltloop.simulators.forces.species_parameters import SpeciesParameters

from .control_settings import SlowLiquid

LAG_SHARE = 0.4
"""Of production: the lag at which displacements are judged, and half of it for the slope."""


@dataclass(frozen=True)
class Motion:
    """How far one species of ion has moved."""

    name: str
    charge: int
    msd_nm2: float
    """Mean square displacement after ``lag_ps``."""
    lag_ps: float
    log_slope: float
    """d ln MSD / d ln t over the second half of the lag."""
    relative_error: float
    """Of ``msd_nm2``: that of so many ions, axes and stretches of time without overlap, if all were independent."""
    n: int

    @property
    def displacement_nm(self) -> float:
        """Root mean square."""
        return math.sqrt(self.msd_nm2)

    def is_slow(self, settings: SlowLiquid) -> bool:
        return self.displacement_nm < settings.min_displacement_nm or self.log_slope < settings.min_log_slope

    def is_hopeless(self, settings: SlowLiquid, stretch: float) -> bool:
        """Whether it would stay below the displacement even if it diffused from now on, to ``stretch`` times the
        length."""
        return self.msd_nm2 * stretch < settings.min_displacement_nm**2

    def __str__(self) -> str:
        return f"{self.name} moved {self.displacement_nm:.2g} nm in {self.lag_ps:.3g} ps, as t^{self.log_slope:.2f}"


def motions(trajectories: Sequence[Trajectory]) -> list[Motion]:
    """Of each kind of ion, over all replicas, at the lags that the shortest allows; empty without ions."""
    first = trajectories[0]
    ions = [species for species, _ in first.contents.molecules if species.formal_charge]
    lag = max(2, round(LAG_SHARE * (min(len(one.positions) for one in trajectories) - 1)))
    moved = [_unwrapped(one) for one in trajectories] if ions else []
    return [_motion(species, trajectories, moved, lag) for species in ions]


def conductivity_at_most_mS_cm(
    found: Sequence[Motion], volume_nm3: float, temperature_K: float, size_correction_m2_s: float = 0.0
) -> float:
    """An upper bound: Nernst-Einstein with D = MSD / (6 t), two standard errors above.

    A caged ion's mean square displacement grows ever more slowly than t until it diffuses, so that MSD / (6 t) only
    falls; and ions that move together or pair conduct less than Nernst-Einstein says. ``size_correction_m2_s`` is what
    the size of the box takes away from each D at most, where conductivities are for an infinite box.
    """
    correction = size_correction_m2_s / transport.NM2_PER_PS_IN_M2_S
    total = sum(
        one.n * one.charge**2 * (one.msd_nm2 / (6 * one.lag_ps) * (1 + 2 * one.relative_error) + correction)
        for one in found
    )
    numerator = transport.ELEMENTARY_CHARGE_C**2 * total * transport.NM2_PER_PS_IN_M2_S
    per_m = numerator / (transport.BOLTZMANN_J_K * temperature_K * volume_nm3 * 1e-27)
    return float(per_m * transport.S_PER_M_IN_MS_CM)


def _unwrapped(trajectory: Trajectory) -> Array:
    positions = transport.unwrap(np.asarray(trajectory.positions, dtype=float), trajectory.edge_nm)
    return transport.remove_drift(positions, trajectory.molecule_masses)


def _motion(species: SpeciesParameters, trajectories: Sequence[Trajectory], moved: Sequence[Array], lag: int) -> Motion:
    is_one = trajectories[0].molecule_names == species.name
    half = lag // 2
    long, short = (
        float(np.mean([np.mean(np.sum((one[n:, is_one] - one[:-n, is_one]) ** 2, axis=2)) for one in moved]))
        for n in (lag, half)
    )
    n_stretches = sum((len(one) - 1) // lag for one in moved)
    return Motion(
        name=species.name,
        charge=species.formal_charge,
        msd_nm2=long,
        lag_ps=lag * trajectories[0].frame_ps,
        log_slope=math.log(long / short) / math.log(lag / half) if short > 0 else 0.0,
        relative_error=math.sqrt(2 / (3 * int(is_one.sum()) * n_stretches)),
        n=int(is_one.sum()),
    )
