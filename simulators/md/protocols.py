"""How long and how carefully a formulation is simulated: nested, frozen settings, and the four that have names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, model_validator
from saltloop.chemistry.errors import SaltloopError
from saltloop.simulators.analysis.settings import Analysis
from saltloop.simulators.forces.settings import ForceFieldSettings
from saltloop.simulators.settings import Settings

from .control_settings import Retry, SlowLiquid, StopWhen
from .stage_settings import Anneal, BoxSettings, Converge, Minimise, Npt, Nvt


class ProtocolError(SaltloopError, ValueError):
    """A protocol name or override that does not exist or makes no sense."""


class Protocol(Settings):
    """From packing to conductivity. All lengths are simulated time."""

    name: str = "custom"
    box: BoxSettings = BoxSettings()
    force_field: ForceFieldSettings = ForceFieldSettings()
    minimise: Minimise = Minimise()
    soften: Nvt = Nvt(duration_ps=1.0, timestep_fs=1.0, friction_per_ps=10.0)
    """A soft start with a short step and strong friction."""
    density: Literal["simulated", "given"] = "simulated"
    """``given``: constant volume throughout, no constant-pressure stage."""
    density_g_cm3: float | None = Field(None, gt=0)
    """The density where it is ``given``; None leaves it to the oracle, which says where it comes from."""
    replicas: int = Field(1, ge=1, le=64)
    """Simulations of the same composition from different packings, analysed together."""
    equilibrate_nvt: Nvt
    anneal: Anneal | None = None
    """None: never."""
    equilibrate_npt: Npt
    settle: Nvt = Nvt(duration_ps=2.0, timestep_fs=4.0, friction_per_ps=10.0)
    """After the box was set to the mean density."""
    produce: Nvt
    frame_ps: float = Field(1.0, gt=0)
    """Time between two recorded frames of production."""
    structure_ps: float = Field(2.0, gt=0)
    """Time between two recorded positions of lithium and donor atoms in production, rounded to whole frames."""
    checkpoint_ps: float = Field(50.0, gt=0)
    """Simulated time between checkpoints: at most this much is repeated after a kill."""
    stop: StopWhen | None = None
    """None: production of ``produce.duration_ps``, whatever the error."""
    slow: SlowLiquid | None = None
    """None: what was found is reported, with a warning, however little the ions have moved."""
    retry: Retry = Retry()
    analysis: Analysis = Analysis()

    @model_validator(mode="after")
    def _density_is_one_or_the_other(self) -> Protocol:
        if self.density == "simulated" and self.density_g_cm3 is not None:
            raise ValueError("'density_g_cm3' is used only with 'density: given'")
        return self

    @model_validator(mode="after")
    def _frames_are_enough(self) -> Protocol:
        if self.first_production_ps / self.frame_ps < 20:
            raise ValueError(
                f"production of {self.first_production_ps:g} ps holds fewer than 20 frames of {self.frame_ps:g} ps; "
                "lengthen 'produce.duration_ps' or shorten 'frame_ps'"
            )
        return self

    @property
    def first_production_ps(self) -> float:
        """Production of each replica before anything is judged."""
        return (self.stop and self.stop.min_ps) or self.produce.duration_ps

    @property
    def max_production_ps(self) -> float:
        """Most production of each replica."""
        return max(self.stop.max_ps, self.first_production_ps) if self.stop else self.produce.duration_ps

    @property
    def length_ps(self) -> float:
        """Simulated time of all stages of all replicas: the shortest, without annealing."""
        pressure = (self.equilibrate_npt, self.settle) if self.density == "simulated" else ()
        stages = (self.soften, self.equilibrate_nvt, *pressure)
        return self.replicas * (sum(stage.duration_ps for stage in stages) + self.first_production_ps)


def _named(
    name: str,
    *,
    atoms: int,
    pairs: int,
    nvt: float,
    npt: float,
    produce: float,
    density_error: float,
    **more: Any,
) -> Protocol:
    return Protocol(
        name=name,
        box=BoxSettings(target_atoms=atoms, min_ion_pairs=pairs),
        equilibrate_nvt=Nvt(duration_ps=nvt, friction_per_ps=5.0),
        equilibrate_npt=Npt(
            duration_ps=npt,
            sample_ps=more.pop("sample_ps", 0.5),
            converge=Converge(relative_error=density_error, max_stretch=more.pop("max_stretch", 4.0)),
        ),
        produce=Nvt(duration_ps=produce, friction_per_ps=0.2),
        **more,
    )


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "demo": _named(
            "demo",
            atoms=800,
            pairs=4,
            nvt=4,
            npt=25,
            produce=100,
            density_error=0.01,
            max_stretch=2.0,
            frame_ps=0.2,
            structure_ps=1.0,
            checkpoint_ps=5,
            sample_ps=0.2,
        ),
        "quick": _named(
            "quick",
            atoms=1200,
            pairs=8,
            nvt=20,
            npt=180,
            produce=500,
            density_error=0.003,
            frame_ps=0.5,
            checkpoint_ps=20,
            anneal=Anneal(duration_ps=50),
            slow=SlowLiquid(hotter=False),
        ),
        "standard": _named(
            "standard",
            atoms=2500,
            pairs=12,
            nvt=100,
            npt=1000,
            produce=5000,
            density_error=0.0015,
            frame_ps=2.0,
            structure_ps=5.0,
            replicas=2,
            anneal=Anneal(duration_ps=500),
            stop=StopWhen(relative_error=0.1, min_ps=2500, max_ps=10_000),
            slow=SlowLiquid(),
        ),
        "production": _named(
            "production",
            atoms=5000,
            pairs=25,
            nvt=200,
            npt=2000,
            produce=20_000,
            density_error=0.001,
            frame_ps=5.0,
            structure_ps=10.0,
            checkpoint_ps=100,
            replicas=3,
            anneal=Anneal(duration_ps=1000),
            stop=StopWhen(relative_error=0.05, min_ps=10_000, max_ps=40_000),
            slow=SlowLiquid(),
        ),
    }
)


def resolve_protocol(spec: str | Mapping[str, Any]) -> Protocol:
    """A named protocol, or overrides of one: ``{"base": "quick", "produce": {"duration_ps": 500}}``.

    Raises:
        ProtocolError: the name or a setting is unknown, or a value is out of range.
    """
    if isinstance(spec, str):
        return _by_name(spec)
    overrides = dict(spec)
    base = _by_name(str(overrides.pop("base", "quick")))
    if not overrides:
        return base
    settings = merged(base.model_dump(), {"name": f"{base.name}, modified", **overrides})
    try:
        return Protocol.model_validate(settings)
    except ValueError as error:
        raise ProtocolError(f"The protocol's settings are wrong: {error}") from None


def _by_name(name: str) -> Protocol:
    if name not in PROTOCOLS:
        raise ProtocolError(f"Protocol {name!r} is unknown; choose one of {', '.join(PROTOCOLS)}.")
    return PROTOCOLS[name]


def merged(settings: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with overrides at any depth."""
    found = dict(settings)
    for key, value in overrides.items():
        old = found.get(key)
        found[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return found
