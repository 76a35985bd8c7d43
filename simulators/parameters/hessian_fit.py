"""Bonds, angles and flat torsions that the general force field does not know, fitted to a quantum-chemical Hessian.

Force constants by linear least squares on the whole Hessian in the basis of its normal modes, each element weighted by
the geometric mean of the two modes' own curvatures, so that soft modes count as much as stiff ones; none below zero.
Equilibrium values such that the force field's own minimum has the quantum-chemical lengths and angles.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
from saltloop.simulators.forces.one_molecule import minimised
from saltloop.simulators.forces.species_parameters import SpeciesParameters
from saltloop.simulators.parameters.vibrations import hessian_of, normal_modes

STRAIGHT_RAD = 2.8
"""Angles beyond are left as they are: a nitrile's, and none at all of opposite ligands of an octahedron."""
SOFTEST_PER_CM = 60.0
"""Modes below weigh no more than this one."""
FLAT_SINE = 0.2
"""A torsion is flat where its sine is below."""
N_REFINEMENTS = 12
STEP_NM = 1e-5

Term = tuple[int, ...]
"""Two atoms of a bond, three of an angle, four of a torsion."""


def with_fitted_terms(
    start: SpeciesParameters,
    fitted_atoms: set[int],
    groups: Sequence[int],
    rings: Sequence[set[int]],
    positions: np.ndarray,
    hessian: np.ndarray,
) -> SpeciesParameters:
    """``start`` with fresh bonds and angles wherever one of ``fitted_atoms`` takes part, and flat torsions among them.

    Args:
        start: with every term that is not fitted; ``start.bonds`` names all bonds.
        fitted_atoms: indices.
        groups: which atoms are equivalent, ``n``; equivalent terms are equal.
        rings: the atoms of each; a term within a ring is not equivalent to one between rings.
        positions: the quantum-chemical geometry, nm, ``n x 3``.
        hessian: at that geometry, kJ/mol/nm2, ``3n x 3n``.
    """
    bonds, angles, flat = _coordinates(start, fitted_atoms, rings, positions)
    kept = start.model_copy(
        update={
            "bonds": tuple(one for one in start.bonds if one[:2] not in bonds),
            "angles": tuple(one for one in start.angles if not {one[:3], one[2::-1]} & set(angles)),
            "torsions": tuple(one for one in start.torsions if one[:4] not in flat),
        }
    )
    classes: dict[Hashable, list[Term]] = defaultdict(list)
    for term in (*bonds, *angles, *flat):
        names = tuple(groups[i] for i in term)
        classes[min(names, names[::-1]), any(ring.issuperset(term) for ring in rings)].append(term)
    shapes = [_unit_hessian(terms, positions) for terms in classes.values()]
    masses = np.array([atom.mass for atom in start.atoms])
    rest = hessian_of(_with(kept, {one: 0.0 for one in bonds}, {one: 0.1 for one in bonds}), positions)
    constants = _least_squares(hessian - rest, shapes, masses, positions, hessian)
    k = {term: value for terms, value in zip(classes.values(), constants, strict=True) for term in terms}
    rest_values = {term: _mean(terms, positions) for terms in classes.values() for term in terms}
    found = _with(kept, k, rest_values)
    for _ in range(N_REFINEMENTS):
        here = minimised(found, positions, 1e-3)
        for terms in classes.values():
            if len(terms[0]) < 4:
                shift = _mean(terms, positions) - _mean(terms, here)
                for term in terms:
                    rest_values[term] += 0.8 * shift
        found = _with(kept, k, rest_values)
    return found


def _coordinates(
    start: SpeciesParameters, fitted_atoms: set[int], rings: Sequence[set[int]], positions: np.ndarray
) -> tuple[list[Term], list[Term], list[Term]]:
    """Bonds, angles and torsions to be fitted.

    Of the torsions those that are flat, whose atoms are all fitted, and that no group turns about: with the middle bond
    in a ring, or improper ones.
    """
    neighbours: dict[int, set[int]] = defaultdict(set)
    for i, j, *_ in start.bonds:
        neighbours[i].add(j)
        neighbours[j].add(i)
    bonds: list[Term] = [
        (i, j) for i, j, *_ in start.bonds if fitted_atoms & {i, j} and not _is_nitrile((i, j), neighbours, positions)
    ]
    angles: list[Term] = [
        (i, centre, j)
        for centre, around in neighbours.items()
        for i, j in combinations(sorted(around), 2)
        if fitted_atoms & {i, centre, j} and _value((i, centre, j), positions) < STRAIGHT_RAD
    ]
    flat: list[Term] = []
    for term in dict.fromkeys(one[:4] for one in start.torsions):
        is_proper = all(b in neighbours[a] for a, b in pairwise(term))
        turns = is_proper and not any(ring.issuperset(term[1:3]) for ring in rings)
        straightest = max(_value(term[:3], positions), _value(term[1:], positions))
        is_flat = straightest < STRAIGHT_RAD and abs(np.sin(_value(term, positions))) < FLAT_SINE
        if fitted_atoms.issuperset(term) and not turns and is_flat:
            flat.append(term)
    return bonds, angles, flat


def _is_nitrile(bond: Term, neighbours: Mapping[int, set[int]], positions: np.ndarray) -> bool:
    """Whether a bond ends a straight chain. It stays as it is: GFN2-xTB makes it too stiff for steps of 4 fs."""
    for end, centre in (bond, bond[::-1]):
        others = neighbours[centre] - {end}
        if len(neighbours[end]) == len(others) == 1 and _value((end, centre, *others), positions) > STRAIGHT_RAD:
            return True
    return False


def _with(kept: SpeciesParameters, k: dict[Term, float], rest: dict[Term, float]) -> SpeciesParameters:
    """The kept terms and the fitted ones; flat torsions as ``k (1 - cos 2 phi)``."""
    return kept.model_copy(
        update={
            "bonds": (*kept.bonds, *((*t, rest[t], k[t]) for t in k if len(t) == 2)),
            "angles": (*kept.angles, *((*t, rest[t], k[t]) for t in k if len(t) == 3)),
            "torsions": (*kept.torsions, *((*t, 2, math.pi, k[t]) for t in k if len(t) == 4 and k[t] > 0)),
        }
    )


def _value(term: Term, positions: np.ndarray) -> float:
    """Length (nm), angle or dihedral (rad)."""
    if len(term) == 2:
        return float(np.linalg.norm(positions[term[0]] - positions[term[1]]))
    a, b = positions[term[0]] - positions[term[1]], positions[term[2]] - positions[term[1]]
    if len(term) == 4:
        c = positions[term[3]] - positions[term[2]]
        first, second = np.cross(a, b), np.cross(b, c)
        return float(np.arctan2(np.linalg.norm(b) * (a @ second), -(first @ second)))
    return float(np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b)))


def _mean(terms: Sequence[Term], positions: np.ndarray) -> float:
    return float(np.mean([_value(term, positions) for term in terms]))


def _unit_hessian(terms: Sequence[Term], positions: np.ndarray) -> np.ndarray:
    """Hessian of terms of unit force constant at their minimum: the sum of b b^T, b the gradient; torsions: 4 b b^T."""
    total = np.zeros((positions.size, positions.size))
    for term in terms:
        gradient = np.zeros_like(positions)
        for atom in term:
            for axis in range(3):
                shift = np.zeros_like(positions)
                shift[atom, axis] = STEP_NM
                change = _value(term, positions + shift) - _value(term, positions - shift)
                if len(term) == 4:
                    change = (change + math.pi) % (2 * math.pi) - math.pi
                gradient[atom, axis] = change / (2 * STEP_NM)
        total += (4 if len(term) == 4 else 1) * np.outer(gradient, gradient)
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
