"""Quantum chemistry of the species whose parameters are our own (and of BF4-, PF6-): geometry, Hessian, charges.

    python benchmarks/forcefield_quantum.py                # every one that is missing
    python benchmarks/forcefield_quantum.py BOB- TEOS      # these, anew

Geometry and Hessian: B3LYP by PySCF for the ions in ``ACCURATE``, GFN2-xTB by tblite for the others.
Charges: least squares on the B3LYP potential (of the largest: an estimate) on four Merz-Kollman shells (Besler, Merz,
Kollman, J. Comput. Chem. 11 (1990) 431) with the hyperbolic restraint of RESP (Bayly et al., J. Phys. Chem. 97 (1993)
10269), equivalent atoms equal. Writes ``benchmarks/forcefield_reference/NAME.json``, which ``make_parameters`` reads.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np
from saltloop.simulators.parameters.own import equivalent_atoms
from saltloop.simulators.parameters.reference import FOLDER, QuantumReference, write_reference
from saltloop.surrogates.quantum_geometry import Geometry, relaxed, sphere

SPECIES = {
    "ClO4-": "[O-]Cl(=O)(=O)=O",
    "AsF6-": "F[As-](F)(F)(F)(F)F",
    "BF4-": "[B-](F)(F)(F)F",
    "PF6-": "[P-](F)(F)(F)(F)(F)F",
    "DFOB-": "O=C1O[B-](F)(F)OC1=O",
    "BOB-": "O=C1O[B-]2(OC1=O)OC(=O)C(=O)O2",
    "BMB-": "O=C1CC(=O)O[B-]2(O1)OC(=O)CC(=O)O2",
    "TEOS": "CCO[Si](OCC)(OCC)OCC",
    "TDI-": "N#Cc1nc([n-]c1C#N)C(F)(F)F",
    "PDI-": "N#Cc1nc([n-]c1C#N)C(F)(F)C(F)(F)F",
    "BPFPB-": ("FC(F)(F)C1(C(F)(F)F)O[B-]2(OC1(C(F)(F)F)C(F)(F)F)OC(C(F)(F)F)(C(F)(F)F)C(O2)(C(F)(F)F)C(F)(F)F"),
}
ACCURATE = {"BF4-": "def2-SVPD", "PF6-": "def2-SVPD"}
"""Basis sets of those whose geometry and Hessian are B3LYP's: GFN2-xTB makes BF4- too soft. AsF6- would be the next,
but its B3LYP Hessian, with all electrons of arsenic, was stopped after eight minutes of one core."""
CHARGE_BASIS = {"AsF6-": "def2-SVPD", **ACCURATE}
"""Of the potential, where it is not 6-31+G* (which lacks arsenic)."""
LARGE = {"BPFPB-": ("[B-]", "C")}
"""Too large for a B3LYP potential here: charges are estimated from those of the molecule with another atom."""
BOHR_NM = 0.0529177210903
HESSIAN_UNIT = 2625.4996 / BOHR_NM**2
"""kJ/mol/nm2 in one hartree/bohr2."""
SHELLS, POINTS_PER_A2 = (1.4, 1.6, 1.8, 2.0), 1.0
RADII_A = {"H": 1.2, "B": 1.65, "C": 1.5, "N": 1.5, "O": 1.4, "F": 1.35, "Si": 2.1, "S": 1.75, "Cl": 1.75, "As": 1.85}
RESTRAINT_AU, TIGHTNESS_E = 0.0005, 0.1
STEP_BOHR = 0.01


def main() -> int:
    """Compute each species asked for, or each that has no file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SPECIES)}")
    parser.add_argument("--no-charges", action="store_true", help="geometry and Hessian only")
    chosen = parser.parse_args()
    for name in chosen.names or [one for one in SPECIES if not (FOLDER / f"{one}.json").exists()]:
        start = time.process_time()
        path = write_reference(reference(name, has_charges=not chosen.no_charges))
        print(f"{name}: {path}, {time.process_time() - start:.0f} s of CPU time", flush=True)
    return 0


def reference(name: str, *, has_charges: bool = True) -> QuantumReference:
    """Compute one species."""
    smiles = SPECIES[name]
    found = _embedded(smiles) if name in LARGE else relaxed(smiles)
    elements, positions = _symbols(found.numbers), gfn2_minimum(found.numbers, found.positions_bohr, found.charge)
    if name in ACCURATE:
        positions, hessian = _b3lyp_minimum(found.numbers, positions, found.charge, ACCURATE[name])
        method = f"B3LYP/{ACCURATE[name]}, density fitting"
    else:
        hessian = gfn2_hessian(found.numbers, positions, found.charge)
        method = "GFN2-xTB"
    charges, relative_rms, level = None, None, ""
    if has_charges and name in LARGE:
        charges = estimated_charges(smiles, smiles.replace(*LARGE[name]), positions, found.charge)
        level = "OpenFF NAGL of the molecule with C for B, and the change of GFN2-xTB's charges from C to B"
    elif has_charges:
        level = f"B3LYP/{CHARGE_BASIS.get(name, '6-31+G*')}"
        field = kohn_sham(found.numbers, positions, found.charge, *reversed(level.split("/")))
        field.kernel()
        if not field.converged:
            raise RuntimeError(f"{name}: {level} does not converge")
        charges, relative_rms = resp_charges(field, elements, smiles)
        level += ", density fitting, RESP on Merz-Kollman shells"
    return QuantumReference(
        name=name,
        smiles=smiles,
        charge=found.charge,
        elements=elements,
        positions_nm=tuple(map(tuple, (positions - positions.mean(axis=0)) * BOHR_NM)),
        hessian_kJ_mol_nm2=tuple(tuple(row[: i + 1]) for i, row in enumerate(hessian * HESSIAN_UNIT)),
        geometry_method=method,
        charges_e=charges,
        charges_method=level,
        charges_relative_rms=relative_rms,
        versions=f"pyscf {version('pyscf')}, tblite {version('tblite')}, rdkit {version('rdkit')}",
    )


def _embedded(smiles: str) -> Geometry:
    """One embedded conformer, of a molecule that has only one."""
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(molecule, randomSeed=7)
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    positions = molecule.GetConformer().GetPositions() / (10 * BOHR_NM)
    return Geometry(numbers, positions, Chem.GetFormalCharge(molecule), float("nan"))


def estimated_charges(smiles: str, analog: str, positions: np.ndarray, charge: int) -> tuple[float, ...]:
    """NAGL's charges (e) of the analogue, changed as GFN2-xTB's charges change from the analogue to the species.

    Both are relaxed by GFN2-xTB from the species' geometry; equivalent atoms are made equal. Needs the extra
    ``forcefield``.
    """
    from openff.toolkit import Molecule
    from openff.toolkit.utils.nagl_wrapper import NAGLToolkitWrapper
    from saltloop.simulators.forces.parametrise import CHARGE_MODEL

    molecule = Molecule.from_smiles(analog, allow_undefined_stereo=True)
    molecule.assign_partial_charges(CHARGE_MODEL, toolkit_registry=NAGLToolkitWrapper())
    nagl = np.array([float(one) for one in molecule.partial_charges.m])
    ours, theirs = _embedded(smiles).numbers, np.array([atom.atomic_number for atom in molecule.atoms])
    neutral = gfn2_minimum(theirs, positions, 0)
    change = _gfn2_charges(ours, positions, charge) - _gfn2_charges(theirs, neutral, 0)
    groups = np.array(equivalent_atoms(smiles))
    mean = np.bincount(groups, nagl + change) / np.bincount(groups)
    return _exact(mean, groups, charge)


def _gfn2_charges(numbers: np.ndarray, positions: np.ndarray, charge: int) -> np.ndarray:
    return np.asarray(_calculator(numbers, positions, charge).singlepoint().get("charges"))


def _symbols(numbers: np.ndarray) -> tuple[str, ...]:
    from rdkit.Chem import GetPeriodicTable

    return tuple(GetPeriodicTable().GetElementSymbol(int(one)) for one in numbers)


def gfn2_minimum(numbers: np.ndarray, start_bohr: np.ndarray, charge: int) -> np.ndarray:
    """The GFN2-xTB minimum (bohr) next to ``start_bohr``."""
    from scipy.optimize import minimize

    calculator = _calculator(numbers, start_bohr, charge)

    def energy_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        calculator.update(positions=flat.reshape(-1, 3))
        found = calculator.singlepoint()
        return float(found.get("energy")), np.asarray(found.get("gradient")).ravel()

    options = {"gtol": 2e-5, "ftol": 0.0, "maxiter": 2000, "maxcor": 30}
    end = minimize(energy_and_gradient, start_bohr.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(end.x.reshape(-1, 3))


def gfn2_hessian(numbers: np.ndarray, positions: np.ndarray, charge: int) -> np.ndarray:
    """Second derivatives (hartree/bohr2, ``3n x 3n``) at ``positions`` (bohr), by differences of the gradient."""
    calculator = _calculator(numbers, positions, charge)

    def gradient(place: np.ndarray) -> np.ndarray:
        calculator.update(positions=place)
        return np.asarray(calculator.singlepoint().get("gradient")).ravel()

    return _differences(gradient, positions)


def _calculator(numbers: np.ndarray, positions_bohr: np.ndarray, charge: int) -> Any:
    from tblite.interface import Calculator

    calculator = Calculator("GFN2-xTB", numbers, positions_bohr, charge=charge)
    calculator.set("verbosity", 0)
    calculator.set("accuracy", 0.1)
    return calculator


def _differences(gradient: Any, positions: np.ndarray) -> np.ndarray:
    rows = []
    for one in range(positions.size):
        shift = np.zeros(positions.shape)
        shift.flat[one] = STEP_BOHR
        rows.append((gradient(positions + shift) - gradient(positions - shift)) / (2 * STEP_BOHR))
    hessian = np.array(rows)
    return (hessian + hessian.T) / 2


def kohn_sham(numbers: np.ndarray, positions_bohr: np.ndarray, charge: int, basis: str, functional: str) -> Any:
    from pyscf import dft, gto

    molecule = gto.M(
        atom=[(int(z), place) for z, place in zip(numbers, positions_bohr, strict=True)],
        unit="Bohr",
        charge=charge,
        basis=basis.lower(),
        verbose=0,
    )
    field = dft.RKS(molecule, xc=functional.lower()).density_fit()
    field.grids.level = 2 if len(numbers) < 10 else 1 if len(numbers) < 40 else 0
    field.conv_tol = 1e-8 if len(numbers) < 10 else 1e-6
    return field


def _b3lyp_minimum(
    numbers: np.ndarray, start_bohr: np.ndarray, charge: int, basis: str
) -> tuple[np.ndarray, np.ndarray]:
    """Of a tetrahedron or an octahedron: GFN2-xTB has the shape, a parabola through three energies the size."""
    centre = start_bohr[np.argmin(np.bincount(numbers)[numbers])]
    field = kohn_sham(numbers, start_bohr, charge, basis, "b3lyp")

    def energy(size: float) -> float:
        density = field.make_rdm1() if field.mo_coeff is not None else None
        field.mol.set_geom_(centre + size * (start_bohr - centre), unit="Bohr")
        field.reset(field.mol)
        return float(field.kernel(dm0=density))

    sizes = np.array([0.97, 0.99, 1.01])
    curvature, slope, _ = np.polyfit(sizes, [energy(size) for size in sizes], 2)
    size = float(-slope / (2 * curvature))
    energy(size)
    blocks = np.asarray(field.Hessian().kernel())
    n = len(numbers)
    return centre + size * (start_bohr - centre), blocks.transpose(0, 2, 1, 3).reshape(3 * n, 3 * n)


def resp_charges(field: Any, elements: tuple[str, ...], smiles: str) -> tuple[tuple[float, ...], float]:
    """Charges (e) that reproduce the potential outside the molecule, and the relative RMS deviation of theirs."""
    design, potential = potential_outside(field, elements)
    groups = np.array(equivalent_atoms(smiles))
    charges = restrained_fit(design, potential, groups, [one != "H" for one in elements], field.mol.charge)
    deviation = np.sqrt(np.mean((charges[groups] @ design.T - potential) ** 2) / np.mean(potential**2))
    return _exact(charges, groups, field.mol.charge), float(deviation)


def potential_outside(field: Any, elements: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """1/distance from the atoms (``n_points x n_atoms``) and potential (``n_points``) on the shells, atomic units."""
    atoms = field.mol.atom_coords()
    points = _shell_points(atoms, elements)
    distances = np.linalg.norm(points[:, None] - atoms, axis=2)
    potential = (field.mol.atom_charges() / distances).sum(axis=1)
    density = field.make_rdm1()
    block = max(1, int(4e8 / 8 / density.size))
    for start in range(0, len(points), block):
        part = slice(start, start + block)
        integrals = field.mol.intor("int1e_grids", grids=points[part])
        potential[part] -= np.einsum("pij,ij->p", integrals, density)
    return 1 / distances, potential


def _exact(charges: np.ndarray, groups: np.ndarray, total: int) -> tuple[float, ...]:
    """Charges (e) of the atoms from those of the groups, rounded; what is over goes to the smallest group."""
    exact, members = np.round(charges, 6), np.bincount(groups)
    smallest = int(np.argmin(members))
    exact[smallest] += (total - float(exact @ members)) / members[smallest]
    return tuple(round(float(one), 8) for one in exact[groups])


def restrained_fit(
    design: np.ndarray, potential: np.ndarray, groups: np.ndarray, is_restrained: list[bool], total: float
) -> np.ndarray:
    """Charges of the groups: least squares on the potential, hyperbolic restraint towards zero, fixed sum.

    Args:
        design: 1/distance of points from atoms, ``n_points x n_atoms``, atomic units.
        potential: ``n_points``, atomic units.
        groups: which charge each atom has, ``n_atoms``.
        is_restrained: of each atom.
        total: the sum of the atoms' charges.
    """
    n_groups = int(groups.max()) + 1
    gather = np.zeros((len(groups), n_groups))
    gather[np.arange(len(groups)), groups] = 1
    reduced = design @ gather
    members = gather.sum(axis=0)
    weights = RESTRAINT_AU * (gather.T @ np.asarray(is_restrained, dtype=float))
    charges = np.zeros(n_groups)
    for _ in range(50):
        stiffness = weights / np.sqrt(charges**2 + TIGHTNESS_E**2)
        matrix = np.zeros((n_groups + 1, n_groups + 1))
        matrix[:n_groups, :n_groups] = reduced.T @ reduced + np.diag(stiffness)
        matrix[:n_groups, -1] = matrix[-1, :n_groups] = members
        new = np.linalg.solve(matrix, np.append(reduced.T @ potential, total))[:n_groups]
        if np.abs(new - charges).max() < 1e-7:
            return new
        charges = new
    return charges


def _shell_points(atoms_bohr: np.ndarray, elements: tuple[str, ...]) -> np.ndarray:
    radii = np.array([RADII_A[one] for one in elements]) / (BOHR_NM * 10)
    points = []
    for scale in SHELLS:
        for atom, radius in zip(atoms_bohr, scale * radii, strict=True):
            n = int(4 * np.pi * (radius * BOHR_NM * 10) ** 2 * POINTS_PER_A2)
            shell = atom + radius * sphere(n)
            distances = np.linalg.norm(shell[:, None] - atoms_bohr, axis=2)
            points.append(shell[(distances > scale * radii - 1e-6).all(axis=1)])
    return np.vstack(points)


if __name__ == "__main__":
    sys.exit(main())
