"""RDKit descriptors of species: the fourteen of SCAN."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from saltloop.chemistry.species import Species

#: Source: SCAN (Wang & You, Nat. Comput. Sci. 2026), table of input features.
DESCRIPTOR_NAMES = (
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


def descriptor_table(species: Sequence[Species]) -> np.ndarray:
    """Descriptors of each species, ``n x 14``, each column divided by its largest absolute value (as in SCAN)."""
    table = np.array([_descriptors(one.smiles) for one in species], dtype=float)
    largest = np.abs(table).max(axis=0)
    return table / np.where(largest > 0, largest, 1.0)


@cache
def _descriptors(smiles: str) -> tuple[float, ...]:
    from rdkit import Chem
    from rdkit.Chem import Descriptors

    molecule = Chem.MolFromSmiles(smiles)
    functions = dict(Descriptors.descList)
    return tuple(float(functions[name](molecule)) for name in DESCRIPTOR_NAMES)
