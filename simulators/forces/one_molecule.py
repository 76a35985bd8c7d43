"""One molecule in vacuum, by the parameters as they are filed: its energy and its nearest minimum."""

from __future__ import annotations

from typing import Any

import numpy as np
from saltloop.simulators.forces.settings import ForceFieldSettings

from .forcefield import build_system
from .species_parameters import SpeciesParameters

BARE = ForceFieldSettings.as_filed()
N_CHECKED_GEOMETRIES = 20


def relaxed(parameters: SpeciesParameters) -> SpeciesParameters:
    """The same species with its geometry minimised in vacuum, centred, rounded to 1e-5 nm."""
    if parameters.n_atoms == 1:
        return parameters
    positions = minimised(parameters, np.array(parameters.coordinates))
    centred = np.round(positions - positions.mean(axis=0), 5)
    return parameters.model_copy(update={"coordinates": tuple(tuple(float(x) for x in row) for row in centred)})


def minimised(parameters: SpeciesParameters, positions: np.ndarray, tolerance: float = 0.01) -> np.ndarray:
    """Positions (nm) of the energy minimum in vacuum next to ``positions``; ``tolerance`` in kJ/mol/nm."""
    import openmm
    from openmm import unit

    context = vacuum(build_system([(parameters, 1)], BARE, None))
    context.setPositions(positions)
    openmm.LocalEnergyMinimizer.minimize(context, tolerance)
    found = context.getState(getPositions=True).getPositions(asNumpy=True)
    return np.asarray(found.value_in_unit(unit.nanometer))


def largest_energy_deviation(parameters: SpeciesParameters, reference: Any) -> float:
    """Largest difference (kJ/mol) of our energy from a reference system's over distorted geometries."""
    ours, theirs = vacuum(build_system([(parameters, 1)], BARE, None)), vacuum(reference)
    generator = np.random.default_rng(1)
    differences = []
    for _ in range(N_CHECKED_GEOMETRIES):
        positions = np.array(parameters.coordinates) + generator.normal(0, 0.01, (parameters.n_atoms, 3))
        differences.append(energy_kJ_mol(ours, positions) - energy_kJ_mol(theirs, positions))
    return float(np.max(np.abs(differences)))


def vacuum(system: Any) -> Any:
    """An OpenMM context of a system on the reference platform, in double precision."""
    import openmm

    platform = openmm.Platform.getPlatformByName("Reference")
    return openmm.Context(system, openmm.VerletIntegrator(0.001), platform)


def energy_kJ_mol(context: Any, positions: np.ndarray) -> float:
    """Potential energy at ``positions`` (nm)."""
    from openmm import unit

    context.setPositions(positions)
    energy = context.getState(getEnergy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    return float(energy)
