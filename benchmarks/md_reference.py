"""What the molecular dynamics benchmarks compare with: measured conductivities and densities, with their sources.

Conductivities: 24 electrolytes of ``md_reference.csv`` in the shared data, which SALTLOOP_SHARED finds (../shared): of
CALiSol-23 (doi:10.1038/s41597-024-03575-8; each with the paper that measured it) and of Xu's review
(doi:10.1021/cr030203g). Two had a part in choosing the force-field setting; the others are a test of it. Densities: the
species table of saltloop.
"""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook

RUN_ORDER = (1, 6, 21, 17, 11, 14, 2, 19, 5, 12, 4, 0, 22, 20, 10, 9, 13, 3, 15, 18, 7, 16, 23, 8)
"""Rows of conductivities in the file, from 0: unlike liquids first, so that a part of them says much already."""
CHOOSING = {1, 17}
"""LiPF6 in EC:EMC and LiTFSI in DME: looked at while the force-field setting was chosen."""
EXPERIMENT_RELATIVE_ERROR = 0.05
"""Between laboratories that measured one liquid: 3 to 5 % (docs/data.md)."""
DENSITY_SOLVENTS = (
    *("EC", "PC", "DMC", "EMC", "DEC", "AN", "DME", "2-Glyme", "DOL", "THF", "DMSO", "GBL", "EA", "MA"),
    *("Sulfolane", "DMF"),
)


@dataclass(frozen=True)
class Electrolyte:
    """A liquid and the conductivity that was measured on it."""

    formulation: Formulation
    measured: Measurement
    used_for: str
    """``choosing`` the force-field setting, or ``test``."""

    @property
    def slug(self) -> str:
        """Name of its job's folder."""
        kept = str(self.formulation).replace(" ", "_").replace("/", "-").replace(":", "-")
        return "".join(letter for letter in kept if letter.isalnum() or letter in "._-+")


@dataclass(frozen=True)
class PureLiquid:
    """A solvent at the temperature of its density in the species table."""

    formulation: Formulation
    density_g_cm3: float
    source: str


def electrolytes() -> list[Electrolyte]:
    """The reference electrolytes in the order in which they are run.

    Raises:
        FileNotFoundError: SALTLOOP_SHARED does not lead to the shared data.
    """
    path = Path(os.environ.get("SALTLOOP_SHARED", "../shared")) / "data" / "md_reference.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["quantity"] == "conductivity"]
    return [_electrolyte(rows[number], "choosing" if number in CHOOSING else "test") for number in RUN_ORDER]


def _electrolyte(row: dict[str, str], used_for: str) -> Electrolyte:
    basis = {"w": " (w/w)", "v": " (v/v)", "mol": " (n/n)"}[row["basis"]] if ":" in row["solvents"] else ""
    liquid = f"{row['concentration_mol_L']} mol/L {row['salt']} in {row['solvents']}{basis} at {row['temperature_K']} K"
    formulation, value = Formulation.parse(liquid), float(row["value"])
    measured = Measurement(
        formulation=formulation,
        quantity="conductivity",
        value=value,
        unit=row["unit"],
        standard_uncertainty=EXPERIMENT_RELATIVE_ERROR * value,
        source="experiment",
        reference=row["source"],
    )
    return Electrolyte(formulation, measured, used_for)


def pure_liquids() -> list[PureLiquid]:
    """The solvents whose density is compared, each at the temperature at which the table has it."""
    book, found = SpeciesBook.builtin(), []
    for name in DENSITY_SOLVENTS:
        density = book.solvent(name).properties["density"]
        formulation = Formulation.parse(f"{name} at {density.temperature_K:g} K")
        found.append(PureLiquid(formulation, density.value, density.source))
    return found
