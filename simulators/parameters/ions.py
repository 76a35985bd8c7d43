"""Lithium after Joung and Cheatham, the anions after Canongia Lopes and Padua (CL&P): published, with their sources.

Units here as CL&P publish: sigma in angstrom, epsilon in kJ/mol, bonds in kJ/mol/A2, angles in degrees and kJ/mol/rad2,
torsions as OPLS V1, V2, V3 in kJ/mol. Compared with the authors' own distribution, ``il.ff`` of 2017/12/06 and
2019/06/19.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Literal

import numpy as np
from saltloop.simulators.forces.species_parameters import SCHEMA_VERSION, Atom, SpeciesParameters

LI = "Joung, Cheatham, J. Phys. Chem. B 112 (2008) 9020, the set for TIP4P-Ew: Rmin/2 0.808 A, 0.1039884 kcal/mol"
PF6 = "Kaminski, Jorgensen, J. Chem. Soc. Perkin Trans. 2 (1999) 2365; CL&P, J. Phys. Chem. B 108 (2004) 2038"
BF4 = "as distributed with CL&P (il.ff, 2019/06/19)"
TF2N = (
    "charges, bonded terms: Canongia Lopes, Padua, J. Phys. Chem. B 108 (2004) 16893; Lennard-Jones of O and F: "
    "Gouveia et al., Phys. Chem. Chem. Phys. 19 (2017) 29617 (consistent with FSI; 2004 had O 2.96/0.879, F 2.95/0.222)"
)
FSI = "Shimizu et al., J. Phys. Chem. B 114 (2010) 3592; Gouveia et al., PCCP 19 (2017) 29617"
BETI = (
    "Canongia Lopes, Padua, J. Phys. Chem. B 108 (2004) 16893; Shimizu et al., J. Phys. Chem. B 114 (2010) 3592 "
    "(longer perfluoroalkanesulfonylamides); Lennard-Jones of O and of F beside S: Gouveia et al., PCCP 19 (2017) 29617"
)

MASSES = {"Li": 6.941, "B": 10.811, "C": 12.011, "N": 14.007, "O": 15.999, "F": 18.998, "P": 30.974, "S": 32.066}

LENNARD_JONES = {
    "Li": (2 * 0.808 / 2 ** (1 / 6), 4.184 * 0.1039884),
    "P": (3.74, 0.8368),
    "B": (3.58, 0.3975),
    "F inorganic": (3.12, 0.2552),
    "S": (3.55, 1.046),
    "N": (3.25, 0.71128),
    "O": (3.15, 0.83736),
    "C": (3.50, 0.27614),
    "F": (3.118, 0.2554),
    "C2": (3.50, 0.27614),
    "C3": (3.50, 0.27614),
    "F2": (3.118, 0.2554),
    "F3": (2.95, 0.22175),
}
"""Of BETI-: C2 and F2 of the CF2 beside sulfur, C3 and F3 of the CF3 at the end."""
BONDS = {
    "P-F": (1.606, 3100.0),
    "B-F": (1.394, 3235.0),
    "C-F": (1.323, 3698.0),
    "C-S": (1.818, 1950.0),
    "O-S": (1.437, 5331.0),
    "N-S": (1.570, 3137.0),
    "F-S": (1.575, 1879.0),
    "C2-S": (1.818, 1950.0),
    "C2-F2": (1.323, 3698.0),
    "C2-C3": (1.529, 2242.6),
    "C3-F3": (1.332, 3071.1),
}
ANGLES = {
    "F-P-F": (90.0, 1165.0),
    "F-B-F": (109.5, 669.5),
    "F-C-F": (107.1, 781.0),
    "F-C-S": (111.7, 694.0),
    "O-S-O": (118.5, 969.0),
    "C-S-O": (102.6, 870.0),
    "N-S-O": (113.6, 789.0),
    "C-S-N": (103.5, 764.0),
    "S-N-S": (125.6, 671.0),
    "F-S-O": (104.1, 1077.0),
    "F-S-N": (103.0, 902.0),
    "C2-S-O": (102.6, 870.0),
    "C2-S-N": (103.5, 764.0),
    "F2-C2-F2": (107.1, 781.0),
    "F2-C2-S": (111.7, 694.0),
    "S-C2-C3": (115.9, 418.4),
    "F2-C2-C3": (109.5, 418.4),
    "F3-C3-C2": (109.5, 418.4),
    "F3-C3-F3": (109.1, 644.3),
}
TORSIONS = {
    "F-C-S-O": (0.0, 0.0, 1.451),
    "F-C-S-N": (0.0, 0.0, 1.322),
    "O-S-N-S": (0.0, 0.0, -0.015),
    "C-S-N-S": (32.773, -10.42, -3.195),
    "F-S-N-S": (11.445, -15.186, -3.212),
    "C2-S-N-S": (32.773, -10.42, -3.195),
    "F2-C2-S-O": (0.0, 0.0, 1.451),
    "F2-C2-S-N": (0.0, 0.0, 1.322),
    "O-S-C2-C3": (0.0, 0.0, -0.74),
    "N-S-C2-C3": (-3.094, 0.0, 0.0),
    "S-C2-C3-F3": (0.0, 0.0, 1.453),
    "F2-C2-C3-F3": (-10.46, 0.0, 1.046),
}


def _ion(
    name: str,
    kind: Literal["cation", "anion"],
    smiles: str,
    *,
    salt: str | None,
    types: str,
    charges: Mapping[str, float],
    edges: tuple[tuple[int, int], ...],
    positions: np.ndarray,
    source: str,
    inorganic_fluorine: bool = False,
    force_field: str = "CL&P (OPLS-AA type)",
) -> SpeciesParameters:
    """An ion from its connectivity: every bond, angle and torsion there is gets its published term, or it is an error.

    ``types`` names each atom as the tables above do; without a digit it is the element.
    In an octahedron the angles of opposite ligands (180 degrees) have no term; their six neighbours hold them.
    """
    symbols = types.split()
    neighbours: dict[int, list[int]] = {i: [] for i in range(len(symbols))}
    for i, j in edges:
        neighbours[i].append(j)
        neighbours[j].append(i)
    bonds = [(i, j, *_bond(symbols[i], symbols[j])) for i, j in edges]
    angles = []
    for centre, around in neighbours.items():
        for i, j in combinations(sorted(around), 2):
            if symbols[centre] == "P" and np.dot(positions[i], positions[j]) < -0.5:
                continue
            degrees, k = ANGLES[_either(ANGLES, symbols[i], symbols[centre], symbols[j])]
            angles.append((i, centre, j, math.radians(degrees), k))
    torsions = []
    for b, c in edges:
        for a in neighbours[b]:
            for d in neighbours[c]:
                if a in (c, d) or b == d:
                    continue
                key = _either(TORSIONS, symbols[a], symbols[b], symbols[c], symbols[d])
                for n, v in enumerate(TORSIONS[key], start=1):
                    if v:
                        torsions.append((a, b, c, d, n, math.pi if n == 2 else 0.0, v / 2))
    atoms = []
    for symbol in symbols:
        element = symbol.rstrip("23")
        sigma, epsilon = LENNARD_JONES["F inorganic" if symbol == "F" and inorganic_fluorine else symbol]
        atoms.append(
            Atom(element=element, mass=MASSES[element], charge=charges[symbol], sigma=sigma / 10, epsilon=epsilon)
        )
    return SpeciesParameters(
        schema_version=SCHEMA_VERSION,
        name=name,
        kind=kind,
        smiles=smiles,
        inchikeys=(salt,) if salt else (),
        formal_charge=1 if kind == "cation" else -1,
        scale14_lj=0.5,
        scale14_coulomb=0.5,
        atoms=tuple(atoms),
        bonds=tuple(bonds),
        angles=tuple(angles),
        torsions=tuple(torsions),
        coordinates=tuple(tuple(float(x) for x in row) for row in positions / 10),
        provenance={"force_field": force_field, "charges": "unscaled, as published", "source": source},
    )


def _either(table: Mapping[str, tuple[float, ...]], *symbols: str) -> str:
    for key in ("-".join(symbols), "-".join(reversed(symbols))):
        if key in table:
            return key
    raise KeyError(f"no published term for {'-'.join(symbols)}")


def _bond(a: str, b: str) -> tuple[float, float]:
    length, k = BONDS[_either(BONDS, a, b)]
    return length / 10, k * 100


def _star(length: float, directions: list[tuple[float, float, float]]) -> np.ndarray:
    unit = np.array(directions, dtype=float)
    return np.vstack([np.zeros(3), length * unit / np.linalg.norm(unit, axis=1, keepdims=True)])


def _embedded(smiles: str, types: str) -> np.ndarray:
    """Coordinates (angstrom) of a SMILES whose atoms are written in the order of ``types``."""
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    molecule = Chem.MolFromSmiles(smiles)
    if [atom.GetSymbol() for atom in molecule.GetAtoms()] != [one.rstrip("23") for one in types.split()]:
        raise ValueError(f"{smiles} does not list its atoms as {types}")
    rdDistGeom.EmbedMolecule(molecule, randomSeed=7)
    return molecule.GetConformer().GetPositions()


def _edges(smiles: str) -> tuple[tuple[int, int], ...]:
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    return tuple((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds())


def _sulfonyl(
    name: str, smiles: str, salt: str, types: str, charges: dict[str, float], source: str
) -> SpeciesParameters:
    return _ion(
        name,
        "anion",
        smiles,
        salt=salt,
        types=types,
        charges=charges,
        edges=_edges(smiles),
        positions=_embedded(smiles, types),
        source=source,
    )


OCTAHEDRON = [(1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, -1.0)]
TETRAHEDRON = [(1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0)]
IMIDE = {"S": 1.02, "N": -0.66, "O": -0.53, "C": 0.35, "F": -0.16}

IONS = (
    _ion(
        "Li+",
        "cation",
        "[Li+]",
        salt=None,
        types="Li",
        charges={"Li": 1.0},
        edges=(),
        positions=np.zeros((1, 3)),
        source=LI,
        force_field="Joung and Cheatham",
    ),
    _ion(
        "PF6-",
        "anion",
        "F[P-](F)(F)(F)(F)F",
        salt="AXPLOJNSKRXQPA-UHFFFAOYSA-N",
        types="P F F F F F F",
        charges={"P": 1.34, "F": -0.39},
        edges=tuple((0, i) for i in range(1, 7)),
        positions=_star(1.606, OCTAHEDRON),
        source=PF6,
        inorganic_fluorine=True,
    ),
    _ion(
        "BF4-",
        "anion",
        "F[B-](F)(F)F",
        salt="UFXJWFBILHTTET-UHFFFAOYSA-N",
        types="B F F F F",
        charges={"B": 0.96, "F": -0.49},
        edges=tuple((0, i) for i in range(1, 5)),
        positions=_star(1.394, TETRAHEDRON),
        source=BF4,
        inorganic_fluorine=True,
    ),
    _sulfonyl(
        "TFSI-",
        "O=S(=O)([N-]S(=O)(=O)C(F)(F)F)C(F)(F)F",
        "QSZMZKBZAYQGRS-UHFFFAOYSA-N",
        "O S O N S O O C F F F C F F F",
        IMIDE,
        TF2N,
    ),
    _sulfonyl(
        "FSI-",
        "O=S(=O)(F)[N-]S(=O)(=O)F",
        "VDVLPSWVDYJFRW-UHFFFAOYSA-N",
        "O S O F N S O O F",
        {**IMIDE, "F": -0.13},
        FSI,
    ),
    _sulfonyl(
        "CF3SO3-",
        "O=S(=O)([O-])C(F)(F)F",
        "MCVFFRWZNYZUIJ-UHFFFAOYSA-M",
        "O S O O C F F F",
        {**IMIDE, "O": -0.63},
        TF2N,
    ),
    _sulfonyl(
        "BETI-",
        "O=S(=O)([N-]S(=O)(=O)C(F)(F)C(F)(F)F)C(F)(F)C(F)(F)F",
        "ACFSQHQYDZIPRL-UHFFFAOYSA-N",
        "O S O N S O O C2 F2 F2 C3 F3 F3 F3 C2 F2 F2 C3 F3 F3 F3",
        {**IMIDE, "C2": 0.19, "F2": -0.16, "C3": 0.36, "F3": -0.12},
        BETI,
    ),
)
