"""Weights on disk: safetensors and JSON, safe to load from strangers, the same bytes for the same weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from saltloop.chemistry.errors import SaltloopError
from torch import Tensor

FORMAT = "saltloop-surrogate"
FORMAT_VERSION = 2


class CheckpointError(SaltloopError, ValueError):
    """A file that is not a checkpoint of ours, or not one that this program can use."""


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> str:
    """Write tensors and JSON metadata; returns the SHA-256 of the file."""
    header = {"format": FORMAT, "format_version": FORMAT_VERSION, **metadata}
    content = save(
        {name: tensors[name].contiguous() for name in sorted(tensors)},
        {FORMAT: json.dumps(header, sort_keys=True, separators=(",", ":"))},
    )
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and metadata of a checkpoint.

    Raises:
        CheckpointError: not a safetensors file, not ours, or of another saltloop's format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(FORMAT, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is not a saltloop checkpoint ({error}). Only safetensors files are read; pickled weights never "
            "are. Delete it and run again to train anew."
        ) from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} is a safetensors file, but not of saltloop; delete it and run again to train anew."
        )
    version = header.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has checkpoint format {version}, this saltloop knows {FORMAT_VERSION}; "
            "upgrade with 'pip install --upgrade saltloop'."
        )
    if version < FORMAT_VERSION:
        raise CheckpointError(
            f"{path} holds a network of checkpoint format {version}; this saltloop has another network (format "
            f"{FORMAT_VERSION}). Train again."
        )
    return tensors, header
