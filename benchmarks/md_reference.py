"""What the molecular dynamics benchmarks compare with: measured conductivities and densities, with their sources.

Conductivities: ``md_reference.csv``, 24 electrolytes of CALiSol-23 (doi:10.1038/s41597-024-03575-8; each with the paper
that measured it) and of Xu's review (doi:10.1021/cr030203g), in the order in which the benchmark runs them.
``used_for`` says which of them had a part in choosing the force-field setting; the others are a test of it. Densities:
the species table of saltloop.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook

CONDUCTIVITIES = Path(__file__).parent / "md_reference.csv"
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
    """The reference electrolytes in the order in which they are run."""
    found = []
    with CONDUCTIVITIES.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            formulation, value = Formulation.parse(row["formulation"]), float(row["conductivity_mS_cm"])
            measured = Measurement(
                formulation=formulation,
                quantity="conductivity",
                value=value,
                unit="mS/cm",
                standard_uncertainty=EXPERIMENT_RELATIVE_ERROR * value,
                source="experiment",
                reference=row["source"],
            )
            found.append(Electrolyte(formulation, measured, row["used_for"]))
    return found


def pure_liquids() -> list[PureLiquid]:
    """The solvents whose density is compared, each at the temperature at which the table has it."""
    book, found = SpeciesBook.builtin(), []
    for name in DENSITY_SOLVENTS:
        density = book.solvent(name).properties["density"]
        formulation = Formulation.parse(f"{name} at {density.temperature_K:g} K")
        found.append(PureLiquid(formulation, density.value, density.source))
    return found
