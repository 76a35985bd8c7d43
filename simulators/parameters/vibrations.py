"""Second derivatives of the force field, and the frequencies that follow from a Hessian."""

from __future__ import annotations

import math

import numpy as np
from saltloop.simulators.forces.forcefield import build_system
from saltloop.simulators.forces.one_molecule import BARE, vacuum
from saltloop.simulators.forces.species_parameters import SpeciesParameters

STEP_NM = 1e-5
PER_CM = 1e12 / (2 * math.pi * 2.99792458e10)
"""1/cm for an angular frequency of 1/ps, which is what kJ/mol/nm2 and u make."""


def hessian_of(parameters: SpeciesParameters, positions: np.ndarray) -> np.ndarray:
    """Second derivatives (kJ/mol/nm2, ``3n x 3n``) at ``positions`` (nm) in vacuum, by differences of forces."""
    from openmm import unit

    context = vacuum(build_system([(parameters, 1)], BARE, None))

    def forces(place: np.ndarray) -> np.ndarray:
        context.setPositions(place)
        found = context.getState(getForces=True).getForces(asNumpy=True)
        return np.asarray(found.value_in_unit(unit.kilojoule_per_mole / unit.nanometer)).ravel()

    rows = []
    for one in range(positions.size):
        shift = np.zeros(positions.shape)
        shift.flat[one] = STEP_NM
        rows.append((forces(positions - shift) - forces(positions + shift)) / (2 * STEP_NM))
    hessian = np.array(rows)
    return (hessian + hessian.T) / 2


def normal_modes(hessian: np.ndarray, masses: np.ndarray, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (1/cm, imaginary ones negative), rising, and modes, without translations and rotations.

    Args:
        hessian: kJ/mol/nm2, ``3n x 3n``.
        masses: u, ``n``.
        positions: nm, ``n x 3``.

    Returns:
        Frequencies, ``m``; mass-weighted orthonormal modes as columns, ``3n x m``.
    """
    weights = np.sqrt(np.repeat(masses, 3))
    inner = _inner_space(masses, positions)
    squares, modes = np.linalg.eigh(inner.T @ (hessian / np.outer(weights, weights)) @ inner)
    return np.sign(squares) * np.sqrt(np.abs(squares)) * PER_CM, inner @ modes


def _inner_space(masses: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """An orthonormal basis of all mass-weighted motions that neither move nor turn the whole."""
    arms = positions - np.average(positions, axis=0, weights=masses)
    root = np.sqrt(masses)[:, None]
    moves = [(root * axis).ravel() for axis in np.eye(3)]
    turns = [(root * np.cross(axis, arms)).ravel() for axis in np.eye(3)]
    left, sizes, _ = np.linalg.svd(np.array([*moves, *turns]).T, full_matrices=True)
    rank = int((sizes > 1e-8 * sizes[0]).sum())
    return left[:, rank:]
