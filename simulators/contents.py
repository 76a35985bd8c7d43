"""What a simulated box holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.forces.species_parameters import SpeciesParameters

AVOGADRO_PER_MOL = 6.02214076e23


@dataclass(frozen=True)
class BoxContents:
    """Numbers of molecules, and the formulation that these numbers make exactly."""

    molecules: tuple[tuple[SpeciesParameters, int], ...]
    """Lithium, anions, solvents, in the formulation's order."""
    formulation: Formulation
    """What is simulated: close to what was asked, but for whole molecules."""
    counts: Mapping[str, int]

    @property
    def n_atoms(self) -> int:
        return sum(species.n_atoms * count for species, count in self.molecules)

    @property
    def mass_g(self) -> float:
        return sum(species.molar_mass * count for species, count in self.molecules) / AVOGADRO_PER_MOL

    def density_g_cm3(self, volume_nm3: float) -> float:
        """Density of these molecules in a volume."""
        return self.mass_g / (volume_nm3 * 1e-21)

    def edge_nm(self, density_g_cm3: float) -> float:
        """Edge of the cubic box in which they have a density."""
        return float((self.mass_g / density_g_cm3 * 1e21) ** (1 / 3))
