"""What becomes of a reported result, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from saltloop.chemistry.errors import DataError
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.result_files import MAX_ERRORS_SHOWN
from saltloop.chemistry.result_schema import LabResult

Kind = Literal["taken", "amended", "kept", "failure", "quarantined", "known", "conflict", "refused"]
#: The check that decided, in the order in which they are made.
Stage = Literal["", "syntax", "units", "candidate", "chemistry", "identity", "lab", "physical", "surprise"]
WORDS = {
    "taken": "taken", "amended": "an amendment", "kept": "kept, not learned from",
    "failure": "noted as a failure", "quarantined": "quarantined", "known": "known already",
    "conflict": "in conflict with what is there", "refused": "refused",
}  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """The verdict on one row. Nothing is recorded by it."""

    where: str
    """``line 3``, ``result 1``, ..."""
    kind: Kind
    stage: Stage = ""
    reason: str = ""
    """Why it is not simply taken."""
    result: LabResult | None = None
    measurement: Measurement | None = None
    measurement_id: str = ""
    note: str = ""
    """How the liquid differs from the one asked for; kept with the result."""
    uncompared: str = ""
    """Why the model could not be asked; only said."""
    expected: dict[str, Any] | None = None
    """What the model said before: mean and standard_deviation (mS/cm), deviations, weights_sha256."""
    failure: dict[str, Any] | None = None
    """An entry of a ``candidates_failed`` event."""
    amends: bool = False
    """It replaces the content of a result that is there."""

    @property
    def is_good(self) -> bool:
        """Whether the file that it is in can be taken."""
        return self.kind not in ("conflict", "refused")

    @property
    def remarks(self) -> str:
        """What else to know."""
        return "; ".join(filter(None, (self.note, self.uncompared)))

    def __str__(self) -> str:
        value = f": {self.measurement}" if self.measurement is not None and self.kind in ("taken", "amended") else ""
        why = f": {self.reason}" * bool(self.reason)
        return f"{self.where} is {WORDS[self.kind]}{why}{value}" + f" [{self.remarks}]" * bool(self.remarks)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON for scripts."""
        return {
            "where": self.where,
            "verdict": self.kind,
            "stage": self.stage,
            "reason": self.reason,
            "note": self.remarks,
            "measurement_id": self.measurement_id,
            "source": self.result.source if self.result else None,
            "external_id": self.result.external_id if self.result else None,
            "candidate_id": self.result.candidate_id or None if self.result else None,
            "expected": self.expected,
        }


class RefusedError(DataError):
    """Results of which some cannot be taken, so that none was."""

    def __init__(self, name: str, verdicts: Sequence[Verdict]) -> None:
        self.verdicts = tuple(verdicts)
        bad = [f"{one.where}: {one.reason}" for one in verdicts if not one.is_good]
        more = [f"and {len(bad) - MAX_ERRORS_SHOWN} more"] if len(bad) > MAX_ERRORS_SHOWN else []
        listed = "\n".join(f"  {line}" for line in [*bad[:MAX_ERRORS_SHOWN], *more])
        super().__init__(f"{name}: nothing was recorded.\n{listed}")
