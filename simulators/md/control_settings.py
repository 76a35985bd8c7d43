"""Settings of what surrounds one simulation: replicas' budget, slow liquids, attempts after a failure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from saltloop.simulators.settings import Settings


class Retry(Settings):
    """What is done about a simulation that fails: another start, gentler each time, within the same job."""

    max_attempts: int = Field(3, ge=1, le=9)
    """Of each replica, the first included."""
    max_platform_losses: int = Field(3, ge=0)
    """Restarts from the checkpoint after the device was lost, of each replica."""


class StopWhen(Settings):
    """Production is as long as the error needs: no shorter than ``min_ps``, no longer than the budgets allow."""

    relative_error: float = Field(gt=0, lt=1)
    """Standard error of the reported quantity (the conductivity; without ions the density) over its value."""
    min_ps: float | None = Field(None, gt=0)
    """Production of each replica before the error is judged; None: ``produce.duration_ps``."""
    max_ps: float = Field(gt=0)
    """Most production of each replica."""
    max_wall_s: float | None = Field(None, gt=0)
    """Wall time of all replicas and sessions at one temperature. Production is planned to end within it, but not below
    ``min_ps``."""

    @model_validator(mode="after")
    def _least_is_below_most(self) -> StopWhen:
        if self.min_ps is not None and self.min_ps > self.max_ps:
            raise ValueError(f"min_ps of {self.min_ps:g} is above max_ps of {self.max_ps:g}")
        return self


class SlowLiquid(Settings):
    """What to do about a liquid whose ions do not diffuse within the budget."""

    min_displacement_nm: float = Field(0.2, gt=0)
    """Root-mean-square displacement that each kind of ion must reach in 0.4 of production. The default is about Li-O:
    ions below it have not left their cages, and what they do there is no diffusion."""
    min_log_slope: float = Field(0.5, gt=0, lt=1)
    """d ln MSD / d ln t that each kind of ion must reach between 0.2 and 0.4 of production; 1 is diffusion."""
    hotter: bool = True
    """Simulate hotter temperatures and extrapolate; False, or where that fails: a failure ``too_slow`` with a bound."""
    temperatures_K: tuple[float, ...] | None = None
    """None: the factors times the liquid's temperature."""
    factors: tuple[float, ...] = (1.1, 1.2, 1.35)
    law: Literal["auto", "arrhenius", "vft"] = "auto"

    @model_validator(mode="after")
    def _there_are_two(self) -> SlowLiquid:
        if len(self.temperatures_K or self.factors) < 2 or min(self.factors, default=0) <= 1:
            raise ValueError("'slow' needs at least two hotter temperatures ('temperatures_K', or 'factors' above 1)")
        return self
