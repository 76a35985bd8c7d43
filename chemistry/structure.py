"""What follows from a structure alone; RDKit is loaded only when these functions run."""

from __future__ import annotations

from .errors import FormulationError
from .species import PropertyValue, Species, SpeciesDefinition

# Zhao, Abraham, Zissimos, J. Org. Chem. 68 (2003) 7368: van der Waals volume in cubic angstrom as a sum over atoms,
# less a term for each bond and each ring.
VDW_SOURCE = "10.1021/jo034808o"
_ATOM_A3 = {"H": 7.24, "C": 20.58, "N": 15.60, "O": 14.71, "F": 13.31, "Cl": 22.45, "Br": 26.52, "I": 32.52} | {
    "P": 24.43,
    "S": 24.43,
    "As": 26.52,
    "B": 40.48,
    "Si": 38.79,
    "Se": 28.73,
}
_BOND_A3, _AROMATIC_RING_A3, _OTHER_RING_A3 = 5.92, 14.7, 3.8
_CM3_PER_MOL_PER_A3 = 0.602214076

# A salt takes up about as much room in solution as its anion's van der Waals volume and a little more.
APPARENT_VOLUME_FACTOR = 1.2
APPARENT_VOLUME_RELATIVE_ERROR = 0.3


def molar_mass_and_inchikey(smiles: str, name: str = "") -> tuple[float, str]:
    """Molar mass in g/mol and InChIKey of a SMILES.

    Raises:
        FormulationError: RDKit cannot read the SMILES, or it makes no InChIKey of it.
    """
    from rdkit.Chem.Descriptors import MolWt  # type: ignore[attr-defined]
    from rdkit.Chem.inchi import MolToInchiKey

    molecule = _molecule(smiles, name)
    inchikey = MolToInchiKey(molecule)
    if not inchikey:
        raise FormulationError(f"The SMILES {smiles!r} of {name!r} has no InChIKey; check the structure.")
    return float(MolWt(molecule)), inchikey


def estimated_apparent_molar_volume(smiles: str, name: str = "") -> float:
    """Apparent molar volume of a lithium salt in solution, cm3/mol, estimated from its anion's van der Waals volume.

    1.2 times the anion's volume (Zhao et al. 2003), Li+ taken as adding nothing; good to about 30 %.
    """
    from rdkit import Chem

    molecule = Chem.AddHs(_molecule(smiles, name))
    unknown = sorted({atom.GetSymbol() for atom in molecule.GetAtoms()} - {*_ATOM_A3, "Li"})
    if unknown:
        raise FormulationError(
            f"No van der Waals volume for {', '.join(unknown)} in {name or smiles!r}; "
            "give 'apparent_molar_volume' (cm3/mol) for it under 'species:'."
        )
    rings = molecule.GetRingInfo().BondRings()
    n_aromatic = sum(all(molecule.GetBondWithIdx(bond).GetIsAromatic() for bond in ring) for ring in rings)
    volume_A3 = (
        sum(_ATOM_A3.get(atom.GetSymbol(), 0.0) for atom in molecule.GetAtoms())
        - _BOND_A3 * molecule.GetNumBonds()
        - _AROMATIC_RING_A3 * n_aromatic
        - _OTHER_RING_A3 * (len(rings) - n_aromatic)
    )
    return APPARENT_VOLUME_FACTOR * volume_A3 * _CM3_PER_MOL_PER_A3


def species_from_definition(definition: SpeciesDefinition) -> Species:
    """The species that a user defined, with InChIKey and molar mass from its SMILES.

    Raises:
        FormulationError: the SMILES cannot be read, or does not fit the kind (a salt holds ``[Li+]`` and an anion, a
            solvent is one neutral molecule).
    """
    from rdkit import Chem

    name, kind = definition.name, definition.kind
    molecule = _molecule(definition.smiles, name)
    smiles = Chem.MolToSmiles(molecule)
    parts = smiles.split(".")
    if Chem.GetFormalCharge(molecule) != 0:
        raise FormulationError(
            f"The SMILES {definition.smiles!r} of {name!r} is charged; write the whole neutral species."
        )
    if kind == "solvent" and len(parts) > 1:
        raise FormulationError(f"Solvent {name!r} is more than one molecule ({definition.smiles!r}); is it a salt?")
    if kind == "salt":
        if parts.count("[Li+]") != 1 or len(parts) != 2:
            raise FormulationError(
                f"Salt {name!r} is written as {definition.smiles!r}; write '[Li+].<anion>', one Li+ to one anion."
            )
        smiles = "[Li+]." + next(part for part in parts if part != "[Li+]")
    molar_mass, inchikey = molar_mass_and_inchikey(smiles, name)
    return Species(
        name=name,
        kind=kind,
        aliases=definition.aliases,
        smiles=smiles,
        inchikey=inchikey,
        full_name=definition.full_name,
        note=definition.note,
        properties=_properties(definition, smiles, molar_mass),
    )


def _properties(definition: SpeciesDefinition, smiles: str, molar_mass: float) -> dict[str, PropertyValue]:
    found = {"molar_mass": PropertyValue(value=molar_mass, unit="g/mol", source="computed from the SMILES with RDKit")}
    units = {"density": "g/cm3", "thermal_expansion": "1/K", "apparent_molar_volume": "cm3/mol"} | {
        "melting_point": "K",
        "boiling_point": "K",
        "flash_point": "K",
        "relative_permittivity": "1",
        "viscosity": "mPa s",
    }
    for key, unit in units.items():
        value = getattr(definition, key)
        if value is not None:
            temperature_K = definition.density_temperature_K if key == "density" else None
            found[key] = PropertyValue(value=value, unit=unit, temperature_K=temperature_K, source=definition.source)
    if definition.kind == "salt" and "apparent_molar_volume" not in found:
        found["apparent_molar_volume"] = PropertyValue(
            value=estimated_apparent_molar_volume(smiles, definition.name),
            unit="cm3/mol",
            source=f"estimate: 1.2 x the anion's van der Waals volume ({VDW_SOURCE})",
        )
    return found


def _molecule(smiles: str, name: str):  # type: ignore[no-untyped-def]  # an rdkit Mol; rdkit has no types
    from rdkit import Chem, RDLogger

    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    try:
        molecule = Chem.MolFromSmiles(smiles)
    finally:
        RDLogger.EnableLog("rdApp.error")  # type: ignore[attr-defined]
    if molecule is None:
        raise FormulationError(f"The SMILES {smiles!r} of {name!r} cannot be read; check it for typing errors.")
    return molecule
