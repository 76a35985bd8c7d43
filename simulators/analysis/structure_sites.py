"""Which atoms show how ions are solvated: lithium, and the donor atoms that may bind it, labelled by chemistry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from saltloop.simulators.contents import BoxContents
from saltloop.simulators.forces.species_parameters import SpeciesParameters

LITHIUM = "Li"


@dataclass(frozen=True)
class Sites:
    """Lithium and donor atoms of a box, in the order of its atoms."""

    atoms: NDArray[np.int64]
    """Indices among all atoms of the box."""
    molecules: NDArray[np.int64]
    """Index of the molecule of each site."""
    species: NDArray[np.str_]
    labels: NDArray[np.str_]
    """``Li``, or species and kind of donor: ``EC carbonyl O``, ``DME ether O``, ``AN N``, ``PF6- F``."""

    @property
    def donors(self) -> list[str]:
        """Labels of the donors, in the order in which they stand."""
        return list(dict.fromkeys(str(label) for label in self.labels if label != LITHIUM))

    @property
    def n_molecules(self) -> int:
        """How far molecules are numbered."""
        return int(self.molecules.max()) + 1


def sites_of(contents: BoxContents) -> Sites:
    """Lithium ions; oxygen and nitrogen of solvents; oxygen, nitrogen and fluorine of anions."""
    atoms, molecules, names, labels = [], [], [], []
    first_atom, first_molecule = 0, 0
    for species, count in contents.molecules:
        kinds = donor_labels(species)
        for index in range(count):
            for atom, label in kinds.items():
                atoms.append(first_atom + index * species.n_atoms + atom)
                molecules.append(first_molecule + index)
                names.append(species.name)
                labels.append(label)
        first_atom += count * species.n_atoms
        first_molecule += count
    return Sites(np.array(atoms, dtype=int), np.array(molecules, dtype=int), np.array(names), np.array(labels))


def donor_labels(species: SpeciesParameters) -> dict[int, str]:
    """Label of each donor atom of a molecule (of the lithium ion: of itself).

    Oxygens of several kinds are told apart; where all oxygens of an anion are alike, they are just ``O``.
    """
    if species.kind == "cation":
        return {index: LITHIUM for index, atom in enumerate(species.atoms) if atom.element == LITHIUM}
    wanted = ("O", "N") if species.kind == "solvent" else ("O", "N", "F")
    kinds = {i: _kind(species, i) for i, atom in enumerate(species.atoms) if atom.element in wanted}
    if species.kind == "anion" and len({kind for kind in kinds.values() if kind.endswith("O")}) == 1:
        kinds = {index: "O" if kind.endswith("O") else kind for index, kind in kinds.items()}
    return {index: f"{species.name} {kind}" for index, kind in kinds.items()}


def _kind(species: SpeciesParameters, atom: int) -> str:
    """``carbonyl O``, ``ether O``, ``hydroxyl O``, ``sulfonyl O`` ..., or the element."""
    element = species.atoms[atom].element
    if element != "O":
        return element
    neighbours = _neighbours(species)
    around = [species.atoms[other].element for other in neighbours[atom]]
    if "H" in around:
        return "hydroxyl O"
    if len(around) == 1:
        oxygens = sum(species.atoms[other].element == "O" for other in neighbours[neighbours[atom][0]])
        return {
            "C": "carbonyl O",
            "S": "sulfonyl O" if oxygens > 1 else "sulfoxide O",
            "P": "phosphoryl O",
            "N": "nitro O",
        }.get(around[0], f"{around[0]} O")
    return "ether O" if set(around) == {"C"} else f"{'-'.join(sorted(around))} bridging O"


def _neighbours(species: SpeciesParameters) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {i: [] for i in range(species.n_atoms)}
    for i, j, *_ in species.bonds:
        found[i].append(j)
        found[j].append(i)
    return found
