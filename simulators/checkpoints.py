"""What a simulation leaves in its folder so that it can be killed at any moment and go on.

``md/checkpoint.json`` is the truth: it names the stage, the steps done in it, the OpenMM state file and how many
pieces of samples count. Everything else is written before it, under names that it does not mention yet; what a killed
run wrote beyond it is written again. So no sample is lost and none counts twice.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict


class Checkpoint(BaseModel):
    """Where a simulation stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    """Of formulation, settings and seed: a checkpoint of another simulation is never continued."""
    stage: str
    """The stage that is under way; the ones before it are complete."""
    steps: int
    """Steps done in that stage."""
    state_file: str
    n_pieces: dict[str, int]
    """Complete pieces of samples by stage."""
    elapsed_s: float
    """Wall time of all sessions so far."""
    n_sessions: int
    notes: tuple[str, ...] = ()
    """Warnings of earlier sessions, kept for the provenance."""


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The last complete checkpoint in a folder, or None."""
    try:
        return Checkpoint.model_validate_json((folder / "checkpoint.json").read_bytes())
    except FileNotFoundError:
        return None


def write_checkpoint(folder: Path, checkpoint: Checkpoint, state_xml: str) -> None:
    """State file first, then the checkpoint that names it, then the old state files go."""
    write_durably(folder / checkpoint.state_file, state_xml.encode())
    write_durably(folder / "checkpoint.json", checkpoint.model_dump_json(indent=1).encode())
    for old in folder.glob("state-*.xml"):
        if old.name != checkpoint.state_file:
            old.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Write a temporary file, sync it, rename it over ``path``, sync the folder: all of it or nothing."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_json_durably(path: Path, content: Any) -> None:
    """JSON by ``write_durably``."""
    write_durably(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def write_piece(folder: Path, stage: str, index: int, **arrays: Any) -> None:
    """One piece of samples, durable before the checkpoint that counts it."""
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    write_durably(folder / f"{stage}-{index:05d}.npz", buffer.getvalue())


def read_pieces(folder: Path, stage: str, n_pieces: int) -> dict[str, Any]:
    """Samples of a stage, its first ``n_pieces`` pieces joined along time."""
    import numpy as np

    loaded = []
    for index in range(n_pieces):
        with np.load(folder / f"{stage}-{index:05d}.npz", allow_pickle=False) as piece:
            loaded.append({name: piece[name] for name in piece.files})
    return {name: np.concatenate([piece[name] for piece in loaded]) for name in loaded[0]} if loaded else {}
