"""From species parameters to an OpenMM ``System``: one term for each number in the files, nothing inferred."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from saltloop.simulators.forces.settings import ForceFieldSettings

from .force_model import Molecules
from .masses import atom_masses
from .species_parameters import SpeciesParameters

if TYPE_CHECKING:
    import openmm


@dataclass(frozen=True)
class ClassicalForceField:
    """The parameter files and how they are used; a ``ForceModel``."""

    settings: ForceFieldSettings

    @property
    def min_edge_nm(self) -> float:
        return 2 * self.settings.cutoff_nm

    def system(self, molecules: Molecules, edge_nm: float) -> openmm.System:
        """As ``build_system``."""
        return build_system(molecules, self.settings, edge_nm)

    def n_constraints(self, molecules: Molecules) -> int:
        """Bonds to hydrogen, where they are constrained."""
        if not self.settings.constrain_hydrogens:
            return 0
        return sum(
            count * sum("H" in (species.atoms[i].element, species.atoms[j].element) for i, j, _, _ in species.bonds)
            for species, count in molecules
        )

    def describe(self, molecules: Molecules) -> dict[str, Any]:
        """Names, scalings, the source of each species' parameters and a hash of all of them."""
        parameters = [species.physics() for species, _ in molecules]
        own = {one.name: one.provenance["force_field"] for one, _ in molecules if one.provenance.get("ours")}
        return {
            "solvents": "OpenFF Sage 2.3.0, NAGL AM1-BCC charges",
            "ions": "Canongia Lopes and Padua (Li+: Joung and Cheatham)",
            **({"but": own} if own else {}),
            "mixing_rule": self.settings.mixing_rule,
            **{name: value for name, value in self.settings.model_dump(mode="json").items() if name.endswith("_scale")},
            "parameters_sha256": hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest(),
            "sources": {species.name: species.provenance.get("source", "") for species, _ in molecules},
        }


def build_system(molecules: Molecules, settings: ForceFieldSettings, box_nm: float | None) -> openmm.System:
    """The OpenMM system of a cubic box (edge ``box_nm``), or of molecules in vacuum without a cutoff (``None``).

    Lorentz-Berthelot mixing; bonded neighbours (1-2, 1-3) are excluded, 1-4 pairs scaled as each species says; bonds to
    hydrogen are constrained and hydrogens made heavier at the cost of their neighbour, as ``settings`` say. Charges and
    Lennard-Jones parameters are those of ``scaled``.
    """
    import openmm

    system = openmm.System()
    bonds, angles, torsions = (
        openmm.HarmonicBondForce(),
        openmm.HarmonicAngleForce(),
        openmm.PeriodicTorsionForce(),
    )
    nonbonded = openmm.NonbondedForce()
    first = 0
    for as_filed, count in molecules:
        species = scaled(as_filed, settings)
        masses = atom_masses(species, settings.hydrogen_mass_u)
        exceptions = _exceptions(species)
        for _ in range(count):
            for atom, mass in zip(species.atoms, masses, strict=True):
                system.addParticle(mass)
                nonbonded.addParticle(atom.charge, atom.sigma, atom.epsilon)
            for i, j, length, k in species.bonds:
                if settings.constrain_hydrogens and "H" in (species.atoms[i].element, species.atoms[j].element):
                    system.addConstraint(first + i, first + j, length)
                else:
                    bonds.addBond(first + i, first + j, length, k)
            for i, j, l, theta, k in species.angles:  # noqa: E741
                angles.addAngle(first + i, first + j, first + l, theta, k)
            for a, b, c, d, periodicity, phase, k in species.torsions:
                torsions.addTorsion(first + a, first + b, first + c, first + d, periodicity, phase, k)
            for i, j, charge_product, sigma, epsilon in exceptions:
                nonbonded.addException(first + i, first + j, charge_product, sigma, epsilon)
            first += species.n_atoms
    for force in (bonds, angles, torsions):
        force.setUsesPeriodicBoundaryConditions(False)
    _set_long_range(nonbonded, settings, box_nm)
    if box_nm is not None:
        system.setDefaultPeriodicBoxVectors((box_nm, 0, 0), (0, box_nm, 0), (0, 0, box_nm))
    for force in (bonds, angles, torsions, nonbonded):
        system.addForce(force)
    return system


def _set_long_range(nonbonded: openmm.NonbondedForce, settings: ForceFieldSettings, box_nm: float | None) -> None:
    import openmm

    if box_nm is None:
        nonbonded.setNonbondedMethod(openmm.NonbondedForce.NoCutoff)
        return
    nonbonded.setNonbondedMethod(openmm.NonbondedForce.PME)
    nonbonded.setCutoffDistance(settings.cutoff_nm)
    nonbonded.setUseSwitchingFunction(settings.switch_nm > 0)
    if settings.switch_nm > 0:
        nonbonded.setSwitchingDistance(settings.cutoff_nm - settings.switch_nm)
    nonbonded.setEwaldErrorTolerance(settings.ewald_tolerance)
    nonbonded.setUseDispersionCorrection(settings.dispersion_correction)


def scaled(species: SpeciesParameters, settings: ForceFieldSettings) -> SpeciesParameters:
    """A species as it is simulated: ions with scaled charges, solvents with all non-bonded parameters scaled."""
    if species.kind != "solvent":
        charge, sigma, epsilon = settings.ion_charge_scale, 1.0, 1.0
    elif is_carbonate(species):
        charge = settings.carbonate_charge_scale
        sigma, epsilon = settings.carbonate_sigma_scale, settings.carbonate_epsilon_scale
    else:
        charge = settings.solvent_charge_scale
        sigma, epsilon = settings.solvent_sigma_scale, settings.solvent_epsilon_scale
    atoms = tuple(
        atom.model_copy(
            update={"charge": atom.charge * charge, "sigma": atom.sigma * sigma, "epsilon": atom.epsilon * epsilon}
        )
        for atom in species.atoms
    )
    return species.model_copy(update={"atoms": atoms})


def is_carbonate(species: SpeciesParameters) -> bool:
    """Whether there is a carbon atom with three oxygen neighbours."""
    oxygens = [0] * species.n_atoms
    for i, j, _, _ in species.bonds:
        for one, other in ((i, j), (j, i)):
            oxygens[one] += species.atoms[one].element == "C" and species.atoms[other].element == "O"
    return 3 in oxygens


def _exceptions(species: SpeciesParameters) -> list[tuple[int, int, float, float, float]]:
    """Pairs up to three bonds apart: (i, j, charge product e2, sigma nm, epsilon kJ/mol); 1-2 and 1-3 are zero."""
    neighbours: dict[int, set[int]] = {i: set() for i in range(species.n_atoms)}
    for i, j, _, _ in species.bonds:
        neighbours[i].add(j)
        neighbours[j].add(i)
    shells: list[set[tuple[int, int]]] = [{(i, i) for i in neighbours}]
    for _ in range(3):
        shells.append({(i, k) for i, j in shells[-1] for k in neighbours[j]})
    near, far = shells[1] | shells[2], shells[3]
    exceptions = [(i, j, 0.0, 0.1, 0.0) for i, j in sorted(near) if i < j]
    for i, j in sorted(far - near):
        if i < j:
            a, b = species.atoms[i], species.atoms[j]
            exceptions.append(
                (
                    i,
                    j,
                    a.charge * b.charge * species.scale14_coulomb,
                    (a.sigma + b.sigma) / 2,
                    (a.epsilon * b.epsilon) ** 0.5 * species.scale14_lj,
                )
            )
    return exceptions


def molecule_ranges(molecules: Molecules) -> list[tuple[SpeciesParameters, range]]:
    """Each molecule in the box with the indices of its atoms."""
    ranges, first = [], 0
    for species, count in molecules:
        edges = range(first, first + count * species.n_atoms + 1, species.n_atoms)
        ranges += [(species, range(a, b)) for a, b in pairwise(edges)]
        first += count * species.n_atoms
    return ranges
