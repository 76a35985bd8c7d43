"""Pages and pictures on disk."""

from __future__ import annotations

from pathlib import Path

from saltloop.loop.errors import CampaignError
from saltloop.simulators.checkpoints import write_durably


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, and the folder that it is in; a reader never sees half of it.

    Raises:
        CampaignError: the path cannot be written; nothing is left there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, content)
    except OSError as error:
        raise CampaignError(f"Cannot write {path}: {error.strerror or error}; choose another place for it.") from error
