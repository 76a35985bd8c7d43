"""Measurements: a formulation, a quantity, a value with unit and standard uncertainty, and where it came from."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from .errors import DataError, SaltloopError, UnitError
from .formulation import Formulation
from .species import SpeciesBook
from .units import CANONICAL_UNITS, convert, dimension_of


class Measurement(BaseModel):
    """One measured (or simulated) value of one quantity of one liquid. Immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    formulation: Formulation
    quantity: str = "conductivity"
    value: float
    unit: str
    standard_uncertainty: float
    """One standard deviation, in ``unit``; above zero."""
    source: str
    """``experiment``, ``openmm``, ``mlff``, ``replay``, or a user's own oracle."""
    method: str = ""
    reference: str = ""
    """DOI, file or job key."""
    external_id: str = ""
    """The lab's or job's own name for this measurement; makes it recognisable when it comes twice."""

    def __init__(self, **data: Any) -> None:
        """From keyword arguments; what is wrong with them is a DataError, or a UnitError where it is the unit."""
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise _readable(error) from error

    @field_validator("source")
    @classmethod
    def _source_is_named(cls, source: str) -> str:
        if not source.strip():
            raise ValueError("a measurement needs a source, such as 'experiment' or 'openmm'")
        return source

    @model_validator(mode="after")
    def _value_is_physical(self) -> Measurement:
        if not math.isfinite(self.value):
            raise ValueError(f"the value {self.value!r} is not a finite number; leave a failed measurement out")
        if not (math.isfinite(self.standard_uncertainty) and self.standard_uncertainty > 0):
            raise ValueError(f"the standard uncertainty {self.standard_uncertainty!r} must be a number above zero")
        dimension = dimension_of(self.unit)
        expected = CANONICAL_UNITS.get(self.quantity)
        if expected is not None and dimension != dimension_of(expected):
            raise UnitError(
                f"{self.unit!r} is a unit of {dimension}, but the quantity is {self.quantity}: use {expected!r}."
            )
        return self

    @cached_property
    def measurement_id(self) -> str:
        """``m`` and 15 hexadecimal digits: over source and ``external_id`` if there is one, else over the content."""
        if self.external_id:
            return external_measurement_id(self.source, self.external_id)
        unit = CANONICAL_UNITS.get(self.quantity, self.unit)
        # Nine digits: a change of unit, with its rounding noise, leaves the id as it is.
        same = self._expressed_in(unit)
        content = ["content", self.formulation.formulation_id, self.quantity, f"{same[0]:.9g}", unit, f"{same[1]:.9g}"]
        return _hashed([*content, self.source, self.method, self.reference])

    def in_unit(self, unit: str) -> Measurement:
        """The same measurement, with the same id, in another unit."""
        if unit == self.unit:
            return self
        value, standard_uncertainty = self._expressed_in(unit)
        return self.model_copy(update={"value": value, "unit": unit, "standard_uncertainty": standard_uncertainty})

    def _expressed_in(self, unit: str) -> tuple[float, float]:
        # An uncertainty is a difference: the zero of the scale (of °C) does not enter.
        zero = convert(0.0, self.unit, unit)
        return convert(self.value, self.unit, unit), convert(self.standard_uncertainty, self.unit, unit) - zero

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, read by ``from_dict``."""
        data = {name: getattr(self, name) for name in type(self).model_fields}
        return {**data, "formulation": self.formulation.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], species: SpeciesBook | None = None) -> Measurement:
        """The inverse of ``to_dict``.

        Raises:
            DataError: no formulation is in it.
        """
        if not isinstance(data.get("formulation"), Mapping):
            raise DataError(f"A measurement needs a 'formulation'; this one has {sorted(data)}.")
        return cls(**{**data, "formulation": Formulation.from_dict(data["formulation"], species)})

    def __str__(self) -> str:
        value = f"{self.value:.4g} ± {self.standard_uncertainty:.2g} {self.unit}"
        return f"{self.quantity} {value} ({self.source}), {self.formulation}"


def external_measurement_id(source: str, external_id: str) -> str:
    """The id of a measurement that its source has named."""
    return _hashed(["external", source, external_id])


def _hashed(content: list[str]) -> str:
    return "m" + hashlib.sha256(json.dumps(content).encode()).hexdigest()[:15]


def _readable(error: ValidationError) -> SaltloopError:
    messages = []
    for one in error.errors():
        cause = one.get("ctx", {}).get("error")
        if isinstance(cause, SaltloopError):
            return cause
        where = ".".join(str(part) for part in one["loc"])
        messages.append(f"{where}: {one['msg']}" if where else str(cause or one["msg"]))
    return DataError("Not a measurement: " + "; ".join(messages) + ".")
