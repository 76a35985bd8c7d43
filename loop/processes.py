"""Which process a number stands for: numbers are given again, and the clock may be set while a process runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def identity() -> dict[str, Any]:
    """What tells this process from a later one of the same number on this host: ``pid``, ``start``, ``ticks``."""
    import psutil

    return {"pid": os.getpid(), "start": psutil.Process().create_time(), "ticks": _ticks(os.getpid())}


def is_running(one: Mapping[str, Any]) -> bool:
    """Whether a process of this host that ``identity`` told of is still there; also where that cannot be told."""
    import psutil

    try:
        process = psutil.Process(one["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        ticks = _ticks(one["pid"])
        if ticks is not None and one.get("ticks") is not None:
            return bool(ticks == one["ticks"])
        return one.get("start") is None or abs(process.create_time() - float(one["start"])) < 1.0
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _ticks(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process, where the system tells (Linux). Setting the clock changes the
    time of that start, which is reckoned from the time of the boot, but not these."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
