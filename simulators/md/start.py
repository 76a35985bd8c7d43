"""The first configuration of a simulation: packed, brought to its density where that is given, minimised."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from saltloop.simulators.contents import BoxContents
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.forces.force_model import ArrangesBoxes, ForceModel
from saltloop.simulators.forces.forcefield import molecule_ranges

from .boxes import estimated_density_g_cm3, pack
from .platforms import ChosenPlatform
from .protocols import Protocol
from .sanity import check_energy

PACKING_ATTEMPTS = 3
LOOSER = 0.9
"""Times the density at packing after each packing that failed."""
LARGEST_MOVE = 1.01
"""Molecules are brought together by this factor at a time, and relaxed each time."""
MINIMISED_KJ_MOL_NM = 50.0
"""Root-mean-square force at which a minimisation may end."""


@dataclass(frozen=True)
class Start:
    """How to make it."""

    contents: BoxContents
    protocol: Protocol
    forces: ForceModel
    platform: ChosenPlatform
    fixed_density_g_cm3: float | None
    packing_factor: float
    """Times the density at packing, for a gentler start."""
    folder: Path
    """For packmol's files."""

    def state(self, seed: int, velocity_seed: int, say: Callable[[float, str], None], notes: list[str]) -> Any:
        """An OpenMM state with positions and velocities; what was done differently is added to ``notes``.

        Raises:
            SimulationFailureError: packing failed, the box is too small, the energy is absurd.
        """
        arranged = self.forces.arranged(self, seed, say, notes) if isinstance(self.forces, ArrangesBoxes) else None
        positions, edge = arranged or self._packed_at_density(seed, say, notes)
        say(0.01, f"minimising {self.contents.n_atoms} atoms")
        context = self._minimised(positions, edge)
        context.setVelocitiesToTemperature(self.contents.formulation.temperature_K, velocity_seed)
        state = context.getState(positions=True, velocities=True, energy=True)
        check_energy(state, self.contents.n_atoms)
        return state

    def _packed_at_density(
        self, seed: int, say: Callable[[float, str], None], notes: list[str]
    ) -> tuple[np.ndarray, float]:
        say(0.0, f"packing {self.contents.n_atoms} atoms")
        positions, edge = self._packed(seed, notes)
        if self.fixed_density_g_cm3 is None:
            return positions, edge
        return self._compressed(positions, edge, self.contents.edge_nm(self.fixed_density_g_cm3))

    def _packed(self, seed: int, notes: list[str]) -> tuple[np.ndarray, float]:
        settings = self.protocol.box
        density, factor = self.fixed_density_g_cm3, 1.0
        if density is None:
            density, factor = estimated_density_g_cm3(self.contents.formulation)[0], settings.packing_density_factor
        factor *= self.packing_factor
        for attempt in range(PACKING_ATTEMPTS):
            edge = self.contents.edge_nm(density * factor)
            self._check_edge(edge, density)
            try:
                return pack(self.contents, edge, settings, self.folder, seed + attempt), edge
            except SimulationFailureError as failure:
                if attempt == PACKING_ATTEMPTS - 1 or not failure.is_retryable:
                    raise
                factor *= LOOSER
                notes.append(f"packing failed and was tried again at {factor:.2f} of the expected density")
        raise AssertionError("unreachable")

    def _check_edge(self, packed_edge_nm: float, density_g_cm3: float) -> None:
        needed = self.forces.min_edge_nm
        smallest = self.contents.edge_nm(density_g_cm3 * (1.1 if self.fixed_density_g_cm3 is None else 1.0))
        if min(packed_edge_nm, smallest) < needed:
            raise SimulationFailureError(
                "box_too_small",
                f"{self.contents.n_atoms} atoms fill a box of about {self.contents.edge_nm(density_g_cm3):.2f} nm, too "
                f"small for a cutoff of {needed / 2:g} nm; raise box.target_atoms",
                is_retryable=False,
            )

    def _compressed(self, positions: np.ndarray, edge_nm: float, to_edge_nm: float) -> tuple[np.ndarray, float]:
        """Positions in the smaller box, and its edge."""
        n_moves = math.ceil(math.log(edge_nm / to_edge_nm) / math.log(LARGEST_MOVE) - 1e-9)
        for move in range(n_moves):
            edge = edge_nm * (to_edge_nm / edge_nm) ** ((move + 1) / n_moves)
            factor = (to_edge_nm / edge_nm) ** (1 / n_moves)
            context = self._minimised(moved_apart(self.contents, positions, factor), edge)
            positions = context.getState(positions=True).getPositions(asNumpy=True)._value
        return positions, to_edge_nm

    def _minimised(self, positions: np.ndarray, edge_nm: float) -> Any:
        import openmm

        system = self.forces.system(self.contents.molecules, edge_nm)
        context = self.platform.context(system, openmm.VerletIntegrator(0.001))
        context.setPositions(positions)
        openmm.LocalEnergyMinimizer.minimize(context, MINIMISED_KJ_MOL_NM, self.protocol.minimise.max_iterations)
        return context


def moved_apart(contents: BoxContents, positions: np.ndarray, factor: float) -> np.ndarray:
    """Molecules moved as wholes so that their centres of mass are ``factor`` times as far apart (nm, n_atoms x 3)."""
    ranges = molecule_ranges(contents.molecules)
    starts = np.array([atoms.start for _, atoms in ranges])
    masses = np.array([atom.mass for species, _ in ranges for atom in species.atoms])
    centres = np.add.reduceat(positions * masses[:, None], starts) / np.add.reduceat(masses, starts)[:, None]
    sizes = np.diff([*starts, len(positions)])
    return np.asarray(positions + np.repeat(centres * (factor - 1), sizes, axis=0))
