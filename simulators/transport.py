"""From trajectories to transport: mean square displacements, diffusion, conductivity, density, and how sure each is.

Positions are those of molecules' centres of mass: ``n_frames x n_molecules x 3``, nm, unwrapped, equally spaced in
time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ELEMENTARY_CHARGE_C = 1.602176634e-19
BOLTZMANN_J_K = 1.380649e-23
NM2_PER_PS_IN_M2_S = 1e-6
S_PER_M_IN_MS_CM = 10.0

DIFFUSIVE_SLOPES = (0.8, 1.2)
"""Log-log slopes of a mean square displacement that count as diffusion."""
N_BLOCKS = 4
"""Pieces of a trajectory whose spread is one of the error estimates."""


@dataclass(frozen=True)
class SlopeEstimate:
    """Slope of a mean square displacement over a window of lag times.

    ``value`` and ``standard_error`` in nm2/ps (times charge squared for a charge displacement).
    """

    value: float
    standard_error: float
    log_slope: float
    """d ln MSD / d ln t in the window: 1 for diffusion, 2 for free flight, below 1 in a cage."""

    @property
    def is_diffusive(self) -> bool:
        return DIFFUSIVE_SLOPES[0] <= self.log_slope <= DIFFUSIVE_SLOPES[1]


@dataclass(frozen=True)
class Diffusion:
    """A self-diffusion coefficient, m2/s."""

    value_m2_s: float
    standard_error_m2_s: float
    log_slope: float
    n_molecules: int
    is_diffusive: bool


@dataclass(frozen=True)
class Conductivity:
    """A conductivity, mS/cm."""

    value_mS_cm: float
    standard_error_mS_cm: float
    log_slope: float


def unwrap(positions: Array, edge_nm: float) -> Array:
    """Undo jumps by whole box edges between successive frames. No molecule may move half an edge in a frame."""
    steps = np.diff(positions, axis=0)
    steps -= edge_nm * np.round(steps / edge_nm)
    return np.concatenate([positions[:1], positions[:1] + np.cumsum(steps, axis=0)])


def remove_drift(positions: Array, masses: Array) -> Array:
    """Positions relative to the centre of mass of all molecules (``masses`` in u, one per molecule)."""
    centre = np.einsum("fmx,m->fx", positions, masses) / masses.sum()
    return np.asarray(positions - centre[:, None, :])


def mean_square_displacement(positions: Array) -> Array:
    """Squared displacement for each lag, averaged over all start times: ``n_frames x n_molecules x 3`` (per axis).

    Computed by Fourier transform: <|r(t0+t) - r(t0)|^2> = <r^2(t0+t)> + <r^2(t0)> - 2 <r(t0+t) r(t0)>, as in Calandrini
    et al., Collection SFN 12 (2011) 201. Row t is lag t; row 0 is zero.
    """
    n_frames = positions.shape[0]
    centred = positions - positions.mean(axis=0)
    spectrum = np.fft.rfft(centred, n=2 * n_frames, axis=0)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, axis=0)[:n_frames]
    squares = centred**2
    zeros = np.zeros((1, *squares.shape[1:]))
    from_start = np.concatenate([zeros, np.cumsum(squares, axis=0)])
    n_windows = np.arange(n_frames, 0, -1).reshape(-1, 1, 1)
    lags = np.arange(n_frames)
    both = from_start[n_frames - lags] + from_start[n_frames] - from_start[lags]
    return np.maximum((both - 2 * correlation) / n_windows, 0.0)


def fit_window(n_frames: int, start_fraction: float, end_fraction: float) -> slice:
    """Lags that are fitted, as a slice of the mean square displacement; at least four of them."""
    start = max(1, round(start_fraction * (n_frames - 1)))
    end = max(start + 4, round(end_fraction * (n_frames - 1)) + 1)
    if end > n_frames:
        raise ValueError(f"{n_frames} frames are too few for a fit from lag {start} to {end - 1}")
    return slice(start, end)


def slope_estimate(positions: Array, frame_ps: float, start_fraction: float, end_fraction: float) -> SlopeEstimate:
    """Slope of the mean square displacement of equivalent molecules, with a standard error from the data.

    The slope is a straight line's through the window of lags. Its standard error is the largest of
    - what Brownian motion of this length gives for so many independent axes (``relative_error_of_brownian_slope``),
    - the spread of the slopes of single molecules and axes,
    - the spread of the slopes of ``N_BLOCKS`` pieces of the trajectory (this one sees molecules that move together);
    and, where the motion is not diffusive, |1 - log slope| times the slope is added in quadrature, because the slope
    then depends on the lag by about that much.
    """
    n_frames, n_molecules, _ = positions.shape
    window = fit_window(n_frames, start_fraction, end_fraction)
    single = mean_square_displacement(positions)
    total = single.mean(axis=1).sum(axis=1)
    value = float(_slopes(total, window)) / frame_ps
    middle = (window.start + window.stop - 1) // 2
    scale = max(abs(value), float(total[middle]) / (middle * frame_ps))
    errors = [scale * relative_error_of_brownian_slope(start_fraction, end_fraction) / math.sqrt(3 * n_molecules)]
    axes = 3 * _slopes(single, window).ravel() / frame_ps
    errors.append(float(axes.std(ddof=1)) / math.sqrt(axes.size) * _small_sample_factor(axes.size))
    if n_frames // N_BLOCKS >= 10:
        pieces = np.array_split(positions[: n_frames - n_frames % N_BLOCKS], N_BLOCKS)
        piece_window = fit_window(len(pieces[0]), start_fraction, end_fraction)
        slopes = [float(_slopes(mean_square_displacement(p).mean(axis=1).sum(axis=1), piece_window)) for p in pieces]
        errors.append(float(np.std(slopes, ddof=1)) / frame_ps / math.sqrt(N_BLOCKS))
    log_slope = _log_slope(total, window)
    error = max(errors)
    if not DIFFUSIVE_SLOPES[0] <= log_slope <= DIFFUSIVE_SLOPES[1]:
        error = math.hypot(error, abs((1 - log_slope) * value))
    return SlopeEstimate(value, max(error, np.finfo(float).tiny), log_slope)


def diffusion_coefficient(
    positions: Array, frame_ps: float, start_fraction: float = 0.1, end_fraction: float = 0.4
) -> Diffusion:
    """Self-diffusion coefficient of equivalent molecules by Einstein's relation, D = slope / 6. No finite-size term."""
    slope = slope_estimate(positions, frame_ps, start_fraction, end_fraction)
    factor = NM2_PER_PS_IN_M2_S / 6
    return Diffusion(
        slope.value * factor, slope.standard_error * factor, slope.log_slope, positions.shape[1], slope.is_diffusive
    )


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
    factor = _conductivity_factor(volume_nm3, temperature_K) / NM2_PER_PS_IN_M2_S
    weights = {ion: charges[ion] ** 2 * one.n_molecules for ion, one in diffusion.items()}
    value = factor * sum(weights[ion] * one.value_m2_s for ion, one in diffusion.items())
    error = factor * sum(weights[ion] * one.standard_error_m2_s for ion, one in diffusion.items())
    return Conductivity(value, error, float(np.mean([one.log_slope for one in diffusion.values()])))


def collective_conductivity(
    positions: Array,
    charges: Array,
    frame_ps: float,
    *,
    volume_nm3: float,
    temperature_K: float,
    start_fraction: float = 0.1,
    end_fraction: float = 0.4,
) -> Conductivity:
    """Conductivity from the displacement of all charge, correlations between ions included (Einstein-Helfand).

    sigma = 1 / (6 V kB T) d/dt <|sum_i z_i e (r_i(t) - r_i(0))|^2>, ``positions`` and ``charges`` (in e) of the ions
    only. One vector stands for the whole box, so that a short run is far less certain here than in Nernst-Einstein; the
    value may even come out negative, which means no more than zero within its error.
    """
    moment = np.einsum("fmx,m->fx", positions, charges)[:, None, :]
    slope = slope_estimate(moment, frame_ps, start_fraction, end_fraction)
    factor = _conductivity_factor(volume_nm3, temperature_K) / 6
    return Conductivity(slope.value * factor, slope.standard_error * factor, slope.log_slope)


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
        errors.append(float(blocks.std(ddof=1)) / math.sqrt(n_blocks) * _small_sample_factor(n_blocks))
        length += max(1, length // 2)
    return mean, max(errors)


@cache
def relative_error_of_brownian_slope(start_fraction: float, end_fraction: float) -> float:
    """Relative standard error of the slope for one axis of one Brownian particle, fitted over a window of lags.

    It depends only on the window as a fraction of the run (Qian et al., Biophys. J. 60 (1991) 910), and falls with the
    square root of the number of independent axes. Computed from 2,000 random walks with a fixed seed.
    """
    walks = np.cumsum(np.random.default_rng(11).normal(size=(256, 2000, 1)), axis=0)
    slopes = _slopes(mean_square_displacement(walks), fit_window(256, start_fraction, end_fraction))
    return float(slopes.std() / slopes.mean())


def _conductivity_factor(volume_nm3: float, temperature_K: float) -> float:
    """mS/cm for a charge displacement that grows by 1 e2 nm2/ps."""
    per_si = ELEMENTARY_CHARGE_C**2 / (volume_nm3 * 1e-27 * BOLTZMANN_J_K * temperature_K)
    return per_si * NM2_PER_PS_IN_M2_S * S_PER_M_IN_MS_CM


def _slopes(msd: Array, window: slice) -> Array:
    """Least-squares slopes per frame along the first axis."""
    lags = np.arange(window.start, window.stop, dtype=float)
    lags -= lags.mean()
    return np.asarray(np.tensordot(lags, msd[window], axes=1) / (lags @ lags))


def _log_slope(msd: Array, window: slice) -> float:
    inside = msd[window]
    if np.any(inside <= 0):
        return 0.0
    lags = np.log(np.arange(window.start, window.stop, dtype=float))
    return float(np.polyfit(lags, np.log(inside), 1)[0])


def _small_sample_factor(n: int) -> float:
    """Student's t for 68.3 % with n - 1 degrees of freedom, over 1; within 2 % of the exact value for n > 2."""
    degrees = n - 1
    return 1.84 if degrees == 1 else 1.0 + 0.5 / degrees + 0.4 / degrees**2
