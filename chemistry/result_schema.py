"""What a lab reports: one schema for CSV, JSON and HTTP. ``docs/lab.md`` describes it with examples."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from .errors import DataError, SaltloopError, UnitError
from .units import dimension_of

#: What an amount is of, and the dimension that its unit must have.
BASES = {
    "mass": "mass", "mole": "amount", "volume": "volume", "mass_fraction": "fraction", "mole_fraction": "fraction",
    "volume_fraction": "fraction", "molality": "molality", "molarity": "molarity",
}  # fmt: skip
Basis = Literal["mass", "mole", "volume", "mass_fraction", "mole_fraction", "volume_fraction", "molality", "molarity"]
Status = Literal["ok", "suspect", "censored", "failed", "infeasible", "crystallised", "separated"]
#: There is no value: ``failed`` says that the measurement went wrong, the others that the liquid cannot be measured.
FAILURES: frozenset[Status] = frozenset({"failed", "infeasible", "crystallised", "separated"})

_BASIS_OF = {"mass": "mass", "amount": "mole", "volume": "volume", "molality": "molality", "molarity": "molarity"}
_PIECE = re.compile(r"(?P<name>.*\S)\s+(?P<amount>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<rest>[^\d\s].*)")
_LONGEST_PIECE = 300

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
#: Of several lines; without what a terminal would obey when it is printed.
PLAIN_TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=PLAIN_TEXT)]


def _in_words(value: Any) -> Any:
    """A time is written in ISO 8601; a bare number could mean seconds or milliseconds of any epoch."""
    if not isinstance(value, str | datetime.datetime | None):
        raise ValueError("write the time as ISO 8601 with its zone, such as '2026-11-21T16:05:00+01:00'")
    if isinstance(value, str) and not re.match(r"\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d", value):
        raise ValueError("write the time as ISO 8601 with its zone, such as '2026-11-21T16:05:00+01:00'")
    return value


def _components(value: Any) -> Any:
    """Components may be written as text, as in a CSV cell: ``LiPF6 1.52 g; EC 3.0 g; EMC 7.0 g``."""
    if isinstance(value, str):
        return tuple(component_from_text(piece) for piece in value.split(";") if piece.strip())
    return value


class Component(BaseModel):
    """One salt or solvent and how much of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[Name, Field(min_length=1)]
    """Name or alias of a salt or solvent."""
    amount: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0)]
    unit: Name
    """g, mg, mol, mmol, mL, uL, mol/kg, mol/L, 1 or %, ..."""
    basis: Basis | None = None
    """What the amount is of; follows from the unit, save for fractions (``1``, ``%``), which must say it."""
    lot: Name = ""

    @model_validator(mode="after")
    def _unit_fits(self) -> Component:
        dimension = dimension_of(self.unit)
        if self.basis is None and dimension not in _BASIS_OF:
            raise UnitError(
                f"{self.name}: an amount in {self.unit!r} needs a basis: mass_fraction, mole_fraction or "
                "volume_fraction."
            )
        if self.basis is not None and BASES[self.basis] != dimension:
            raise UnitError(f"{self.name}: {self.unit!r} is a unit of {dimension}, not of a {self.basis}.")
        return self

    @property
    def kind(self) -> str:
        """The basis, said or following from the unit."""
        return self.basis or _BASIS_OF[dimension_of(self.unit)]


Components = Annotated[tuple[Component, ...], BeforeValidator(_components), Field(max_length=20)]


class LabResult(BaseModel):
    """One measured value of one liquid, or the word that there is none. Immutable.

    The liquid is ``actual``, or else ``components``, ``formulation``, or what the candidate asked for. The value is
    ``value`` with ``standard_uncertainty`` (or ``standard_deviation`` of ``n``), or ``replicates``, or the impedance:
    ``cell_constant_per_cm`` over ``resistance_ohm``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    source: Annotated[Name, Field(min_length=1)] = "experiment"
    """Who measured: ``experiment``, or a simulation's name. Values of other sources are calibrated to experiment."""
    external_id: Name = ""
    """The lab's own name for this value. (source, external_id) makes it recognisable when it comes again."""
    measured_at: Annotated[AwareDatetime | None, BeforeValidator(_in_words)] = None
    candidate_id: Name = ""
    """The candidate that it answers; empty for a result that nobody asked for."""
    formulation: Text = ""
    """``1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K``"""
    components: Components = ()
    """The liquid by amounts of its salts and solvents."""
    actual: Components = ()
    """What was really made, where that is not exactly what was asked for; this is what is learned from."""
    temperature: Number | None = None
    temperature_unit: Name = ""
    """K, degC or degF."""
    quantity: Name = "conductivity"
    value: Number | None = None
    """With the status ``censored`` the limit that it lies beyond."""
    unit: Name = ""
    standard_uncertainty: Positive | None = None
    """One standard deviation of the value, in its unit."""
    replicates: Annotated[tuple[Number, ...], Field(max_length=1000)] = ()
    """Repeated readings; the value is their mean."""
    standard_deviation: Positive | None = None
    """Of single readings; the value is the mean of ``n`` of them."""
    n: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] | None = None
    resistance_ohm: Positive | None = None
    resistance_uncertainty_ohm: Positive | None = None
    cell_constant_per_cm: Positive | None = None
    cell_constant_uncertainty_per_cm: Positive | None = None
    status: Status = "ok"
    limit: Literal["below", "above"] | None = None
    """Of a censored value: it lies below, or above, ``value``."""
    method: Name = ""
    instrument: Name = ""
    lot: Name = ""
    reference: Name = ""
    note: Text = ""
    raw_file: Name = ""
    raw_sha256: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""
    cost: Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0)] | None = None
    """Money that this measurement cost, in place of the oracle's price."""
    amends: bool = False
    """This replaces the value that was reported under the same source and external_id."""

    @model_validator(mode="after")
    def _says_what_it_must(self) -> LabResult:
        if not (self.candidate_id or self.formulation or self.components or self.actual):
            raise ValueError("neither candidate_id nor formulation nor components: what was measured?")
        if (self.temperature is None) != (not self.temperature_unit):
            raise ValueError("a temperature and its temperature_unit (K, degC, degF) go together")
        if self.amends and not self.external_id:
            raise ValueError("an amendment needs the external_id of the result that it replaces")
        if self.raw_sha256 and not self.raw_file:
            raise ValueError("raw_sha256 needs the name of its raw_file")
        if self.status in FAILURES and self.has_value:
            raise ValueError(f"a value and the status {self.status!r}: keep the one that is true")
        if (self.status == "censored") != (self.limit is not None):
            raise ValueError("a censored value has a limit, 'below' or 'above', and only a censored one has")
        if self.status == "censored" and self.value is None:
            raise ValueError("a censored result needs the value that it lies below or above")
        return self

    @property
    def has_value(self) -> bool:
        return self.value is not None or bool(self.replicates) or self.resistance_ohm is not None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON without what is left at its default; read by ``LabResult.model_validate``."""
        return self.model_dump(mode="json", exclude_defaults=True)


def component_from_text(text: str) -> Component:
    """``EC 3.0 g``, ``LiPF6 1 mol/kg``, ``EC 0.3 mass_fraction`` or ``EC 30 % mass_fraction``.

    Raises:
        ValueError: it is not written so.
    """
    found = _PIECE.fullmatch(text.strip()) if len(text) <= _LONGEST_PIECE else None
    words = found["rest"].split() if found else []
    if found is None or len(words) > 2:
        raise ValueError(f"{text.strip()[:80]!r} is not NAME AMOUNT UNIT, such as 'EC 3.0 g' or 'EC 0.3 mass_fraction'")
    unit, basis = (words[0], words[1]) if len(words) == 2 else (words[0], None)
    if basis is None and BASES.get(unit) == "fraction":
        unit, basis = "1", unit
    try:
        return Component(name=found["name"], amount=float(found["amount"]), unit=unit, basis=basis)
    except ValidationError as error:
        raise explained(error) from None


def lab_result(data: Any) -> LabResult:
    """A result from plain JSON.

    Raises:
        DataError: the first words say which field is wrong, its value and why; a UnitError where a unit is wrong.
    """
    try:
        return LabResult.model_validate(data)
    except ValidationError as error:
        raise explained(error) from None


def explained(error: ValidationError) -> SaltloopError:
    """What is wrong, for a person."""
    messages = []
    for one in error.errors(include_url=False)[:5]:
        cause = one.get("ctx", {}).get("error")
        if isinstance(cause, SaltloopError):
            return cause
        where = ".".join(str(part) for part in one["loc"])
        message = str(cause) if cause else one["msg"]
        if one["type"] == "extra_forbidden":
            where, message = "", f"there is no field {where[:80]!r}; known are {', '.join(LabResult.model_fields)}"
        elif one["type"] == "literal_error":
            known = one["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
            where, message = "", f"the {where} {str(one['input'])[:80]!r} is unknown; known are {known}"
        elif one["loc"] and isinstance(one["input"], str | int | float | bool | None):
            message += f" (it is {str(one['input'])[:80]!r})"
        messages.append(f"{where}: {message}" if where else message)
    return DataError("; ".join(messages))
