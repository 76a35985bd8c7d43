"""What the network is told of a species: RDKit, physical and quantum-chemical descriptors, one table for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.species import Species, SpeciesBook
from saltloop.chemistry.structure import estimated_apparent_molar_volume
from saltloop.surrogates.quantum import QUANTUM_NAMES, quantum_descriptors

#: Source: SCAN (Wang & You, Nat. Comput. Sci. 2026), table of input features.
SCAN_NAMES = (
    "MolWt",
    "MolLogP",
    "TPSA",
    "NumRotatableBonds",
    "NumAromaticRings",
    "NHOHCount",
    "NumRadicalElectrons",
    "NumValenceElectrons",
    "HeavyAtomMolWt",
    "HeavyAtomCount",
    "NumHDonors",
    "NumHAcceptors",
    "Chi0",
    "Chi1",
)
#: Counted from the structure. The van der Waals volume is that of Zhao et al. 2003 (doi 10.1021/jo034808o).
STRUCTURE_NAMES = ("ln_vdw_volume", "n_F", "n_O", "n_S", "n_N", "n_Cl", "n_rings", "TPSA_per_heavy_atom", "O_per_mass")
#: From the species table; of solvents only.
PHYSICAL_NAMES = ("ln_viscosity", "ln_permittivity", "melting_point", "boiling_point", "ln_molar_volume")
#: Everything the default network reads of a species.
DESCRIPTOR_NAMES = (*SCAN_NAMES, *STRUCTURE_NAMES, *PHYSICAL_NAMES, *QUANTUM_NAMES)
#: What it reads of a salt: a dozen anions teach no more than how size and charge distribution matter. Salts left out of
#: training are predicted better with these alone than with all (docs/benchmarks.md).
SALT_NAMES = ("ln_vdw_volume", *QUANTUM_NAMES)

#: A species far from all built-in ones does not pull the network further than this many standard deviations.
LARGEST = 4.0
#: Of the ridge regression that stands in for missing values, on standardised columns.
IMPUTATION_RIDGE = 3.0


def descriptor_table(species: Sequence[Species]) -> np.ndarray:
    """Descriptors of species of one kind, ``n x len(DESCRIPTOR_NAMES)``, in standard deviations over the built-in ones.

    Of salts only ``SALT_NAMES`` are told; their other columns are 0.

    A value that is not known (a viscosity nobody tabulated, quantum descriptors that were not computed) is replaced by
    a ridge regression on the structural columns, fitted on the built-in species that have it; a column that no
    built-in species has is 0.
    """
    if not species:
        return np.empty((0, len(DESCRIPTOR_NAMES)))
    kind = species[0].kind
    reference, centre, width = _reference(kind)
    raw = np.array([_raw(one) for one in species])
    table = (np.hstack([raw, quantum_descriptors(species)]) - centre) / width
    told = np.array([kind == "solvent" or name in SALT_NAMES for name in DESCRIPTOR_NAMES])
    return np.where(told, np.clip(_imputed(table, reference), -LARGEST, LARGEST), 0.0)


def scan_descriptor_table(species: Sequence[Species]) -> np.ndarray:
    """SCAN's descriptors, ``n x 14``, each column divided by its largest absolute value (as in SCAN)."""
    table = np.array([_rdkit(one.smiles) for one in species], dtype=float)
    largest = np.abs(table).max(axis=0)
    return table / np.where(largest > 0, largest, 1.0)


@cache
def _reference(kind: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The built-in species' standardised columns (NaN where unknown), with each column's mean and deviation."""
    book = SpeciesBook.builtin()
    species = book.salts if kind == "salt" else book.solvents
    raw = np.hstack([np.array([_raw(one) for one in species]), quantum_descriptors(species)])
    known = ~np.isnan(raw)
    count = np.maximum(known.sum(0), 1)
    centre = np.where(known, raw, 0).sum(0) / count
    width = np.sqrt(np.where(known, (raw - centre) ** 2, 0).sum(0) / count)
    width = np.where(width > 1e-9, width, 1.0)
    return (raw - centre) / width, centre, width


def _imputed(table: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """``table`` with its NaN replaced from the structural columns, which are always known."""
    structural = slice(0, len(SCAN_NAMES) + len(STRUCTURE_NAMES))
    filled = table.copy()
    for column in np.flatnonzero(np.isnan(table).any(axis=0)):
        known = ~np.isnan(reference[:, column])
        missing = np.isnan(table[:, column])
        A, y = reference[known, structural], reference[known, column]
        if len(y) == 0:
            filled[missing, column] = 0.0
            continue
        gram = A.T @ A + IMPUTATION_RIDGE * np.eye(A.shape[1])
        filled[missing, column] = table[missing, structural] @ np.linalg.solve(gram, A.T @ y)
    return filled


def _raw(one: Species) -> np.ndarray:
    """Everything but the quantum-chemical columns; NaN where not known."""
    physical = [np.nan] * len(PHYSICAL_NAMES)
    if one.kind == "solvent":
        density, boiling, melting = (one.value(key) for key in ("density", "boiling_point", "melting_point"))
        physical = [
            _ln(one.value("viscosity")),
            _ln(one.value("relative_permittivity")),
            np.nan if melting is None else melting,
            np.nan if boiling is None else boiling,
            _ln(None if density is None else one.molar_mass / density),
        ]
    return np.array([*_rdkit(one.smiles), *_structure(one), *physical])


def _ln(value: float | None) -> float:
    return np.nan if value is None else float(np.log(value))


@cache
def _rdkit(smiles: str) -> tuple[float, ...]:
    from rdkit import Chem
    from rdkit.Chem import Descriptors

    molecule = Chem.MolFromSmiles(smiles)
    functions = dict(Descriptors.descList)
    return tuple(float(functions[name](molecule)) for name in SCAN_NAMES)


def _structure(one: Species) -> tuple[float, ...]:
    """Of a solvent, or of a salt's anion."""
    smiles = one.anion_smiles if one.kind == "salt" else one.smiles
    return (float(np.log(_volume(one, smiles))), *_counts(smiles))


def _volume(one: Species, smiles: str) -> float:
    """cm3/mol, estimated from the structure; where that has an atom whose volume is not tabulated, as it was given."""
    try:
        return estimated_apparent_molar_volume(smiles, one.name)
    except FormulationError:
        given = one.value("apparent_molar_volume")
        if given is None or given <= 0:
            raise
        return given


@cache
def _counts(smiles: str) -> tuple[float, ...]:
    from rdkit import Chem
    from rdkit.Chem import Descriptors, rdMolDescriptors

    molecule = Chem.MolFromSmiles(smiles)
    symbols = [atom.GetSymbol() for atom in molecule.GetAtoms()]
    counts = [float(symbols.count(symbol)) for symbol in ("F", "O", "S", "N", "Cl")]
    return (
        *counts,
        float(rdMolDescriptors.CalcNumRings(molecule)),
        float(rdMolDescriptors.CalcTPSA(molecule)) / len(symbols),
        counts[1] / float(Descriptors.MolWt(molecule)),  # type: ignore[attr-defined]
    )
