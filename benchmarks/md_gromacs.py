"""The same box in GROMACS: energies side by side, then speed side by side.

    apt-get install gromacs
    OMP_NUM_THREADS=1 python benchmarks/md_gromacs.py --atoms 1200 --rounds 3

The box is equilibrated by our engine and written as GROMACS input (one molecule type per species, our numbers term by
term). Energies of one configuration with equal Ewald splitting, mesh, cutoff and switch; then alternating runs of
OpenMM and GROMACS with 4 fs, hydrogens at 3 u, bonds to hydrogen constrained, Langevin dynamics, PME. GROMACS reports
its own speed by the clock; processor time per step is compared as well, since it does not feel other work.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from md_boxes import simulation
from saltloop.simulators.forces.forcefield import _exceptions, scaled
from saltloop.simulators.forces.masses import atom_masses
from saltloop.simulators.forces.settings import ForceFieldSettings
from saltloop.simulators.forces.species_parameters import SpeciesParameters
from saltloop.simulators.md.engine import Simulation
from saltloop.simulators.md.platforms import choose_platform

TERMS = {
    "Bond": ("HarmonicBondForce",),
    "Angle": ("HarmonicAngleForce",),
    "Proper-Dih.": ("PeriodicTorsionForce",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--atoms", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--folder", type=Path, default=Path("benchmarks/runs/md_gromacs"), help="keeps the box")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if shutil.which("gmx") is None:
        sys.exit("GROMACS is not installed; 'apt-get install gromacs' gives it on Debian")
    report: dict[str, Any] = {"load_at_start": os.getloadavg()[0], "gromacs": gromacs_version()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        box = simulation(arguments.folder, base="demo", atoms=arguments.atoms, platform="CPU", threads=1)
        box.run(1.0)
        report["n_atoms"] = box.contents.n_atoms
        mesh = write_inputs(box, folder)
        report["pme_mesh"] = mesh["mesh"]
        report["energies_kJ_mol"] = energies(box, folder, mesh)
        report["speed"] = {
            f"{threads} thread(s)": speed(box, folder, mesh, threads, arguments.steps, arguments.rounds)
            for threads in arguments.threads
        }
    report["load_at_end"] = os.getloadavg()[0]
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")


def gromacs_version() -> str:
    """Version and the processor instructions that this build uses."""
    words = subprocess.run(["gmx", "--version"], capture_output=True, text=True, check=True).stdout
    return ", ".join(
        re.search(rf"^{key}:\s*(.*)$", words, re.MULTILINE).group(1)
        for key in ("GROMACS version", "SIMD instructions", "Precision")
    )


def write_inputs(box: Simulation, folder: Path) -> dict[str, Any]:
    """``box.top`` and ``box.gro``; the Ewald splitting and mesh that OpenMM takes."""
    settings = box.protocol.force_field
    lines = ["[ defaults ]", "; LJ 12-6, Lorentz-Berthelot, 1-4 pairs listed with their own numbers", "1 2 no 1 1", ""]
    species = [(scaled(one, settings), count) for one, count in box.contents.molecules]
    lines.append("[ atomtypes ]")
    for number, (one, _) in enumerate(species):
        for index, atom in enumerate(one.atoms):
            lines.append(f"T{number}x{index} {atom.mass} 0.0 A {atom.sigma:.10g} {atom.epsilon:.10g}")
    for number, (one, _) in enumerate(species):
        lines += molecule_type(f"M{number}", number, one, settings)
    lines += ["[ system ]", "box", "", "[ molecules ]"]
    lines += [f"M{number} {count}" for number, (_, count) in enumerate(species)]
    (folder / "box.top").write_text("\n".join(lines) + "\n")

    _, _, state = box._at
    edge = state.getPeriodicBoxVectors()[0][0]._value
    positions = state.getPositions(asNumpy=True)._value
    velocities = state.getVelocities(asNumpy=True)._value
    rows, atom_number, residue = ["box", f"{len(positions):5d}"], 0, 0
    for number, (one, count) in enumerate(species):
        for _ in range(count):
            residue += 1
            for index in range(one.n_atoms):
                r, v = positions[atom_number], velocities[atom_number]
                atom_number += 1
                numbers = "".join(f"{x:14.9f}" for x in r) + "".join(f"{x:14.10f}" for x in v)
                name = f"{one.atoms[index].element}{index}"
                rows.append(f"{residue % 100000:5d}M{number:<4d}{name:>5s}{atom_number % 100000:5d}{numbers}")
    rows.append(f"{edge:.9f} {edge:.9f} {edge:.9f}")
    (folder / "box.gro").write_text("\n".join(rows) + "\n")
    return ewald(box, edge)


def molecule_type(name: str, number: int, one: SpeciesParameters, settings: ForceFieldSettings) -> list[str]:
    """The sections of one molecule."""
    masses = atom_masses(one, settings.hydrogen_mass_u)
    lines = ["", "[ moleculetype ]", f"{name} 3", "", "[ atoms ]"]
    # Names begin with the element: by them GROMACS finds the bonds to hydrogen that it constrains.
    for index, (atom, mass) in enumerate(zip(one.atoms, masses, strict=True), start=1):
        lines.append(
            f"{index} T{number}x{index - 1} 1 {name} {atom.element}{index - 1} {index} {atom.charge:.10g} {mass:.8g}"
        )
    lines += ["", "[ bonds ]"]
    lines += [f"{i + 1} {j + 1} 1 {length:.10g} {k:.10g}" for i, j, length, k in one.bonds]
    lines += ["", "[ pairs ]"]
    for i, j, charge_product, sigma, epsilon in _exceptions(one):
        if charge_product or epsilon:
            charges = one.atoms[i].charge, one.atoms[j].charge
            fudge = charge_product / (charges[0] * charges[1]) if charges[0] * charges[1] else 1.0
            lines.append(
                f"{i + 1} {j + 1} 2 {fudge:.10g} {charges[0]:.10g} {charges[1]:.10g} {sigma:.10g} {epsilon:.10g}"
            )
    lines += ["", "[ angles ]"]
    lines += [f"{i + 1} {j + 1} {k + 1} 1 {math.degrees(a):.10g} {c:.10g}" for i, j, k, a, c in one.angles]
    lines += ["", "[ dihedrals ]"]
    lines += [
        f"{i + 1} {j + 1} {k + 1} {m + 1} 9 {math.degrees(phase):.10g} {c:.10g} {n}"
        for i, j, k, m, n, phase, c in one.torsions
    ]
    return [*lines, ""]


def context_of(box: Simulation, mesh: dict[str, Any], threads: int, timestep_ps: float = 0.004) -> Any:
    """A context at the state of the box, with the mesh that is given and the forces in groups by their index."""
    import openmm

    _, _, state = box._at
    edge = state.getPeriodicBoxVectors()[0][0]._value
    system = box.forces.system(box.contents.molecules, edge)
    for index, force in enumerate(system.getForces()):
        force.setForceGroup(index)
        if isinstance(force, openmm.NonbondedForce):
            force.setPMEParameters(mesh["alpha_per_nm"], *[mesh["mesh"]] * 3)
    integrator = openmm.LangevinMiddleIntegrator(298.15, 0.2, timestep_ps)
    context = choose_platform("CPU", threads).context(system, integrator)
    context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
    context.setPositions(state.getPositions())
    context.setVelocities(state.getVelocities())
    return context


def ewald(box: Simulation, edge_nm: float) -> dict[str, Any]:
    """Splitting parameter (1/nm) and mesh as OpenMM's guide gives them, and GROMACS' ``ewald-rtol`` for them.

    OpenMM user guide, "Coulomb interaction with particle mesh Ewald"; the mesh rounded up to a product of 2, 3 and 5.
    """
    settings = box.protocol.force_field
    alpha = math.sqrt(-math.log(2 * settings.ewald_tolerance)) / settings.cutoff_nm
    n_mesh = math.ceil(2 * alpha * edge_nm / (3 * settings.ewald_tolerance**0.2))
    while not is_fast(n_mesh):
        n_mesh += 1
    return {
        "mesh": n_mesh,
        "alpha_per_nm": alpha,
        "rtol": math.erfc(alpha * settings.cutoff_nm),
        "cutoff": settings.cutoff_nm,
        "switch": settings.switch_nm,
    }


def is_fast(n: int) -> bool:
    """Whether a mesh of this length has small prime factors only."""
    for factor in (2, 3, 5):
        while n % factor == 0:
            n //= factor
    return n == 1


def mdp(mesh: dict[str, Any], n_steps: int, *, is_single_point: bool) -> str:
    """Run settings: Langevin dynamics, or the energy of one configuration."""
    lines = {
        "integrator": "md" if is_single_point else "sd",
        "nsteps": n_steps,
        "dt": 0.004,
        "tcoupl": "no",
        "tc-grps": "System",
        "tau-t": 5.0,
        "ref-t": 298.15,
        "ld-seed": 1,
        "continuation": "yes",
        "constraints": "h-bonds",
        "constraint-algorithm": "lincs",
        "cutoff-scheme": "Verlet",
        "coulombtype": "PME",
        "coulomb-modifier": "none",
        "rcoulomb": mesh["cutoff"],
        "vdw-modifier": "Potential-switch",
        "rvdw": mesh["cutoff"],
        "rvdw-switch": mesh["cutoff"] - mesh["switch"],
        "DispCorr": "EnerPres",
        "pme-order": 5,
        "ewald-rtol": f"{mesh['rtol']:.6g}",
        **{f"fourier-n{axis}": mesh["mesh"] for axis in "xyz"},
        "nstlog": n_steps or 1,
        "nstenergy": n_steps or 1,
        "nstcalcenergy": 100 if n_steps else 1,
        "nstxout-compressed": 0 if is_single_point else 125,
    }
    return "\n".join(f"{key} = {value}" for key, value in lines.items()) + "\n"


def gromacs(folder: Path, name: str, text: str, threads: int) -> tuple[float, float]:
    """Run it; processor seconds of ``mdrun`` and its own ns/day (0 without steps)."""
    (folder / f"{name}.mdp").write_text(text)
    quiet = {"cwd": folder, "check": True, "capture_output": True, "text": True}
    given = ["-f", f"{name}.mdp", "-c", "box.gro", "-p", "box.top", "-o", f"{name}.tpr", "-maxwarn", "5"]
    subprocess.run(["gmx", "grompp", *given], **quiet)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    how = ["-ntmpi", "1", "-ntomp", str(threads), "-pin", "off", "-noconfout", "-notunepme"]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    subprocess.run(["gmx", "mdrun", "-deffnm", name, *how], **quiet, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(r"^Performance:\s+([\d.]+)", (folder / f"{name}.log").read_text(), re.MULTILINE)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, float(found.group(1)) if found else 0.0


def energies(box: Simulation, folder: Path, mesh: dict[str, Any]) -> dict[str, Any]:
    """Bonded terms one by one, everything non-bonded together: OpenMM, GROMACS."""
    gromacs(folder, "point", mdp(mesh, 0, is_single_point=True), 1)
    asked = "\n".join(["Bond", "Angle", "Proper-Dih.", "Potential", ""])
    table = subprocess.run(
        ["gmx", "energy", "-f", "point.edr", "-o", "point.xvg"],
        cwd=folder,
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    theirs = {
        key: float(re.search(rf"^{re.escape(key.replace('-', ' '))}\s+(-?[\d.e+]+)", table, re.MULTILINE).group(1))
        for key in (*TERMS, "Potential")
    }
    context = context_of(box, mesh, 1)
    ours = {}
    for key, kinds in TERMS.items():
        groups = {one.getForceGroup() for one in context.getSystem().getForces() if type(one).__name__ in kinds}
        ours[key] = context.getState(energy=True, groups=groups).getPotentialEnergy()._value
    ours["Potential"] = context.getState(energy=True).getPotentialEnergy()._value
    for one in (ours, theirs):
        one["Non-bonded"] = one["Potential"] - sum(one[key] for key in TERMS)
    return {
        key: {
            "openmm": round(ours[key], 3),
            "gromacs": round(theirs[key], 3),
            "difference": round(theirs[key] - value, 3),
        }
        for key, value in ours.items()
    }


def speed(
    box: Simulation, folder: Path, mesh: dict[str, Any], threads: int, n_steps: int, rounds: int
) -> dict[str, Any]:
    """Alternating runs; ns/day by the clock and per processor day of one core."""
    context = context_of(box, mesh, threads)
    context.getIntegrator().step(200)
    short, _ = gromacs(folder, "short", mdp(mesh, 10, is_single_point=False), threads)
    rows: dict[str, list[float]] = {"openmm": [], "gromacs": [], "openmm_cpu": [], "gromacs_cpu": []}
    ns = n_steps * 0.004 / 1e3
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        context.getIntegrator().step(n_steps)
        context.getState(energy=True)
        rows["openmm"].append(ns / (time.perf_counter() - wall) * 86_400)
        rows["openmm_cpu"].append(ns / (time.process_time() - cpu) * 86_400)
        spent, rate = gromacs(folder, "run", mdp(mesh, n_steps, is_single_point=False), threads)
        rows["gromacs"].append(rate)
        rows["gromacs_cpu"].append(ns / max(spent - short, 1e-3) * 86_400)
    return {
        "ns_per_day_by_the_clock": {key: round(statistics.median(rows[key]), 1) for key in ("openmm", "gromacs")},
        "ns_per_processor_day": {key: round(statistics.median(rows[f"{key}_cpu"]), 1) for key in ("openmm", "gromacs")},
        "openmm_over_gromacs_by_round": [round(a / b, 2) for a, b in zip(rows["openmm"], rows["gromacs"], strict=True)],
        "openmm_over_gromacs_cpu": round(float(np.median(rows["openmm_cpu"]) / np.median(rows["gromacs_cpu"])), 2),
    }


if __name__ == "__main__":
    main()
