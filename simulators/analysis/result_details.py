"""What stands beside the measurements in a job's provenance: how they came about, in plain JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .motion import Conductivities, Motion
from .structure import Solvation
from .trajectory import Trajectory
from .transport import conductivity_factor


def details_of(trajectories: Sequence[Trajectory], motion: Motion) -> dict[str, Any]:
    """Box, lengths, windows and log-log slopes, what the size correction did, Onsager coefficients."""
    temperatures = [one.temperatures_K for one in trajectories if one.temperatures_K.size]
    shear = motion.viscosity
    slopes = {name: one.slope for name, one in motion.in_box.items()}
    if motion.charge is not None:
        slopes["charge"] = motion.charge.slope
    details: dict[str, Any] = {
        "box_nm": round(motion.volume_nm3 ** (1 / 3), 5),
        "n_frames": sum(len(one.positions) for one in trajectories),
        "n_replicas": len(trajectories),
        "fit_ps": {name: [round(edge, 3) for edge in slope.window_ps] for name, slope in slopes.items()},
        "log_slopes": {name: round(slope.log_slope, 3) for name, slope in slopes.items()},
        "diffusive": {name: slope.is_diffusive for name, slope in slopes.items()},
        "diffusion_in_box_m2_s": {
            name: [_short(one.value_m2_s), _short(one.standard_error_m2_s)] for name, one in motion.in_box.items()
        },
        "size_correction_m2_s": _short(motion.size_correction_m2_s),
        "viscosity": {
            "mPa_s": _short(shear.value_mPa_s),
            "standard_error": _short(shear.standard_error_mPa_s),
            "method": shear.method,
            "by_wavelength_nm": [[_short(number) for number in row] for row in shear.by_wavelength],
        },
    }
    if temperatures:
        details["mean_temperature_K"] = round(float(np.concatenate(temperatures).mean()), 2)
    if motion.conductivities is not None:
        details.update(_charge_details(trajectories[0], motion, motion.conductivities))
    return details


def solvation_details(solvation: Solvation) -> dict[str, Any]:
    """Cutoffs, bound molecules and residence times."""
    return {
        "n_samples": solvation.n_samples,
        "cutoffs_nm": {
            label: [round(shell.cutoff_nm, 4), "first minimum" if shell.has_peak else "no first shell, usual value"]
            for label, shell in solvation.shells.items()
        },
        "molecules_per_Li": {name: [_short(one) for one in pair] for name, pair in solvation.molecules.items()},
        "residence_ps": {
            name: None
            if stay is None
            else {
                "time": _short(stay.time_ps),
                "standard_error": _short(stay.standard_error_ps),
                "n_departures": stay.n_departures,
                "is_lower_bound": stay.is_lower_bound,
            }
            for name, stay in solvation.residence.items()
        },
    }


def _charge_details(first: Trajectory, motion: Motion, found: Conductivities) -> dict[str, Any]:
    charge = motion.charge
    assert charge is not None
    factor = conductivity_factor(motion.volume_nm3, first.temperature_K)
    onsager: dict[str, Any] = {}
    for frame, one in (("centre_of_mass", charge.barycentric), ("solvent", charge.relative_to_solvent)):
        if one is not None:
            values, errors = one.matrix * factor, one.errors * factor
            onsager[frame] = {
                "L++": [_short(values[0, 0]), _short(errors[0, 0])],
                "L--": [_short(values[1, 1]), _short(errors[1, 1])],
                "L+-": [_short(values[0, 1]), _short(errors[0, 1])],
                "transference_number": [_short(part) for part in one.transference] if one.transference else None,
            }
    in_box = found.nernst_einstein_in_box
    return {
        "conductivity_nernst_einstein_in_box": [_short(in_box.value_mS_cm), _short(in_box.standard_error_mS_cm)],
        "haven_ratio": _short(1 / found.ionicity) if found.ionicity > 0 else None,
        "onsager_mS_cm": onsager,
    }


def _short(number: float) -> float:
    return float(f"{number:.5g}")
