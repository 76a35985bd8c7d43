"""A space as a campaign file or a space file states it: what may be mixed, how much of it, and what must hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)
from saltloop.chemistry.conversion import Basis, ConcentrationUnit

#: In place of names: every salt, or every solvent, of the species book.
ALL = "all"
#: Setting -> how campaign files of version 1 spelt it; both are understood.
EARLIER_TERMS = {"concentration": "molality", "temperatures_K": "temperature_K"}
#: Branches of a union that pydantic names in the location of an error, and nobody writes.
BRANCHES = frozenset({"list", "grid"})
LEAST_TEMPERATURE_K, MOST_TEMPERATURE_K = 150.0, 600.0
MOST_CONCENTRATION = 20.0


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Grid(Settings):
    """Evenly spaced values, both ends included; refinement goes between them."""

    min: float = Field(gt=0)
    max: float = Field(gt=0)
    step: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Grid:
        if self.max < self.min:
            raise ValueError(f"max ({self.max:g}) is below min ({self.min:g}); swap them")
        return self

    def values(self) -> tuple[float, ...]:
        """The grid's values; a step that does not divide the range stops short of ``max``."""
        n_steps = int((self.max - self.min) / self.step + 1e-6)
        return tuple(round(self.min + index * self.step, 6) for index in range(n_steps + 1))


class ConcentrationGrid(Grid):
    """Salt concentrations on offer, in each of the ``concentration_units``."""

    min: float = Field(0.4, gt=0)
    max: float = Field(1.6, gt=0)
    step: float = Field(0.2, gt=0)


class ShareBounds(Settings):
    """How much of one solvent there may be where it is there at all. ``[0.2, 0.4]`` and ``0.3`` are short for it."""

    min: float = Field(gt=0, le=1)
    max: float = Field(gt=0, le=1)
    #: Spacing on the grid; ``fraction_step`` where it is left out.
    step: float | None = Field(None, gt=0, le=1)

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, value: Any) -> Any:
        if isinstance(value, int | float):
            return {"min": value, "max": value}
        if isinstance(value, list | tuple):
            if len(value) != 2:
                raise ValueError("give [least, most], or min, max and step")
            return dict(zip(("min", "max"), value, strict=True))
        return value

    @model_validator(mode="after")
    def _ordered(self) -> ShareBounds:
        if self.max < self.min:
            raise ValueError(f"max ({self.max:g}) is below min ({self.min:g}); swap them")
        return self


class RobotStep(Settings):
    """What a robot can dispense: everything that is proposed is a multiple. One number is short for both."""

    share: float | None = Field(None, gt=0, le=0.5)
    concentration: float | None = Field(None, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: Any) -> Any:
        return {"share": value, "concentration": value} if isinstance(value, int | float) else value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str | int | float) else value


def _branch(value: Any) -> str:
    return "grid" if isinstance(value, dict | Grid) else "list"


_List = Annotated[tuple[float, ...], BeforeValidator(_listed), Tag("list")]
#: A list of values, of which nothing lies between, or a grid.
Concentrations = Annotated[_List | Annotated[ConcentrationGrid, Tag("grid")], Discriminator(_branch)]
Temperatures = Annotated[_List | Annotated[Grid, Tag("grid")], Discriminator(_branch)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class SpaceSettings(Settings):
    """The formulations that a campaign may propose or a screening enumerates."""

    #: Names or aliases, or ``all``.
    salts: Names = Field(min_length=1)
    solvents: Names = Field(min_length=1)
    min_salts: Literal[1, 2] = 1
    max_salts: Literal[1, 2] = 1
    #: Spacing, and least value, of the salts' mole fractions among the salts where there are two.
    salt_fraction_step: float = Field(0.25, gt=0, le=0.5)
    min_solvents: int = Field(1, ge=1, le=4)
    max_solvents: int = Field(2, ge=1, le=4)
    #: Spacing of the solvents' fractions, in ``basis``; the continuous refinement goes between.
    fraction_step: float = Field(0.1, gt=0, le=0.5)
    #: Smallest fraction of a solvent that is in the mixture at all.
    min_fraction: float = Field(0.1, gt=0, le=0.5)
    #: Largest fraction of any solvent; below 1 there is no mixture of one solvent.
    max_fraction: float = Field(1.0, gt=0, le=1)
    #: Solvent -> bounds of its own in place of ``min_fraction`` and ``max_fraction``.
    shares: dict[str, ShareBounds] = {}
    basis: Basis = "mass"
    concentration: Concentrations = Field(
        ConcentrationGrid(), validation_alias=AliasChoices("concentration", EARLIER_TERMS["concentration"])
    )
    #: mol/kg of solvent, mol/L of solution, or both, each with all values of ``concentration``.
    concentration_units: tuple[ConcentrationUnit, ...] = Field(("mol/kg",), min_length=1)
    temperatures_K: Temperatures = Field(
        (298.15,), validation_alias=AliasChoices("temperatures_K", EARLIER_TERMS["temperatures_K"])
    )
    #: Species that must be there, or lists of species of which at least one must, e.g. ``[EC, [VC, FEC]]``.
    include: tuple[Names, ...] = ()
    #: Species, or lists of species that must not meet, e.g. ``[AN, [LiBF4, EC]]``.
    exclude: tuple[Names, ...] = ()
    #: Largest total fraction of solvents whose own melting point lies above the temperature.
    max_solid_fraction: float = Field(0.5, ge=0, le=1)
    #: Columns of the user's own: name -> species -> value.
    columns: dict[str, dict[str, float]] = {}
    #: Expressions that must hold (docs/screening.md).
    constraints: Names = ()
    step: RobotStep = RobotStep()
    #: A salt that is listed under two names counts once.
    merge_aliases: bool = True

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, values: Any) -> Any:
        for term, earlier in EARLIER_TERMS.items():
            if isinstance(values, dict) and term in values and earlier in values:
                raise ValueError(f"both {earlier} and {term} are given; keep {term}")
        return values

    @field_validator("concentration")
    @classmethod
    def _concentrations_there_are(cls, given: Concentrations) -> Concentrations:
        if not values_of(given):
            raise ValueError("is empty; give a list, or min, max and step")
        for value in values_of(given):
            if not 0 < value <= MOST_CONCENTRATION:
                raise ValueError(f"{value:g} is outside 0 to {MOST_CONCENTRATION:g}; check concentration and unit")
        return given

    @field_validator("temperatures_K")
    @classmethod
    def _temperatures_in_kelvin(cls, given: Temperatures) -> Temperatures:
        if not values_of(given):
            raise ValueError("is empty; give a list, or min, max and step")
        for value in values_of(given):
            if value < LEAST_TEMPERATURE_K:
                raise ValueError(f"{value:g} looks like degrees Celsius: write {value + 273.15:.2f}")
            if value > MOST_TEMPERATURE_K:
                raise ValueError(f"{value:g} K is above {MOST_TEMPERATURE_K:g} K")
        return given

    @model_validator(mode="after")
    def _makes_sense(self) -> SpaceSettings:
        for what in ("salts", "solvents"):
            low, high = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if high < low:
                raise ValueError(f"max_{what} ({high}) is below min_{what} ({low}); raise it")
        if not self.merge_aliases and self.max_salts > 1:
            raise ValueError("merge_aliases is off, so a salt could be mixed with itself; set max_salts to 1")
        if self.max_fraction < self.min_fraction:
            raise ValueError(
                f"max_fraction ({self.max_fraction:g}) is below min_fraction ({self.min_fraction:g}); raise it"
            )
        self._suits_the_robot()
        return self

    def _suits_the_robot(self) -> None:
        share, concentration = self.step.share, self.step.concentration
        if share is not None:
            if not _is_multiple(1.0, share):
                raise ValueError(f"step: {share:g} does not divide 1, so no shares would sum to 1; take 0.05 or 0.01")
            given = {name: getattr(self, name) for name in ("fraction_step", "min_fraction", "max_fraction")}
            if self.max_salts > 1:
                given["salt_fraction_step"] = self.salt_fraction_step
            for solvent, bounds in self.shares.items():
                given |= {f"shares.{solvent}.{name}": value for name, value in bounds if value is not None}
            _check_multiples(given, share)
        if concentration is not None:
            for value in values_of(self.concentration):
                _check_multiples({"concentration": value}, concentration)

    def bounds_of(self, solvent: str) -> ShareBounds:
        """Bounds and spacing of a solvent's share, by its name in ``shares``."""
        own = self.shares.get(solvent) or ShareBounds(min=self.min_fraction, max=self.max_fraction)
        return own if own.step else own.model_copy(update={"step": self.fraction_step})

    def named_species(self) -> Iterator[tuple[str, str, tuple[str | int, ...]]]:
        """Every species that the settings name: salt, solvent or either; its name; where it stands."""
        for key, kind in (("salts", "salt"), ("solvents", "solvent")):
            listed = getattr(self, key)
            yield from ((kind, name, (key, index)) for index, name in enumerate(listed) if listed != (ALL,))
        for key in ("include", "exclude"):
            for index, entry in enumerate(getattr(self, key)):
                yield from (("either", name, (key, index)) for name in entry)
        yield from (("solvent", name, ("shares", name)) for name in self.shares)
        for column, values in self.columns.items():
            yield from (("either", name, ("columns", column, name)) for name in values)


def values_of(values: tuple[float, ...] | Grid) -> tuple[float, ...]:
    """The values of a list or a grid, each once, in order."""
    listed = values.values() if isinstance(values, Grid) else values
    return tuple(dict.fromkeys(float(value) for value in listed))


def _is_multiple(value: float, step: float) -> bool:
    return abs(value / step - round(value / step)) < 1e-6


def _check_multiples(given: dict[str, float], step: float) -> None:
    for name, value in given.items():
        if not _is_multiple(value, step):
            near = max(1, round(value / step)) * step
            raise ValueError(f"{name} has {value:g}, which is no multiple of step {step:g}; take {near:g}")
