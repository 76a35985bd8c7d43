"""The append-only state file: one JSON event a line, each naming the hash of the line before it."""

from __future__ import annotations

import contextlib
import datetime
import errno
import gc
import hashlib
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from saltloop.loop.errors import StateError, StateWriteError
from saltloop.loop.events import EVENT_VERSIONS, GENESIS, Event, compact_json, read_event
from saltloop.simulators.checkpoints import write_durably


def utc_now() -> str:
    """The present time in UTC, ISO 8601 with milliseconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


@contextlib.contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Building a hundred thousand events makes no garbage, but has the collector walk over all of them many times."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def ctrl_c_waits() -> Iterator[None]:
    """Ctrl-C in the middle of a write is answered after it: neither half of it is ever missing."""
    answer = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or answer is None:
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, answer)
    if came:
        signal.raise_signal(signal.SIGINT)


@dataclass(frozen=True)
class Position:
    """How far a state file was read: whole lines, their length in bytes, the hash of the last one."""

    n_events: int = 0
    n_bytes: int = 0
    last_hash: str = GENESIS


def read_state(path: Path) -> tuple[list[Event], bytes]:
    """Read every whole event of a state file, and the torn piece at its end (empty when there is none).

    The hash chain and the sequence are checked. Nothing is written, so no lock is needed.

    Raises:
        StateError: a damaged line that is not the last one, a broken chain, or an event newer than this program.
    """
    events, torn, _ = read_on(path, Position())
    return events, torn


@no_garbage_collection()
def read_on(path: Path, start: Position) -> tuple[list[Event], bytes, Position]:
    """Read the events after ``start``, the torn piece at the end, and where the next read goes on.

    Raises:
        StateError: as ``read_state``; also if the file is another one than ``start`` was read from.
    """
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) < start.n_bytes:
            raise _damaged(path, start.n_events, "the file is shorter than it was")
        file.seek(start.n_bytes)
        lines = file.read().split(b"\n")
    torn = lines.pop()
    events: list[Event] = []
    n_bytes, previous = start.n_bytes, start.last_hash
    for number, line in enumerate(lines, start=start.n_events + 1):
        try:
            record = from_json(line, allow_inf_nan=False)
        except ValueError:
            if number == start.n_events + len(lines) and not torn:
                torn = line + b"\n"
                break
            raise _damaged(path, number, "it is not JSON") from None
        event = read_event(record, line=number)
        if event.prev != previous:
            raise _damaged(path, number - 1 or 1, "the next line names another hash for it")
        if event.seq != number - 1:
            raise _damaged(path, number, f"its seq is {event.seq}, expected {number - 1}")
        events.append(event)
        n_bytes, previous = n_bytes + len(line) + 1, hashlib.sha256(line).hexdigest()
    return events, torn, Position(start.n_events + len(events), n_bytes, previous)


def _damaged(path: Path, number: int, why: str) -> StateError:
    return StateError(
        f"{path}: line {number} is damaged ({why}). The file was changed by something other than saltloop. "
        "Nothing was written. Restore the file from a backup; the job folders beside it still hold every raw result."
    )


class StateFile:
    """The writer's handle on a state file. Hold the campaign's lock while one exists.

    Opening moves a torn last line to ``state.jsonl.torn-N`` and goes on; ``events`` holds everything read and appended.
    """

    def __init__(self, path: Path, *, guard: Callable[[], None] = lambda: None) -> None:
        """Open ``path`` (created when absent). ``guard`` is called before each write and raises if we lost the lock."""
        self.path = path
        self.torn_piece: Path | None = None
        self._guard = guard
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if is_new:
            _sync_folder(path.parent)
        self.events, torn = read_state(path)
        self._size = os.fstat(self._fd).st_size
        if torn:
            self._move_aside(torn)
        self._last_hash = self._hash_of_last_line()

    def append(self, event_type: str, data: dict[str, Any], *, actor: str = "controller") -> Event:
        """Write one event durably: one write, then fsync. On failure the file is cut back to what it was.

        Raises:
            StateWriteError: the disk is full or failed; nothing was recorded.
            StateError: somebody else wrote to the file.
            ValueError: the data is no JSON that can be read back.
        """
        self._guard()
        record = {
            "seq": len(self.events),
            "id": uuid.uuid4().hex,
            "ts": utc_now(),
            "type": event_type,
            "v": EVENT_VERSIONS[event_type],
            "actor": actor,
            "data": data,
            "prev": self._last_hash,
        }
        line = compact_json(record).encode()
        event = read_event(from_json(line, allow_inf_nan=False), line=len(self.events) + 1)
        if os.fstat(self._fd).st_size != self._size:
            raise StateError(f"{self.path} was changed by another process while this one held it; stopping.")
        with ctrl_c_waits():
            self._write(line + b"\n")
            self._size += len(line) + 1
            self._last_hash = hashlib.sha256(line).hexdigest()
            self.events.append(event)
        return event

    def close(self) -> None:
        """Release the file descriptor."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, line: bytes) -> None:
        try:
            os.lseek(self._fd, self._size, os.SEEK_SET)
            written = os.write(self._fd, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, "only part of the line could be written")
            os.fsync(self._fd)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
                os.fsync(self._fd)
            raise StateWriteError(
                error.errno,
                f"An event could not be written to {self.path} ({error.strerror}). Everything recorded before it is "
                "safe. Free some disk space and run the same command again to go on.",
            ) from error

    def _move_aside(self, torn: bytes) -> None:
        number = 1
        while (target := self.path.with_name(f"{self.path.name}.torn-{number}")).exists():
            number += 1
        write_durably(target, torn)
        self._size -= len(torn)
        os.ftruncate(self._fd, self._size)
        os.fsync(self._fd)
        self.torn_piece = target

    def _hash_of_last_line(self) -> str:
        if not self._size:
            return GENESIS
        content = self.path.read_bytes()[: self._size]
        return hashlib.sha256(content[:-1].rpartition(b"\n")[2]).hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
