"""Which conformers of linear carbonates and esters are in a box: they hardly turn into each other within a run."""

from __future__ import annotations

from collections import Counter

import numpy as np
from saltloop.simulators.forces.force_model import Molecules
from saltloop.simulators.forces.forcefield import molecule_ranges
from saltloop.simulators.forces.species_parameters import SpeciesParameters
from saltloop.simulators.potentials.interface import Array


def carbonate_conformers(molecules: Molecules, positions_nm: Array) -> list[str]:
    """For each species with rotatable O=C-O-C torsions, in words, how many of its molecules have which.

    A torsion below 90 degrees is cis, the stable form. Rings are left out: they cannot turn.
    """
    found: dict[str, Counter[str]] = {}
    torsions: dict[str, list[tuple[int, int, int, int]]] = {}
    for species, atoms in molecule_ranges(molecules):
        if species.name not in torsions:
            torsions[species.name] = ester_torsions(species)
        if not torsions[species.name]:
            continue
        own = positions_nm[atoms.start : atoms.stop]
        forms = sorted("cis" if _is_cis(own[list(torsion)]) else "trans" for torsion in torsions[species.name])
        found.setdefault(species.name, Counter())["-".join(forms)] += 1
    return [
        f"conformers of {name} at the start: {', '.join(f'{n} {form}' for form, n in sorted(counted.items()))}; they "
        "do not change within such a run"
        for name, counted in found.items()
    ]


def ester_torsions(species: SpeciesParameters) -> list[tuple[int, int, int, int]]:
    """Atoms of each O=C-O-C whose C-O bond is in no ring."""
    neighbours: dict[int, set[int]] = {i: set() for i in range(species.n_atoms)}
    for i, j, _, _ in species.bonds:
        neighbours[i].add(j)
        neighbours[j].add(i)
    element = [atom.element for atom in species.atoms]
    torsions = []
    for carbonyl, carbon in ((i, j) for i in neighbours for j in neighbours[i]):
        if element[carbonyl] != "O" or len(neighbours[carbonyl]) != 1 or element[carbon] != "C":
            continue
        for oxygen in sorted(neighbours[carbon] - {carbonyl}):
            if element[oxygen] != "O" or _is_in_ring(neighbours, carbon, oxygen):
                continue
            torsions += [
                (carbonyl, carbon, oxygen, end) for end in sorted(neighbours[oxygen] - {carbon}) if element[end] == "C"
            ]
    return torsions


def _is_in_ring(neighbours: dict[int, set[int]], i: int, j: int) -> bool:
    """Whether ``j`` is reached from ``i`` without their bond."""
    seen, front = {i}, neighbours[i] - {j}
    while front:
        if j in front:
            return True
        seen |= front
        front = {k for one in front for k in neighbours[one]} - seen
    return False


def _is_cis(four: Array) -> bool:
    """Whether the first and the last of four points (nm) are on the same side of the line between the others."""
    axis = four[2] - four[1]
    first, last = four[0] - four[1], four[3] - four[2]
    return float(np.dot(np.cross(axis, first), np.cross(axis, last))) > 0
