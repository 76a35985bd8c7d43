"""What a potential is: an energy and the forces for one list of atoms, wherever they stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from saltloop.simulators.forces.force_model import Molecules

Array = NDArray[np.float64]


class Potential(Protocol):
    """Bound to its atoms when it is made; ``saltloop.simulators.potentials.testing`` checks what it promises."""

    @property
    def atomic_numbers(self) -> tuple[int, ...]:
        """Of the atoms, in the order of the positions."""

    @property
    def cutoff_nm(self) -> float:
        """How far one atom sees another; a periodic box must be at least twice as wide."""

    def energy_and_forces(self, positions_nm: Array, edge_nm: float | None) -> tuple[float, Array]:
        """Energy (kJ/mol) and forces (kJ/mol/nm, n_atoms x 3) in a periodic cubic box, or in vacuum (``None``).

        Atoms may stand outside the box, molecules may lie across its faces; ``positions_nm`` is not changed.
        """

    def describe(self) -> dict[str, Any]:
        """Plain JSON for the provenance: name, versions, settings, hash of the parameters."""


@runtime_checkable
class HasVirial(Protocol):
    """A potential that also gives the virial; simulations do not need it, checks of the pressure do."""

    def virial(self, positions_nm: Array, edge_nm: float) -> Array:
        """``-dE/d strain`` (kJ/mol, 3 x 3): its trace over three volumes is the interactions' pressure."""


PotentialFactory = Callable[["Molecules"], Potential]
"""Makes the potential of a box from its molecules; most need no more of them than ``atomic_numbers_of``."""


@dataclass(frozen=True)
class Sum:
    """Several potentials of the same atoms, added: a network and dispersion."""

    parts: tuple[Potential, ...]

    @property
    def atomic_numbers(self) -> tuple[int, ...]:
        return self.parts[0].atomic_numbers

    @property
    def cutoff_nm(self) -> float:
        """The first part's: the others are corrections that sum over periodic images themselves."""
        return self.parts[0].cutoff_nm

    def energy_and_forces(self, positions_nm: Array, edge_nm: float | None) -> tuple[float, Array]:
        """As ``Potential``."""
        found = [part.energy_and_forces(positions_nm, edge_nm) for part in self.parts]
        return sum(energy for energy, _ in found), np.sum([forces for _, forces in found], axis=0)

    def virial(self, positions_nm: Array, edge_nm: float) -> Array:
        """As ``HasVirial``.

        Raises:
            TypeError: a part has no virial.
        """
        for part in self.parts:
            if not isinstance(part, HasVirial):
                raise TypeError(f"{type(part).__name__} gives no virial")
        return np.sum([part.virial(positions_nm, edge_nm) for part in self.parts], axis=0)  # type: ignore[attr-defined]

    def describe(self) -> dict[str, Any]:
        """The first part, the others under ``plus``."""
        return {**self.parts[0].describe(), "plus": [part.describe() for part in self.parts[1:]]}


def atomic_numbers_of(molecules: Molecules) -> tuple[int, ...]:
    """Atomic numbers of a box's atoms in their order."""
    from rdkit.Chem import GetPeriodicTable

    number_of = GetPeriodicTable().GetAtomicNumber
    return tuple(number_of(atom.element) for species, count in molecules for atom in species.atoms * count)
