"""Pages and pictures on disk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from saltloop.loop.errors import CampaignError
from saltloop.simulators.checkpoints import write_durably

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


def write_picture(path: Path, figure: Figure, *, dpi: int) -> None:
    """Write a figure as a PNG, whatever the path ends in.

    Raises:
        CampaignError: as ``write_whole``.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=dpi, format="png")
    write_whole(path, drawn.getvalue())
