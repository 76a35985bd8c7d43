"""A potential that costs nothing: harmonic molecules that repel and attract each other smoothly up to a cutoff."""

import numpy as np
from saltloop.simulators.potentials.interface import atomic_numbers_of


class SpringLiquid:
    """Springs between all atoms of a molecule, at rest in the geometry of its parameter file; between molecules
    ``A x^6 - B x^3`` for each pair of atoms, ``x = 1 - r^2/rc^2``, which vanishes smoothly at the cutoff."""

    def __init__(self, molecules, *, cutoff_nm=0.45, spring_kJ_mol_nm2=1e5, height_kJ_mol=60.0, depth_kJ_mol=6.0):
        self.atomic_numbers = atomic_numbers_of(molecules)
        self.cutoff_nm = cutoff_nm
        self._spring, self._height, self._depth = spring_kJ_mol_nm2, height_kJ_mol, depth_kJ_mol
        pairs, lengths, owner, first = [], [], [], 0
        for index, species in enumerate(one for one, count in molecules for _ in range(count)):
            shape = np.array(species.coordinates)
            for i in range(species.n_atoms):
                for j in range(i):
                    pairs.append((first + i, first + j))
                    lengths.append(np.linalg.norm(shape[i] - shape[j]))
            owner += [index] * species.n_atoms
            first += species.n_atoms
        self._pairs, self._lengths = np.array(pairs, dtype=int).reshape(-1, 2), np.array(lengths)
        i, j = np.triu_indices(first, 1)
        is_between = np.array(owner)[i] != np.array(owner)[j]
        self._between = np.stack([i[is_between], j[is_between]], axis=1)

    def energy_and_forces(self, positions_nm, edge_nm):
        energy, forces, _ = self._evaluate(positions_nm, edge_nm)
        return energy, forces

    def virial(self, positions_nm, edge_nm):
        return self._evaluate(positions_nm, edge_nm)[2]

    def describe(self):
        return {"potential": "springs", "cutoff_nm": self.cutoff_nm}

    def _evaluate(self, positions, edge):
        def vectors(pairs):
            found = positions[pairs[:, 0]] - positions[pairs[:, 1]]
            return found if edge is None else found - edge * np.round(found / edge)

        inside, between = vectors(self._pairs), vectors(self._between)
        length = np.linalg.norm(inside, axis=1)
        stretch = length - self._lengths
        energy = 0.5 * self._spring * float(stretch @ stretch)
        pulls = (-self._spring * stretch / length)[:, None] * inside
        near = np.maximum(0.0, 1 - np.sum(between**2, axis=1) / self.cutoff_nm**2)
        energy += float(np.sum(self._height * near**6 - self._depth * near**3))
        slope = (6 * self._height * near**5 - 3 * self._depth * near**2) * 2 / self.cutoff_nm**2
        pushes = slope[:, None] * between
        forces = np.zeros_like(positions)
        for pairs, pair_forces in ((self._pairs, pulls), (self._between, pushes)):
            np.add.at(forces, pairs[:, 0], pair_forces)
            np.add.at(forces, pairs[:, 1], -pair_forces)
        return energy, forces, inside.T @ pulls + between.T @ pushes


class NotAGradient(SpringLiquid):
    """Forces that are 1 % too large."""

    def energy_and_forces(self, positions_nm, edge_nm):
        energy, forces = super().energy_and_forces(positions_nm, edge_nm)
        return energy, 1.01 * forces


class Anchored(SpringLiquid):
    """Atoms pulled towards the origin."""

    def energy_and_forces(self, positions_nm, edge_nm):
        energy, forces = super().energy_and_forces(positions_nm, edge_nm)
        return energy + 5.0 * float(np.sum(positions_nm**2)), forces - 10.0 * positions_nm


class Leaning(SpringLiquid):
    """A field along x that no net force shows: it pulls the first atoms one way and the last ones the other."""

    def energy_and_forces(self, positions_nm, edge_nm):
        energy, forces = super().energy_and_forces(positions_nm, edge_nm)
        pull = 5.0 * (np.arange(len(positions_nm)) - (len(positions_nm) - 1) / 2)
        forces[:, 0] += pull
        return energy - float(pull @ positions_nm[:, 0]), forces


class HalfTheVirial(SpringLiquid):
    def virial(self, positions_nm, edge_nm):
        return 0.5 * super().virial(positions_nm, edge_nm)


def spring_liquid(molecules, *, device, **settings):
    """A factory, as ``model:`` of the mlff oracle names it."""
    assert device in ("auto", "cpu", "cuda")
    return SpringLiquid(molecules, **settings)
