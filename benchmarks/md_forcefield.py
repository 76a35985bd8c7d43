"""Pure solvents under several scalings of the force field: density, heat of vaporisation, self-diffusion.

    nohup nice python benchmarks/md_forcefield.py --out DIR &    # runs what has not been run, then the table
    python benchmarks/md_forcefield.py --table                   # the table from the results alone

The heat of vaporisation is that to an ideal gas: mean potential energy of one molecule alone (Langevin dynamics,
100 ps) less that of a molecule in the liquid, plus RT. ``D eta`` is the self-diffusion coefficient for an infinite box
times the measured viscosity of the species table, beside what Zwanzig's form of the Stokes-Einstein law gives for
molecules of that volume: a liquid far below is too viscous. Each combination is a job in a folder of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from md_results import FOLDER, read_rows
from md_tasks import SEED, Task, main
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.analysis.finite_size import BOLTZMANN_J_K
from saltloop.simulators.analysis.viscosity import STOKES_EINSTEIN
from saltloop.simulators.checkpoints import read_checkpoint, read_pieces
from saltloop.simulators.contents import AVOGADRO_PER_MOL
from saltloop.simulators.forces.forcefield import build_system
from saltloop.simulators.forces.settings import ForceFieldSettings
from saltloop.simulators.forces.species_parameters import SpeciesParameters, parameters_of
from saltloop.simulators.md.protocols import Protocol
from saltloop.simulators.oracle import OracleOutcome

RESULTS = FOLDER / "md_forcefield.csv"
GAS_CONSTANT_KJ_MOL_K = 8.31446261815324e-3
AS_FILED: dict[str, float] = {"charge": 1.0, "sigma": 1.0, "epsilon": 1.0}
CHOSEN: dict[str, float] = {"charge": 0.95, "sigma": 0.965, "epsilon": 0.8}
CARBONATES = ("EMC at 298.15 K", "EC at 313.15 K", "DMC at 298.15 K", "DEC at 298.15 K", "PC at 298.15 K")
RUNS: tuple[tuple[str, dict[str, float]], ...] = (
    *((text, CHOSEN) for text in CARBONATES),
    *((text, AS_FILED) for text in (*CARBONATES, "DME at 298.15 K", "AN at 298.15 K")),
    ("EMC at 298.15 K", {"charge": 1.0, "sigma": 0.98, "epsilon": 0.8}),
    *((text, {"charge": 0.87, "sigma": 0.988, "epsilon": 1.0}) for text in ("EMC at 298.15 K", "EC at 313.15 K")),
)


def vaporisation(folder: Path, outcome: OracleOutcome) -> dict[str, str]:
    """The heat of vaporisation, for the job's row."""
    return {"vaporisation (kJ/mol)": f"{vaporisation_kJ_mol(folder, outcome):.2f}"}


def name_of(text: str, scales: dict[str, float]) -> str:
    """Liquid and scales in words."""
    return f"{text}, " + " ".join(f"{name} {value:g}" for name, value in scales.items())


def protocol(scales: dict[str, float]) -> dict[str, Any]:
    """A short one; the scales go to all solvents, whether carbonates or not."""
    scalings = {f"{kind}_{name}_scale": value for kind in ("solvent", "carbonate") for name, value in scales.items()}
    return {
        "base": "quick",
        "box": {"target_atoms": 620},
        "equilibrate_npt": {"duration_ps": 100.0},
        "produce": {"duration_ps": 200.0},
        "force_field": scalings,
        "slow": None,
    }


def vaporisation_kJ_mol(folder: Path, outcome: OracleOutcome) -> float:
    """From the potential energies of production and a molecule alone."""
    settings = Protocol.model_validate(outcome.provenance["protocol"]).force_field
    formulation = outcome.measurements[0].formulation
    (name, count), *_ = outcome.provenance["composition"]["molecules"].items()
    checkpoint = read_checkpoint(folder / "md")
    species = parameters_of(SpeciesBook.builtin().solvent(name))
    assert checkpoint is not None
    assert species is not None
    liquid = float(np.mean(read_pieces(folder / "md", "produce", checkpoint.n_pieces["produce"])["potential"]))
    temperature_K = formulation.temperature_K
    return gas_kJ_mol(species, settings, temperature_K) - liquid / count + GAS_CONSTANT_KJ_MOL_K * temperature_K


def gas_kJ_mol(species: SpeciesParameters, settings: ForceFieldSettings, temperature_K: float) -> float:
    """Mean potential energy of one molecule."""
    import openmm

    system = build_system([(species, 1)], settings, None)
    integrator = openmm.LangevinMiddleIntegrator(temperature_K, 5.0, 0.002)
    integrator.setRandomNumberSeed(SEED)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(np.array(species.coordinates))
    context.setVelocitiesToTemperature(temperature_K, SEED)
    integrator.step(2000)
    energies = []
    for _ in range(1000):
        integrator.step(50)
        energies.append(context.getState(energy=True).getPotentialEnergy()._value)
    return float(np.mean(energies))


def table() -> str:
    """In Markdown."""
    lines = [
        "| solvent | charges, σ, ε × | density g/cm³ | measured | vaporisation kJ/mol | D 10⁻¹⁰ m²/s | D η, pN | "
        "over the law |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = {row["liquid"]: row for row in read_rows(RESULTS)}
    for text, scales in RUNS:
        row = rows.get(name_of(text, scales))
        if row is None:
            continue
        solvent = SpeciesBook.builtin().solvent(text.split()[0])
        diffusion, error = (float(row[f"diffusion_coefficient_{solvent.name} (m2/s){of}"]) for of in ("", " error"))
        eta = solvent.properties.get("viscosity")
        friction = diffusion * eta.value * 1e-3 if eta else None
        volume_m3 = solvent.molar_mass * 1e-6 / (solvent.properties["density"].value * AVOGADRO_PER_MOL)
        law = STOKES_EINSTEIN * BOLTZMANN_J_K * Formulation.parse(text).temperature_K / volume_m3 ** (1 / 3)
        fluidity = f"{friction * 1e12:.2f} | {friction / law:.2f}" if friction else " | "
        lines.append(
            f"| {text} | {' '.join(f'{value:g}' for value in scales.values())} | {float(row['density (g/cm3)']):.3f} ± "
            f"{float(row['density (g/cm3) error']):.3f} | {solvent.properties['density'].value:.3f} | "
            f"{float(row['vaporisation (kJ/mol)']):.1f} | {diffusion * 1e10:.1f} ± {error * 1e10:.1f} | {fluidity} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    tasks = [Task(name_of(text, scales), Formulation.parse(text), protocol(scales)) for text, scales in RUNS]
    sys.exit(main(__doc__, tasks, RESULTS, "md_forcefield.py", table, vaporisation))
