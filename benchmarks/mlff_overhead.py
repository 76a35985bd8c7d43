"""What the oracle adds to SevenNet: a step through OpenMM beside a force call of the package's own ASE calculator.

    python benchmarks/mlff_overhead.py [--solvents 14] [--calls 10] [--model sevennet-0]

The same configuration of 1 LiPF6 in EC. Calls alternate, and the medians of their CPU times are compared, because other
programs share the machine. Three things are timed: the ASE calculator, our potential alone, and a step of the engine's
own OpenMM context (Langevin, CPU platform) without dispersion. Energies and forces are compared as well. Expected: at
most 5 % overhead, and equality to single precision.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.contents import BoxContents
from saltloop.simulators.forces.species_parameters import all_parameters, lithium
from saltloop.simulators.md.platforms import choose_platform
from saltloop.simulators.mlff.budget import on_a_grid
from saltloop.simulators.mlff.forces import MLForceModel
from saltloop.simulators.potentials.dispersion import D3BJ
from saltloop.simulators.potentials.interface import atomic_numbers_of
from saltloop.simulators.potentials.sevennet import KJ_MOL_PER_EV, MODELS, SevenNet

DENSITY_G_CM3 = 1.4
TARGET = 0.05


def main() -> int:
    """Print the table; 1 where the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--solvents", type=int, default=14)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--model", default="sevennet-0", choices=MODELS)
    arguments = parser.parse_args()
    species = all_parameters()
    molecules = ((lithium(), 1), (species["PF6-"], 1), (species["EC"], arguments.solvents))
    contents = BoxContents(molecules, Formulation.parse("1 mol/kg LiPF6 in EC at 330 K"), {})
    edge_nm = contents.edge_nm(DENSITY_G_CM3)
    positions = on_a_grid(contents, edge_nm)
    atoms = ase_atoms(arguments.model, molecules, positions, edge_nm)
    ours = SevenNet(atomic_numbers_of(molecules), model=arguments.model, device="cpu", threads=1)
    dispersion = D3BJ(atomic_numbers_of(molecules))
    integrator = openmm_integrator(ours, molecules, positions, edge_nm)

    def through_ase() -> None:
        # Moved by nothing, so that the calculator's own cache does not answer.
        atoms.calc.results.clear()
        atoms.calc.atoms = None
        atoms.get_forces()

    timed = alternately(
        {
            "its ASE calculator": through_ase,
            "our potential": lambda: ours.energy_and_forces(positions, edge_nm),
            "a step in OpenMM": lambda: integrator.step(1),
            "dispersion (D3(BJ)), besides": lambda: dispersion.energy_and_forces(positions, edge_nm),
        },
        arguments.calls,
    )
    energy, forces = ours.energy_and_forces(positions, edge_nm)
    theirs = atoms.get_potential_energy() * KJ_MOL_PER_EV, atoms.get_forces() * 10 * KJ_MOL_PER_EV
    reference = timed["its ASE calculator"]
    print(f"{arguments.model}, {contents.n_atoms} atoms in {edge_nm:.3f} nm, one thread, CPU seconds (median)")
    print("| what | s | over the ASE calculator |\n|---|---|---|")
    for name, seconds in timed.items():
        print(f"| {name} | {seconds:.3f} | {(seconds / reference - 1) * 100:+.1f} % |")
    print(
        f"energy differs by {abs(energy / theirs[0] - 1):.1e} of itself, forces by at most "
        f"{np.abs(forces - theirs[1]).max() / np.abs(theirs[1]).max():.1e} of the largest"
    )
    return int(timed["a step in OpenMM"] > (1 + TARGET) * reference)


def ase_atoms(model: str, molecules: Any, positions_nm: np.ndarray, edge_nm: float) -> Any:
    """ASE's atoms with the package's own calculator."""
    from ase import Atoms
    from sevenn.calculator import SevenNetCalculator

    atoms = Atoms(atomic_numbers_of(molecules), positions_nm * 10, cell=[edge_nm * 10] * 3, pbc=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        atoms.calc = SevenNetCalculator(MODELS[model][0], device="cpu", modal=MODELS[model][1])
    return atoms


def openmm_integrator(potential: SevenNet, molecules: Any, positions_nm: np.ndarray, edge_nm: float) -> Any:
    """Of a context that holds still: the step is too short to change the number of neighbours."""
    import openmm

    system = MLForceModel(lambda _: potential).system(molecules, edge_nm)
    integrator = openmm.LangevinMiddleIntegrator(0.0, 1e-3, 1e-9)
    context = choose_platform("CPU", 1).context(system, integrator)
    context.setPositions(positions_nm)
    openmm_integrator.context = context  # type: ignore[attr-defined]
    return integrator


def alternately(what: dict[str, Callable[[], Any]], n_calls: int) -> dict[str, float]:
    """Median CPU seconds of each, in turn, after two calls that are not timed."""
    times: dict[str, list[float]] = {name: [] for name in what}
    for index in range(n_calls + 2):
        for name, call in what.items():
            started = time.process_time()
            call()
            if index >= 2:
                times[name].append(time.process_time() - started)
    return {name: float(np.median(found)) for name, found in times.items()}


if __name__ == "__main__":
    sys.exit(main())
