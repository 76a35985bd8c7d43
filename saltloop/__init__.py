"""saltloop in Python: ``from saltloop import Campaign``. See docs/python.md.

The names are imported when they are used, so that ``import saltloop`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saltloop.chemistry import Formulation, SpeciesBook
    from saltloop.loop.notebook.campaign import Campaign

__all__ = ["Campaign", "Formulation", "SpeciesBook"]

_PLACES = {
    "Campaign": "saltloop.loop.notebook.campaign",
    "Formulation": "saltloop.chemistry",
    "SpeciesBook": "saltloop.chemistry",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'saltloop' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
