"""Settings of the analysis: how displacements are fitted, what is reported."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator
from saltloop.simulators.settings import Settings

USUAL_FRACTIONS = (0.1, 0.4)


class Analysis(Settings):
    """From recorded positions to numbers."""

    fit_start_fraction: float | None = Field(None, gt=0, lt=1)
    """First lag that is fitted, as a fraction of the production's length; None finds it for each species."""
    fit_end_fraction: float | None = Field(None, gt=0, le=0.5)
    """Last lag that is fitted, likewise. Where one of the two is given, the other is 0.1 or 0.4 unless given."""
    report: Literal["nernst_einstein", "collective", "combined"] = "combined"
    """The estimator that the quantity ``conductivity`` takes; all three are always among the measurements. On reference
    electrolytes Nernst-Einstein is about twice what is measured, combined is not biased (docs/benchmarks.md)."""
    size_correction: bool = True
    """Self-diffusion coefficients, and with them the Nernst-Einstein conductivity, for an infinite box."""

    @model_validator(mode="after")
    def _window_is_open(self) -> Analysis:
        if (fractions := self.fit_fractions) and fractions[1] <= fractions[0]:
            raise ValueError("fit_end_fraction must be above fit_start_fraction")
        return self

    @property
    def fit_fractions(self) -> tuple[float, float] | None:
        """The window that was asked for, or None where it is found."""
        if self.fit_start_fraction is None and self.fit_end_fraction is None:
            return None
        return self.fit_start_fraction or USUAL_FRACTIONS[0], self.fit_end_fraction or USUAL_FRACTIONS[1]
