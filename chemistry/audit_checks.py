"""What a row, a species or a constant says by itself: missing, impossible, misnamed, repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from .audit_rows import Rows
from .audit_verdicts import Finding
from .calisol import COLUMNS, SMALLEST_CONDUCTIVITY_mS_cm
from .species import SpeciesBook

LARGEST_SALT_VOLUME = 0.5
"""Share of a litre; above it the 30 % error of a salt's estimated volume leaves little of the molality."""

_NOTEBOOK = (
    ("EMC", "density", 0.902, "g/cm3"),
    ("MOEMC", "density", 1.5, "g/cm3"),
    ("LiBPFPB", "molar_mass", 193.8, "g/mol"),
)
"""Constants in the notebook published beside the data that differ from the species tables."""
_STRUCTURES = ("DMM", "Ethyldiglyme", "Ethylmonoglyme", "LiPDI")
"""Species whose published SMILES is not what the name says; the species tables say what was decided, and why."""


def row_findings(rows: Rows) -> Iterator[Finding]:
    """Missing, zero and negative values, no salt, names, fractions, and salts that fill their litre."""
    frame = rows.frame.set_index("row")
    book = SpeciesBook.builtin()
    solvents = [name for name in next(iter(rows.raw.values())) if name not in COLUMNS]
    for row, written in rows.raw.items():
        doi = written["doi"]
        if row not in frame.index:
            yield Finding(row=row, doi=doi, check="missing_conductivity", verdict="exclude", evidence="k is empty")
            continue
        k, c, molality, salt_volume = frame.loc[row, ["k", "c", "molality", "salt_volume"]]
        if k < SMALLEST_CONDUCTIVITY_mS_cm:
            said = f"k is {k:.3g} mS/cm; no liquid conducts less than nothing, and rounding explains up to 0.03"
            yield Finding(row=row, doi=doi, check="not_above_zero", verdict="exclude", evidence=said)
        if c < 0:
            said = f"c is {c:.2g} {written['c units']}"
            yield Finding(row=row, doi=doi, check="negative_concentration", verdict="exclude", evidence=said)
        elif molality == 0:
            yield Finding(row=row, doi=doi, check="no_salt", verdict="note", evidence="c is 0")
        if salt_volume > LARGEST_SALT_VOLUME:
            said = f"{c:.3g} mol/L fill {salt_volume:.0%} of the litre; the salt's volume is known to 30 %"
            yield Finding(row=row, doi=doi, check="salt_volume", verdict="note", evidence=said)
        if (name := book.salt(written["salt"]).name) != written["salt"]:
            said = f"{written['salt']!r} is {name}"
            yield Finding(row=row, doi=doi, check="two_names", verdict="note", evidence=said)
        total = sum(float(written[name] or 0) for name in solvents)
        if abs(total - 1) > 1e-3:
            said = f"fractions sum to {total:.2f}; scaled to 1"
            yield Finding(row=row, doi=doi, check="fractions", verdict="note", evidence=said)


def replicate_findings(rows: Rows) -> Iterator[Finding]:
    """Rows whose liquid and temperature an earlier row has, with both values."""
    frame = rows.frame
    for at in frame[frame["molality"] > 0].groupby("liquid", sort=False).indices.values():
        positions = np.flatnonzero((frame["molality"] > 0).to_numpy())[at]
        first = frame.iloc[positions[0]]
        for i in positions[1:]:
            here = frame.iloc[i]
            whose = "the same paper" if here["doi"] == first["doi"] else first["doi"]
            said = f"{here['k']:.3g} mS/cm, {first['k']:.3g} in row {first['row']} of {whose}"
            yield Finding(row=int(here["row"]), doi=here["doi"], check="replicate", verdict="note", evidence=said)


def species_findings(rows: Rows) -> Iterator[Finding]:
    """Structures that their names contradict, and constants of the data set's notebook that are wrong."""
    book = SpeciesBook.builtin()
    uses = Counter(rows.frame["salt"])
    uses.update({name: int((rows.shares[:, j] > 0).sum()) for j, name in enumerate(rows.solvents)})
    for name in _STRUCTURES:
        said = f"{name} ({uses[name]} rows): {book.find(name).note}"
        yield Finding(check="structure", verdict="note", evidence=said)
    for name, key, theirs, unit in _NOTEBOOK:
        ours = book.find(name).value(key)
        said = f"{name} ({uses[name]} rows): {key.replace('_', ' ')} {theirs:g} {unit}, where {ours:.4g} is right"
        yield Finding(check="constant", verdict="note", evidence=said)
