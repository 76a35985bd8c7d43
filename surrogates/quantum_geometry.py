"""Gas-phase geometries for quantum chemistry: RDKit conformers, the best of them relaxed with GFN2-xTB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from saltloop.chemistry.errors import DataError

GEOMETRY_METHOD = "ETKDGv3 + MMFF94 conformers, relaxed with GFN2-xTB"
SEED = 20231
"""Of the conformers' embedding."""
CONFORMERS_BASE, CONFORMERS_PER_ROTOR, CONFORMERS_MOST = 15, 5, 60
"""Conformers embedded: 15, and 5 more for each rotatable bond, up to 60."""
N_RELAXED = 5
"""So many of lowest MMFF94 energy, no two alike, are relaxed with GFN2-xTB."""
GRADIENT_TOLERANCE = 4e-4
"""Largest component of the gradient at the end, hartree/bohr."""
MOST_STEPS = 600
STRETCH = 1.35
"""A bond longer than this multiple of its covalent length counts as broken."""
LITHIUM_CONTACT_A = 2.6
"""A lithium ion further than this from every atom is not bound."""
_BOHR_A = 0.529177210903
_ALIKE_KCAL = 0.2
_APART_A = 2.0
_PLACES = 2


class QuantumError(DataError):
    """A structure that quantum chemistry cannot be done for, or a computation that came to no result."""


@dataclass(frozen=True)
class Geometry:
    """A relaxed structure.

    Args:
        numbers: atomic numbers, ``n``.
        positions_bohr: ``n x 3``.
        charge: in elementary charges.
        energy_Eh: GFN2-xTB energy in hartree.
    """

    numbers: np.ndarray
    positions_bohr: np.ndarray
    charge: int
    energy_Eh: float


def relaxed(smiles: str) -> Geometry:
    """The conformer of lowest GFN2-xTB energy of a molecule or an ion, in the gas phase.

    Conformers are embedded with a fixed seed. Where MMFF94 has parameters for every atom it relaxes them and ranks
    them; where it has not (boron, hexafluorides), the embedded structures go to GFN2-xTB as they are. A structure in
    which a bond of the SMILES breaks is not taken.

    Raises:
        QuantumError: no conformer can be embedded, or none survives the relaxation.
    """
    molecule = _read(smiles)
    _embed(molecule, smiles)
    return _best(molecule, _lowest(molecule), smiles)


def relaxed_with_lithium(smiles: str) -> Geometry:
    """The complex of a molecule or an ion with one Li+ that has the lowest GFN2-xTB energy; Li+ is the last atom.

    Li+ is put beside every conformer at the two places, at least 2 angstrom apart and at contact distance from some
    atom, where the potential of the molecule's GFN2-xTB charges is most negative; MMFF94 (where it has parameters)
    and then GFN2-xTB relax molecule and Li+ together, so that chains fold around the ion.

    Raises:
        QuantumError: no complex survives the relaxation.
    """
    molecule = _read(smiles)
    _embed(molecule, smiles)
    complexes = _with_lithium(molecule)
    return _best(complexes, _lowest(complexes), f"[Li+].{smiles}")


def lithium_ion() -> Geometry:
    """Li+ by itself, with no GFN2-xTB energy."""
    return Geometry(np.array([3]), np.zeros((1, 3)), 1, float("nan"))


def _read(smiles: str) -> Any:
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise QuantumError(f"The SMILES {smiles!r} cannot be read; check it for typing errors.")
    return Chem.AddHs(molecule)


def _embed(molecule: Any, smiles: str) -> None:
    from rdkit import rdBase
    from rdkit.Chem import rdDistGeom, rdMolDescriptors

    n_rotors = rdMolDescriptors.CalcNumRotatableBonds(molecule)
    wanted = min(CONFORMERS_MOST, CONFORMERS_BASE + CONFORMERS_PER_ROTOR * n_rotors)
    settings: Any = rdDistGeom.ETKDGv3()
    settings.randomSeed = SEED
    with rdBase.BlockLogs():  # it warns of atom types that only its force field for embedding lacks
        for is_random in (False, True):
            settings.useRandomCoords = is_random
            if len(rdDistGeom.EmbedMultipleConfs(molecule, wanted, settings)):
                return
    raise QuantumError(f"RDKit cannot build {smiles!r} in three dimensions; check the structure.")


def _lowest(molecule: Any) -> list[np.ndarray]:
    """Positions in angstrom of the ``N_RELAXED`` conformers that MMFF94 finds lowest, no two of one energy.

    Without MMFF94 parameters nothing ranks them: twice as many, as they were embedded.
    """
    from rdkit.Chem import rdForceFieldHelpers

    conformers = list(molecule.GetConformers())
    if not conformers or not rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
        return [one.GetPositions() for one in conformers[: 2 * N_RELAXED]]
    relaxed = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(molecule, maxIters=5000, ignoreInterfragInteractions=False)
    energies = [energy for _, energy in relaxed]
    kept: list[int] = []
    for one in np.argsort(energies, kind="stable"):
        if all(abs(energies[one] - energies[other]) > _ALIKE_KCAL for other in kept):
            kept.append(int(one))
    return [conformers[one].GetPositions() for one in kept[:N_RELAXED]]


def _with_lithium(molecule: Any) -> Any:
    """The molecule and Li+ as one RDKit molecule, with two conformers for each of the molecule's own."""
    from rdkit import Chem
    from rdkit.Chem import rdForceFieldHelpers

    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
        rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(molecule, maxIters=5000)
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    charge = Chem.GetFormalCharge(molecule)
    together = Chem.CombineMols(molecule, Chem.MolFromSmiles("[Li+]"))
    together.RemoveAllConformers()
    Chem.SanitizeMol(together)
    for conformer in molecule.GetConformers():
        positions = conformer.GetPositions()
        try:
            places = _lithium_places(numbers, positions, charge)
        except RuntimeError:
            continue  # no charges for a conformer so strained that GFN2-xTB does not converge
        for place in places:
            added = Chem.Conformer(len(numbers) + 1)
            added.SetPositions(np.vstack([positions, place]))
            together.AddConformer(added, assignId=True)
    return together


def _lithium_places(numbers: np.ndarray, positions_A: np.ndarray, charge: int) -> list[np.ndarray]:
    charges = _calculator(numbers, positions_A / _BOHR_A, charge).singlepoint().get("charges")
    contact = np.where(np.isin(numbers, (7, 8, 9)), 1.95, np.where(numbers == 1, 2.1, 2.4))
    directions = sphere(150)
    heavy = np.flatnonzero(numbers > 1)
    places = np.vstack([positions_A[one] + contact[one] * directions for one in heavy])
    distances = np.linalg.norm(places[:, None] - positions_A, axis=2)
    is_free = (distances > 0.95 * contact).all(axis=1)
    places, potential = places[is_free], (charges / distances[is_free]).sum(axis=1)
    found: list[np.ndarray] = []
    for one in np.argsort(potential, kind="stable"):
        if all(np.linalg.norm(places[one] - other) > _APART_A for other in found):
            found.append(places[one])
        if len(found) == _PLACES:
            break
    return found


def sphere(n: int) -> np.ndarray:
    """``n`` unit vectors spread evenly over a sphere (Fibonacci lattice), ``n x 3``."""
    z = 1 - (2 * np.arange(n) + 1) / n
    angle = np.pi * (1 + 5**0.5) * np.arange(n)
    ring = np.sqrt(1 - z**2)
    return np.column_stack([ring * np.cos(angle), ring * np.sin(angle), z])


def _best(molecule: Any, starts_A: list[np.ndarray], name: str) -> Geometry:
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    charge = sum(atom.GetFormalCharge() for atom in molecule.GetAtoms())
    survivors, faults = [], set()
    for start_A in starts_A:
        try:
            found = _relax_gfn2(numbers, start_A / _BOHR_A, charge)
            _check(molecule, found)
        except (QuantumError, RuntimeError) as error:
            faults.add(str(error))
            continue
        survivors.append(found)
    if not survivors:
        raise QuantumError(
            f"No geometry of {name!r} survives GFN2-xTB ({'; '.join(sorted(faults)) or 'nowhere to start'}); "
            "check the structure."
        )
    return min(survivors, key=lambda one: one.energy_Eh)


def _relax_gfn2(numbers: np.ndarray, start_bohr: np.ndarray, charge: int) -> Geometry:
    from scipy.optimize import minimize

    calculator = _calculator(numbers, start_bohr, charge)
    last = None

    def energy_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal last
        calculator.update(positions=flat.reshape(-1, 3))
        last = calculator.singlepoint(last)
        return float(last.get("energy")), last.get("gradient").ravel()

    options = {"gtol": GRADIENT_TOLERANCE, "maxiter": MOST_STEPS, "maxfun": 2 * MOST_STEPS, "maxcor": 30, "ftol": 0.0}
    end = minimize(energy_and_gradient, start_bohr.ravel(), jac=True, method="L-BFGS-B", options=options)
    if float(np.abs(end.jac).max()) > 5 * GRADIENT_TOLERANCE:
        raise QuantumError(f"not relaxed after {end.nit} steps")
    return Geometry(numbers, end.x.reshape(-1, 3), charge, float(end.fun))


def _calculator(numbers: np.ndarray, positions_bohr: np.ndarray, charge: int) -> Any:
    try:
        from tblite.interface import Calculator
    except ImportError as error:
        raise QuantumError(
            "GFN2-xTB is not here: `pip install tblite` on Linux, `conda install tblite-python` elsewhere."
        ) from error
    calculator = Calculator("GFN2-xTB", numbers, positions_bohr, charge=charge)
    calculator.set("verbosity", 0)
    return calculator


def _check(molecule: Any, found: Geometry) -> None:
    from rdkit.Chem import GetPeriodicTable

    table, positions_A = GetPeriodicTable(), found.positions_bohr * _BOHR_A
    radii = [table.GetRcovalent(int(number)) for number in found.numbers]
    for bond in molecule.GetBonds():
        a, b = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        if np.linalg.norm(positions_A[a] - positions_A[b]) > STRETCH * (radii[a] + radii[b]):
            raise QuantumError("a bond breaks")
    for atom in molecule.GetAtoms():
        if atom.GetSymbol() == "Li" and atom.GetDegree() == 0:
            distances = np.linalg.norm(positions_A - positions_A[atom.GetIdx()], axis=1)
            if np.sort(distances)[1] > LITHIUM_CONTACT_A:
                raise QuantumError("the lithium ion is not bound")
