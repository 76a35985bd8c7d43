"""Species: the salts and solvents a formulation is made of, with what is known of each and where it was found."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .errors import FormulationError, UnknownSpeciesError

Kind = Literal["salt", "solvent"]
TABLES = "saltloop.chemistry.tables"


class PropertyValue(BaseModel):
    """One physical property with its unit, the temperature it holds at, and its source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    unit: str
    temperature_K: float | None = None
    source: str


class Species(BaseModel):
    """A salt (lithium with an anion) or a solvent. Two species are equal when their InChIKeys are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Kind
    aliases: tuple[str, ...] = ()
    smiles: str
    """Salts are written ``[Li+].<anion>``."""
    inchikey: str
    full_name: str = ""
    note: str = ""
    properties: Mapping[str, PropertyValue] = Field(default_factory=dict)
    """By key: molar_mass, density, melting_point, boiling_point, flash_point, relative_permittivity, viscosity,
    thermal_expansion (solvents), apparent_molar_volume (salts). What is not known is absent."""

    @property
    def molar_mass(self) -> float:
        """Molar mass in g/mol."""
        return self.properties["molar_mass"].value

    @property
    def anion_smiles(self) -> str:
        """SMILES of everything but the lithium ion; an error for a solvent."""
        if self.kind != "salt":
            raise ValueError(f"{self.name!r} is a solvent and has no anion.")
        return ".".join(part for part in self.smiles.split(".") if part != "[Li+]")

    def value(self, key: str) -> float | None:
        """Value of a property in its canonical unit (``saltloop.chemistry.units``), or None where it is not known."""
        found = self.properties.get(key)
        return None if found is None else found.value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Species) and (self.kind, self.inchikey) == (other.kind, other.inchikey)

    def __hash__(self) -> int:
        return hash(self.inchikey)

    def __str__(self) -> str:
        return self.name


def _is_kelvin(value: float) -> float:
    if not 0 < value < 2000:
        raise ValueError("a temperature in K is wanted here, above 0 and below 2000; add 273.15 to degrees Celsius")
    return value


Kelvin = Annotated[float, AfterValidator(_is_kelvin)]


class SpeciesDefinition(BaseModel):
    """A species as a user writes it under ``species:`` in a campaign file.

    InChIKey and molar mass follow from the SMILES. A solvent needs a density (g/cm3) only where fractions by volume
    or concentrations in mol/L are used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    kind: Kind
    smiles: str = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    full_name: str = ""
    note: str = ""
    density: float | None = Field(default=None, gt=0.2, lt=5.0)
    """g/cm3, at ``density_temperature_K``."""
    density_temperature_K: float = Field(default=298.15, gt=150, lt=600)
    thermal_expansion: float | None = Field(default=None, gt=0, lt=5e-3)
    """1/K."""
    apparent_molar_volume: float | None = Field(default=None, gt=-50, lt=2000)
    """Salts, cm3/mol in solution; estimated from the structure where it is not given."""
    melting_point: Kelvin | None = None
    boiling_point: Kelvin | None = None
    flash_point: Kelvin | None = None
    relative_permittivity: float | None = Field(default=None, ge=1, lt=1000)
    viscosity: float | None = Field(default=None, gt=0, lt=1e6)
    """mPa s."""
    source: str = "campaign file"


class SpeciesBook:
    """The salts and solvents that names are looked up in. Immutable; ``with_species`` gives a larger one."""

    def __init__(self, species: Iterable[Species]) -> None:
        """Index the species by every name they go by.

        Raises:
            FormulationError: two species share a name, an alias or a structure.
        """
        self._all = tuple(species)
        self._by_key: dict[str, Species] = {}
        structures: dict[str, Species] = {}
        for one in self._all:
            other = structures.setdefault(one.inchikey, one)
            if other is not one:
                raise FormulationError(
                    f"Species {one.name!r} has the structure of {other.name!r} ({one.inchikey}); "
                    f"use {other.name!r}, or remove one of the two under 'species:'."
                )
            for name in {_key(name) for name in (one.name, one.full_name, *one.aliases) if name}:
                other = self._by_key.setdefault(name, one)
                if other is not one:
                    raise FormulationError(
                        f"Species {one.name!r} and {other.name!r} share the name {name!r}; rename yours."
                    )

    @classmethod
    def builtin(cls) -> SpeciesBook:
        """The 12 salts and 38 solvents that ship with saltloop (read once per process)."""
        return _builtin_book()

    @property
    def salts(self) -> tuple[Species, ...]:
        """Salts in the order of ``tables/salts.csv``, then the user's."""
        return tuple(one for one in self._all if one.kind == "salt")

    @property
    def solvents(self) -> tuple[Species, ...]:
        """Solvents in the order of ``tables/solvents.csv`` (that of CALiSol-23), then the user's."""
        return tuple(one for one in self._all if one.kind == "solvent")

    def salt(self, name: str) -> Species:
        """The salt of that name or alias; case and blanks do not matter. Raises UnknownSpeciesError."""
        return self._find(name, "salt")

    def solvent(self, name: str) -> Species:
        """The solvent of that name or alias; case and blanks do not matter. Raises UnknownSpeciesError."""
        return self._find(name, "solvent")

    def find(self, name: str) -> Species:
        """The salt or solvent of that name or alias. Raises UnknownSpeciesError."""
        known = self._by_key.get(_key(name))
        return known or self._find(name, "salt" if _key(name).startswith("li") else "solvent")

    def with_species(self, definitions: Iterable[SpeciesDefinition]) -> SpeciesBook:
        """A book with the user's species added.

        Raises:
            FormulationError: a SMILES that RDKit cannot read, or a name or structure that is already taken.
        """
        added = tuple(definitions)
        if not added:
            return self
        from .structure import species_from_definition

        return SpeciesBook((*self._all, *(species_from_definition(one) for one in added)))

    def __iter__(self) -> Iterator[Species]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _key(name) in self._by_key

    def _find(self, name: str, kind: Kind) -> Species:
        found = self._by_key.get(name) or self._by_key.get(_key(name))
        if found is not None and found.kind == kind:
            return found
        if found is not None:
            raise UnknownSpeciesError(f"{name!r} is a {found.kind}, not a {kind}.")
        raise UnknownSpeciesError(
            f"{kind.capitalize()} {name!r} is unknown;{self._suggestion(name, kind)} "
            "Add your own under 'species:' in the campaign file."
        )

    def _suggestion(self, name: str, kind: Kind) -> str:
        candidates = {key: one.name for key, one in self._by_key.items() if one.kind == kind}
        nearest = dict.fromkeys(
            candidates[key] for key in difflib.get_close_matches(_key(name), candidates, n=3, cutoff=0.6)
        )
        if nearest:
            return f" did you mean {' or '.join(repr(one) for one in nearest)}?"
        return f" `saltloop data species` lists the {kind}s there are."


def _key(name: str) -> str:
    return "".join(name.split()).casefold()


@cache
def _builtin_book() -> SpeciesBook:
    properties: dict[str, dict[str, PropertyValue]] = {}
    for row in read_table("properties.csv"):
        properties.setdefault(row["species"], {})[row["property"]] = PropertyValue(
            value=float(row["value"]),
            unit=row["unit"],
            temperature_K=float(row["temperature_K"]) if row["temperature_K"] else None,
            source=row["source"],
        )
    tables: tuple[tuple[Kind, str], ...] = (("salt", "salts.csv"), ("solvent", "solvents.csv"))
    return SpeciesBook(
        Species(
            name=row["name"],
            kind=kind,
            aliases=tuple(filter(None, row["aliases"].split("|"))),
            smiles=row["smiles"],
            inchikey=row["inchikey"],
            full_name=row["full_name"],
            note=row["note"],
            properties=properties[row["name"]],
        )
        for kind, table in tables
        for row in read_table(table)
    )


def read_table(name: str) -> Iterator[dict[str, str]]:
    """The rows of one of the CSV tables that ship with saltloop."""
    yield from csv.DictReader(files(TABLES).joinpath(name).read_text(encoding="utf-8").splitlines())
