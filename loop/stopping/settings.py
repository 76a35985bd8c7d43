"""Stop rules as a campaign file states them; ``loop.stopping.judge`` judges them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

#: What happens when a rule holds: the campaign ends, or waits until a person resumes it.
Then = Literal["stop", "pause"]


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    then: Then = "stop"


class Rounds(_Rule):
    """So many batches of the controller are done."""

    rule: Literal["rounds"]
    at: int = Field(ge=1)


class Calls(_Rule):
    """So many oracle calls came to an end: each attempt of a job, and each candidate that a lab answered for."""

    rule: Literal["calls"]
    at: int = Field(ge=1)


class OracleHours(_Rule):
    """Wall time of all calls, in hours."""

    rule: Literal["oracle_hours"]
    at: float = Field(gt=0)


class Money(_Rule):
    """What all calls cost, in the unit of the oracles' prices."""

    rule: Literal["money"]
    at: float = Field(gt=0)


class Improvement(_Rule):
    """The last rounds with results raised the best conductivity, as the surrogate sees it now, by less than this."""

    rule: Literal["improvement"]
    below_mS_cm: float = Field(gt=0)
    over_rounds: int = Field(3, ge=1)


class ImprovementAgainstUncertainty(_Rule):
    """The last rounds raised the best by less than ``below`` standard deviations of what is known about that best."""

    rule: Literal["improvement_against_uncertainty"]
    below: float = Field(1.0, gt=0)
    over_rounds: int = Field(3, ge=1)


class NothingBetter(_Rule):
    """The last batches each found it improbable that anything in the space beats the best known formulation."""

    rule: Literal["nothing_better"]
    probability_below: float = Field(0.05, gt=0, lt=1)
    over_rounds: int = Field(2, ge=1)


class FailureRate(_Rule):
    """More than this share of the last calls failed. Counted anew after a person has resumed the campaign."""

    rule: Literal["failure_rate"]
    above: float = Field(0.5, ge=0, lt=1)
    over_calls: int = Field(8, ge=1)
    then: Then = "pause"


class AllOf(BaseModel):
    """Holds when each of its rules holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    all_of: tuple[StopRule, ...] = Field(min_length=1)
    then: Then = "stop"


class AnyOf(BaseModel):
    """Holds when one of its rules holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    any_of: tuple[StopRule, ...] = Field(min_length=1)
    then: Then = "stop"


RULE_NAMES = (
    "rounds", "calls", "oracle_hours", "money",
    "improvement", "improvement_against_uncertainty", "nothing_better", "failure_rate",
)  # fmt: skip


def _tag(value: Any) -> str | None:
    """Which model a rule is written in, by its ``rule`` or by ``all_of`` or ``any_of``."""
    keys = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    for tag in ("all_of", "any_of"):
        if tag in keys:
            return tag
    name = keys.get("rule")
    return name if name in RULE_NAMES else None


StopRule = Annotated[
    Annotated[Rounds, Tag("rounds")]
    | Annotated[Calls, Tag("calls")]
    | Annotated[OracleHours, Tag("oracle_hours")]
    | Annotated[Money, Tag("money")]
    | Annotated[Improvement, Tag("improvement")]
    | Annotated[ImprovementAgainstUncertainty, Tag("improvement_against_uncertainty")]
    | Annotated[NothingBetter, Tag("nothing_better")]
    | Annotated[FailureRate, Tag("failure_rate")]
    | Annotated[AllOf, Tag("all_of")]
    | Annotated[AnyOf, Tag("any_of")],
    Discriminator(
        _tag,
        custom_error_type="no_such_rule",
        custom_error_message=f"a rule is {{rule: NAME, ...}} with NAME one of {', '.join(RULE_NAMES)}, or "
        "{all_of: [...]}, {any_of: [...]}",
    ),
]


class Budget(BaseModel):
    """The most that a campaign may use; each a stop rule of its own. Changed at any time; each change is recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rounds: int | None = Field(None, ge=1)
    calls: int | None = Field(None, ge=1)
    oracle_hours: float | None = Field(None, gt=0)
    money: float | None = Field(None, gt=0)

    def rules(self) -> tuple[Rounds | Calls | OracleHours | Money, ...]:
        """The limits that are set, as rules."""
        found: list[Rounds | Calls | OracleHours | Money] = []
        if self.rounds is not None:
            found.append(Rounds(rule="rounds", at=self.rounds))
        if self.calls is not None:
            found.append(Calls(rule="calls", at=self.calls))
        if self.oracle_hours is not None:
            found.append(OracleHours(rule="oracle_hours", at=self.oracle_hours))
        if self.money is not None:
            found.append(Money(rule="money", at=self.money))
        return tuple(found)
