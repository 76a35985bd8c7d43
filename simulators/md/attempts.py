"""One replica through thick and thin: failures start it again, more gently; a lost device, from the checkpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saltloop.simulators.analysis.trajectory import Trajectory
from saltloop.simulators.checkpoints import write_json_durably
from saltloop.simulators.failures import SimulationFailureError

from .control_settings import Retry
from .engine import Simulation
from .platforms import ChosenPlatform
from .sanity import check_homogeneous, check_liquid
from .stages import Gentleness

GENTLER_KINDS = frozenset({"blow_up", "temperature", "packing", "absurd_density", "cavity"})
"""Failures that another start, a gentler one, may cure."""
FAILURE_FILE = "failure.json"


@dataclass
class Attempts:
    """The attempts at one replica. The folders of those that failed stay, as ``<folder>.failed-1``, ``-2``, ..."""

    folder: Path
    make: Callable[[int, Gentleness, ChosenPlatform], Simulation]
    """The simulation in ``folder``: number of attempts before it, how gently it starts, where it runs."""
    retry: Retry
    platform: ChosenPlatform
    fallback: Callable[[], ChosenPlatform] | None = None
    """The platform to take when ``platform`` was lost too often; None: there is no permission for another one."""
    failed: list[dict[str, Any]] = field(default_factory=list)
    """What went wrong, plain JSON: kind, reason, is_retryable, stage, start, wall_s."""
    simulation: Simulation | None = None

    def __post_init__(self) -> None:
        self.n_losses = 0
        """Restarts from the checkpoint after the device or its memory failed, in this session."""
        self.warnings: tuple[str, ...] = ()
        """About the trajectory that ``run`` returned last."""
        paths = self.folder.parent.glob(f"{self.folder.name}.failed-*/{FAILURE_FILE}")
        self.failed += [json.loads(path.read_bytes()) for path in sorted(paths)]

    @property
    def wall_s(self) -> float:
        """Of all attempts."""
        current = self.simulation.store.elapsed_s if self.simulation else 0.0
        return current + sum(float(one["wall_s"]) for one in self.failed)

    def run(self, production_ps: float) -> Trajectory:
        """Until production has that length and is that of one liquid.

        Raises:
            SimulationFailureError: the last of the attempts failed, or one in a way that no other start can cure.
        """
        if self.simulation is None and self.failed:
            self._raise_if_final()
        while True:
            simulation = self.simulation or self._made()
            try:
                simulation.run(production_ps)
                trajectory = simulation.trajectory()
                self.warnings = check_homogeneous(trajectory) + check_liquid(trajectory)
                return trajectory
            except SimulationFailureError as failure:
                if failure.kind == "foreign_checkpoint":
                    raise
                if failure.can_resume:
                    self._after_loss(failure, simulation)
                    continue
                self._put_aside(failure, simulation)
                self._raise_if_final()

    def _made(self) -> Simulation:
        level = sum(one["kind"] in GENTLER_KINDS for one in self.failed)
        self.simulation = self.make(len(self.failed), Gentleness(level), self.platform)
        for one in self.failed:
            note = f"an attempt failed ({one['kind']}: {one['reason']})"
            if note not in self.simulation.notes:
                self.simulation.notes.append(note)
        if level:
            self.simulation.notes.append(f"started more gently: {Gentleness(level)}")
        return self.simulation

    def _after_loss(self, failure: SimulationFailureError, simulation: Simulation) -> None:
        """Ready to go on from the last checkpoint, on the same platform or, if it may, on another one."""
        self.n_losses += 1
        note = f"{failure.kind} on {self.platform.description}: went on from the last checkpoint"
        if self.n_losses > self.retry.max_platform_losses:
            if self.fallback is None:
                raise failure
            self.platform = self.fallback()
            self.fallback = None
            note += f" on {self.platform.description}"
        notes = dict.fromkeys([*simulation.notes, note])
        self.simulation = None
        self._made().notes[:] = notes

    def _put_aside(self, failure: SimulationFailureError, simulation: Simulation) -> None:
        self.failed.append(
            {
                "kind": failure.kind,
                "reason": failure.reason,
                "is_retryable": failure.is_retryable,
                "stage": simulation.stage_words,
                "start": str(simulation.gentleness),
                "wall_s": round(simulation.store.elapsed_s, 2),
            }
        )
        self.simulation = None
        aside = self.folder.with_name(f"{self.folder.name}.failed-{len(self.failed)}")
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json_durably(self.folder / FAILURE_FILE, self.failed[-1])
        if aside.exists():
            shutil.rmtree(aside)
        self.folder.rename(aside)

    def _raise_if_final(self) -> None:
        """Raise what ended the last attempt, if there is to be no other."""
        last, n = self.failed[-1], len(self.failed)
        if last["is_retryable"] and n < self.retry.max_attempts:
            return
        words = f" (attempt {n} of {self.retry.max_attempts})" if n > 1 else ""
        raise SimulationFailureError(last["kind"], last["reason"] + words, is_retryable=False)
