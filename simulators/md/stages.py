"""The stages of a simulation in their order, in whole steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .protocols import Protocol
from .stage_settings import Anneal, Npt, Nvt

MIN_TIMESTEP_FS = 0.5


@dataclass(frozen=True)
class Gentleness:
    """How carefully a simulation starts: 0 as the protocol says, one more after each failed attempt."""

    level: int = 0

    @property
    def packing_factor(self) -> float:
        """Times the density at packing."""
        return float(0.95**self.level)

    @property
    def stretch(self) -> float:
        """Times the length of the soft start and of annealing."""
        return float(3**self.level)

    def timestep_fs(self, timestep_fs: float) -> float:
        """Half the step at each level, but not below 0.5 fs where the protocol is above."""
        return max(timestep_fs / 2**self.level, min(timestep_fs, MIN_TIMESTEP_FS))

    def __str__(self) -> str:
        if not self.level:
            return "as the protocol says"
        return (
            f"time step divided by {2**self.level}, soft start {self.stretch:g} times as long, packed at "
            f"{self.packing_factor:.2f} of the density"
        )


@dataclass(frozen=True)
class Stage:
    """One stage."""

    name: str
    """``soften``, ``nvt``, ``anneal``, ``npt``, ``settle`` or ``produce``."""
    words: str
    settings: Nvt | Npt | Anneal
    timestep_ps: float
    stride: int
    """Steps between two samples."""
    n_samples: int
    """Fewest samples."""
    max_samples: int
    """Most samples."""

    @property
    def sample_ps(self) -> float:
        return self.timestep_ps * self.stride

    @property
    def max_cost(self) -> int:
        """Most steps."""
        return self.stride * self.max_samples

    def samples_of(self, duration_ps: float) -> int:
        return max(1, round(duration_ps / self.sample_ps))

    def temperature_K(self, share: float, target_K: float) -> float:
        """Thermostat at a share (0 to 1) of the stage: the target, but for annealing."""
        if not isinstance(self.settings, Anneal):
            return target_K
        return target_K + self.settings.rise_K * max(0.0, min(1.0, 4 * share, 4 * (1 - share)))

    def step(self, context: Any, sample: int, target_K: float) -> None:
        """One sample further in an OpenMM context; where the stage anneals, at the temperature that it has there."""
        if self.name == "anneal":
            context.getIntegrator().setTemperature(self.temperature_K((sample + 0.5) / self.n_samples, target_K))
        context.getIntegrator().step(self.stride)

    def at(self, done: int) -> str:
        """In words, how far it is."""
        of = max(self.n_samples, done) * self.sample_ps
        return f"{self.words} {done * self.sample_ps:.4g}/{of:.4g} ps"


def stages_of(
    protocol: Protocol, *, has_fixed_density: bool, anneal: Anneal | None, gentleness: Gentleness
) -> tuple[Stage, ...]:
    """The stages of a protocol, with the annealing that the liquid needs (``annealing.annealing_of``).

    Without a constant-pressure stage there is nothing to settle from.
    """

    def stage(
        name: str, words: str, settings: Nvt | Npt | Anneal, *, stretch: float = 1.0, most_ps: float | None = None
    ) -> Stage:
        duration_ps = settings.duration_ps * stretch
        timestep_ps = gentleness.timestep_fs(settings.timestep_fs) / 1e3
        sample_ps = settings.sample_ps if isinstance(settings, Npt) else min(1.0, duration_ps)
        if name == "produce":
            sample_ps = protocol.frame_ps
            duration_ps = protocol.first_production_ps
        # Whole steps of the protocol, so that a gentler replica records at the same times as the others.
        sample_ps = max(1, round(sample_ps / settings.timestep_fs * 1e3)) * settings.timestep_fs / 1e3
        stride = max(1, round(sample_ps / timestep_ps))
        n = max(1, round(duration_ps / (stride * timestep_ps)))
        most = round((most_ps or duration_ps) / (stride * timestep_ps))
        return Stage(name, words, settings, timestep_ps, stride, n, max(n, most))

    npt = protocol.equilibrate_npt
    stages = [
        stage("soften", "soft start", protocol.soften, stretch=gentleness.stretch),
        stage("nvt", "constant volume", protocol.equilibrate_nvt),
    ]
    if anneal is not None:
        stages.append(stage("anneal", "annealing", anneal, stretch=gentleness.stretch))
    if not has_fixed_density:
        stages.append(stage("npt", "constant pressure", npt, most_ps=npt.max_duration_ps))
        stages.append(stage("settle", "settling at the mean density", protocol.settle))
    stages.append(stage("produce", "production", protocol.produce, most_ps=protocol.max_production_ps))
    return tuple(stages)
