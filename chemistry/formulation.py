"""Formulations: one liquid, written one of several ways, with one identity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, NoReturn, get_args

from . import conversion, density, formulation_text
from .conversion import Basis, ConcentrationUnit, Shares
from .errors import FormulationError
from .species import Species, SpeciesBook

FRACTION_SUM_TOLERANCE = 1e-3
MAX_TOTAL_MOLALITY = 20.0
"""mol/kg; the most concentrated lithium electrolytes known stay below it."""
TEMPERATURE_RANGE_K = (150.0, 600.0)


class Formulation:
    """Salt(s) at a concentration, solvents with fractions, a temperature. Immutable.

    Two formulations are equal when they are one liquid, however each was written: identity is ``formulation_id``, a
    hash over InChIKeys, solvent mole fractions and molalities rounded to 1e-6, and the temperature rounded to 1e-3 K.
    Fractions by volume and mol/L refer to liquids at 298.15 K (see ``saltloop.chemistry.density``).

    >>> Formulation.create({"LiPF6": 1.0}, {"EC": 0.3, "EMC": 0.7}).text()
    '1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K'
    """

    __slots__ = (
        "_molalities",
        "_moles",
        "basis",
        "concentration_unit",
        "formulation_id",
        "salts",
        "solvents",
        "temperature_K",
    )

    salts: Shares
    """Each salt with its concentration in ``concentration_unit``."""
    concentration_unit: ConcentrationUnit
    """mol per kg of solvent, or mol per litre of solution."""
    solvents: Shares
    """Each solvent with its fraction in ``basis``; the fractions sum to 1."""
    basis: Basis
    temperature_K: float
    _moles: Shares
    _molalities: Shares
    formulation_id: str
    """``f`` and 15 hexadecimal digits."""

    def __init__(
        self, salts: Shares, solvents: Shares, concentration_unit: ConcentrationUnit, basis: Basis, temperature_K: float
    ) -> None:
        """From species already looked up and fractions already normalised; ``create`` and ``parse`` do both."""
        put = object.__setattr__
        put(self, "salts", salts)
        put(self, "solvents", solvents)
        put(self, "concentration_unit", concentration_unit)
        put(self, "basis", basis)
        put(self, "temperature_K", temperature_K)
        moles = conversion.mole_shares(solvents, basis)
        put(self, "_moles", moles)
        put(
            self,
            "_molalities",
            salts if concentration_unit == "mol/kg" else conversion.molalities_of(salts, conversion.mass_shares(moles)),
        )
        total = sum(molality for _, molality in self._molalities)
        if total > MAX_TOTAL_MOLALITY:
            _fail(
                f"{total:.4g} mol/kg of salt is more than {MAX_TOTAL_MOLALITY:g} mol/kg; check concentration and unit."
            )
        put(self, "formulation_id", conversion.identity(moles, self._molalities, temperature_K))

    @classmethod
    def create(
        cls,
        salts: Mapping[str, float],
        solvents: Mapping[str, float],
        *,
        concentration_unit: ConcentrationUnit = "mol/kg",
        basis: Basis = "mass",
        temperature_K: float = 298.15,
        species: SpeciesBook | None = None,
    ) -> Formulation:
        """From names: ``salts`` with concentrations, ``solvents`` with fractions that sum to 1 within 1e-3.

        Zeros are dropped. No salt is a pure solvent; no solvent is an error.

        Raises:
            UnknownSpeciesError: a name is not in the book.
            FormulationError: fractions, concentrations or temperature that no liquid has.
        """
        book = species or SpeciesBook.builtin()
        if concentration_unit not in get_args(ConcentrationUnit):
            _fail(f"Concentration unit {concentration_unit!r} is unknown; use 'mol/kg' or 'mol/L'.")
        if basis not in get_args(Basis):
            _fail(f"Basis {basis!r} is unknown; use 'mass', 'volume' or 'mole'.")
        found_salts = _checked(((book.salt(name), value) for name, value in salts.items()), "concentration")
        found_solvents = _checked(((book.solvent(name), value) for name, value in solvents.items()), "fraction")
        if not found_solvents:
            _fail("A formulation needs at least one solvent with a fraction above zero.")
        total = math.fsum(share for _, share in found_solvents)
        if abs(total - 1.0) > FRACTION_SUM_TOLERANCE:
            listed = ", ".join(f"{solvent.name} {share:g}" for solvent, share in found_solvents)
            _fail(
                f"Solvent fractions sum to {total:.4g}, not 1 ({listed}); correct them, or write a ratio such as '3:7'."
            )
        if total != 1.0:
            found_solvents = tuple((solvent, share / total) for solvent, share in found_solvents)
        return cls(found_salts, found_solvents, concentration_unit, basis, checked_temperature(temperature_K))

    @classmethod
    def parse(cls, text: str, species: SpeciesBook | None = None) -> Formulation:
        """From the text form, ``1.0 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K``.

        Ratios are any positive numbers. ``(w/w)``, ``(v/v)`` or ``(n/n)`` give the basis, by mass where it is left
        out; the temperature is 298.15 K where it is left out, and may be in °C. Several salts are joined by ``+``; no
        salt leaves ``EC at 313.15 K``.

        Raises:
            UnknownSpeciesError, FormulationError: with the piece that could not be read and what was expected.
        """
        return cls.create(**formulation_text.read(text), species=species)

    @property
    def mole_fractions(self) -> dict[str, float]:
        """Mole fraction of each solvent among the solvents."""
        return {solvent.name: share for solvent, share in self._moles}

    @property
    def mass_fractions(self) -> dict[str, float]:
        """Mass fraction of each solvent among the solvents."""
        return {solvent.name: share for solvent, share in self.solvent_shares("mass")}

    @property
    def volume_fractions(self) -> dict[str, float]:
        """Volume fraction of each solvent among the solvents, of pure liquids at 298.15 K."""
        return {solvent.name: share for solvent, share in self.solvent_shares("volume")}

    @property
    def molality(self) -> dict[str, float]:
        """mol per kg of solvent for each salt."""
        return {salt.name: value for salt, value in self._molalities}

    @property
    def molarity(self) -> dict[str, float]:
        """mol per litre of solution at 298.15 K for each salt."""
        return {salt.name: value for salt, value in self.salt_concentrations("mol/L")}

    def solvent_shares(self, basis: Basis) -> Shares:
        """Solvents with their fractions in a basis."""
        if basis == self.basis:
            return self.solvents
        if basis == "mole":
            return self._moles
        return (
            conversion.mass_shares(self._moles)
            if basis == "mass"
            else conversion.volume_shares(conversion.mass_shares(self._moles))
        )

    def salt_concentrations(self, unit: ConcentrationUnit) -> Shares:
        """Salts with their concentrations in a unit."""
        if unit == self.concentration_unit:
            return self.salts
        if unit == "mol/kg":
            return self._molalities
        return conversion.molarities_of(self._molalities, self.solvent_shares("mass"))

    def solution_density(self, temperature_K: float | None = None) -> density.DensityEstimate:
        """Estimated density of the solution, g/cm3, with its relative standard error; at its temperature by default."""
        at_K = self.temperature_K if temperature_K is None else temperature_K
        return density.solution_density(self.solvent_shares("mass"), self._molalities, at_K)

    def at(self, temperature_K: float) -> Formulation:
        """The same liquid at another temperature."""
        return Formulation(
            self.salts, self.solvents, self.concentration_unit, self.basis, checked_temperature(temperature_K)
        )

    def in_terms_of(self, basis: Basis, concentration_unit: ConcentrationUnit) -> Formulation:
        """The same liquid written in another basis and concentration unit."""
        salts = self.salt_concentrations(concentration_unit)
        return Formulation(salts, self.solvent_shares(basis), concentration_unit, basis, self.temperature_K)

    def to_canonical(self) -> Formulation:
        """The same liquid in mol/kg and mole fractions."""
        return self.in_terms_of("mole", "mol/kg")

    def text(self, basis: Basis | None = None, concentration_unit: ConcentrationUnit | None = None) -> str:
        """The text form that ``parse`` reads, as written or in another basis and concentration unit."""
        return formulation_text.write(
            self.salt_concentrations(concentration_unit or self.concentration_unit),
            concentration_unit or self.concentration_unit,
            self.solvent_shares(basis or self.basis),
            basis or self.basis,
            self.temperature_K,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: salts, concentration_unit, solvents, basis, temperature_K; exact, read by ``from_dict``."""
        return {
            "salts": {salt.name: value for salt, value in self.salts},
            "concentration_unit": self.concentration_unit,
            "solvents": {solvent.name: share for solvent, share in self.solvents},
            "basis": self.basis,
            "temperature_K": self.temperature_K,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], species: SpeciesBook | None = None) -> Formulation:
        """The inverse of ``to_dict``; a key too many or too few is a FormulationError."""
        keys = {"salts", "concentration_unit", "solvents", "basis", "temperature_K"}
        if set(data) != keys:
            _fail(f"A formulation has the keys {sorted(keys)}; this one has {sorted(data)}.")
        for key in ("salts", "solvents"):
            if not isinstance(data[key], Mapping):
                _fail(f"{key!r} of a formulation maps names to numbers; this one is {data[key]!r}.")
        return cls.create(**data, species=species)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Formulation) and self.formulation_id == other.formulation_id

    def __hash__(self) -> int:
        return hash(self.formulation_id)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"Formulation({self.text()!r})"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"A Formulation does not change; build another to set {name!r}.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"A Formulation does not change; {name!r} cannot be deleted.")

    def __reduce__(self) -> tuple[Any, ...]:
        return Formulation, (self.salts, self.solvents, self.concentration_unit, self.basis, self.temperature_K)


def checked_temperature(temperature_K: float) -> float:
    """The temperature as a float, if a liquid electrolyte can have it."""
    try:
        value = float(temperature_K)
    except (TypeError, ValueError):
        _fail(f"The temperature is {temperature_K!r}; it must be a number in K.")
    low, high = TEMPERATURE_RANGE_K
    if not low <= value <= high:
        remedy = f" If that is in °C, it is {value + 273.15:g} K." if -150 <= value < low else ""
        _fail(f"Temperature {value:g} K is outside {low:g} to {high:g} K.{remedy}")
    return value


def _checked(shares: Iterable[tuple[Species, float]], what: str) -> Shares:
    found: dict[Species, float] = {}
    for species, value in shares:
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value < 0:
            _fail(f"The {what} of {species.name} is {value!r}; it must be a number, zero or more.")
        if species in found:
            _fail(f"{species.name} is given twice; give it once, with its whole {what}.")
        found[species] = float(value)
    return tuple((species, value) for species, value in found.items() if value > 0)


def _fail(message: str) -> NoReturn:
    raise FormulationError(message)
