"""Bonds and angles that the general force field does not know, fitted to a quantum-chemical Hessian.

Force constants by linear least squares on the whole Hessian in the basis of its normal modes, each element weighted by
the geometric mean of the two modes' own curvatures, so that soft modes count as much as stiff ones; none below zero.
Equilibrium values such that the force field's own minimum has the quantum-chemical lengths and angles.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np
from saltloop.simulators.parameters.vibrations import hessian_of, normal_modes
from saltloop.simulators.parametrise import minimised
from saltloop.simulators.species_parameters import SpeciesParameters

STRAIGHT_RAD = 2.8
"""Angles beyond (opposite ligands of an octahedron) have no term; their neighbours hold them."""
SOFTEST_PER_CM = 60.0
"""Modes below weigh no more than this one."""
N_REFINEMENTS = 12
STEP_NM = 1e-5


def with_fitted_terms(
    start: SpeciesParameters,
    fitted_atoms: set[int],
    groups: Sequence[int],
    rings: Sequence[set[int]],
    positions: np.ndarray,
    hessian: np.ndarray,
) -> SpeciesParameters:
    """``start`` with fresh bond and angle terms wherever one of ``fitted_atoms`` takes part.

    Args:
        start: with every term that is not fitted; ``start.bonds`` names all bonds.
        fitted_atoms: indices.
        groups: which atoms are equivalent, ``n``; equivalent terms are equal.
        rings: the atoms of each; a term within a ring is not equivalent to one between rings.
        positions: the quantum-chemical geometry, nm, ``n x 3``.
        hessian: at that geometry, kJ/mol/nm2, ``3n x 3n``.
    """
    bonds, angles = _coordinates(start, fitted_atoms, positions)
    kept = start.model_copy(
        update={
            "bonds": tuple(one for one in start.bonds if not fitted_atoms & set(one[:2])),
            "angles": tuple(one for one in start.angles if not fitted_atoms & set(one[:3])),
        }
    )
    bare_neighbours = start.model_copy(update={"bonds": tuple((i, j, 0.1, 0.0) for i, j, *_ in start.bonds)})
    rest = hessian_of(_with(kept, bare_neighbours, {}, {}), positions)
    classes: dict[Hashable, list[tuple[int, ...]]] = defaultdict(list)
    for term in (*bonds, *angles):
        names = tuple(groups[i] for i in term)
        classes[min(names, names[::-1]), any(ring.issuperset(term) for ring in rings)].append(term)
    shapes = [_unit_hessian(terms, positions) for terms in classes.values()]
    masses = np.array([atom.mass for atom in start.atoms])
    constants = _least_squares(hessian - rest, shapes, masses, positions, hessian)
    k = {term: value for terms, value in zip(classes.values(), constants, strict=True) for term in terms}
    target = {term: _mean(terms, positions) for terms in classes.values() for term in terms}
    rest_lengths = dict(target)
    found = _with(kept, None, k, rest_lengths)
    for _ in range(N_REFINEMENTS):
        here = minimised(found, positions, 1e-3)
        for terms in classes.values():
            shift = _mean(terms, positions) - _mean(terms, here)
            for term in terms:
                rest_lengths[term] += 0.8 * shift
        found = _with(kept, None, k, rest_lengths)
    return found


def _coordinates(
    start: SpeciesParameters, fitted_atoms: set[int], positions: np.ndarray
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    neighbours: dict[int, set[int]] = defaultdict(set)
    for i, j, *_ in start.bonds:
        neighbours[i].add(j)
        neighbours[j].add(i)
    bonds = [(i, j) for i, j, *_ in start.bonds if fitted_atoms & {i, j}]
    angles = [
        (i, centre, j)
        for centre, around in neighbours.items()
        for i, j in combinations(sorted(around), 2)
        if fitted_atoms & {i, centre, j} and _value((i, centre, j), positions) < STRAIGHT_RAD
    ]
    return list(bonds), list(angles)


def _with(
    kept: SpeciesParameters,
    topology: SpeciesParameters | None,
    k: dict[tuple[int, ...], float],
    rest: dict[tuple[int, ...], float],
) -> SpeciesParameters:
    """The kept terms and the fitted ones; ``topology`` only lends bonds without strength, for the exclusions."""
    known = {tuple(sorted(one[:2])) for one in kept.bonds}
    lent = tuple(one for one in topology.bonds if tuple(sorted(one[:2])) not in known) if topology else ()
    return kept.model_copy(
        update={
            "bonds": (*kept.bonds, *lent, *((*t, rest[t], k[t]) for t in k if len(t) == 2)),
            "angles": (*kept.angles, *((*t, rest[t], k[t]) for t in k if len(t) == 3)),
        }
    )


def _value(term: tuple[int, ...], positions: np.ndarray) -> float:
    """Length (nm) or angle (rad)."""
    if len(term) == 2:
        return float(np.linalg.norm(positions[term[0]] - positions[term[1]]))
    a, b = positions[term[0]] - positions[term[1]], positions[term[2]] - positions[term[1]]
    return float(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))


def _mean(terms: Sequence[tuple[int, ...]], positions: np.ndarray) -> float:
    return float(np.mean([_value(term, positions) for term in terms]))


def _unit_hessian(terms: Sequence[tuple[int, ...]], positions: np.ndarray) -> np.ndarray:
    """Hessian of harmonic terms of unit force constant at their minimum: the sum of b b^T, b the gradient."""
    total = np.zeros((positions.size, positions.size))
    for term in terms:
        gradient = np.zeros_like(positions)
        for atom in term:
            for axis in range(3):
                shift = np.zeros_like(positions)
                shift[atom, axis] = STEP_NM
                high, low = _value(term, positions + shift), _value(term, positions - shift)
                gradient[atom, axis] = (high - low) / (2 * STEP_NM)
        total += np.outer(gradient, gradient)
    return total


def _least_squares(
    target: np.ndarray, shapes: Sequence[np.ndarray], masses: np.ndarray, positions: np.ndarray, whole: np.ndarray
) -> np.ndarray:
    from scipy.optimize import nnls

    roots = np.sqrt(np.repeat(masses, 3))
    frequencies, modes = normal_modes(whole, masses, positions)
    scale = 1 / np.maximum(np.abs(frequencies), SOFTEST_PER_CM)
    upper = np.triu_indices(len(frequencies))

    def row(matrix: np.ndarray) -> np.ndarray:
        weighted = modes.T @ (matrix / np.outer(roots, roots)) @ modes
        return (weighted * np.outer(scale, scale))[upper]

    constants, _ = nnls(np.array([row(shape) for shape in shapes]).T, row(target))
    return np.asarray(constants)
