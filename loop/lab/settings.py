"""``lab:`` of a campaign file: how worklists are made, when an inbox file is complete, what is a surprise."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, model_validator
from saltloop.loop.errors import CampaignError
from saltloop.loop.space.settings import Settings

MOST_REPLICATES, LARGEST_BATCH = 20, 100_000
Named = Annotated[str, Field(pattern=r"^[\w][\w .:+/()-]*$", max_length=60)]


class Batch(Settings):
    """How much of each formulation is made: a mass, or a volume at 298.15 K."""

    mass_g: float | None = Field(None, gt=0, le=LARGEST_BATCH)
    volume_mL: float | None = Field(None, gt=0, le=LARGEST_BATCH)

    @model_validator(mode="after")
    def _one_of_them(self) -> Batch:
        if self.mass_g is not None and self.volume_mL is not None:
            raise ValueError("a batch has a mass_g or a volume_mL, not both")
        return self


class Stock(Settings):
    """A solution (or a pure solvent) in the dispenser."""

    name: Named
    #: Without a temperature: ``1.5 mol/kg LiPF6 in EC:EMC 3:7 (w/w)``, or ``DMC``.
    formulation: str = Field(min_length=1, max_length=500)
    #: At 298.15 K; estimated from its composition where it is not given.
    density_g_cm3: float | None = Field(None, gt=0.3, lt=5)
    #: In place of the dispenser's.
    min_volume_mL: float | None = Field(None, gt=0)
    step_mL: float | None = Field(None, gt=0)


class Dispenser(Settings):
    """What it can dispense: nothing, or at least ``min_volume_mL`` in multiples of ``step_mL``."""

    min_volume_mL: float = Field(0.05, gt=0)
    step_mL: float = Field(0.01, gt=0)


class Control(Settings):
    """A reference electrolyte that is measured again and again beside the samples."""

    formulation: str = Field(min_length=1, max_length=500)
    #: One before the first sample and one after every so many.
    every: int = Field(8, ge=1)


class LabSettings(Settings):
    """What the lab has, and how its results are received."""

    batch: Batch = Batch()
    #: Target masses are rounded to this.
    balance_step_g: float = Field(0.0001, gt=0, le=1)
    dispenser: Dispenser = Dispenser()
    stocks: tuple[Stock, ...] = Field((), max_length=40)
    #: A dispensed batch may be larger or smaller by this share if its composition gains by it.
    batch_tolerance: float = Field(0.05, ge=0, le=0.5)
    control: Control | None = None
    replicates: int = Field(1, ge=1, le=MOST_REPLICATES)
    #: A file in the inbox that has not changed for so long is complete.
    settle_s: float = Field(2.0, ge=0, le=3600)
    #: Deviations from the model's prediction beyond which a result waits for a person; none to switch it off.
    surprise: float | None = Field(4.0, gt=0)

    @model_validator(mode="after")
    def _stocks_have_names(self) -> LabSettings:
        names = [stock.name for stock in self.stocks]
        if len(set(names)) < len(names):
            raise ValueError("two stocks have the same name")
        return self


def adjusted(lab: LabSettings, *, batch: str | None = None, replicates: int | None = None) -> LabSettings:
    """With another batch, such as ``10 g`` or ``8 mL``, or another number of replicates.

    Raises:
        CampaignError: the batch is no amount, or the number is not between 1 and 20.
    """
    if batch is not None:
        found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(g|mL|ml)\s*", batch)
        if found is None or not 0 < float(found[1]) <= LARGEST_BATCH:
            raise CampaignError(f"The batch {batch!r} is neither a mass such as '10 g' nor a volume such as '8 mL'.")
        amount = {"mass_g" if found[2] == "g" else "volume_mL": float(found[1])}
        lab = lab.model_copy(update={"batch": Batch(**amount)})
    if replicates is None:
        return lab
    if not 1 <= replicates <= MOST_REPLICATES:
        raise CampaignError(f"{replicates} replicates of each formulation; give 1 to {MOST_REPLICATES}.")
    return lab.model_copy(update={"replicates": replicates})
