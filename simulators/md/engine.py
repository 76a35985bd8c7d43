"""Runs the stages of one simulation in OpenMM, in pieces, each ending in a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from saltloop.simulators.analysis.trajectory import Trajectory
from saltloop.simulators.contents import BoxContents
from saltloop.simulators.failures import openmm_failure
from saltloop.simulators.forces.force_model import ForceModel
from saltloop.simulators.forces.forcefield import molecule_ranges

from .annealing import annealing_of
from .contexts import at_edge, context_of
from .equilibration import averaged_part, why_not_converged
from .platforms import ChosenPlatform
from .protocols import Protocol
from .recorder import Recorder
from .sanity import check_density, check_energy, check_temperature
from .stages import Gentleness, Stage, stages_of
from .start import Start
from .store import Store

Progress = Callable[[float, str], None]
SAY_EVERY_SAMPLES = 20


@dataclass
class Simulation:
    """One simulation in one folder. ``run`` starts or goes on, whichever the folder says."""

    contents: BoxContents
    protocol: Protocol
    forces: ForceModel
    folder: Path
    """Where checkpoints and samples live."""
    seed: int
    platform: ChosenPlatform
    fingerprint: str
    progress: Progress
    """Called with the share of the longest run that the protocol allows, and a few words."""
    fixed_density_g_cm3: float | None = None
    """Constant volume at this density throughout; None takes the density from a constant-pressure stage."""
    gentleness: Gentleness = Gentleness()  # noqa: RUF009
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ranges = molecule_ranges(self.contents.molecules)
        self._starts = np.array([atoms.start for _, atoms in self._ranges])
        self._atom_masses = np.array([atom.mass for species, _ in self._ranges for atom in species.atoms])
        self._degrees = 3 * self.contents.n_atoms - self.forces.n_constraints(self.contents.molecules)
        self._temperature_K = self.contents.formulation.temperature_K
        anneal, self.why_annealed = annealing_of(self.contents.formulation, self.protocol.anneal)
        self.stages = stages_of(
            self.protocol,
            has_fixed_density=self.fixed_density_g_cm3 is not None,
            anneal=anneal,
            gentleness=self.gentleness,
        )
        self.store = Store(self.folder, self.fingerprint)
        self.stage_words = "start"
        """The stage that is under way."""
        self._at: tuple[Stage, int, Any] | None = None
        """Stage, samples done in it, OpenMM state."""

    @property
    def frame_ps(self) -> float:
        """Time between two frames of production: a whole number of steps, so not always what the protocol asks."""
        return self.stages[-1].sample_ps

    @property
    def _structure_every(self) -> int:
        """Frames of production between two samples of the structure."""
        return max(1, round(self.protocol.structure_ps / self.frame_ps))

    def run(self, production_ps: float | None = None) -> None:
        """All stages, and production until it has this length (None: the protocol's first).

        Raises:
            SimulationFailureError: packing, blow-up, absurd density or temperature, lost device, foreign checkpoint.
        """
        import openmm

        self.folder.mkdir(parents=True, exist_ok=True)
        self.store.start_clock()
        produce = self.stages[-1]
        end = produce.n_samples if production_ps is None else produce.samples_of(production_ps)
        try:
            stage, done, state = self._at or self._restored() or self._prepared()
            self._say(stage, done)
            while True:
                done, state = self._run_stage(stage, done, state, end)
                self._at = stage, done, state
                if stage is produce:
                    return
                if stage.name == "npt":
                    state = self._at_mean_density(state)
                stage, done = self.stages[self.stages.index(stage) + 1], 0
                self._save(stage, done, state)
        except openmm.OpenMMException as error:
            raise openmm_failure(error) from None
        finally:
            self.store.stop_clock()

    def trajectory(self) -> Trajectory:
        """What has been recorded so far, for the analysis; production must have begun."""
        density, averaged = self.npt_density()
        pressure, production = self.store.samples("npt"), self.store.samples("produce")
        densities = pressure.get("density", np.empty(0))
        return Trajectory(
            contents=self.contents,
            temperature_K=self._temperature_K,
            edge_nm=self.contents.edge_nm(density),
            mean_density_g_cm3=density,
            frame_ps=self.frame_ps,
            positions=production["positions"],
            friction_per_ps=self.protocol.produce.friction_per_ps,
            temperatures_K=production["temperature"],
            potentials_kJ_mol=production["potential"],
            density_g_cm3=densities,
            density_ps=next((stage.sample_ps for stage in self.stages if stage.name == "npt"), 0.0),
            n_density_equilibrating=len(densities) - len(averaged),
            structure=production.get("structure"),
            structure_ps=self._structure_every * self.frame_ps,
        )

    def npt_density(self) -> tuple[float, np.ndarray]:
        """Mean density (g/cm3) over the averaged part of the constant-pressure stage, and the series averaged.

        A density that was given comes with an empty series.
        """
        if self.fixed_density_g_cm3 is not None:
            return self.fixed_density_g_cm3, np.empty(0)
        averaged = averaged_part(self.store.samples("npt")["density"], self.protocol.equilibrate_npt)
        density = float(averaged.mean())
        check_density(density, self.contents)
        return density, averaged

    # Start and resumption

    def _prepared(self) -> tuple[Stage, int, Any]:
        start = Start(
            contents=self.contents,
            protocol=self.protocol,
            forces=self.forces,
            platform=self.platform,
            fixed_density_g_cm3=self.fixed_density_g_cm3,
            packing_factor=self.gentleness.packing_factor,
            folder=self.folder.with_name(self.folder.name.replace("md", "packing", 1)),
        )
        state = start.state(self.seed, self._random("velocities", 0), self.progress, self.notes)
        self._save(self.stages[0], 0, state)
        return self.stages[0], 0, state

    def _restored(self) -> tuple[Stage, int, Any] | None:
        found = self.store.restored()
        if found is None:
            return None
        name, steps, state, notes = found
        self.notes[:0] = [note for note in notes if note not in self.notes]
        stage = next(one for one in self.stages if one.name == name)
        return stage, steps // stage.stride, state

    def _save(self, stage: Stage, done: int, state: Any) -> None:
        self.store.save(stage.name, done * stage.stride, state, self.notes)

    # Stages

    def _run_stage(self, stage: Stage, done: int, state: Any, production_end: int) -> tuple[int, Any]:
        """From ``done`` samples to the end of a stage, a checkpoint after each piece; samples done, last state."""
        self.stage_words = stage.words
        per_piece = max(1, round(self.protocol.checkpoint_ps / stage.sample_ps))
        end = self._end(stage, done, production_end)
        if done >= end:
            return done, state
        context = context_of(self, stage, state, seed=self._random(stage.name, done), is_start=done == 0)
        recorder = Recorder(
            context,
            self._starts,
            self._atom_masses,
            self.contents,
            self._degrees,
            structure_every=self._structure_every,
            n_frames_before=done,
        )
        while done < end:
            n = min(per_piece, end - done)
            started = time.monotonic()
            for index in range(n):
                stage.step(context, done + index, self._temperature_K)
                recorder.record(stage.name, is_last=index == n - 1)
                if index % SAY_EVERY_SAMPLES == SAY_EVERY_SAMPLES - 1:
                    self._say(stage, done + index + 1, recorder, (index + 1) / (time.monotonic() - started))
            done += n
            state = context.getState(positions=True, velocities=True, energy=True)
            check_energy(state, self.contents.n_atoms)
            # The first part of the constant-pressure stage may still be giving off the heat of the packing.
            if stage.name == "produce" or (stage.name == "npt" and done > stage.n_samples / 2):
                check_temperature(
                    stage.name,
                    recorder.temperatures,
                    self._temperature_K,
                    degrees=self._degrees,
                    n_independent=1 + n * stage.sample_ps * stage.settings.friction_per_ps,
                )
            samples = recorder.take()
            if stage.name in ("npt", "produce"):
                self.store.add(stage.name, samples)
            end = self._end(stage, done, production_end)
            self._save(stage, done, state)
            self._say(stage, done, recorder, n / (time.monotonic() - started))
        return done, state

    def _end(self, stage: Stage, done: int, production_end: int) -> int:
        """How many samples the stage takes, as far as is known now."""
        if stage.name == "produce":
            return production_end
        converge = self.protocol.equilibrate_npt.converge
        if stage.name != "npt" or converge is None or done < stage.n_samples:
            return stage.n_samples
        problem = why_not_converged(self.store.samples("npt")["density"], converge.relative_error)
        if problem and done >= stage.max_samples and stage.max_samples > stage.n_samples:
            self._note(f"the density has not converged within {done * stage.sample_ps:g} ps: {problem}")
        return stage.max_samples if problem else done

    def _at_mean_density(self, state: Any) -> Any:
        density, _ = self.npt_density()
        return at_edge(self, state, self.contents.edge_nm(density))

    def _say(self, stage: Stage, done: int, recorder: Recorder | None = None, samples_per_s: float = 0.0) -> None:
        before = sum(one.max_cost for one in self.stages[: self.stages.index(stage)])
        share = (before + done * stage.stride) / sum(one.max_cost for one in self.stages)
        density = f", {recorder.density:.3f} g/cm3" if recorder and recorder.density else ""
        speed = f", {samples_per_s * stage.sample_ps / 1e3 * 86_400:.3g} ns/day" if samples_per_s else ""
        self.progress(0.02 + 0.98 * share, f"{stage.at(done)}{density}{speed} ({self.platform.description})")

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _random(self, purpose: str, step: int) -> int:
        """A seed for OpenMM, another one for each stage and each session."""
        words = [self.seed, int.from_bytes(purpose.encode()[:6], "big"), step]
        return int(np.random.SeedSequence(words).generate_state(1)[0] % (2**31 - 2)) + 1
