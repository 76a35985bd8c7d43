"""OpenMM contexts for the stages of a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from saltloop.simulators.forces.masses import set_masses

from .stage_settings import Npt
from .start import moved_apart

if TYPE_CHECKING:
    from .engine import Simulation
    from .stages import Stage

CONSTRAINT_TOLERANCE = 1e-6


def context_of(simulation: Simulation, stage: Stage, state: Any, *, seed: int, is_start: bool) -> Any:
    """A context that goes on from ``state`` with a stage's thermostat, barostat and masses."""
    import openmm

    settings, temperature_K = stage.settings, simulation.contents.formulation.temperature_K
    molecules = simulation.contents.molecules
    system = simulation.forces.system(molecules, _edge(state))
    if settings.hydrogens is not None:
        set_masses(system, molecules, settings.hydrogens)
    if isinstance(settings, Npt):
        barostat = openmm.MonteCarloBarostat(settings.pressure_bar, temperature_K, settings.barostat_interval_steps)
        barostat.setRandomNumberSeed(seed)
        system.addForce(barostat)
    integrator = openmm.LangevinMiddleIntegrator(temperature_K, settings.friction_per_ps, stage.timestep_ps)
    integrator.setRandomNumberSeed(seed)
    integrator.setConstraintTolerance(CONSTRAINT_TOLERANCE)
    context = simulation.platform.context(system, integrator)
    context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
    context.setPositions(state.getPositions())
    index = simulation.stages.index(stage)
    before = simulation.stages[index - 1].settings.hydrogens if index else None
    if is_start and settings.hydrogens != before:
        # The velocities belong to the masses of the stage before.
        context.setVelocitiesToTemperature(temperature_K, seed)
    else:
        context.setVelocities(state.getVelocities())
    return context


def at_edge(simulation: Simulation, state: Any, edge_nm: float) -> Any:
    """A state with its molecules moved apart or together, so that they fill a box of another edge."""
    import openmm

    context = simulation.platform.context(
        simulation.forces.system(simulation.contents.molecules, edge_nm), openmm.VerletIntegrator(0.001)
    )
    positions = state.getPositions(asNumpy=True)._value
    context.setPositions(moved_apart(simulation.contents, positions, edge_nm / _edge(state)))
    context.setVelocities(state.getVelocities())
    return context.getState(positions=True, velocities=True, energy=True)


def _edge(state: Any) -> float:
    return float(state.getPeriodicBoxVectors()[0][0]._value)
