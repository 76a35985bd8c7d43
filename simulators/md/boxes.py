"""Boxes: how many molecules of each species, and where they stand at the start."""

from __future__ import annotations

import errno
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import Species, SpeciesBook
from saltloop.simulators.contents import BoxContents
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.forces.species_parameters import SpeciesParameters, lithium, parameters_of

from .protocols import BoxSettings

if TYPE_CHECKING:
    import numpy as np

FALLBACK_DENSITY_G_CM3 = 1.1
BYTES_PER_ATOM = 80
"""Of a line in packmol's output."""


def contents_of(formulation: Formulation, settings: BoxSettings, species: SpeciesBook) -> BoxContents:
    """Whole numbers of molecules for a formulation: neutral, near the target size, nearest in composition.

    Among sizes from 5 % below to 15 % above the target (more where ``min_ion_pairs`` needs it), the one whose
    composition is nearest to what was asked; if two are equal, the one nearer to the target.

    Raises:
        FormulationError: the solution is so dilute that the box would exceed ``max_atoms``.
    """
    salts = [(salt, formulation.molality[salt.name]) for salt, _ in formulation.salts]
    solvents = [(solvent, formulation.mole_fractions[solvent.name]) for solvent, _ in formulation.solvents]
    kg_per_mol_solvent = sum(share * solvent.molar_mass for solvent, share in solvents) / 1e3
    moles = [(salt, molality * kg_per_mol_solvent) for salt, molality in salts] + solvents
    unit_atoms = sum(n * _atoms_of(one) for one, n in moles)
    scale = settings.target_atoms / unit_atoms
    n_pairs = sum(n for one, n in moles if one.kind == "salt")
    if n_pairs:
        scale = max(scale, settings.min_ion_pairs / n_pairs, *(1 / n for one, n in moles if one.kind == "salt"))
    if scale * unit_atoms > settings.max_atoms:
        raise FormulationError(
            f"{formulation} needs about {scale * unit_atoms:.0f} atoms for {settings.min_ion_pairs} ion pairs, more "
            f"than max_atoms = {settings.max_atoms}; raise the concentration, or change 'box' in the protocol."
        )
    best = min(
        ((_whole(moles, scale * (1 + step / 100)), abs(step)) for step in range(-5, 16)),
        key=lambda found: (round(_mismatch(moles, found[0]), 4), found[1], found[0]),
    )[0]
    return _contents(formulation, [one for one, _ in moles], best, species)


def _atoms_of(one: Species) -> int:
    parameters = parameters_of(one)
    if parameters is None:
        raise FormulationError(f"There are no force-field parameters for {one.name!r}.")
    return parameters.n_atoms + (lithium().n_atoms if one.kind == "salt" else 0)


def _whole(moles: list[tuple[Species, float]], scale: float) -> tuple[int, ...]:
    return tuple(max(1, round(n * scale)) for _, n in moles)


def _mismatch(moles: list[tuple[Species, float]], counts: tuple[int, ...]) -> float:
    """Largest relative error of a share of molecules."""
    total, n_total = sum(n for _, n in moles), sum(counts)
    return max(abs(count / n_total * total / n - 1) for (_, n), count in zip(moles, counts, strict=True))


def _contents(
    formulation: Formulation, members: list[Species], counts: tuple[int, ...], species: SpeciesBook
) -> BoxContents:
    solvent_g = sum(n * one.molar_mass for one, n in zip(members, counts, strict=True) if one.kind == "solvent")
    n_solvent = sum(n for one, n in zip(members, counts, strict=True) if one.kind == "solvent")
    simulated = Formulation.create(
        {one.name: n / solvent_g * 1e3 for one, n in zip(members, counts, strict=True) if one.kind == "salt"},
        {one.name: n / n_solvent for one, n in zip(members, counts, strict=True) if one.kind == "solvent"},
        concentration_unit="mol/kg",
        basis="mole",
        temperature_K=formulation.temperature_K,
        species=species,
    )
    simulated = _rounded(simulated.in_terms_of(formulation.basis, formulation.concentration_unit), species)
    n_lithium = sum(n for one, n in zip(members, counts, strict=True) if one.kind == "salt")
    molecules = [(lithium(), n_lithium)] if n_lithium else []
    for one, n in zip(members, counts, strict=True):
        parameters = parameters_of(one)
        assert parameters is not None
        molecules.append((parameters, n))
    return BoxContents(tuple(molecules), simulated, {parameters.name: n for parameters, n in molecules})


def _rounded(formulation: Formulation, species: SpeciesBook) -> Formulation:
    """The same to five decimals, so that a person can read it; 1e-5 is far below one molecule."""
    plain = formulation.to_dict()
    for part in ("salts", "solvents"):
        plain[part] = {name: round(value, 5) for name, value in plain[part].items()}
    return Formulation.from_dict(plain, species)


def estimated_density_g_cm3(formulation: Formulation) -> tuple[float, bool]:
    """Density expected of the liquid, and whether it is more than a guess (False where a density is unknown)."""
    try:
        return formulation.solution_density(formulation.temperature_K).value, True
    except FormulationError:
        return FALLBACK_DENSITY_G_CM3, False


def find_packmol() -> str:
    """Path of the ``packmol`` program: beside this Python, or on the PATH.

    Raises:
        SimulationFailureError: there is none.
    """
    beside = Path(sys.executable).parent / "packmol"
    found = str(beside) if beside.exists() else shutil.which("packmol")
    if found is None:
        raise SimulationFailureError(
            "packing", "the program 'packmol' is missing; install it with: pip install packmol", is_retryable=False
        )
    return found


def pack(contents: BoxContents, edge_nm: float, settings: BoxSettings, folder: Path, seed: int) -> np.ndarray:
    """Start positions (nm, n_atoms x 3) of the molecules in a periodic cubic box, placed by packmol.

    The same contents, edge and seed give the same positions. Input and output stay in ``folder``.

    Raises:
        SimulationFailureError: packmol is missing, ran too long, or found no packing.
    """
    import numpy as np

    folder.mkdir(parents=True, exist_ok=True)
    edge = edge_nm * 10
    lines = [
        f"tolerance {settings.packing_tolerance_nm * 10:.3f}",
        "filetype xyz",
        "output packed.xyz",
        f"seed {seed % 2**31 or 1}",
        f"pbc 0. 0. 0. {edge:.4f} {edge:.4f} {edge:.4f}",
    ]
    for index, (species, count) in enumerate(contents.molecules):
        _write_xyz(folder / f"species{index}.xyz", species)
        lines += [f"structure species{index}.xyz", f"  number {count}"]
        lines += [f"  inside box 0. 0. 0. {edge:.4f} {edge:.4f} {edge:.4f}", "end structure"]
    (folder / "packmol.inp").write_text("\n".join(lines) + "\n")
    (folder / "packed.xyz").unlink(missing_ok=True)
    try:
        with (folder / "packmol.inp").open() as stdin:
            done = subprocess.run(
                [find_packmol()],
                stdin=stdin,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=settings.packing_timeout_s,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise SimulationFailureError(
            "packing",
            f"packmol did not finish within {settings.packing_timeout_s:g} s; lower box.packing_density_factor "
            f"(now {settings.packing_density_factor:g})",
            is_retryable=True,
        ) from None
    (folder / "packmol.log").write_text(done.stdout + done.stderr)
    rows = (folder / "packed.xyz").read_text().splitlines()[2:] if (folder / "packed.xyz").exists() else []
    if len(rows) < contents.n_atoms and _is_full(folder, done.stderr, contents.n_atoms):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    if "Success!" not in done.stdout or not rows:
        last = next((line.strip() for line in reversed(done.stdout.splitlines()) if line.strip(" -#")), "no output")
        raise SimulationFailureError(
            "packing",
            f"packmol found no packing of {contents.n_atoms} atoms in {edge_nm:.3f} nm ({last}); see "
            f"packing/packmol.log; lower box.packing_density_factor (now {settings.packing_density_factor:g})",
            is_retryable=True,
        )
    positions = np.array([[float(x) for x in row.split()[1:4]] for row in rows[: contents.n_atoms]]) / 10
    if positions.shape != (contents.n_atoms, 3) or not math.isfinite(float(positions.sum())):
        raise SimulationFailureError("packing", "packmol wrote an incomplete packed.xyz", is_retryable=True)
    return positions


def _is_full(folder: Path, complaint: str, n_atoms: int) -> bool:
    """Whether packmol failed because the disk is full."""
    return "No space left" in complaint or shutil.disk_usage(folder).free < BYTES_PER_ATOM * n_atoms


def _write_xyz(path: Path, species: SpeciesParameters) -> None:
    rows = [
        f"{atom.element} {x * 10:.5f} {y * 10:.5f} {z * 10:.5f}"
        for atom, (x, y, z) in zip(species.atoms, species.coordinates, strict=True)
    ]
    path.write_text("\n".join([str(species.n_atoms), species.name, *rows]) + "\n")
