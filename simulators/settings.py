"""What all settings of a simulation have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen, and without unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")
