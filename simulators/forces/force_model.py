"""What acts on the atoms of a box: the seam between the simulation and a classical or machine-learned force field."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .species_parameters import SpeciesParameters

if TYPE_CHECKING:
    import numpy as np
    import openmm
    from saltloop.simulators.md.start import Start

Molecules = Sequence[tuple[SpeciesParameters, int]]
"""Species with their numbers of molecules, in the order of the atoms in the box."""


CITATIONS = frozenset({"solvents", "ions", "but", "sources"})
"""What a description says for a reader; scalings and a hash of the parameters are what decides the forces."""


def physics_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """A force model's description without its citations, so that correcting one makes no unfinished job foreign."""
    return {name: value for name, value in description.items() if name not in CITATIONS}


class ForceModel(Protocol):
    """Makes the OpenMM system of a cubic box; everything else about a simulation is the same for all of them."""

    @property
    def min_edge_nm(self) -> float:
        """A smaller box cannot be simulated: twice the cutoff."""

    def system(self, molecules: Molecules, edge_nm: float) -> openmm.System:
        """Masses, constraints and forces of a periodic cubic box (edge in nm)."""

    def n_constraints(self, molecules: Molecules) -> int:
        """How many distances are held fixed; each takes a kinetic degree of freedom."""

    def describe(self, molecules: Molecules) -> dict[str, Any]:
        """Plain JSON for the provenance: name, versions, settings, source of each species' parameters, hash."""


@runtime_checkable
class ArrangesBoxes(Protocol):
    """Forces whose boxes are not simply packed: another force field arranges the molecules first."""

    def arranged(
        self, start: Start, seed: int, say: Callable[[float, str], None], notes: list[str]
    ) -> tuple[np.ndarray, float] | None:
        """Positions (nm, n_atoms x 3) and edge (nm) to begin with, or None for packing.

        Raises:
            SimulationFailureError: it failed.
        """
