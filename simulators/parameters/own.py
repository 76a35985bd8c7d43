"""Species that the general force field lacks an element of, or distorts: parameters of our own, from quantum chemistry.

Charges are fitted to the electrostatic potential, bonds, angles and the flat torsions of rings to geometry and Hessian
(made by ``benchmarks/forcefield_quantum.py``). Where the rest is organic, other terms are those of OpenFF Sage for the
molecule with carbon in the unknown atom's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from saltloop.simulators.forces.one_molecule import relaxed
from saltloop.simulators.forces.parametrise import FORCE_FIELD, SOURCE, parametrise
from saltloop.simulators.forces.species_parameters import SCHEMA_VERSION, Atom, SpeciesParameters
from saltloop.simulators.parameters.hessian_fit import with_fitted_terms
from saltloop.simulators.parameters.reference import QuantumReference, read_reference

CLP_BORON = (3.58, 0.3975, "CL&P's BF4-, il.ff")
CLP_FLUORINE = (3.12, 0.2552, "CL&P's PF6- and BF4-, il.ff")
CLP_OXYGEN = (3.15, 0.83700, "CL&P's alkylsulfonates, J. Phys. Chem. B 112 (2008) 5039")
UFF = "UFF, J. Am. Chem. Soc. 114 (1992) 10024"
UFF_CHLORINE, UFF_ARSENIC, UFF_SILICON = (3.516, 0.950, UFF), (3.769, 1.293, UFF), (3.826, 1.682, UFF)


@dataclass(frozen=True)
class OwnSpecies:
    """What cannot be looked up.

    Args:
        name: also the reference's.
        inchikeys: by which a species finds the file.
        foreign: the element that Sage lacks; None where it lacks none, and only fits badly.
        lennard_jones: sigma (angstrom), epsilon (kJ/mol) and source, of the foreign element and of others that are not
            to have Sage's.
        is_rigid: fit every bond, angle and flat torsion of a ring, and not only the bonds and angles of ``foreign``.
        analog: the SMILES with carbon in the foreign atom's place, atoms in the same order; None where Sage has nothing
            to add.
    """

    name: str
    inchikeys: tuple[str, ...]
    foreign: str | None
    lennard_jones: dict[str, tuple[float, float, str]]
    analog: str | None = None
    is_rigid: bool = False
    kind: Literal["anion", "solvent"] = "anion"


OWN_SPECIES = (
    OwnSpecies("ClO4-", ("MHCFAGZWMAWTNR-UHFFFAOYSA-M",), "Cl", {"Cl": UFF_CHLORINE, "O": CLP_OXYGEN}),
    OwnSpecies("AsF6-", ("GTZQZEYBOGZTEO-UHFFFAOYSA-N",), "As", {"As": UFF_ARSENIC, "F": CLP_FLUORINE}),
    OwnSpecies(
        "BOB-",
        ("NVQAYVUCVASGDK-UHFFFAOYSA-N",),
        "B",
        {"B": CLP_BORON},
        "O=C1OC2(OC1=O)OC(=O)C(=O)O2",
        is_rigid=True,
    ),
    OwnSpecies(
        "DFOB-",
        ("MEDDCIKGDMDORY-UHFFFAOYSA-N",),
        "B",
        {"B": CLP_BORON, "F": CLP_FLUORINE},
        "O=C1OC(F)(F)OC1=O",
        is_rigid=True,
    ),
    OwnSpecies(
        "BMB-",
        ("JXPASILGAHJGRQ-UHFFFAOYSA-N",),
        "B",
        {"B": CLP_BORON},
        "O=C1CC(=O)OC2(O1)OC(=O)CC(=O)O2",
        is_rigid=True,
    ),
    OwnSpecies(
        "BPFPB-",
        ("PLLWTYAGACBZAT-UHFFFAOYSA-N",),
        "B",
        {"B": CLP_BORON},
        "FC(F)(F)C1(C(F)(F)F)OC2(OC1(C(F)(F)F)C(F)(F)F)OC(C(F)(F)F)(C(F)(F)F)C(O2)(C(F)(F)F)C(F)(F)F",
        is_rigid=True,
    ),
    OwnSpecies("TDI-", ("CVVIFWCYVZRQIY-UHFFFAOYSA-N",), None, {}, "N#Cc1nc([n-]c1C#N)C(F)(F)F", is_rigid=True),
    OwnSpecies("PDI-", ("MZIWZISHQWKQFM-UHFFFAOYSA-N",), None, {}, "N#Cc1nc([n-]c1C#N)C(F)(F)C(F)(F)F", is_rigid=True),
    OwnSpecies(
        "TEOS",
        ("BOTDANWDWHJENH-UHFFFAOYSA-N",),
        "Si",
        {"Si": UFF_SILICON},
        "CCOC(OCC)(OCC)OCC",
        kind="solvent",
    ),
)


def own_parameters(own: OwnSpecies, reference: QuantumReference | None = None) -> SpeciesParameters:
    """Parameters of one of ``OWN_SPECIES``.

    Raises:
        FileNotFoundError: its quantum-chemical reference has not been made.
        ParametrisationError: Sage lacks a term for the carbon analogue.
    """
    found = reference or read_reference(own.name)
    if found.charges_e is None:
        raise ValueError(f"The quantum-chemical reference of {own.name} has no charges.")
    skeleton = _analog(own, found) if own.analog else _star(own, found)
    fitted_atoms = {i for i, element in enumerate(found.elements) if own.is_rigid or element == own.foreign}
    groups, rings = equivalent_atoms(found.smiles), _rings(found.smiles)
    fitted = with_fitted_terms(skeleton, fitted_atoms, groups, rings, found.positions, found.hessian)
    return relaxed(fitted)


def equivalent_atoms(smiles: str) -> tuple[int, ...]:
    """A number for each atom (hydrogens last), equal for those that the graph of bonds does not tell apart."""
    from rdkit import Chem

    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    for bond in molecule.GetBonds():
        bond.SetBondType(Chem.BondType.SINGLE)
        bond.SetIsAromatic(False)
    for atom in molecule.GetAtoms():
        atom.SetFormalCharge(0)
        atom.SetIsAromatic(False)
        atom.SetNoImplicit(True)
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
    order = {rank: place for place, rank in enumerate(sorted(set(ranks)))}
    return tuple(order[rank] for rank in ranks)


def _rings(smiles: str) -> list[set[int]]:
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    return [set(ring) for ring in molecule.GetRingInfo().AtomRings()]


def _analog(own: OwnSpecies, found: QuantumReference) -> SpeciesParameters:
    """Sage's parameters of the carbon analogue, made those of the species itself where they must be."""
    sage = parametrise(own.name, str(own.analog), own.inchikeys, kind=own.kind)
    elements = ["C" if element == own.foreign else element for element in found.elements]
    if [atom.element for atom in sage.atoms] != elements:
        raise ValueError(f"{own.analog} does not list its atoms as {found.smiles} does")
    what = "bonds, angles, flat rings" if own.is_rigid else f"bonds and angles of {own.foreign}"
    return sage.model_copy(
        update={
            "smiles": found.smiles,
            "formal_charge": found.charge,
            "atoms": _atoms(own, found, [(atom.sigma, atom.epsilon) for atom in sage.atoms]),
            "coordinates": found.positions_nm,
            "provenance": {
                "force_field": f"{FORCE_FIELD.removesuffix('.offxml')}, {what} our own",
                "bonded_terms": f"{what}: fitted to geometry and Hessian, {found.geometry_method}; "
                f"others: Sage for {own.analog}",
                "lennard_jones": f"{_sources(own)}; others: Sage" if own.lennard_jones else "Sage",
                "source": f"saltloop (benchmarks/forcefield_quantum.py); {SOURCE}",
                **_of_quantum_chemistry(found),
            },
        }
    )


def _star(own: OwnSpecies, found: QuantumReference) -> SpeciesParameters:
    """One central atom and its ligands: bonds of which only the partners matter, all else to be fitted."""
    centre = found.elements.index(own.foreign)
    return SpeciesParameters(
        schema_version=SCHEMA_VERSION,
        name=own.name,
        kind=own.kind,
        smiles=found.smiles,
        inchikeys=own.inchikeys,
        formal_charge=found.charge,
        scale14_lj=0.5,
        scale14_coulomb=0.5,
        atoms=_atoms(own, found, [(0.0, 0.0)] * len(found.elements)),
        bonds=tuple((centre, i, 0.1, 0.0) for i in range(len(found.elements)) if i != centre),
        angles=(),
        torsions=(),
        coordinates=found.positions_nm,
        provenance={
            "force_field": "our own (OPLS-AA type)",
            "bonded_terms": f"fitted to geometry and Hessian, {found.geometry_method}",
            "lennard_jones": _sources(own),
            "source": "saltloop (benchmarks/forcefield_quantum.py)",
            **_of_quantum_chemistry(found),
        },
    )


def _atoms(own: OwnSpecies, found: QuantumReference, lennard_jones: list[tuple[float, float]]) -> tuple[Atom, ...]:
    """Atoms with the reference's charges; sigma (nm) and epsilon as given, or as ``own`` has them."""
    from rdkit.Chem import GetPeriodicTable

    atoms = []
    for element, charge, (sigma, epsilon) in zip(found.elements, found.charges_e or (), lennard_jones, strict=True):
        if element in own.lennard_jones:
            sigma, epsilon = own.lennard_jones[element][0] / 10, own.lennard_jones[element][1]
        mass = round(GetPeriodicTable().GetAtomicWeight(element), 5)
        atoms.append(Atom(element=element, mass=mass, charge=charge, sigma=sigma, epsilon=epsilon))
    return tuple(atoms)


def _sources(own: OwnSpecies) -> str:
    return "; ".join(f"{element}: {source}" for element, (*_, source) in own.lennard_jones.items())


def _of_quantum_chemistry(found: QuantumReference) -> dict[str, Any]:
    rms = "" if found.charges_relative_rms is None else f" (relative RMS {found.charges_relative_rms:.3f})"
    return {"ours": True, "charges": f"{found.charges_method}{rms}, unscaled", "versions": found.versions}
