"""From trajectories to transport: self-diffusion, conductivity of independent ions, means of correlated series.

Positions are those of molecules' centres of mass: ``n_frames x n_molecules x 3``, nm, unwrapped, equally spaced in
time; a sequence of them holds replicas of one liquid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .displacements import Slope, small_sample_factor

Array = NDArray[np.float64]

ELEMENTARY_CHARGE_C = 1.602176634e-19
BOLTZMANN_J_K = 1.380649e-23
NM2_PER_PS_IN_M2_S = 1e-6
S_PER_M_IN_MS_CM = 10.0


@dataclass(frozen=True)
class Diffusion:
    """A self-diffusion coefficient, m2/s."""

    value_m2_s: float
    standard_error_m2_s: float
    n_molecules: int
    slope: Slope
    """Of the mean square displacement from which it comes."""

    @property
    def is_diffusive(self) -> bool:
        return self.slope.is_diffusive

    @property
    def log_slope(self) -> float:
        return self.slope.log_slope

    def plus(self, correction_m2_s: float, error_m2_s: float) -> Diffusion:
        """With a correction whose error is independent of this one."""
        return replace(
            self,
            value_m2_s=self.value_m2_s + correction_m2_s,
            standard_error_m2_s=math.hypot(self.standard_error_m2_s, error_m2_s),
        )


@dataclass(frozen=True)
class Conductivity:
    """A conductivity, mS/cm."""

    value_mS_cm: float
    standard_error_mS_cm: float


def unwrap(positions: NDArray[np.floating], edge_nm: float) -> Array:
    """Undo jumps by whole box edges between successive frames. No molecule may move half an edge in a frame."""
    unwrapped = np.array(positions, dtype=float)
    steps = np.diff(unwrapped, axis=0)
    jumps = np.round(steps / edge_nm)
    if jumps.any():
        unwrapped[1:] -= edge_nm * np.cumsum(jumps, axis=0)
    return unwrapped


def remove_drift(positions: Array, masses: Array) -> Array:
    """Positions relative to the centre of mass of all molecules (``masses`` in u, one per molecule)."""
    centre = np.einsum("fmx,m->fx", positions, masses) / masses.sum()
    return np.asarray(positions - centre[:, None, :])


def self_diffusion(slope: Slope, n_molecules: int) -> Diffusion:
    """Self-diffusion coefficient of equivalent molecules by Einstein's relation, D = slope of one axis / 2.

    Of the periodic box: see ``finite_size`` for what its size takes away.
    """
    factor = NM2_PER_PS_IN_M2_S / 2
    return Diffusion(slope.value * factor, slope.standard_error * factor, n_molecules, slope)


def nernst_einstein_conductivity(
    diffusion: Mapping[str, Diffusion], charges: Mapping[str, int], *, volume_nm3: float, temperature_K: float
) -> Conductivity:
    """Conductivity if ions moved independently of each other, from their self-diffusion coefficients.

    sigma = e^2 / (V kB T) sum_i z_i^2 N_i D_i. The errors of the ions' coefficients are added and not combined in
    quadrature: all ions feel the same slow surroundings.

    Raises:
        ValueError: an ion has a diffusion coefficient but no charge, or the reverse.
    """
    if set(diffusion) != set(charges):
        raise ValueError(f"diffusion coefficients of {sorted(diffusion)} but charges of {sorted(charges)}")
    factor = conductivity_factor(volume_nm3, temperature_K) / NM2_PER_PS_IN_M2_S
    weights = {ion: charges[ion] ** 2 * one.n_molecules for ion, one in diffusion.items()}
    value = factor * sum(weights[ion] * one.value_m2_s for ion, one in diffusion.items())
    error = factor * sum(weights[ion] * one.standard_error_m2_s for ion, one in diffusion.items())
    return Conductivity(value, error)


def conductivity_factor(volume_nm3: float, temperature_K: float) -> float:
    """mS/cm for a charge whose diffusion coefficient is 1 e2 nm2/ps: e^2 / (V kB T)."""
    per_si = ELEMENTARY_CHARGE_C**2 / (volume_nm3 * 1e-27 * BOLTZMANN_J_K * temperature_K)
    return per_si * NM2_PER_PS_IN_M2_S * S_PER_M_IN_MS_CM


def block_average(series: Array) -> tuple[float, float]:
    """Mean of a correlated series and its standard error: the largest over blocks of growing length.

    Blocks as in Flyvbjerg and Petersen, J. Chem. Phys. 91 (1989) 461, down to five of them, with Student's factor for
    so few. Constant series get the resolution of a float as error, never zero.
    """
    values = np.asarray(series, dtype=float)
    if values.size < 2:
        raise ValueError("a standard error needs at least two values")
    mean = float(values.mean())
    errors = [abs(mean) * 1e-9]
    length = 1
    while values.size // length >= min(5, values.size):
        n_blocks = values.size // length
        blocks = values[-n_blocks * length :].reshape(n_blocks, length).mean(axis=1)
        errors.append(float(blocks.std(ddof=1)) / math.sqrt(n_blocks) * small_sample_factor(n_blocks))
        length += max(1, length // 2)
    return mean, max(errors)


def mean_of_replicas(series: list[Array]) -> tuple[float, float]:
    """Mean over several correlated series, each weighted by its length, and its standard error.

    The larger of the errors within the series and the spread between them (Student's factor for few).
    """
    parts = [block_average(one) for one in series]
    lengths = np.array([one.size for one in series], dtype=float)
    shares = lengths / lengths.sum()
    values = np.array([mean for mean, _ in parts])
    mean = float(shares @ values)
    within = math.sqrt(sum((share * error) ** 2 for share, (_, error) in zip(shares, parts, strict=True)))
    n = len(series)
    if n == 1:
        return mean, within
    between = math.sqrt(float(shares @ (values - mean) ** 2) / (n - 1)) * small_sample_factor(n)
    return mean, max(within, between)
