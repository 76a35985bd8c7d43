"""Settings of the surrogate. Reading them loads no torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: SCAN's own network and settings (Wang & You, Nat. Comput. Sci. 2026), as published.
SCAN_PRESET: dict[str, Any] = {
    "architecture": "scan",
    "hidden": 16,
    "n_routes": 9,
    "embedding": 0,
    "epochs": 1000,
    "batch_size": 256,
    "learning_rate": 0.002,
    "schedule": "constant",
    "weight_decay": 0.0,
    "loss": "squared",
    "identity_dropout": 0.0,
}


class SurrogateSettings(BaseModel):
    """An ensemble of MFNets. ``preset: scan`` sets SCAN's published values for all that is not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: Literal["default", "scan"] = "default"
    #: ``physics``: routes mix the coefficients of a conductivity law; ``scan``: SCAN's network on 14/14/6 features;
    #: ``gp``: a Gaussian process around a conductivity law, for a few dozen to 2,000 measurements (no other setting).
    architecture: Literal["physics", "scan", "gp"] = "physics"
    n_members: int = Field(5, ge=2, le=64)
    #: Width of each branch.
    hidden: int = Field(64, ge=4)
    #: Width of what a species is turned into before a mixture is formed.
    token: int = Field(16, ge=2)
    #: Routes (eta) that the router mixes.
    n_routes: int = Field(9, ge=1)
    #: Learned coordinates of each species beside its descriptors; 0 leaves the descriptors alone.
    embedding: int = Field(8, ge=0)
    #: How often a species' learned coordinates are withheld in training, so that unknown species are no surprise.
    identity_dropout: float = Field(0.1, ge=0, lt=1)
    #: Noise on the descriptors of a species whose coordinates are withheld, in standard deviations over the species.
    descriptor_noise: float = Field(0.5, ge=0)
    #: Largest factor (in ln k) by which the network may depart from its conductivity law.
    correction: float = Field(0.5, ge=0, le=3)
    epochs: int = Field(150, ge=1)
    batch_size: int = Field(512, ge=8)
    learning_rate: float = Field(0.015, gt=0)
    schedule: Literal["one_cycle", "constant"] = "one_cycle"
    weight_decay: float = Field(1e-3, ge=0)
    #: ``huber``: absolute beyond 0.3 mS/cm, so that a few wrong rows do not bend the fit; ``squared``: SCAN's.
    loss: Literal["huber", "squared"] = "huber"
    #: Weight of the error in ln k beside that in mS/cm (with ``huber``).
    relative_loss: float = Field(1.0, ge=0)
    #: Share of the rows that each member does not see; they tell how far the ensemble may be off nearby.
    held_out: float = Field(0.05, gt=0, lt=0.5)

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("preset") == "scan":
            return {**SCAN_PRESET, **values}
        return values
