"""Weights on disk: safetensors and JSON, safe to load from strangers, the same bytes for the same weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from saltloop.chemistry.errors import SaltloopError, UnknownSpeciesError
from saltloop.chemistry.species import Species, SpeciesBook
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


def is_outdated(path: Path) -> bool:
    """Whether a file is a checkpoint of an earlier saltloop, with a network that is no more; it is not read further."""
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(FORMAT, "null"))
    except (SafetensorError, OSError, ValueError):
        return False
    version = header.get("format_version") if isinstance(header, dict) else None
    return isinstance(version, int) and version < FORMAT_VERSION


def species_metadata(salts: Sequence[Species], solvents: Sequence[Species]) -> dict[str, Any]:
    """How a checkpoint names the species that its surrogate has columns for."""
    return {
        "salts": [{"name": one.name, "inchikey": one.inchikey} for one in salts],
        "solvents": [{"name": one.name, "inchikey": one.inchikey} for one in solvents],
    }


def recorded_species(path: Path, header: Mapping[str, Any], species: SpeciesBook) -> tuple[list[str], list[str]]:
    """The names of the salts and of the solvents of a checkpoint.

    Raises:
        CheckpointError: a species of that name is another one in ``species``, or there is none.
    """
    names: tuple[list[str], list[str]] = ([], [])
    for kind, look_up, found in (("salts", species.salt, names[0]), ("solvents", species.solvent, names[1])):
        for entry in header[kind]:
            try:
                here = look_up(entry["name"])
            except UnknownSpeciesError:
                raise CheckpointError(
                    f"{path} was trained with {entry['name']!r} ({entry['inchikey']}), which is unknown here; add it "
                    "under 'species:' as it was then, or take another model."
                ) from None
            if here.inchikey != entry["inchikey"]:
                raise CheckpointError(
                    f"{path} was trained with {entry['name']!r} as {entry['inchikey']}, which is {here.inchikey} here; "
                    "train again, or give your species another name."
                )
            found.append(entry["name"])
    return names


@contextmanager
def complete_checkpoint(path: Path) -> Iterator[None]:
    """Turns what a checkpoint lacks, or holds in another shape, into a CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} does not hold what a checkpoint must ({error}); train again.") from None
