"""``oracle: {kind: mlff, ...}`` in a campaign file: the model, its density, how its boxes start, its budget."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from saltloop.simulators.md.protocols import Protocol, merged, resolve_protocol

TRITIUM = {"mass_u": 3.016, "is_taken_from_neighbour": False}
CHANGES: Mapping[str, Any] = MappingProxyType(
    {
        "minimise": {"max_iterations": 20},
        "soften": {"duration_ps": 0.1, "timestep_fs": 0.5, "friction_per_ps": 20.0},
        "equilibrate_nvt": {"timestep_fs": 2.0, "hydrogens": TRITIUM},
        "anneal": None,
        "equilibrate_npt": {"timestep_fs": 2.0, "hydrogens": TRITIUM},
        "settle": {"timestep_fs": 2.0, "hydrogens": TRITIUM},
        "produce": {"timestep_fs": 1.0, "hydrogens": None},
    }
)
"""What a machine-learned potential needs of a classical protocol: nothing is constrained, so that steps are shorter;
tritium allows 2 fs where dynamics do not count (Ju et al., arXiv:2501.05211 (2025)); annealing is left to the classical
start."""


class Dispersion(BaseModel):
    """D3(BJ): the functional that the model learned, and how far dispersion reaches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    functional: str = "pbe"
    cutoff_nm: float = Field(2.0, gt=0.5, le=5)
    """Periodic images are summed, so that it may exceed half the box."""
    width_nm: float = Field(0.2, ge=0)
    """Width over which pairs are switched off below the cutoff."""
    coordination_cutoff_nm: float = Field(1.2, gt=0.5, le=5)
    """Of the coordination numbers that D3's coefficients depend on."""


class MLFFSpec(BaseModel):
    """The oracle's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["mlff"] = "mlff"
    model: str = "sevennet-0"
    """``sevennet-0``, ``sevennet-l3i5``, ``sevennet-mf-0``, or your own: ``package.module:factory``."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the factory, or ``precision`` of a SevenNet."""
    dispersion: Literal["auto", "d3bj"] | Dispersion | None = "auto"
    """``auto``: D3(BJ) for SevenNet, which learned PBE; none for your own model."""
    density: Literal["estimated", "classical", "simulated"] | float = "estimated"
    """``estimated``: constant volume at the density that saltloop.chemistry expects; a number: at that one (g/cm3);
    ``classical``: at that of the classical force field at constant pressure; ``simulated``: at the model's own."""
    start: str | dict[str, Any] | None = "demo"
    """Classical protocol whose production equilibrates each box before the model takes over; None: only packed."""
    protocol: str | dict[str, Any] = "quick"
    """As that of ``kind: openmm``; see ``CHANGES`` for what differs."""
    budget_s: float = Field(86_400.0, gt=0)
    """A run whose longest duration is estimated above this is refused before it starts."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model computes; ``auto``: CUDA where PyTorch has it."""
    platform: Literal["auto", "CUDA", "OpenCL", "CPU", "Reference"] = "auto"
    """Where OpenMM integrates."""
    threads: int = Field(1, ge=1)

    @field_validator("density")
    @classmethod
    def _density_is_positive(cls, value: str | float) -> str | float:
        if not isinstance(value, str) and not 0.3 < value < 3.0:
            raise ValueError(f"a density of {value:g} g/cm3 is no liquid electrolyte's (0.3 to 3.0)")
        return value

    @model_validator(mode="after")
    def _density_is_said_once(self) -> MLFFSpec:
        if isinstance(self.protocol, dict) and (said := {"density", "density_g_cm3"} & set(self.protocol)):
            raise ValueError(f"give {', '.join(sorted(said))} as 'density' of the oracle, not in its protocol")
        return self

    @property
    def is_own_model(self) -> bool:
        """Whether the model is a factory of the user's."""
        return ":" in self.model

    @property
    def d3(self) -> Dispersion | None:
        """Settings of the dispersion that is added, if any is."""
        if self.dispersion == "auto":
            return None if self.is_own_model else Dispersion()
        return Dispersion() if self.dispersion == "d3bj" else self.dispersion

    def resolved_protocol(self) -> Protocol:
        """The protocol with ``CHANGES``, and then with the user's own overrides.

        Raises:
            ProtocolError: a name or a setting is unknown.
        """
        overrides = dict(self.protocol) if isinstance(self.protocol, dict) else {"base": self.protocol}
        base = str(overrides.pop("base", "quick"))
        density = (
            {"density": "simulated"}
            if self.density == "simulated"
            else {"density": "given", "density_g_cm3": self.density if isinstance(self.density, float) else None}
        )
        name = f"{base}, {'modified, ' if overrides else ''}machine-learned forces"
        return resolve_protocol({"base": base, **merged(CHANGES, overrides), **density, "name": name})

    def classical_protocol(self) -> Protocol | None:
        """The classical start's protocol.

        Raises:
            ProtocolError: a name or a setting is unknown.
        """
        return None if self.start is None else resolve_protocol(self.start)
