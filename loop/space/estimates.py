"""Properties of solvent mixtures, estimated from those of their solvents; NaN where one that is needed is not known.

All arrays are n x k (k solvents, zero mole fractions where there is none) or n. Good enough to tell a liquid from a
solid and a safe one from one that is not; none of them knows the salt.
"""

from __future__ import annotations

import numpy as np

GAS_CONSTANT_J_MOL_K = 8.314462618
#: Walden's rule for the entropy of fusion, 56.5 J/(mol K): Walden, Z. Elektrochem. 14 (1908) 713.
WALDEN_ENTROPY_J_MOL_K = 56.5
#: Trouton's rule for the entropy of vaporisation, 88 J/(mol K): Trouton, Phil. Mag. 18 (1884) 54.
TROUTON_ENTROPY_J_MOL_K = 88.0
MOST_NEWTON_STEPS = 30
#: Relative.
PRECISION = 1e-9


def liquidus_K(mole_fractions: np.ndarray, melting_K: np.ndarray) -> np.ndarray:
    """Temperature below which a solvent crystallises from the mixture, n.

    ln x_i = -(S/R) (T_i / T - 1) for each solvent (Schroeder and van Laar: ideal solution, pure crystals) with
    Walden's entropy of fusion; the highest T counts.
    """
    is_there = mole_fractions > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        own = melting_K / (1 - GAS_CONSTANT_J_MOL_K / WALDEN_ENTROPY_J_MOL_K * np.log(mole_fractions))
    highest: np.ndarray = np.where(is_there, own, -np.inf).max(axis=1)
    return highest


def boiling_K(mole_fractions: np.ndarray, boiling_points_K: np.ndarray) -> np.ndarray:
    """Temperature at which the mixture's vapour reaches 1 atm (Raoult and Clausius-Clapeyron, Trouton's entropy), n."""
    slope = TROUTON_ENTROPY_J_MOL_K / GAS_CONSTANT_J_MOL_K
    return _temperature(mole_fractions, np.full_like(boiling_points_K, slope), slope * boiling_points_K)


def flash_K(mole_fractions: np.ndarray, flash_points_K: np.ndarray, boiling_points_K: np.ndarray) -> np.ndarray:
    """Temperature at which the vapour over the mixture can be lit, n.

    Le Chatelier's rule, sum x_i p_i(T) / p_i(T_flash,i) = 1 (Liaw et al., J. Loss Prev. Process Ind. 15 (2002) 429,
    with activity coefficients of 1), and Clausius-Clapeyron with Trouton's entropy for p_i.
    """
    slope = TROUTON_ENTROPY_J_MOL_K / GAS_CONSTANT_J_MOL_K * boiling_points_K
    return _temperature(mole_fractions, slope / flash_points_K, slope)


def viscosity_mPa_s(mole_fractions: np.ndarray, viscosities: np.ndarray) -> np.ndarray:
    """Arrhenius' rule: ln of the viscosity averages by mole fraction, n."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mixed: np.ndarray = np.exp(averaged(np.log(viscosities), mole_fractions))
    return mixed


def averaged(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Average over the solvents that are there, n."""
    mean: np.ndarray = np.where(shares > 0, values * shares, 0.0).sum(axis=1)
    return mean


def _temperature(mole_fractions: np.ndarray, offset: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """The T that solves sum x_i exp(offset_i - slope_i / T) = 1: Newton on its logarithm, which is convex in 1/T."""
    is_there = mole_fractions > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(is_there, np.log(mole_fractions) + offset, -np.inf)
        slope = np.where(is_there, slope, 0.0)
        inverse = np.where(is_there, offset / slope, np.inf).min(
            axis=1
        )  # At 1/T of the least volatile the sum is >= 1.
        for _ in range(MOST_NEWTON_STEPS):
            exponent = weight - slope * inverse[:, None]
            largest = exponent.max(axis=1)
            terms = np.exp(exponent - largest[:, None])
            total = terms.sum(axis=1)
            change = (largest + np.log(total)) * total / (terms * slope).sum(axis=1)
            inverse = inverse + change
            if not (np.abs(change) > PRECISION * inverse).any():  # What is not known stays so.
                break
        temperature: np.ndarray = 1 / inverse
    return temperature
