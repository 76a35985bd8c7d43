"""The conformance suite of potentials: what every one promises, as functions that raise ``AssertionError``.

In your own tests::

    import pytest
    from saltloop.simulators.potentials.testing import CHECKS, PotentialCase

    CASE = PotentialCase(make=my_potential, molecules=[(parameters_of(solvent), 3)], positions_nm=..., edge_nm=1.1)

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_potential_conforms(check):
        check(CASE)

Positions should be a liquid's or a warm molecule's, not a minimum, where every force is zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from saltloop.simulators.forces.force_model import Molecules
from saltloop.simulators.forces.forcefield import molecule_ranges

from .interface import Array, HasVirial, Potential, PotentialFactory

GAS_CONSTANT_KJ_MOL_K = 8.31446261815324e-3


@dataclass(frozen=True)
class PotentialCase:
    """A potential with atoms to try it on."""

    make: PotentialFactory
    molecules: Molecules
    positions_nm: Array
    edge_nm: float | None = None
    """Of the periodic box; None tries the atoms in vacuum."""
    tolerance: float = 1e-6
    """Of energies, relative to kT per atom, and of forces, relative to the largest: 1e-6 suits double precision."""
    gradient_tolerance: float = 1e-4
    """Of finite differences, relative to the root mean square force."""
    step_nm: float = 1e-4
    """Of finite differences."""
    bonds_are_given: bool = False
    """Whether it knows which atoms are bonded, so that like molecules may change places but like atoms may not."""
    dynamics_steps: int = 100
    timestep_fs: float = 0.25
    temperature_K: float = 300.0
    drift_tolerance: float = 0.01
    """Of the total energy in ``dynamics_steps``, relative to the kinetic energy."""
    seed: int = 1
    _made: list[Potential] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def potential(self) -> Potential:
        """Made once."""
        if not self._made:
            self._made.append(self.make(self.molecules))
        return self._made[0]

    def energy_and_forces(self, positions_nm: Array | None = None) -> tuple[float, Array]:
        """Of these positions, or of the case's own."""
        positions = self.positions_nm if positions_nm is None else positions_nm
        return self.potential.energy_and_forces(positions, self.edge_nm)


def gives_one_energy_and_a_force_for_each_atom(case: PotentialCase) -> None:
    """Finite numbers of the right shape, the same each time; positions are left alone; it can describe itself."""
    import json

    positions = case.positions_nm.copy()
    energy, forces = case.energy_and_forces(positions)
    assert np.array_equal(positions, case.positions_nm), "the positions were changed"
    assert len(case.potential.atomic_numbers) == len(positions), "atomic_numbers and positions differ in length"
    assert case.potential.cutoff_nm > 0, "the cutoff is not positive"
    assert np.isfinite(energy), f"the energy is {energy}"
    assert forces.shape == positions.shape, f"forces of shape {forces.shape} for positions of {positions.shape}"
    assert np.all(np.isfinite(forces)), "a force is not finite"
    _same(case, (energy, forces), case.energy_and_forces(), "when it is computed again")
    json.dumps(case.potential.describe(), allow_nan=False)


def gives_forces_that_are_the_gradient(case: PotentialCase) -> None:
    """Central differences of the energy along random directions agree with the forces."""
    _, forces = case.energy_and_forces()
    generator = np.random.default_rng(case.seed)
    scale = np.sqrt(np.mean(forces**2))
    for _ in range(3):
        direction = generator.normal(size=forces.shape)
        direction /= np.linalg.norm(direction)
        up, down = (case.energy_and_forces(case.positions_nm + sign * case.step_nm * direction)[0] for sign in (1, -1))
        found, expected = -(up - down) / (2 * case.step_nm), float(np.sum(forces * direction))
        assert abs(found - expected) < case.gradient_tolerance * scale, (
            f"the energy falls by {found:.6g} kJ/mol/nm along a direction in which the force is {expected:.6g}"
        )


def does_not_change_when_everything_moves(case: PotentialCase) -> None:
    """A shift of all atoms, and of single ones by whole edges of the box, changes neither energy nor forces."""
    generator = np.random.default_rng(case.seed)
    moved = case.positions_nm + generator.normal(size=3)
    if case.edge_nm is not None:
        moved = moved + case.edge_nm * generator.integers(-2, 3, size=moved.shape)
    _same(case, case.energy_and_forces(), case.energy_and_forces(moved), "after a translation")


def turns_with_the_atoms(case: PotentialCase) -> None:
    """A rotation leaves the energy and turns the forces; in a box, the rotations that leave the box."""
    if case.edge_nm is None:
        rotation = _random_rotation(np.random.default_rng(case.seed))
    else:
        rotation = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    energy, forces = case.energy_and_forces()
    turned = case.energy_and_forces(case.positions_nm @ rotation.T)
    _same(case, (energy, forces @ rotation.T), turned, "after a rotation")


def does_not_tell_like_particles_apart(case: PotentialCase) -> None:
    """Two molecules of a species, and two atoms of an element, that change places leave everything else as it was."""
    numbers = np.array(case.potential.atomic_numbers)
    swaps: list[tuple[list[int], list[int]]] = []
    ranges = molecule_ranges(case.molecules)
    for (one, here), (other, there) in pairwise(ranges):
        if one.name == other.name:
            swaps.append((list(here), list(there)))
            break
    if not case.bonds_are_given:
        for number in np.unique(numbers):
            like = np.flatnonzero(numbers == number)
            if len(like) > 1:
                swaps.append(([int(like[0])], [int(like[-1])]))
    assert swaps, "the case has no two like particles; give it two molecules of one species"
    energy, forces = case.energy_and_forces()
    for first, second in swaps:
        order = np.arange(len(numbers))
        order[first], order[second] = second, first
        _same(case, (energy, forces[order]), case.energy_and_forces(case.positions_nm[order]), f"with {order} as order")


def pushes_nothing_as_a_whole(case: PotentialCase) -> None:
    """The forces sum to zero."""
    _, forces = case.energy_and_forces()
    total = np.abs(forces.sum(axis=0)).max()
    allowed = case.tolerance * np.abs(forces).max() * np.sqrt(len(forces))
    assert total <= allowed, f"the forces sum to {total:.3g} kJ/mol/nm, more than {allowed:.3g}"


def keeps_energy_and_momentum_in_motion(case: PotentialCase) -> None:
    """Newtonian dynamics (velocity Verlet) neither gains nor loses energy or momentum."""
    masses = np.array([atom.mass for species, count in case.molecules for _ in range(count) for atom in species.atoms])
    masses = masses[:, None]
    generator = np.random.default_rng(case.seed)
    thermal = GAS_CONSTANT_KJ_MOL_K * case.temperature_K
    velocities = generator.normal(size=case.positions_nm.shape) * np.sqrt(thermal / masses)
    velocities -= (masses * velocities).sum(axis=0) / masses.sum()
    positions, step_ps = case.positions_nm.copy(), case.timestep_fs / 1e3
    potential, forces = case.energy_and_forces(positions)
    totals = []
    for _ in range(case.dynamics_steps):
        velocities += 0.5 * step_ps * forces / masses
        positions = positions + step_ps * velocities
        potential, forces = case.energy_and_forces(positions)
        velocities += 0.5 * step_ps * forces / masses
        totals.append(potential + 0.5 * float(np.sum(masses * velocities**2)))
    kinetic = 1.5 * thermal * len(positions)
    half = len(totals) // 2
    drift = abs(np.mean(totals[half:]) - np.mean(totals[:half]))
    assert drift < case.drift_tolerance * kinetic, (
        f"the total energy drifts by {drift:.3g} kJ/mol in {case.dynamics_steps} steps of {case.timestep_fs:g} fs, "
        f"with {kinetic:.3g} kJ/mol of kinetic energy"
    )
    momentum = np.abs((masses * velocities).sum(axis=0)).max()
    allowed = 10 * case.tolerance * float(np.sum(masses * np.abs(velocities)))
    assert momentum <= allowed, f"the momentum grows from zero to {momentum:.3g} u nm/ps, more than {allowed:.3g}"


def gives_a_virial_that_is_the_work_of_volume(case: PotentialCase) -> None:
    """The trace of the virial agrees with finite differences over an affine change of volume (where it has one)."""
    potential, edge = case.potential, case.edge_nm
    if edge is None or not isinstance(potential, HasVirial):
        return
    virial = potential.virial(case.positions_nm, edge)
    assert virial.shape == (3, 3), f"a virial of shape {virial.shape}"
    strain = case.step_nm / edge
    up, down = (
        potential.energy_and_forces(case.positions_nm * (1 + sign * strain), edge * (1 + sign * strain))[0]
        for sign in (1, -1)
    )
    found, expected = -(up - down) / (2 * strain), float(np.trace(virial))
    _, forces = case.energy_and_forces()
    scale = np.sqrt(np.mean(forces**2)) * edge * np.sqrt(len(forces))
    assert abs(found - expected) < case.gradient_tolerance * scale, (
        f"the energy falls by {found:.6g} kJ/mol per unit of linear strain; the virial's trace is {expected:.6g}"
    )


CHECKS: tuple[Callable[[PotentialCase], None], ...] = (
    gives_one_energy_and_a_force_for_each_atom,
    gives_forces_that_are_the_gradient,
    does_not_change_when_everything_moves,
    turns_with_the_atoms,
    does_not_tell_like_particles_apart,
    pushes_nothing_as_a_whole,
    keeps_energy_and_momentum_in_motion,
    gives_a_virial_that_is_the_work_of_volume,
)
"""Each takes a case."""


def _same(case: PotentialCase, expected: tuple[float, Array], found: tuple[float, Array], when: str) -> None:
    allowed = case.tolerance * GAS_CONSTANT_KJ_MOL_K * case.temperature_K * len(case.positions_nm)
    # A network in single precision rounds relative to its whole energy.
    allowed += case.tolerance * abs(expected[0])
    difference = abs(found[0] - expected[0])
    assert difference <= allowed, f"the energy changes by {difference:.3g} kJ/mol {when}, more than {allowed:.3g}"
    force_difference = np.abs(found[1] - expected[1]).max()
    force_allowed = case.tolerance * np.abs(expected[1]).max()
    assert force_difference <= force_allowed, (
        f"a force changes by {force_difference:.3g} kJ/mol/nm {when}, more than {force_allowed:.3g}"
    )


def _random_rotation(generator: np.random.Generator) -> Array:
    rotation, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    return np.asarray(rotation * np.sign(np.linalg.det(rotation)))
