"""The replicas of one liquid at one temperature: judged together, and made longer until that is enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saltloop.simulators.analysis.trajectory import Trajectory
from saltloop.simulators.contents import BoxContents
from saltloop.simulators.forces.force_model import ForceModel

from .attempts import Attempts
from .engine import Simulation
from .platforms import ChosenPlatform
from .protocols import Protocol
from .slowness import Motion, motions
from .stages import Gentleness
from .stopping import Decision, decide, read_decisions, write_decisions

if TYPE_CHECKING:
    from saltloop.simulators.analysis.results import Results
    from saltloop.simulators.oracle import Progress

SEED_STEP_REPLICA = 104_729
SEED_STEP_ATTEMPT = 7_919


@dataclass(frozen=True)
class Setup:
    """One liquid at one temperature, and how it is simulated."""

    contents: BoxContents
    protocol: Protocol
    forces: ForceModel
    fixed_density_g_cm3: float | None
    platform: ChosenPlatform
    fallback: Callable[[], ChosenPlatform] | None
    """The platform to take if ``platform`` is lost for good; None: no other one may be taken."""
    fingerprint: str
    seed: int
    source: str
    """What the measurements name as theirs."""


@dataclass(frozen=True)
class Sampled:
    """What the replicas gave."""

    results: Results
    trajectories: tuple[Trajectory, ...]
    ions: tuple[Motion, ...]
    decisions: tuple[Decision, ...]

    @property
    def slow(self) -> tuple[str, ...]:
        """Ions that have not moved far enough, in words."""
        return self.decisions[-1].slow


@dataclass
class Replicas:
    """Simulations in ``md``, ``md-2``, ... of a job's folder, and the decisions about them beside."""

    setup: Setup
    job_dir: Path
    name: str
    """Of the first folder: ``md``, or ``md-T330`` for a hotter temperature."""
    progress: Progress
    attempts: list[Attempts] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = self.setup.protocol.replicas
        self._shares = [0.0] * n
        for index in range(n):
            folder = self.job_dir / (self.name if index == 0 else f"{self.name}-{index + 1}")
            one = Attempts(
                folder, self._maker(index, folder), self.setup.protocol.retry, self.setup.platform, self.setup.fallback
            )
            self.attempts.append(one)

    @property
    def wall_s(self) -> float:
        """Of all replicas, attempts and sessions."""
        return sum(one.wall_s for one in self.attempts)

    def run(self) -> Sampled:
        """To the decision that it is enough.

        Raises:
            SimulationFailureError: a replica failed for good.
        """
        from saltloop.simulators.analysis.results import analyse

        protocol = self.setup.protocol
        path = self.job_dir / f"{self.name}-decisions.json"
        decisions = self.decisions = read_decisions(path)
        while True:
            last = decisions[-1] if decisions else None
            is_over = last is not None and last.next_ps is None
            production_ps = protocol.first_production_ps
            if last is not None:
                production_ps = last.production_ps if last.next_ps is None else last.next_ps
            trajectories = tuple(one.run(production_ps) for one in self.attempts)
            results = analyse(
                trajectories,
                protocol.analysis,
                self.setup.source,
                reference=self.job_dir.name,
                protocol=protocol.name,
            )
            ions = tuple(motions(trajectories))
            if is_over:
                return Sampled(results, trajectories, ions, tuple(decisions))
            reported = results.measurements[0]
            decisions.append(
                decide(
                    protocol,
                    production_ps=production_ps,
                    simulated_ps=production_ps + self._before_production_ps(),
                    quantity=reported.quantity,
                    value=reported.value,
                    standard_error=reported.standard_uncertainty,
                    ions=ions,
                    wall_s=round(self.wall_s, 2),
                )
            )
            write_decisions(path, decisions)
            if decisions[-1].next_ps is None:
                return Sampled(results, trajectories, ions, tuple(decisions))

    def describe(self) -> dict[str, Any]:
        """Plain JSON for the provenance: what each replica went through."""
        found = []
        for one in self.attempts:
            simulation = one.simulation
            found.append(
                {
                    "folder": one.folder.name,
                    "platform": one.platform.description,
                    "n_sessions": simulation.store.n_sessions if simulation else 0,
                    "annealed": simulation.why_annealed if simulation else "",
                    "device_losses": one.n_losses,
                    "failed_attempts": list(one.failed),
                }
            )
        decisions = [{**asdict(one), "slow": list(one.slow)} for one in self.decisions]
        return {"replicas": found, "decisions": decisions, "wall_s": round(self.wall_s, 2)}

    @property
    def notes(self) -> list[str]:
        """Warnings of all replicas, each once."""
        noted = [note for one in self.attempts if one.simulation for note in one.simulation.notes]
        return list(dict.fromkeys([*noted, *(warning for one in self.attempts for warning in one.warnings)]))

    def _before_production_ps(self) -> float:
        """Simulated time before production, the shortest."""
        stages = self.attempts[0].simulation.stages if self.attempts[0].simulation else ()
        return sum(stage.n_samples * stage.sample_ps for stage in stages[:-1])

    def _maker(self, index: int, folder: Path) -> Callable[[int, Gentleness, ChosenPlatform], Simulation]:
        setup = self.setup
        seed = setup.seed + SEED_STEP_REPLICA * index

        def make(n_failed: int, gentleness: Gentleness, platform: ChosenPlatform) -> Simulation:
            return Simulation(
                contents=setup.contents,
                protocol=setup.protocol,
                forces=setup.forces,
                folder=folder,
                seed=seed + SEED_STEP_ATTEMPT * n_failed,
                platform=platform,
                fingerprint=f"{setup.fingerprint}-{index + 1}",
                progress=lambda share, words: self._say(index, share, words),
                fixed_density_g_cm3=setup.fixed_density_g_cm3,
                gentleness=gentleness,
            )

        return make

    def _say(self, index: int, share: float, words: str) -> None:
        self._shares[index] = share
        n = len(self._shares)
        which = f", replica {index + 1} of {n}" if n > 1 else ""
        self.progress(sum(self._shares) / n, words + which)
