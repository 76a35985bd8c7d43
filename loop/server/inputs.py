"""What people and robots send with a request, beside results."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from saltloop.chemistry.result_schema import PLAIN_TEXT

_PLAIN = r"^[^\x00-\x1f\x7f]*$"
PersonName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_PLAIN)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=PLAIN_TEXT)]
RequestId = Annotated[
    str | None,
    Field(
        pattern=r"^[0-9a-f]{32}$",
        description="32 hexadecimal digits of your own: sent again with the same one, it is done once.",
    ),
]

Robot = Annotated[str, Query(min_length=1, max_length=100, pattern=_PLAIN, description="The robot's name.")]
Offset = Annotated[int, Query(ge=0, le=2**31, description="Leave out so many.")]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many.")]
LeaseMinutes = Annotated[float, Query(gt=0, le=60 * 24 * 30, description="How long the claim holds.")]
Id = Annotated[str, Path(max_length=200)]


class _Word(BaseModel):
    model_config = ConfigDict(extra="forbid")

    person: PersonName
    """Stands in the record beside what was done."""
    request_id: RequestId = None


class Word(_Word):
    """A person's decision."""


class WordWithReason(_Word):
    """A person's decision, and why."""

    reason: Reason


class Rejection(WordWithReason):
    """A candidate that nobody shall measure, and why."""

    is_infeasible: bool = False
    """It cannot be made or measured: this teaches the feasibility model."""


class Vouching(_Word):
    """A person vouches for a quarantined result."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=PLAIN_TEXT)] = ""
