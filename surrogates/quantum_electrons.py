"""Electronic structure by PySCF: B3LYP energies, orbitals, dipole, polarisability and electrostatic potential."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from saltloop.surrogates.quantum_geometry import Geometry, QuantumError, sphere

METHOD = "B3LYP/6-31+G*, density fitting (def2-universal-jkfit)"
"""Elements that 6-31+G* lacks (K and beyond: As, Br, I) have def2-SVPD, with its core potential where it has one."""
BASIS, OTHER_BASIS, FITTING_BASIS = "6-31+g*", "def2-svpd", "def2-universal-jkfit"
COARSE_GRID, GRID = 0, 1
"""PySCF's grid levels: for the way to convergence and for differences in a field; and for what is reported (against
level 3 on ethylene carbonate: HOMO within 1 meV, Li+ binding energy within 0.1 kJ/mol)."""
FIELD = 0.002
"""Strength of the electric field for the polarisability, atomic units."""
SURFACE_DENSITY = 1e-3
"""The surface of the electrostatic potential, electrons/bohr3 (Bader et al. 1987, 10.1021/ja00260a006)."""
DIRECTIONS = 200
"""Rays from each atom on which the surface is looked for."""
HARTREE_EV, HARTREE_KJ_MOL, AU_DEBYE, BOHR3_A3 = 27.211386, 2625.4996, 2.5417464, 0.14818471
_HIGHEST_GAUSSIAN_6_31 = 18
_FIRST_ECP = 37
_NEAREST, _FURTHEST = 0.5, 2.5
"""Where the surface is looked for along a ray, in van der Waals radii."""
_BLOCK_BYTES = 4e8

Progress = Callable[[float, str], None]
"""Called with the fraction done and what is under way."""


@dataclass(frozen=True)
class Electrons:
    """What one structure's electrons say; units in the names, the dipole about the centre of mass."""

    energy_Eh: float
    homo_eV: float
    lumo_eV: float
    dipole_D: float
    polarisability_A3: float
    esp_min_kJ_mol: float
    esp_max_kJ_mol: float


def electrons(geometry: Geometry, progress: Progress) -> Electrons:
    """Ground state of a closed-shell molecule or ion, and its response to a weak electric field.

    Raises:
        QuantumError: an odd number of electrons, or a field that does not become self-consistent.
    """
    coarse = _converged(_kohn_sham(geometry, COARSE_GRID), progress=_part(progress, 0.0, 0.3))
    polarisability = _polarisability_au(coarse, lambda done: progress(0.3 + 0.4 * done, "polarisability"))
    fine = _refined(coarse, _part(progress, 0.7, 0.9))
    progress(0.9, "electrostatic potential")
    potential = HARTREE_KJ_MOL * _surface_potential(fine)
    energies, occupied = fine.mo_energy, fine.mo_occ > 0
    return Electrons(
        energy_Eh=float(fine.e_tot),
        homo_eV=HARTREE_EV * float(energies[occupied].max()),
        lumo_eV=HARTREE_EV * float(energies[~occupied].min()),
        dipole_D=AU_DEBYE * float(np.linalg.norm(_dipole_au(fine))),
        polarisability_A3=BOHR3_A3 * polarisability,
        esp_min_kJ_mol=float(potential.min()),
        esp_max_kJ_mol=float(potential.max()),
    )


def energy_Eh(geometry: Geometry, progress: Progress) -> float:
    """Total energy in hartree. Raises QuantumError as ``electrons`` does."""
    coarse = _converged(_kohn_sham(geometry, COARSE_GRID), progress=_part(progress, 0.0, 0.6))
    return float(_refined(coarse, _part(progress, 0.6, 1.0)).e_tot)


def pyscf_version() -> str:
    """Version of the PySCF that computes here."""
    return str(_pyscf().__version__)


def _pyscf() -> Any:
    try:
        import pyscf
    except ImportError as error:
        raise QuantumError("PySCF is not here: install it with `pip install pyscf` (Linux or macOS).") from error
    return pyscf


def _kohn_sham(geometry: Geometry, grid_level: int) -> Any:
    _pyscf()
    from pyscf import dft, gto

    if (int(geometry.numbers.sum()) - geometry.charge) % 2:
        raise QuantumError("an odd number of electrons: only closed shells are computed")
    heavy = {gto.mole._symbol(int(z)) for z in geometry.numbers if z > _HIGHEST_GAUSSIAN_6_31}
    with_core = {gto.mole._symbol(int(z)): OTHER_BASIS for z in geometry.numbers if z >= _FIRST_ECP}
    molecule = gto.M(
        atom=[(int(z), place) for z, place in zip(geometry.numbers, geometry.positions_bohr, strict=True)],
        unit="Bohr",
        charge=geometry.charge,
        basis={"default": BASIS, **dict.fromkeys(heavy, OTHER_BASIS)},
        ecp=with_core,
        verbose=0,
    )
    field = dft.RKS(molecule, xc="b3lyp").density_fit(auxbasis=FITTING_BASIS)
    field.grids.level = grid_level
    field.conv_tol = 1e-8
    return field


def _part(progress: Progress, start: float, end: float) -> Callable[[int], None]:
    """A call for each cycle of B3LYP, which moves the bar from ``start`` towards ``end``."""
    return lambda cycle: progress(start + (end - start) * (1 - 0.85**cycle), f"B3LYP, cycle {cycle + 1}")


def _converged(
    field: Any, density: np.ndarray | None = None, progress: Callable[[int], None] = lambda cycle: None
) -> Any:
    progress(0)
    field.callback = lambda seen: progress(seen["cycle"] + 1)
    field.kernel(dm0=density)
    if not field.converged:
        field = field.newton().run(mo_coeff=field.mo_coeff, mo_occ=field.mo_occ)
    if not field.converged:
        raise QuantumError(f"B3LYP is not self-consistent after {field.max_cycle} cycles")
    return field


def _refined(coarse: Any, progress: Callable[[int], None] = lambda cycle: None) -> Any:
    from pyscf import dft

    fine = coarse.copy()
    fine.grids = dft.Grids(coarse.mol)
    fine.grids.level = GRID
    fine.conv_tol = 1e-6
    return _converged(fine, coarse.make_rdm1(), progress)


def _polarisability_au(field: Any, progress: Callable[[float], None]) -> float:
    """Mean of the diagonal of the polarisability, from the dipoles in a field along x, y and z (a.u.)."""
    molecule, density, rest = field.mol, field.make_rdm1(), _dipole_au(field)
    with molecule.with_common_orig(_centre_bohr(molecule)):
        position = molecule.intor_symmetric("int1e_r", comp=3)
    bare = field.get_hcore()
    diagonal = []
    for axis in range(3):
        pulled = field.copy()
        core = bare + FIELD * position[axis]
        pulled.get_hcore = lambda *_, core=core: core
        pulled.conv_tol_grad = 2e-5
        pulled = _converged(pulled, density)
        diagonal.append((_dipole_au(pulled)[axis] - rest[axis]) / FIELD)
        progress((axis + 1) / 3)
    return float(np.mean(diagonal))


def _centre_bohr(molecule: Any) -> np.ndarray:
    masses = molecule.atom_mass_list(isotope_avg=True)
    return np.asarray(masses @ molecule.atom_coords() / masses.sum())


def _dipole_au(field: Any) -> np.ndarray:
    """Dipole moment about the centre of mass (an ion's depends on the origin), atomic units."""
    molecule, centre = field.mol, _centre_bohr(field.mol)
    with molecule.with_common_orig(centre):
        position = molecule.intor_symmetric("int1e_r", comp=3)
    nuclei = molecule.atom_charges() @ (molecule.atom_coords() - centre)
    return np.asarray(nuclei - np.einsum("xij,ji->x", position, field.make_rdm1()))


def _surface_potential(field: Any) -> np.ndarray:
    """Electrostatic potential (hartree per elementary charge) at points of the 0.001 electrons/bohr3 surface."""
    molecule, density = field.mol, field.make_rdm1()
    points = _surface_points(molecule, density)
    distances = np.linalg.norm(points[:, None] - molecule.atom_coords(), axis=2)
    potential = (molecule.atom_charges() / distances).sum(axis=1)
    block = max(1, int(_BLOCK_BYTES / 8 / density.size))
    for start in range(0, len(points), block):
        part = slice(start, start + block)
        potential[part] -= np.einsum("pij,ij->p", molecule.intor("int1e_grids", grids=points[part]), density)
    return np.asarray(potential)


def _surface_points(molecule: Any, density: np.ndarray) -> np.ndarray:
    """Where rays from the atoms leave the surface, ``n x 3`` in bohr; rays into another atom are left out."""
    from pyscf.data.radii import VDW
    from pyscf.dft import numint

    atoms = molecule.atom_coords()
    radii = np.array([VDW[_number(molecule, one)] for one in range(molecule.natm)])
    owner = np.repeat(np.arange(molecule.natm), DIRECTIONS)
    rays = np.tile(sphere(DIRECTIONS), (molecule.natm, 1))
    start = atoms[owner] + radii[owner, None] * rays
    distances = np.linalg.norm(start[:, None] - atoms, axis=2) - radii
    distances[np.arange(len(owner)), owner] = np.inf
    is_outside = (distances > 0).all(axis=1)
    owner, rays = owner[is_outside], rays[is_outside]
    nearer, further = _NEAREST * radii[owner], _FURTHEST * radii[owner]
    for _ in range(14):
        middle = (nearer + further) / 2
        orbitals = numint.eval_ao(molecule, atoms[owner] + middle[:, None] * rays)
        is_inside = numint.eval_rho(molecule, orbitals, density) > SURFACE_DENSITY
        nearer, further = np.where(is_inside, middle, nearer), np.where(is_inside, further, middle)
    has_left = further < _FURTHEST * radii[owner]  # a ray that runs into another atom may never leave the surface
    return np.asarray(atoms[owner] + further[:, None] * rays)[has_left]


def _number(molecule: Any, atom: int) -> int:
    from pyscf.data.elements import charge

    return int(charge(molecule.atom_symbol(atom)))
