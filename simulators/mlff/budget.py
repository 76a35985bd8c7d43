"""How long a simulation with a costly potential will take, found by timing a few force calls before it starts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.contents import BoxContents
from saltloop.simulators.md.annealing import annealing_of
from saltloop.simulators.md.control_settings import SlowLiquid
from saltloop.simulators.md.hotter import temperatures_K
from saltloop.simulators.md.protocols import Protocol
from saltloop.simulators.md.stage_settings import Npt
from saltloop.simulators.md.stages import Gentleness, stages_of
from saltloop.simulators.potentials.interface import Array, Potential

N_WARM_UP = 2
"""Calls that are not timed: libraries load, kernels are compiled, memory is taken."""
N_TIMED = 3


@dataclass(frozen=True)
class Estimate:
    """What a whole job needs at most."""

    seconds_per_call: float
    n_calls: int
    n_atoms: int

    @property
    def seconds(self) -> float:
        return self.seconds_per_call * self.n_calls

    def describe(self) -> dict[str, Any]:
        """Plain JSON for the provenance."""
        return {
            "seconds_per_call": float(f"{self.seconds_per_call:.4g}"),
            "n_calls_at_most": self.n_calls,
            "seconds_at_most": round(self.seconds, 1),
        }


def estimate(
    potential: Potential, contents: BoxContents, protocol: Protocol, density_g_cm3: float, *, is_density_fixed: bool
) -> Estimate:
    """Time the potential on molecules placed on a grid at a density, and multiply by the calls of the longest run.

    Where atoms stand hardly changes the cost of a potential with a cutoff; how many there are in a volume does.
    """
    edge_nm = contents.edge_nm(density_g_cm3)
    positions = on_a_grid(contents, edge_nm)
    for _ in range(N_WARM_UP):
        potential.energy_and_forces(positions, edge_nm)
    times = []
    for _ in range(N_TIMED):
        started = time.perf_counter()
        potential.energy_and_forces(positions, edge_nm)
        times.append(time.perf_counter() - started)
    n_calls = calls_of(protocol, contents.formulation, is_density_fixed=is_density_fixed)
    return Estimate(float(np.median(times)), n_calls, contents.n_atoms)


def calls_of(protocol: Protocol, formulation: Formulation, *, is_density_fixed: bool) -> int:
    """Force calls of the longest run that a protocol allows: all replicas, the liquid's annealing, hotter temperatures.

    One a step, two more for each attempt of the barostat, and about two for each iteration of the minimiser.
    """
    anneal, _ = annealing_of(formulation, protocol.anneal)
    stages = stages_of(protocol, has_fixed_density=is_density_fixed, anneal=anneal, gentleness=Gentleness())
    calls = 2.0 * protocol.minimise.max_iterations
    for stage in stages:
        calls += stage.max_cost
        if isinstance(stage.settings, Npt):
            calls += 2 * stage.max_cost / stage.settings.barostat_interval_steps
    return round(calls * protocol.replicas * _n_temperatures(protocol.slow, formulation.temperature_K))


def _n_temperatures(slow: SlowLiquid | None, temperature_K: float) -> int:
    return 1 + len(temperatures_K(temperature_K, slow)) if slow and slow.hotter else 1


def on_a_grid(contents: BoxContents, edge_nm: float) -> Array:
    """Positions (nm) with the molecules' centres on a cubic grid: a box of the right density, of no other use."""
    n_molecules = sum(count for _, count in contents.molecules)
    n_edge = int(np.ceil(n_molecules ** (1 / 3) - 1e-9))
    places = (np.indices((n_edge,) * 3).reshape(3, -1).T + 0.5) * (edge_nm / n_edge)
    # Spread over the whole box where the grid has more places than there are molecules.
    chosen = places[np.linspace(0, len(places) - 1, n_molecules).round().astype(int)]
    shapes = [np.array(species.coordinates) for species, count in contents.molecules for _ in range(count)]
    return np.concatenate([shape - shape.mean(axis=0) + place for shape, place in zip(shapes, chosen, strict=True)])
