"""How a campaign chooses, as its file states it: the acquisition function, and what is wanted of a liquid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from saltloop.chemistry.units import CANONICAL_UNITS

Kind = Literal["qlognei", "qucb", "thompson", "qlogehvi", "qlognehvi", "uncertainty", "uniform"]
#: Kinds that weigh several objectives, and those that look at none.
HYPERVOLUME_KINDS, BLIND_KINDS = frozenset({"qlogehvi", "qlognehvi"}), frozenset({"uniform"})


#: Kind -> what its acquisition value is, in words.
VALUE_WORDS: dict[Kind, str] = {
    "qlognei": "log expected improvement",
    "qucb": "upper confidence bound, mS/cm,",
    "thompson": "value in its draw, mS/cm,",
    "qlogehvi": "log expected hypervolume improvement",
    "qlognehvi": "log expected hypervolume improvement",
    "uncertainty": "standard deviation, mS/cm,",
    "uniform": "chance of being drawn",
}


class AcquisitionSettings(BaseModel):
    """How a batch is chosen.

    Sources: log expected improvement, also of hypervolume: Ament et al., NeurIPS 2023; noisy hypervolume: Daulton et
    al., NeurIPS 2021; batch confidence bounds: Wilson et al., 2017.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind = "qlognei"
    batch_size: int = Field(2, ge=1, le=64)
    mc_samples: int = Field(256, ge=16)
    #: Formulations of the streamed pool on which the acquisition function is evaluated.
    shortlist: int = Field(256, ge=8)
    #: Most formulations of one salt-and-solvent set that one ranking puts on the shortlist.
    per_family: int = Field(16, ge=1)
    #: Width of the upper confidence bound of ``qucb``, in posterior standard deviations.
    width: float = Field(2.0, gt=0)
    #: Exchange species, and move fractions, concentration and temperature between the pool's steps, while it pays.
    refine: bool = True
    #: Measure one of the best again where noise hides which of them is best.
    replicates: bool = True


class ObjectiveSettings(BaseModel):
    """One thing that is wanted: a measured quantity or a column of the space, and which way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: ``conductivity`` (the surrogate's), ``oxidation_potential`` (from quantum descriptors), or any measured quantity.
    quantity: str | None = None
    #: A column of the space, or an expression over them (docs/campaigns.md, Spaces).
    column: str | None = None
    goal: Literal["maximise", "minimise"] = "maximise"
    #: The least good value that is still worth having, in the quantity's unit.
    reference: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def name(self) -> str:
        """The quantity, or the column."""
        return self.quantity or self.column or ""

    @model_validator(mode="after")
    def _one_thing(self) -> ObjectiveSettings:
        if (self.quantity is None) == (self.column is None):
            raise ValueError("name either a 'quantity' or a 'column'")
        if self.quantity is not None and self.quantity not in {*CANONICAL_UNITS, "oxidation_potential"}:
            raise ValueError(
                f"{self.quantity!r} is no quantity that saltloop knows a unit of; use oxidation_potential or one of "
                f"{', '.join(sorted(CANONICAL_UNITS))}"
            )
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at_least ({self.at_least:g}) is above at_most ({self.at_most:g}); no liquid is both")
        return self


def check_objectives(acquisition: AcquisitionSettings, objectives: Sequence[ObjectiveSettings]) -> None:
    """Whether the kind of acquisition fits the objectives.

    Raises:
        ValueError: names the kind and what to write instead.
    """
    kind, names = acquisition.kind, [one.name for one in objectives]
    if len(set(names)) < len(names):
        raise ValueError(f"objectives: {', '.join(names)}: name each once")
    if len(names) == 1:
        raise ValueError("objectives: one alone; name two or more, or leave 'objectives' out to maximise conductivity")
    if names and kind not in HYPERVOLUME_KINDS | BLIND_KINDS:
        raise ValueError(f"acquisition.kind {kind!r} weighs one objective, there are {len(names)}; write qlognehvi")
    if not names and kind in HYPERVOLUME_KINDS:
        raise ValueError(f"acquisition.kind {kind!r} weighs several objectives; name them under 'objectives'")
