"""A simulation's folder: its state, its samples in pieces, its notes, its wall time; what is there counts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from pydantic import ValidationError
from saltloop.simulators.checkpoints import Checkpoint, read_checkpoint, read_pieces, write_checkpoint, write_piece
from saltloop.simulators.failures import SimulationFailureError


class Store:
    """One folder, for one simulation (``fingerprint``)."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.folder, self._fingerprint = folder, fingerprint
        self.n_sessions = 1
        self._n_pieces: dict[str, int] = {}
        self._elapsed_s, self._started_s = 0.0, 0.0
        self._is_running = False

    @property
    def elapsed_s(self) -> float:
        """Wall time of this and earlier sessions, while it ran."""
        return self._elapsed_s + (time.monotonic() - self._started_s if self._is_running else 0.0)

    def start_clock(self) -> None:
        """From here on wall time counts."""
        self._started_s, self._is_running = time.monotonic(), True

    def stop_clock(self) -> None:
        """Until here."""
        self._elapsed_s, self._is_running = self.elapsed_s, False

    def restored(self) -> tuple[str, int, Any, tuple[str, ...]] | None:
        """Stage, steps done in it, OpenMM state and notes of the last checkpoint; None if there is none.

        Raises:
            SimulationFailureError: the checkpoint is damaged, or another simulation's.
        """
        import openmm

        try:
            checkpoint = read_checkpoint(self.folder)
        except ValidationError as error:
            raise _damaged(self.folder / "checkpoint.json", str(error)) from None
        if checkpoint is None:
            return None
        if checkpoint.fingerprint != self._fingerprint:
            raise SimulationFailureError(
                "foreign_checkpoint",
                f"{self.folder} holds a checkpoint of another formulation, protocol or version; delete that folder to "
                "start over, or use another job folder",
                is_retryable=False,
            )
        self._n_pieces = dict(checkpoint.n_pieces)
        self._elapsed_s = checkpoint.elapsed_s
        self.n_sessions = checkpoint.n_sessions + 1
        path = self.folder / checkpoint.state_file
        try:
            state = openmm.XmlSerializer.deserialize(path.read_text())
        except (openmm.OpenMMException, FileNotFoundError, UnicodeDecodeError) as error:
            raise _damaged(path, str(error)) from None
        return checkpoint.stage, checkpoint.steps, state, checkpoint.notes

    def save(self, stage: str, steps: int, state: Any, notes: list[str]) -> None:
        """A checkpoint after ``steps`` of a stage."""
        import openmm

        checkpoint = Checkpoint(
            fingerprint=self._fingerprint,
            stage=stage,
            steps=steps,
            state_file=f"state-{stage}-{steps:09d}.xml",
            n_pieces=self._n_pieces,
            elapsed_s=self.elapsed_s,
            n_sessions=self.n_sessions,
            notes=tuple(notes),
        )
        write_checkpoint(self.folder, checkpoint, openmm.XmlSerializer.serialize(state))

    def add(self, stage: str, samples: dict[str, Any]) -> None:
        """One more piece of samples; it counts from the next checkpoint on."""
        write_piece(self.folder, stage, self._n_pieces.get(stage, 0), **samples)
        self._n_pieces[stage] = self._n_pieces.get(stage, 0) + 1

    def samples(self, stage: str) -> dict[str, Any]:
        """All pieces of a stage, joined along time.

        Raises:
            SimulationFailureError: one is damaged or missing.
        """
        try:
            return read_pieces(self.folder, stage, self._n_pieces.get(stage, 0))
        except (FileNotFoundError, ValueError, EOFError, BadZipFile) as error:
            raise _damaged(self.folder / f"{stage}-*.npz", str(error) or type(error).__name__) from None


def _damaged(path: Path, why: str) -> SimulationFailureError:
    return SimulationFailureError(
        "damaged_checkpoint",
        f"{path} cannot be read ({why.splitlines()[0]}); the next attempt starts afresh",
        is_retryable=True,
    )
