"""Machine-learned forces in OpenMM: a ``ForceModel`` whose energy and forces are a ``Potential``'s."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.simulators.forces.force_model import Molecules
from saltloop.simulators.potentials.interface import Array, Potential, PotentialFactory

if TYPE_CHECKING:
    import openmm
    from saltloop.simulators.md.start import Start

    from .start import ClassicalStart


class MLForceModel:
    """A potential for the whole box, called once a step through OpenMM's ``PythonForce``.

    Nothing is constrained. Bonds of strength zero tell OpenMM what the molecules are, so that a barostat moves
    molecules and not atoms. The potential is made when it is first needed and kept as long as the box is the same.
    """

    def __init__(
        self, make: PotentialFactory, *, cutoff_nm: float | None = None, start: ClassicalStart | None = None
    ) -> None:
        """
        Args:
            make: the potential of a box.
            cutoff_nm: that of the potentials, where it is known without making one.
            start: equilibrates boxes before these forces take over; None packs and minimises with these forces.
        """
        self._make = make
        self._cutoff_nm = cutoff_nm
        self._start = start
        self._made: tuple[Molecules, Potential] | None = None

    @property
    def min_edge_nm(self) -> float:
        """Twice the cutoff: no atom sees another one twice."""
        if self._cutoff_nm is None:
            from saltloop.simulators.forces.species_parameters import lithium

            self._cutoff_nm = self.potential([(lithium(), 1)]).cutoff_nm
        return 2 * self._cutoff_nm

    def potential(self, molecules: Molecules) -> Potential:
        """The potential of these molecules, the same object as long as they are the same."""
        wanted = tuple(molecules)
        if self._made is None or self._made[0] != wanted:
            self._made = wanted, self._make(wanted)
        return self._made[1]

    def system(self, molecules: Molecules, edge_nm: float) -> openmm.System:
        """As ``ForceModel``."""
        import openmm

        system = openmm.System()
        bonds = openmm.HarmonicBondForce()
        for species, count in molecules:
            for _ in range(count):
                first = system.getNumParticles()
                for atom in species.atoms:
                    system.addParticle(atom.mass)
                for i, j, length, _ in species.bonds:
                    bonds.addBond(first + i, first + j, length, 0.0)
        system.setDefaultPeriodicBoxVectors((edge_nm, 0, 0), (0, edge_nm, 0), (0, 0, edge_nm))
        force = openmm.PythonForce(_computation(self.potential(molecules)))
        force.setUsesPeriodicBoundaryConditions(True)
        system.addForce(bonds)
        system.addForce(force)
        return system

    def n_constraints(self, molecules: Molecules) -> int:
        """None."""
        del molecules
        return 0

    def describe(self, molecules: Molecules) -> dict[str, Any]:
        """The potential's description, and how boxes are made ready for it."""
        started = self._start.describe() if self._start else "packed and minimised with these forces"
        return {**self.potential(molecules).describe(), "start": started}

    def arranged(
        self, start: Start, seed: int, say: Callable[[float, str], None], notes: list[str]
    ) -> tuple[Array, float] | None:
        """As ``ArrangesBoxes``."""
        return self._start.arranged(start, seed, say, notes) if self._start else None


def _computation(potential: Potential) -> Callable[[openmm.State], tuple[float, Array]]:
    """What ``PythonForce`` calls. OpenMM asks again for the configuration it has just had, for energies: kept."""
    last: tuple[Array, float, float, Array] | None = None

    def compute(state: openmm.State) -> tuple[float, Array]:
        nonlocal last
        positions = state.getPositions(asNumpy=True)._value
        edge = state.getPeriodicBoxVectors()[0][0]._value
        if last is None or edge != last[1] or not np.array_equal(positions, last[0]):
            if not np.all(np.isfinite(positions)):
                raise ArithmeticError("a particle coordinate is NaN")
            energy, forces = potential.energy_and_forces(positions, edge)
            if not np.isfinite(energy):
                raise ArithmeticError("the potential energy is NaN")
            last = positions.copy(), edge, energy, forces
        return last[2], last[3]

    return compute
