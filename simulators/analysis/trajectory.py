"""What one simulation has recorded, finished or still running: the only thing that the analysis sees."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from saltloop.simulators.contents import BoxContents

Array = NDArray[np.float64]


def _empty() -> Array:
    return np.empty(0)


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """Samples of one box at one temperature.

    Production is at constant volume (edge ``edge_nm``); the constant-pressure stage before it, if there was one, gave
    the density.
    """

    contents: BoxContents
    temperature_K: float
    edge_nm: float
    """Of the cubic box in production."""
    mean_density_g_cm3: float
    """Density of production."""
    frame_ps: float
    """Time between two frames of ``positions``."""
    positions: NDArray[np.floating] = field(repr=False)
    """Centres of mass of the molecules in production: ``n_frames x n_molecules x 3``, nm, wrapped or not."""
    friction_per_ps: float = 0.0
    """Of the thermostat in production: it damps flow, which the viscosity and the size correction account for."""
    temperatures_K: Array = field(default_factory=_empty, repr=False)
    """Instantaneous temperatures in production."""
    potentials_kJ_mol: Array = field(default_factory=_empty, repr=False)
    """Potential energies in production, at the times of ``temperatures_K``."""
    density_g_cm3: Array = field(default_factory=_empty, repr=False)
    """All samples of the constant-pressure stage; empty where the density was given."""
    density_ps: float = 0.0
    """Time between two samples of the density."""
    n_density_equilibrating: int = 0
    """How many of the first densities are not averaged."""
    structure: NDArray[np.floating] | None = field(default=None, repr=False)
    """Positions of lithium and donor atoms (``sites.sites_of(contents)``) in production: ``n x n_sites x 3``, nm.

    None where none were recorded (runs of versions before structure was)."""
    structure_ps: float = 0.0
    """Time between two samples of the structure."""

    @property
    def molecule_names(self) -> NDArray[np.str_]:
        """Species of each molecule, in the order of ``positions``."""
        return np.repeat(
            np.array([species.name for species, _ in self.contents.molecules]),
            [count for _, count in self.contents.molecules],
        )

    @property
    def molecule_masses(self) -> Array:
        """Mass of each molecule, u."""
        return np.repeat(
            [species.molar_mass for species, _ in self.contents.molecules],
            [count for _, count in self.contents.molecules],
        )

    @property
    def volume_nm3(self) -> float:
        return self.edge_nm**3

    @property
    def length_ps(self) -> float:
        """Simulated time of production."""
        return self.frame_ps * (len(self.positions) - 1)

    @property
    def averaged_density_g_cm3(self) -> Array:
        """The densities that are averaged; empty where the density was given."""
        return self.density_g_cm3[self.n_density_equilibrating :]
