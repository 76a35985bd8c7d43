"""The oracles of a campaign file: what each is, what its results are called, and what a call costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from saltloop.loop.space.settings import Settings

OracleName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class OracleCost(Settings):
    """What one call of an oracle costs."""

    #: Learned from the calls that have ended where it is not given.
    hours: float | None = Field(None, gt=0)
    money: float = Field(0.0, ge=0)


class OracleSettings(BaseModel):
    """What answers: ``openmm``, ``mlff``, ``python`` (a user's ``factory``), ``lab`` (results arrive by ``tell``)."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: Literal["openmm", "mlff", "python", "lab"] = "openmm"
    cost: OracleCost = OracleCost()
    #: What its results name as their source; by its kind ``openmm``, ``mlff`` or ``experiment`` where it is not given.
    source: str | None = None

    def spec(self) -> dict[str, Any]:
        """What builds the oracle."""
        return self.model_dump(mode="json", exclude={"cost", "source"})

    @property
    def yields(self) -> str | None:
        """The source of its results; None if only the oracle itself knows."""
        return self.source or {"openmm": "openmm", "mlff": "mlff", "lab": "experiment"}.get(self.kind)


def check_oracles(single: OracleSettings, several: Mapping[str, OracleSettings], *, has_objectives: bool) -> None:
    """What a choice between several oracles needs.

    Raises:
        ValueError: a single oracle beside several, a cost or a source that cannot be known, or several objectives.
    """
    if not several:
        return
    if single != OracleSettings():
        raise ValueError("'oracle' and 'oracles' are both given; put the single one under 'oracles' as well")
    for name, oracle in several.items():
        if oracle.yields is None:
            raise ValueError(f"oracles.{name} needs a 'source': the word that its results name as their source")
        if oracle.kind == "lab" and len(several) > 1 and oracle.cost == OracleCost():
            raise ValueError(f"oracles.{name} needs a 'cost' (hours or money of one call); no job tells it for a lab")
    if sum(oracle.kind == "lab" for oracle in several.values()) > 1:
        raise ValueError("two of the oracles are a lab; results that are told could not be told apart, so name one")
    if len(several) > 1 and has_objectives:
        raise ValueError(
            "several oracles are weighed by their gain in conductivity; with 'objectives', name one oracle"
        )
