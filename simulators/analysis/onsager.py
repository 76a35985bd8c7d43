"""Collective transport of charge: Onsager coefficients of cations and anions and what follows from them.

The displacements of all cations and of all anions together (charges times positions) are two vectors a box. Their
variances and covariance grow with time by the Onsager coefficients L++, L-- and L+- (Fong, Self, McCloskey and Persson,
Macromolecules 54 (2021) 2575): conductivity L++ + L-- - 2 L+-, transference number (L++ - L+-) / conductivity. The
conductivity is the Einstein-Helfand one; it does not depend on what positions are relative to, the transference
number does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .displacements import Displacements, Slope, displacements
from .fitting import lags_inside, line_weights

Array = NDArray[np.float64]
N_DRAWS = 1000
MAX_SCATTER = 0.05
"""A motion of charge below none by more than this share of the larger one is no estimate."""


@dataclass(frozen=True)
class Onsager:
    """Coefficients in nm2 e2/ps per box (diffusion coefficients of whole-box charges): [[L++, L+-], [L+-, L--]]."""

    matrix: Array
    errors: Array
    transference: tuple[float, float] | None
    """Number and standard error: median, and half of the interval that holds 68 %, of what the coefficients'
    uncertainty allows; of a ratio of uncertain numbers that is steadier than the ratio of their estimates. None where
    the charge as a whole has not moved by two standard errors: there is nothing to take shares of."""


@dataclass(frozen=True)
class ChargeMotion:
    """Displacements of charge in all runs."""

    total: Displacements
    slope: Slope
    """Of the total charge: twice its diffusion coefficient, e2 nm2/ps."""
    barycentric: Onsager
    relative_to_solvent: Onsager | None
    """None where nothing but ions is in the box."""


def charge_motion(
    runs: Sequence[Array],
    masses: Array,
    charges: Array,
    frame_ps: float,
    *,
    earliest_ps: float,
    window_ps: tuple[float, float] | None = None,
    may_diffuse: bool = True,
) -> ChargeMotion:
    """From unwrapped positions relative to the box's centre of mass; ``masses`` (u) and ``charges`` (e) by molecule.

    ``earliest_ps``: no window starts before (single ions and solvents tell better when diffusion begins), and where
    they do not diffuse, nor does charge (``may_diffuse``).
    """
    total = displacements([_moment(run, charges) for run in runs], frame_ps)
    slope = total.slope(earliest_ps=earliest_ps, window_ps=window_ps, may_diffuse=may_diffuse)
    barycentric = _onsager(runs, charges, frame_ps, slope)
    solvent = np.where(charges == 0, masses, 0.0)
    relative = None
    if solvent.any():
        shares = solvent / solvent.sum()
        runs = [run - np.einsum("fmx,m->fx", run, shares)[:, None, :] for run in runs]
        relative = _onsager(runs, charges, frame_ps, slope)
    return ChargeMotion(total, slope, barycentric, relative)


def _moment(run: Array, charges: Array) -> Array:
    return np.asarray(np.einsum("fmx,m->fx", run, charges)[:, None, :])


def _onsager(runs: Sequence[Array], charges: Array, frame_ps: float, slope: Slope) -> Onsager:
    """The slopes are taken in the same window as the total charge's.

    Uncertainty: the matrix scatters as a Wishart matrix with as many degrees of freedom as the window gives.
    """
    plus, minus = np.where(charges > 0, charges, 0.0), np.where(charges < 0, -charges, 0.0)
    values = [_slope_in(displacements([_moment(run, c) for run in runs], frame_ps), slope) for c in (plus, minus)]
    both = _slope_in(displacements([_moment(run, plus + minus) for run in runs], frame_ps), slope)
    cross = (both - sum(values)) / 2
    matrix = np.array([[values[0], cross], [cross, values[1]]]) / 2
    smallest, largest = np.linalg.eigvalsh(matrix)
    is_clear = slope.value > 2 * slope.standard_error and smallest > -MAX_SCATTER * largest
    draws = _wishart(matrix, slope.degrees)
    low, high = np.percentile(draws, [15.87, 84.13], axis=0)
    errors = np.asarray(high - low) / 2
    if not is_clear:
        return Onsager(matrix, errors, None)
    total = draws[:, 0, 0] + draws[:, 1, 1] - 2 * draws[:, 0, 1]
    share = (draws[:, 0, 0] - draws[:, 0, 1])[total > 0] / total[total > 0]
    first, middle, last = np.percentile(share, [15.87, 50.0, 84.13])
    return Onsager(matrix, errors, (float(middle), float(last - first) / 2))


def _slope_in(found: Displacements, slope: Slope) -> float:
    inside = lags_inside(found.lags, slope.window.start, slope.window.end)
    weights, _ = line_weights(found.lags[inside], found.n_frames)
    return float(weights @ found.per_axis[inside]) / found.frame_ps


def _wishart(matrix: Array, degrees: float) -> Array:
    """Matrices that may be the truth behind ``matrix``: inverse Wishart, fixed random numbers."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    root = vectors * np.sqrt(np.maximum(eigenvalues, 1e-6 * max(float(eigenvalues.max()), 1e-12)))
    n = max(4, round(degrees))
    noise = np.random.default_rng(5).normal(size=(N_DRAWS, min(n, 100), 2))
    scatter = np.einsum("dni,dnj->dij", noise, noise) / noise.shape[1]
    if n > noise.shape[1]:
        scatter = np.eye(2) + (scatter - np.eye(2)) * np.sqrt(noise.shape[1] / n)
    return np.asarray(root @ np.linalg.inv(scatter) @ root.T)
