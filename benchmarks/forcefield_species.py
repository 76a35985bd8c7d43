"""Every species' force field against quantum chemistry: geometry and vibrations.

    python benchmarks/forcefield_species.py            # all; goes on where it stopped
    python benchmarks/forcefield_species.py EC BOB-    # these, anew
    python benchmarks/forcefield_species.py --table    # none, only the table

Each molecule is relaxed with GFN2-xTB from the geometry in its parameter file, and with the force field from there.
Compared are bond lengths, angles, the positions of the heavy atoms after superposition, and the harmonic frequencies
(numerical second derivatives of both). The result goes into each file's provenance under ``quantum_check`` and, as a
table, into ``docs/forcefield.md``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from forcefield_quantum import BOHR_NM, HESSIAN_UNIT, gfn2_hessian, gfn2_minimum
from saltloop.simulators.forces.one_molecule import minimised
from saltloop.simulators.forces.species_parameters import SpeciesParameters, all_parameters
from saltloop.simulators.parameters.make_parameters import write
from saltloop.simulators.parameters.reference import FOLDER, read_reference
from saltloop.simulators.parameters.vibrations import hessian_of, normal_modes

PAGE = Path(__file__).parents[1] / "docs" / "forcefield.md"
START, END = "<!-- checks: benchmarks/forcefield_species.py -->", "<!-- end of checks -->"
SOFT_PER_CM = 150.0
"""Modes below (whole groups turning) are counted for being real, and left out of the ratio of frequencies."""


def main() -> int:
    """Check the species named, or those without a check; then write the table."""
    names = [name for name in sys.argv[1:] if name != "--table"]
    for name, species in all_parameters().items():
        if species.n_atoms == 1 or (names and name not in names) or "--table" in sys.argv:
            continue
        if names or "quantum_check" not in species.provenance:
            found = check(species)
            all_parameters.cache_clear()
            species = all_parameters()[name]  # as it is by now
            write(species.model_copy(update={"provenance": {**species.provenance, "quantum_check": found}}))
            print(f"{name}: {found}", flush=True)
    all_parameters.cache_clear()
    text = PAGE.read_text()
    head, tail = text.split(START)[0], text.split(END)[1]
    PAGE.write_text("\n".join([head + START, "", *table(), "", END + tail]))
    return 0


def check(species: SpeciesParameters) -> dict[str, Any]:
    """How far the force field's minimum is from the quantum-chemical one, and its frequencies from those."""
    masses = np.array([atom.mass for atom in species.atoms])
    if species.name.endswith("-") and (FOLDER / f"{species.name}.json").exists():
        reference = read_reference(species.name)
    else:
        reference = None
    if reference and reference.elements == tuple(atom.element for atom in species.atoms):
        positions, hessian, method = reference.positions, reference.hessian, reference.geometry_method
    else:
        positions, hessian = _relaxed(species)
        method = "GFN2-xTB"
    ours = minimised(species, positions, 1e-4)
    theirs_per_cm, _ = normal_modes(hessian, masses, positions)
    ours_per_cm, _ = normal_modes(hessian_of(species, ours), masses, ours)
    is_stiff = theirs_per_cm > SOFT_PER_CM
    ratio = ours_per_cm[is_stiff] / theirs_per_cm[is_stiff]
    bonds = [(i, j) for i, j, *_ in species.bonds]
    heavy = [i for i, atom in enumerate(species.atoms) if atom.element != "H"]
    lengths = _lengths(ours, bonds) - _lengths(positions, bonds)
    angles = np.array([_angle(ours, one) - _angle(positions, one) for one in species.angles])
    return {
        "method": method,
        "max_bond_deviation_A": round(float(np.abs(lengths).max()) * 10, 3),
        "rms_bond_deviation_A": round(float(np.sqrt(np.mean(lengths**2))) * 10, 3),
        "rms_angle_deviation_deg": round(float(np.degrees(np.sqrt(np.mean(angles**2)))), 1),
        "heavy_atom_rmsd_A": round(10 * superposed_rmsd(ours[heavy], positions[heavy]), 3),
        "n_imaginary": int((ours_per_cm < -1.0).sum()),
        "lowest_frequency_per_cm": round(float(ours_per_cm[0]), 1),
        "frequency_ratio": round(float(ratio.mean()), 3),
        "mean_frequency_deviation": round(float(np.abs(ratio - 1).mean()), 3),
    }


def _relaxed(species: SpeciesParameters) -> tuple[np.ndarray, np.ndarray]:
    """Positions (nm) and Hessian (kJ/mol/nm2) of the GFN2-xTB minimum next to the shipped geometry."""
    from rdkit.Chem import GetPeriodicTable

    numbers = np.array([GetPeriodicTable().GetAtomicNumber(atom.element) for atom in species.atoms])
    start = np.array(species.coordinates) / BOHR_NM
    end = gfn2_minimum(numbers, start, species.formal_charge)
    return end * BOHR_NM, gfn2_hessian(numbers, end, species.formal_charge) * HESSIAN_UNIT


def _lengths(positions: np.ndarray, pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.array([np.linalg.norm(positions[i] - positions[j]) for i, j in pairs])


def _angle(positions: np.ndarray, term: tuple[Any, ...]) -> float:
    i, j, k = term[:3]
    a, b = positions[i] - positions[j], positions[k] - positions[j]
    return float(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))


def superposed_rmsd(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square distance of two point sets after the best rotation (Kabsch)."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    left, _, right = np.linalg.svd(a.T @ b)
    turn = left @ np.diag([1, 1, np.sign(np.linalg.det(left @ right))]) @ right
    return float(np.sqrt(((a @ turn - b) ** 2).sum(axis=1).mean()))


def table() -> Iterator[str]:
    """Markdown: one line a species, from what the files say."""
    yield (
        "| species | force field | total charge (e) | reference | largest / RMS bond deviation (Å) | RMS angle (°) | "
        "heavy-atom RMSD (Å) | imaginary modes | frequencies: ratio, mean deviation |"
    )
    yield "|---" * 9 + "|"
    order = {"cation": 0, "anion": 1, "solvent": 2}
    for one in sorted(all_parameters().values(), key=lambda one: (order[one.kind], one.name.lower())):
        force_field = one.provenance["force_field"].replace("openff_unconstrained-2.3.0", "Sage 2.3.0")
        total = f"{round(sum(atom.charge for atom in one.atoms), 7) + 0.0:g}"
        found = one.provenance.get("quantum_check")
        if found is None:
            yield f"| {one.name} | {force_field} | {total} | – | – | – | – | – | – |"
            continue
        yield (
            f"| {one.name} | {force_field} | {total} | {found['method']} | {found['max_bond_deviation_A']:.3f} / "
            f"{found['rms_bond_deviation_A']:.3f} | {found['rms_angle_deviation_deg']:.1f} | "
            f"{found['heavy_atom_rmsd_A']:.2f} | {found['n_imaginary']} | {found['frequency_ratio']:.2f}, "
            f"{found['mean_frequency_deviation']:.0%} |"
        )


if __name__ == "__main__":
    sys.exit(main())
