"""Runs the stages of one simulation in OpenMM, in pieces, each ending in a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from .boxes import BoxContents, estimated_density_g_cm3, pack
from .checkpoints import Checkpoint, read_checkpoint, read_pieces, write_checkpoint, write_piece
from .failures import SimulationFailureError
from .force_model import ForceModel
from .forcefield import molecule_ranges
from .masses import set_masses
from .platforms import ChosenPlatform
from .protocols import Npt, Nvt, Protocol
from .recorder import Recorder
from .sanity import check_density, check_energy, check_temperature
from .trajectory import Trajectory

Progress = Callable[[float, str], None]
PACKING_ATTEMPTS = 3


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
    fixed_density_g_cm3: float | None = None
    """Constant volume at this density throughout; None takes the density from a constant-pressure stage."""
    is_gentle: bool = False
    """Half the time step, after a run that blew up."""
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ranges = molecule_ranges(self.contents.molecules)
        self._starts = np.array([atoms.start for _, atoms in self._ranges])
        self._started = time.monotonic()
        self._temperature_K = self.contents.formulation.temperature_K
        self.n_sessions = 1
        self._elapsed_before_s = 0.0
        self._n_pieces: dict[str, int] = {}

    @property
    def elapsed_s(self) -> float:
        """Wall time of this and earlier sessions."""
        return self._elapsed_before_s + time.monotonic() - self._started

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages in their order."""
        if self.fixed_density_g_cm3 is not None:
            return "soften", "nvt", "produce"
        return "soften", "nvt", "npt", "settle", "produce"

    @property
    def frame_ps(self) -> float:
        """Time between two frames of production: a whole number of steps, so not always what the protocol asks."""
        timestep_ps, stride, _ = self._steps("produce")
        return timestep_ps * stride

    def run(self) -> None:
        """All stages to the end.

        Raises:
            SimulationFailureError: packing, blow-up, absurd density or temperature, a foreign checkpoint.
        """
        import openmm

        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            checkpoint = read_checkpoint(self.folder)
            if checkpoint is None:
                stage, steps, state = "soften", 0, self._prepare()
            else:
                stage, steps, state = self._restore(checkpoint)
            while True:
                state = self._run_stage(stage, steps, state)
                if stage == "npt":
                    state = self._at_mean_density(state)
                if stage == self.stages[-1]:
                    return
                stage, steps = self.stages[self.stages.index(stage) + 1], 0
                self._save(stage, 0, state)
        except ValidationError as error:
            raise _damaged(self.folder / "checkpoint.json", str(error).splitlines()[0]) from None
        except openmm.OpenMMException as error:
            message = str(error).splitlines()[0]
            if "periodic box size" in message or "cutoff" in message.lower():
                raise SimulationFailureError(
                    "box_too_small",
                    f"the box became smaller than twice the cutoff ({message}); raise box.target_atoms",
                    is_retryable=False,
                ) from None
            raise SimulationFailureError("blow_up", f"OpenMM stopped: {message}", is_retryable=True) from None

    def samples(self, stage: str) -> dict[str, Any]:
        """What was recorded in a stage: ``npt`` density; ``produce`` positions; both temperature, potential."""
        return read_pieces(self.folder, stage, self._n_pieces.get(stage, 0))

    def trajectory(self) -> Trajectory:
        """What has been recorded so far, for the analysis; production must have begun."""
        density, averaged = self.npt_density()
        pressure, production = self.samples("npt"), self.samples("produce")
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
            density_ps=self.protocol.equilibrate_npt.sample_ps,
            n_density_equilibrating=len(densities) - len(averaged),
            structure=production.get("structure"),
            structure_ps=self.protocol.structure_ps,
        )

    # Start and resumption

    def _prepare(self) -> Any:
        """Pack, minimise, give velocities."""
        import openmm

        settings = self.protocol.box
        density, factor = estimated_density_g_cm3(self.contents.formulation)[0], settings.packing_density_factor
        if self.fixed_density_g_cm3 is not None:
            density, factor = self.fixed_density_g_cm3, 1.0
        for attempt in range(1, PACKING_ATTEMPTS + 1):
            self.progress(0.0, f"packing {self.contents.n_atoms} atoms")
            edge = self.contents.edge_nm(density * factor)
            self._check_edge(edge, density)
            try:
                positions = pack(self.contents, edge, settings, self.folder.parent / "packing", self.seed + attempt - 1)
                break
            except SimulationFailureError as failure:
                if attempt == PACKING_ATTEMPTS or not failure.is_retryable:
                    raise
                factor *= 0.9
                self.notes.append(f"packing failed and was tried again at {factor:.2f} of the estimated density")
        if self.fixed_density_g_cm3 is not None and factor < 1:
            positions = self._compressed(positions, edge, self.contents.edge_nm(density))
            edge = self.contents.edge_nm(density)
        self.progress(0.01, f"minimising {self.contents.n_atoms} atoms")
        system = self.forces.system(self.contents.molecules, edge)
        context = self.platform.context(system, openmm.VerletIntegrator(0.001))
        context.setPositions(positions)
        openmm.LocalEnergyMinimizer.minimize(context, 50.0, self.protocol.minimise.max_iterations)
        context.setVelocitiesToTemperature(self._temperature_K, self._random("velocities", 0))
        state = context.getState(positions=True, velocities=True, energy=True)
        check_energy(state, self.contents.n_atoms)
        self._save("soften", 0, state)
        return state

    def _check_edge(self, packed_edge_nm: float, density_g_cm3: float) -> None:
        needed = self.forces.min_edge_nm
        if min(packed_edge_nm, self.contents.edge_nm(density_g_cm3 * 1.1)) < needed:
            raise SimulationFailureError(
                "box_too_small",
                f"{self.contents.n_atoms} atoms fill a box of about {self.contents.edge_nm(density_g_cm3):.2f} nm, too "
                f"small for a cutoff of {needed / 2:g} nm; raise box.target_atoms",
                is_retryable=False,
            )

    def _restore(self, checkpoint: Checkpoint) -> tuple[str, int, Any]:
        import openmm

        if checkpoint.fingerprint != self.fingerprint:
            raise SimulationFailureError(
                "foreign_checkpoint",
                f"{self.folder} holds a checkpoint of another formulation, protocol or version; delete that folder to "
                "start over, or use another job folder",
                is_retryable=False,
            )
        self._n_pieces = dict(checkpoint.n_pieces)
        self._elapsed_before_s = checkpoint.elapsed_s
        self.n_sessions = checkpoint.n_sessions + 1
        self.notes[:0] = [note for note in checkpoint.notes if note not in self.notes]
        path = self.folder / checkpoint.state_file
        try:
            state = openmm.XmlSerializer.deserialize(path.read_text())
        except (openmm.OpenMMException, FileNotFoundError) as error:
            raise _damaged(path, str(error).splitlines()[0]) from None
        return checkpoint.stage, checkpoint.steps, state

    def _save(self, stage: str, steps: int, state: Any) -> None:
        import openmm

        checkpoint = Checkpoint(
            fingerprint=self.fingerprint,
            stage=stage,
            steps=steps,
            state_file=f"state-{stage}-{steps:09d}.xml",
            n_pieces=self._n_pieces,
            elapsed_s=self.elapsed_s,
            n_sessions=self.n_sessions,
            notes=tuple(self.notes),
        )
        write_checkpoint(self.folder, checkpoint, openmm.XmlSerializer.serialize(state))

    # Stages

    def _settings(self, stage: str) -> Nvt | Npt:
        protocol = self.protocol
        settings: dict[str, Nvt | Npt] = {
            "soften": protocol.soften,
            "nvt": protocol.equilibrate_nvt,
            "npt": protocol.equilibrate_npt,
            "settle": protocol.settle,
            "produce": protocol.produce,
        }
        return settings[stage]

    def _steps(self, stage: str) -> tuple[float, int, int]:
        """Time step (ps), steps between samples, number of samples."""
        settings = self._settings(stage)
        timestep_ps = settings.timestep_fs / 1e3 / (2 if self.is_gentle else 1)
        sample_ps = min(1.0, settings.duration_ps)
        if isinstance(settings, Npt):
            sample_ps = settings.sample_ps
        elif stage == "produce":
            sample_ps = self.protocol.frame_ps
        stride = max(1, round(sample_ps / timestep_ps))
        return timestep_ps, stride, max(1, round(settings.duration_ps / (stride * timestep_ps)))

    def _run_stage(self, stage: str, steps_done: int, state: Any) -> Any:
        """From ``steps_done`` to the end of a stage, a checkpoint after each piece; returns the last state."""
        settings = self._settings(stage)
        timestep_ps, stride, n_samples = self._steps(stage)
        per_piece = max(1, round(self.protocol.checkpoint_ps / (stride * timestep_ps)))
        before = None if stage == self.stages[0] else self._settings(self.stages[self.stages.index(stage) - 1])
        context = self._context(
            settings,
            timestep_ps,
            state,
            self._random(stage, steps_done),
            has_new_masses=steps_done == 0 and settings.hydrogens != (before and before.hydrogens),
        )
        done = steps_done // stride
        recorder = Recorder(context, self._starts, self._atom_masses(), self.contents, self._kinetic_degrees())
        while done < n_samples:
            n = min(per_piece, n_samples - done)
            started = time.monotonic()
            for index in range(n):
                context.getIntegrator().step(stride)
                recorder.record(stage, is_last=index == n - 1)
                if index % 20 == 19:
                    self._say(
                        stage, (done + index + 1) / n_samples, recorder, started, (index + 1) * stride * timestep_ps
                    )
            done += n
            state = context.getState(positions=True, velocities=True, energy=True)
            check_energy(state, self.contents.n_atoms)
            # The first part of the constant-pressure stage may still be giving off the heat of the packing.
            if stage == "produce" or (
                isinstance(settings, Npt) and done > n_samples * (1 - settings.averaging_fraction)
            ):
                check_temperature(
                    stage,
                    recorder.temperatures,
                    self._temperature_K,
                    degrees=self._kinetic_degrees(),
                    n_independent=1 + n * stride * timestep_ps * settings.friction_per_ps,
                )
            samples = recorder.take()
            if stage in ("npt", "produce"):
                write_piece(self.folder, stage, self._n_pieces.get(stage, 0), **samples)
                self._n_pieces[stage] = self._n_pieces.get(stage, 0) + 1
            self._save(stage, done * stride, state)
            self._say(stage, done / n_samples, recorder, started, n * stride * timestep_ps)
        return state

    def _context(self, settings: Nvt | Npt, timestep_ps: float, state: Any, seed: int, *, has_new_masses: bool) -> Any:
        import openmm

        edge = state.getPeriodicBoxVectors()[0][0]._value
        system = self.forces.system(self.contents.molecules, edge)
        if settings.hydrogens is not None:
            set_masses(system, self.contents.molecules, settings.hydrogens)
        if isinstance(settings, Npt):
            barostat = openmm.MonteCarloBarostat(
                settings.pressure_bar, self._temperature_K, settings.barostat_interval_steps
            )
            barostat.setRandomNumberSeed(seed)
            system.addForce(barostat)
        integrator = openmm.LangevinMiddleIntegrator(self._temperature_K, settings.friction_per_ps, timestep_ps)
        integrator.setRandomNumberSeed(seed)
        integrator.setConstraintTolerance(1e-6)
        context = self.platform.context(system, integrator)
        context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
        context.setPositions(state.getPositions())
        if has_new_masses:
            # The velocities belong to the masses of the stage before.
            context.setVelocitiesToTemperature(self._temperature_K, seed)
        else:
            context.setVelocities(state.getVelocities())
        return context

    def _at_mean_density(self, state: Any) -> Any:
        """The last configuration at constant pressure, molecules moved apart or together to the mean density."""
        import openmm

        density, _ = self.npt_density()
        edge = self.contents.edge_nm(density)
        old_edge = state.getPeriodicBoxVectors()[0][0]._value
        positions = self._moved(state.getPositions(asNumpy=True)._value, edge / old_edge)
        system = self.forces.system(self.contents.molecules, edge)
        context = self.platform.context(system, openmm.VerletIntegrator(0.001))
        context.setPositions(positions)
        context.setVelocities(state.getVelocities())
        return context.getState(positions=True, velocities=True, energy=True)

    def _compressed(self, positions: np.ndarray, edge_nm: float, to_edge_nm: float) -> np.ndarray:
        """Positions in a smaller box: molecules moved together by at most 1 % at a time, and relaxed each time."""
        import openmm

        n_moves = math.ceil(math.log(edge_nm / to_edge_nm) / math.log(1.01))
        factor = (to_edge_nm / edge_nm) ** (1 / n_moves)
        for _ in range(n_moves):
            edge_nm *= factor
            context = self.platform.context(
                self.forces.system(self.contents.molecules, edge_nm), openmm.VerletIntegrator(0.001)
            )
            context.setPositions(self._moved(positions, factor))
            openmm.LocalEnergyMinimizer.minimize(context, 50.0, self.protocol.minimise.max_iterations)
            positions = context.getState(positions=True).getPositions(asNumpy=True)._value
        return positions

    def _moved(self, positions: np.ndarray, factor: float) -> np.ndarray:
        """Molecules moved as wholes so that their centres are ``factor`` times as far apart."""
        masses = self._atom_masses()
        centres = (
            np.add.reduceat(positions * masses[:, None], self._starts) / np.add.reduceat(masses, self._starts)[:, None]
        )
        sizes = np.diff([*self._starts, len(positions)])
        return np.asarray(positions + np.repeat(centres * (factor - 1), sizes, axis=0))

    def npt_density(self) -> tuple[float, np.ndarray]:
        """Mean density (g/cm3) over the averaged part of the constant-pressure stage, and the series averaged.

        A density that was given comes with an empty series.
        """
        if self.fixed_density_g_cm3 is not None:
            return self.fixed_density_g_cm3, np.empty(0)
        series = self.samples("npt")["density"]
        averaged = series[-max(2, math.ceil(len(series) * self.protocol.equilibrate_npt.averaging_fraction)) :]
        density = float(averaged.mean())
        check_density(density, self.contents)
        return density, averaged

    def _say(self, stage: str, fraction: float, recorder: Recorder, started: float, simulated_ps: float) -> None:
        lengths = {name: self._settings(name).duration_ps / self._settings(name).timestep_fs for name in self.stages}
        before = sum(lengths[name] for name in self.stages[: self.stages.index(stage)])
        total = min(0.99, 0.02 + 0.97 * (before + fraction * lengths[stage]) / sum(lengths.values()))
        speed = simulated_ps / 1e3 / max(time.monotonic() - started, 1e-3) * 86_400
        density = f", {recorder.density:.3f} g/cm3" if recorder.density else ""
        of = self._settings(stage).duration_ps
        self.progress(
            total,
            f"{_WORDS[stage]} {fraction * of:.4g}/{of:g} ps{density}, {speed:.0f} ns/day ({self.platform.description})",
        )

    def _atom_masses(self) -> np.ndarray:
        return np.array([atom.mass for species, _ in self._ranges for atom in species.atoms])

    def _kinetic_degrees(self) -> int:
        return 3 * self.contents.n_atoms - self.forces.n_constraints(self.contents.molecules)

    def _random(self, purpose: str, step: int) -> int:
        """A seed for OpenMM, another one for each stage and each session."""
        words = [self.seed, int.from_bytes(purpose.encode()[:6], "big"), step]
        return int(np.random.SeedSequence(words).generate_state(1)[0] % (2**31 - 2)) + 1


_WORDS = {
    "soften": "soft start",
    "nvt": "constant volume",
    "npt": "constant pressure",
    "settle": "settling at the mean density",
    "produce": "production",
}


def _damaged(path: Path, why: str) -> SimulationFailureError:
    return SimulationFailureError(
        "damaged_checkpoint",
        f"{path} cannot be read ({why}); the next attempt starts afresh",
        is_retryable=True,
    )
