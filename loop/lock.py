"""One writer a campaign: a lock file that names its holder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import uuid
from pathlib import Path
from typing import Any

from saltloop.loop.errors import LockedError
from saltloop.loop.processes import identity, is_running
from saltloop.loop.state import utc_now

#: How long to wait for a holder that says it will not be long, and how long one of those waits for another.
PATIENCE_S, SHORT_PATIENCE_S = 30.0, 2.0
#: How long a lock file may be empty while its holder writes it.
WRITING_S = 0.5


class CampaignLock:
    """Exclusive right to write a campaign's state, held between ``acquire`` and ``release`` (or in a ``with`` block).

    The lock file is created with ``O_EXCL`` (atomic on local disks, NFS v3+ and Lustre) and names host, process and
    start time. A lock is stale only when its process is provably dead on this same host; any other lock is taken
    over only with ``steal=True``. For one that is held only for the moment (``is_brief``, as ``saltloop serve`` does)
    others wait up to ``PATIENCE_S``.
    """

    def __init__(self, path: Path, *, steal: bool = False, is_brief: bool = False) -> None:
        self.path = path
        self._steal = steal
        self._is_brief = is_brief
        self._token = uuid.uuid4().hex

    def __enter__(self) -> CampaignLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            LockedError: another process holds it; the message names that process and the remedy.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = json.dumps(
            {
                "host": socket.gethostname(),
                **_myself(),
                "since": utc_now(),
                "is_brief": self._is_brief,
                "token": self._token,
            }
        ).encode()
        start = time.monotonic()
        while True:
            try:
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                self._clear_or_refuse(waited_s=time.monotonic() - start)
                continue
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                self.path.unlink(missing_ok=True)
                raise
            return

    def check(self) -> None:
        """Raise LockedError if somebody stole the lock since we took it."""
        holder = _read(self.path)
        if holder is None or holder.get("token") != self._token:
            raise LockedError(f"The lock {self.path} was taken over by another process; this one stops writing.")

    def release(self) -> None:
        """Give the lock back; a lock that is no longer ours is left alone."""
        holder = _read(self.path)
        if holder is not None and holder.get("token") == self._token:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()

    def _clear_or_refuse(self, *, waited_s: float) -> None:
        holder = _read(self.path)
        if holder is None:
            return
        if not self._steal and not _is_provably_dead(holder):
            if waited_s < self._patience_s(holder):
                time.sleep(0.05)
                return
            raise LockedError(
                f"This campaign is being written by process {holder.get('pid', '?')} on {holder.get('host', '?')} "
                f"since {holder.get('since', '?')} ({self.path}). Stop that process first, or, if you know that it is "
                "gone (another host, a crashed node), repeat the command with --steal-lock."
            )
        aside = self.path.with_name(f"{self.path.name}.{self._token}")
        try:
            os.rename(self.path, aside)
        except FileNotFoundError:
            return
        moved = _read(aside)
        if moved != holder and not self._steal:
            with contextlib.suppress(FileExistsError):
                os.link(aside, self.path)
        aside.unlink()

    def _patience_s(self, holder: dict[str, Any]) -> float:
        if not holder:  # it is being written
            return WRITING_S
        if not holder.get("is_brief"):
            return 0.0
        return SHORT_PATIENCE_S if self._is_brief else PATIENCE_S


def holder_of(path: Path) -> dict[str, Any] | None:
    """Who holds a lock: host, pid, since; None if nobody does or the holder is provably dead."""
    holder = _read(path)
    return None if holder is None or _is_provably_dead(holder) else holder


def _read(path: Path) -> dict[str, Any] | None:
    try:
        holder = json.loads(path.read_text() or "{}")
    except FileNotFoundError:
        return None
    except (ValueError, OSError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _myself() -> dict[str, Any]:
    told = identity()
    return {"pid": told["pid"], "process_start": told["start"], "process_ticks": told["ticks"]}


def _is_provably_dead(holder: dict[str, Any]) -> bool:
    if holder.get("host") != socket.gethostname() or not isinstance(holder.get("pid"), int):
        return False
    told = {"pid": holder["pid"], "start": holder.get("process_start"), "ticks": holder.get("process_ticks")}
    return not is_running(told)
