"""Placeholder of the lead until the owner's file arrives."""
from __future__ import annotations

import importlib
from typing import Any

from pydantic import BaseModel, ConfigDict

from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.measurement import Measurement


class UnsupportedFormulationError(SaltloopError, ValueError):
    pass


class Failure(BaseModel):
    reason: str
    kind: str
    is_retryable: bool = False


class OracleOutcome(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    measurements: tuple[Measurement, ...] = ()
    failure: Failure | None = None
    provenance: dict[str, Any] = {}
    artifacts: tuple[str, ...] = ()

    def to_dict(self):
        return {**self.model_dump(exclude={"measurements"}), "measurements": [m.to_dict() for m in self.measurements]}

    @classmethod
    def from_dict(cls, d, species=None):
        return cls(**{**d, "measurements": tuple(Measurement.from_dict(m, species) for m in d["measurements"])})


def build_oracle(spec, species):
    module, _, name = spec["factory"].partition(":")
    return getattr(importlib.import_module(module), name)(**spec.get("options", {}))
