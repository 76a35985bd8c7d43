"""Shear viscosity from where the molecules went, no stress or velocities needed.

In a periodic box a shear wave of wave vector k decays at the rate eta k^2 / rho (+ the friction of a Langevin
thermostat, which acts on all mass alike). The transverse momentum of that wave, integrated over time, is
A_k(t) = integral sum_i m_i v_i(t) exp(i k r_i) dt = integral sum_i m_i exp(i k r_i) dr_i, a vector that diffuses: by
Green-Kubo and Einstein's relation, <|A_k(t) - A_k(0)|^2> grows by 2 t M kB T / rate for each transverse direction.
It is the time integral of the transverse-current autocorrelation function (Palmer, Phys. Rev. E 49 (1994) 359; Hess,
J. Chem. Phys. 116 (2002) 209), taken along the recorded paths (midpoint rule), so that frames as far apart as a
molecule takes to move a fraction of a wavelength are enough. eta(k) is extrapolated to k = 0 over three shells of k.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .displacements import Displacements, displacements, joined
from .fitting import VETO_SIGMAS, calibrated_relative_error

Array = NDArray[np.float64]

GAS_CONSTANT_KJ_MOL_K = 8.31446261815324e-3
MPA_S_PER_U_NM_PS = 1.66053906660e-3
N_SHELLS = 3
"""Wave vectors 2 pi / L times (1,0,0), (1,1,0), (1,1,1) and all that are equivalent."""
CHUNK = 200
"""Frames that are treated at a time."""
MAX_RELATIVE_ERROR = 0.25
"""A viscosity less certain than this is no measurement; the size correction may still use it with its error."""
MAX_EXTRAPOLATION = 2.0
"""The viscosity at k = 0 over that of the longest wave; more shows a box too small for waves."""
MAX_WINDOW_ERROR = 0.35
"""Relative; less certain windows are not asked whether the line is straight."""
STRAIGHT_SIGMAS = 1.5
"""Standard errors by which the slopes of later windows may differ; no later window differs by ``VETO_SIGMAS``."""
WAVE_PRIOR = 0.15
"""How much the longest wave may be more fluid than k = 0 before the data say so, as a standard deviation."""
STOKES_EINSTEIN = (0.132 + 0.181) / 2
"""D eta v^(1/3) / kT, v a molecule's share of the volume: the middle of what Zwanzig, J. Chem. Phys. 79 (1983) 4507,
allows a liquid of like molecules. Slip or stick with a radius from v would give 0.13 or 0.09, because v holds the voids
as well."""
STOKES_EINSTEIN_ERROR = 0.5


@dataclass(frozen=True)
class Viscosity:
    """A shear viscosity, mPa s."""

    value_mPa_s: float
    standard_error_mPa_s: float
    is_converged: bool
    method: str
    by_wavelength: tuple[tuple[float, float, float], ...] = ()
    """Wavelength (nm), viscosity at it, its standard error."""

    @property
    def relative_error(self) -> float:
        return self.standard_error_mPa_s / self.value_mPa_s


def viscosity(
    runs: Sequence[NDArray[np.floating]],
    masses: Array,
    edges_nm: Sequence[float],
    frame_ps: float,
    *,
    temperature_K: float,
    friction_per_ps: float = 0.0,
) -> Viscosity | None:
    """From unwrapped centres of mass (nm) of replicas of one liquid; ``masses`` in u. None where no shear decays.

    ``edges_nm`` of the boxes, nearly equal. ``friction_per_ps`` of the thermostat is subtracted from the waves' decay.
    """
    motions = [transverse_motion(run, masses, edge) for run, edge in zip(runs, edges_nm, strict=True)]
    shells = [displacements([motion[shell] for motion in motions], frame_ps) for shell in range(N_SHELLS)]
    # Shells see the same fluidity: together they tell best from when on shear is viscous.
    window_ps, change = straight_window(joined([shell.scaled(index + 1) for index, shell in enumerate(shells)]))
    edge_nm = sum(edges_nm) / len(edges_nm)
    density = float(masses.sum()) / edge_nm**3
    thermal = float(masses.sum()) * GAS_CONSTANT_KJ_MOL_K * temperature_K
    found = []
    for index, shell in enumerate(shells):
        one = shell.slope(window_ps=window_ps)
        if one.value <= 0:
            return None
        rate = thermal / one.value
        k2 = (index + 1) * (2 * math.pi / edge_nm) ** 2
        value = (rate - friction_per_ps) * density / k2 * MPA_S_PER_U_NM_PS
        error = rate * calibrated_relative_error(one.degrees) * density / k2 * MPA_S_PER_U_NM_PS
        if value <= 0:
            return None
        found.append((2 * math.pi / math.sqrt(k2), value, error))
    return _extrapolated(found, change)


def straight_window(found: Displacements) -> tuple[tuple[float, float], float]:
    """The earliest window of a decade (ps) whose slope all later ones agree with, and how much the slope changes there.

    Liquids resist shear elastically first, which adds a constant to the displacements: so the line has to be straight
    here, and its log-log slope may be far from 1. The change is that to the window that begins twice as late, relative;
    infinity where not even the last windows agree.
    """
    last = float(found.lag_ps[-1])
    windows = [(float(start), min(10 * float(start), last)) for start in found.lag_ps if start * 4 <= last]
    tried = [(window, found.slope(window_ps=window)) for window in windows]
    # Late windows that know next to nothing neither choose nor forbid.
    known = [one for one in tried if calibrated_relative_error(one[1].degrees) <= MAX_WINDOW_ERROR] or tried[:1]
    starts, slopes = [window[0] for window, _ in known], [slope for _, slope in known]
    errors = [calibrated_relative_error(one.degrees) for one in slopes]
    best, change = len(starts) - 1, math.inf
    for index in range(len(starts) - 1, -1, -1):
        if slopes[index].value <= 0:
            continue
        later = [j for j in range(index, len(starts)) if starts[j] >= 2 * starts[index]]
        # Of the larger of the two: a slope that is low by chance would look certain otherwise.
        apart = [
            abs(slopes[index].value - slopes[j].value) / (errors[j] * max(slopes[index].value, slopes[j].value))
            for j in later
        ]
        if max(apart, default=0.0) > VETO_SIGMAS:
            break
        if later and max(apart) <= STRAIGHT_SIGMAS:
            best, change = index, abs(slopes[later[0]].value / slopes[index].value - 1)
    return slopes[best].window_ps, change


def transverse_motion(positions: NDArray[np.floating], masses: Array, edge_nm: float) -> list[Array]:
    """Time-integrated transverse momenta (u nm): ``n_frames x n_vectors x 1`` for each shell of wave vectors."""
    vectors = [_wave_vectors(shell + 1) for shell in range(N_SHELLS)]
    flat = [k for shell in vectors for k in shell]
    steps = np.empty((len(positions) - 1, len(flat), 2, 3))
    for first in range(0, len(positions) - 1, CHUNK):
        part = np.asarray(positions[first : first + CHUNK + 1], dtype=float)
        moved = np.diff(part, axis=0) * masses[:, None]
        # Single precision is enough once whole boxes are gone from the positions.
        angle = (2 * np.pi / edge_nm * (((part[1:] + part[:-1]) / 2) % edge_nm)).astype(np.float32)
        waves = np.cos(angle) + 1j * np.sin(angle)
        powers = {1: waves, -1: waves.conj()}
        phases = np.empty((len(moved), 2 * len(flat), part.shape[1]), dtype=np.float32)
        for index, k in enumerate(flat):
            used = [powers[n][..., axis] for axis, n in enumerate(k) if n]
            phase = used[0]
            for wave in used[1:]:
                phase = phase * wave
            phases[:, 2 * index], phases[:, 2 * index + 1] = phase.real, phase.imag
        steps[first : first + len(moved)] = (phases @ moved.astype(np.float32)).reshape(len(moved), len(flat), 2, 3)
    motions, start = [], 0
    for shell in vectors:
        across = np.array([_transverse(k) for k in shell])
        part = np.einsum("fksx,kpx->fksp", steps[:, start : start + len(shell)], across)
        path = np.cumsum(part.reshape(len(part), -1, 1), axis=0)
        motions.append(np.concatenate([np.zeros((1, *path.shape[1:])), path]))
        start += len(shell)
    return motions


def stokes_einstein_viscosity(
    diffusion_m2_s: float, volume_per_molecule_nm3: float, edge_nm: float, temperature_K: float
) -> Viscosity:
    """An estimate where the run is too short: from the solvent's diffusion in the box and the molecules' size.

    D + kT xi / (6 pi eta L) = C kT / (eta v^(1/3)), xi = 2.837, C = ``STOKES_EINSTEIN``. Good to about a factor of 1.5:
    in eleven electrolytes whose viscosity was measured in runs of 1 ns it gave 0.95 to 1.4 times that.
    """
    size = STOKES_EINSTEIN / volume_per_molecule_nm3 ** (1 / 3) - 2.837297 / (6 * math.pi * edge_nm)
    kT = 1.380649e-23 * temperature_K
    value = kT / diffusion_m2_s * size * 1e9 * 1e3
    return Viscosity(
        value, STOKES_EINSTEIN_ERROR * value, False, "Stokes-Einstein estimate from the solvent's diffusion"
    )


def _extrapolated(found: list[tuple[float, float, float]], change: float) -> Viscosity:
    """1/eta(k) = (1 + a k^2)/eta by weighted least squares, a = 0 +- ``WAVE_PRIOR`` / k^2 of the longest wave.

    Where shells differ by more than their errors, these grow, so that noise is not extrapolated. The relative
    ``change`` with the window is added to the error; where shear is not viscous yet (infinity), the value is as
    uncertain as it is large.
    """
    k2 = np.array([(2 * math.pi / wavelength) ** 2 for wavelength, _, _ in found])
    fluidity = np.array([1 / value for _, value, _ in found])
    # Relative errors are those of the mean: shells that are low by chance must not weigh less.
    mean = float(fluidity.mean())
    errors = mean * np.array([error / value for _, value, error in found])
    errors *= max(1.0, math.sqrt(float(np.mean(((fluidity - mean) / errors) ** 2))))
    design = np.vstack(
        [np.stack([np.ones(len(found)), k2], axis=1) / errors[:, None], [0.0, k2[0] / mean / WAVE_PRIOR]]
    )
    inverse = np.linalg.inv(design.T @ design)
    intercept = float((inverse @ design.T @ np.append(fluidity / errors, 0.0))[0])
    if intercept <= fluidity[0] / MAX_EXTRAPOLATION:
        return Viscosity(found[0][1], found[0][1], False, "transverse motion, longest wave", tuple(found))
    value = 1 / intercept
    relative = math.hypot(math.sqrt(float(inverse[0, 0])) * value, min(change, 1.0))
    is_converged = relative <= MAX_RELATIVE_ERROR
    method = "transverse motion, extrapolated to long waves"
    return Viscosity(value, relative * value, is_converged, method, tuple(found))


def _wave_vectors(square: int) -> list[tuple[int, int, int]]:
    """Whole-number vectors of a squared length up to 3, one of each pair of opposites."""
    steps = (-1, 0, 1)
    found = [(a, b, c) for a, b, c in product(steps, steps, steps) if a * a + b * b + c * c == square]
    return [k for k in found if next(n for n in k if n) > 0]


def _transverse(k: tuple[int, int, int]) -> Array:
    """Two unit vectors at right angles to k and to each other."""
    along = np.array(k) / math.sqrt(sum(n * n for n in k))
    helper = np.eye(3)[int(np.argmin(np.abs(along)))]
    first = np.cross(along, helper)
    first /= np.linalg.norm(first)
    return np.array([first, np.cross(along, first)])
