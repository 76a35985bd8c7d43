"""Data sets: named collections of measurements with a note on every row that was not taken as it stood."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from .errors import DataError
from .measurement import Measurement
from .species import SpeciesBook

if TYPE_CHECKING:
    import pandas

BUILTIN_DATASETS = {
    "literature": "measured conductivities from published correlations and tables, part of saltloop",
    "calisol23": "CALiSol-23, 13,302 conductivities from 27 papers (CC BY 4.0), fetched once; with the verdicts of "
    "`saltloop data audit calisol23`, or as published: calisol23:unaltered",
}


class RowNote(BaseModel):
    """What was done with one row of a source, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int
    """Line in the source file; the header is line 1."""
    action: Literal["dropped", "corrected", "downweighted", "kept"]
    """``kept``: taken as it stands although something about it is odd; ``downweighted``: with a wider uncertainty."""
    reason: str


class Dataset(BaseModel):
    """Measurements under a name, and notes on the rows of the source that were dropped, corrected or are odd."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    measurements: tuple[Measurement, ...]
    notes: tuple[RowNote, ...] = ()
    treatment: str = ""
    """What was done to the source as a whole, where there is a choice: the audit's verdicts applied or not."""

    def __len__(self) -> int:
        return len(self.measurements)

    def frame(self) -> pandas.DataFrame:
        """One row a measurement: text, ids, salts, solvents, temperature (K), molality (mol/kg), value, source."""
        import pandas

        return pandas.DataFrame.from_records([_record(one) for one in self.measurements])

    def summary(self) -> dict[str, Any]:
        """Counts by salt, solvent, reference and quantity, ranges, and the notes by action and reason; plain JSON."""
        from .describe import summarise

        return summarise(self)

    def note_counts(self) -> dict[tuple[str, str], int]:
        """(action, reason) -> number of rows, the most frequent first."""
        return dict(Counter((note.action, note.reason) for note in self.notes).most_common())


def load_dataset(name_or_path: str | Path, species: SpeciesBook | None = None) -> Dataset:
    """``literature``, ``calisol23`` (once fetched), or a CSV file of measurements as ``docs/data.md`` describes it.

    ``calisol23`` comes with the audit's verdicts applied, ``calisol23:unaltered`` as its 13,302 published rows.

    Raises:
        DataError: no such data set or file, or one that has not been fetched yet; says how to get it.
    """
    name = str(name_or_path)
    if name == "literature":
        from .literature import load_literature

        return load_literature()
    if name in ("calisol23", "calisol23:unaltered"):
        from .calisol import load_calisol

        return load_calisol(clean=name == "calisol23")
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(repr(one) for one in (*BUILTIN_DATASETS, "calisol23:unaltered"))
        raise DataError(f"{name!r} is neither a data set ({known}) nor a file in {os.getcwd()}; check the name.")
    from .results_csv import read_measurements_csv

    return Dataset(name=path.stem, measurements=tuple(read_measurements_csv(path, species)))


def _record(one: Measurement) -> dict[str, Any]:
    formulation = one.formulation
    return {
        "measurement_id": one.measurement_id,
        "formulation_id": formulation.formulation_id,
        "formulation": formulation.text(),
        "salts": "+".join(formulation.molality),
        "solvents": ":".join(formulation.mole_fractions),
        "temperature_K": formulation.temperature_K,
        "molality_mol_kg": sum(formulation.molality.values()),
        "quantity": one.quantity,
        "value": one.value,
        "unit": one.unit,
        "standard_uncertainty": one.standard_uncertainty,
        "source": one.source,
        "method": one.method,
        "reference": one.reference,
        "external_id": one.external_id,
    }
