"""What a simulation must not do: blow up, run hot, or end at a density that no such liquid has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .boxes import BoxContents, estimated_density_g_cm3
from .failures import SimulationFailureError

if TYPE_CHECKING:
    from collections.abc import Sequence

DENSITY_LIMITS_G_CM3 = (0.5, 2.5)
MAX_DENSITY_DEVIATION = 0.25
"""From the estimate for the mixture, where one is known."""
MAX_TEMPERATURE_DEVIATION = 0.05
"""Of the mean temperature of a piece, beyond what a small box fluctuates."""
MAX_ENERGY_KJ_MOL_PER_ATOM = 1e3


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
