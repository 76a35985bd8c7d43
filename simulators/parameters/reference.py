"""What quantum chemistry says of a species: made by ``benchmarks/forcefield_quantum.py``, read by the fits here.

The files lie in ``benchmarks/forcefield_reference/`` and are not installed: only who makes parameters needs them.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

FOLDER = Path(__file__).parents[2] / "benchmarks" / "forcefield_reference"


class QuantumReference(BaseModel):
    """One ion or molecule in the gas phase; atoms in the order of the SMILES, hydrogens last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    smiles: str
    charge: int
    elements: tuple[str, ...]
    positions_nm: tuple[tuple[float, float, float], ...]
    hessian_kJ_mol_nm2: tuple[tuple[float, ...], ...]
    """Lower triangle of second derivatives, row by row (3N rows)."""
    geometry_method: str
    charges_e: tuple[float, ...] | None = None
    """Fitted to the electrostatic potential, equivalent atoms equal."""
    charges_method: str = ""
    charges_relative_rms: float | None = None
    """Root mean square deviation of the charges' potential over that of the potential itself."""
    versions: str = ""

    @property
    def positions(self) -> np.ndarray:
        """nm, ``n x 3``."""
        return np.array(self.positions_nm)

    @property
    def hessian(self) -> np.ndarray:
        """kJ/mol/nm2, ``3n x 3n``."""
        size = len(self.hessian_kJ_mol_nm2)
        full = np.zeros((size, size))
        for row, values in enumerate(self.hessian_kJ_mol_nm2):
            full[row, : row + 1] = values
        return full + np.tril(full, -1).T


def read_reference(name: str, folder: Path = FOLDER) -> QuantumReference:
    """The reference of a species.

    Raises:
        FileNotFoundError: there is none; names the script that makes it.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; make it with `python benchmarks/forcefield_quantum.py {name}`.")
    return QuantumReference.model_validate_json(path.read_text())


def write_reference(reference: QuantumReference, folder: Path = FOLDER) -> Path:
    """Write a reference, numbers rounded to what matters; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{reference.name}.json"
    data = json.loads(reference.model_dump_json())
    data["hessian_kJ_mol_nm2"] = [[round(value) for value in row] for row in data["hessian_kJ_mol_nm2"]]
    data["positions_nm"] = [[round(value, 6) for value in row] for row in data["positions_nm"]]
    lines = []
    for key, value in data.items():
        if key in ("hessian_kJ_mol_nm2", "positions_nm"):
            rows = ",\n    ".join(json.dumps(row) for row in value)
            lines.append(f'  "{key}": [\n    {rows}\n  ]')
        else:
            lines.append(f'  "{key}": {json.dumps(value)}')
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    return path
