"""Masses of atoms: as they are, or with heavier hydrogens so that longer steps can be taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .force_model import Molecules
from .species_parameters import SpeciesParameters

if TYPE_CHECKING:
    import openmm
    from saltloop.simulators.forces.settings import Hydrogens


def atom_masses(
    species: SpeciesParameters, hydrogen_mass_u: float | None, *, is_taken_from_neighbour: bool = True
) -> list[float]:
    """Masses (u) of one molecule's atoms with hydrogens of ``hydrogen_mass_u``, or as they are (None).

    What hydrogens gain their bonded neighbours lose, unless ``is_taken_from_neighbour`` is False.
    """
    masses = [atom.mass for atom in species.atoms]
    if hydrogen_mass_u is None:
        return masses
    for i, j, _, _ in species.bonds:
        for hydrogen, heavy in ((i, j), (j, i)):
            if species.atoms[hydrogen].element == "H" and species.atoms[heavy].element != "H":
                if is_taken_from_neighbour:
                    masses[heavy] -= hydrogen_mass_u - masses[hydrogen]
                masses[hydrogen] = hydrogen_mass_u
    return masses


def set_masses(system: openmm.System, molecules: Molecules, hydrogens: Hydrogens) -> None:
    """Give a system's atoms other hydrogens than its force field gave them."""
    index = 0
    for species, count in molecules:
        masses = atom_masses(species, hydrogens.mass_u, is_taken_from_neighbour=hydrogens.is_taken_from_neighbour)
        for mass in masses * count:
            system.setParticleMass(index, mass)
            index += 1
