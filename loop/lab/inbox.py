"""``inbox/`` of a campaign: robots that only write files put results there; complete files are taken in and moved.

A file is complete when its size and time of change have stayed for ``lab.settle_s``; one that ends in the middle of a
line gets fifteen times as long. Best is to write under a name that is ignored (``.name``, ``name.part``, ``name.tmp``)
and to rename it. A file that is taken goes to ``inbox/taken/``, one that is refused to ``inbox/refused/`` with the
reasons beside it in ``NAME.verdict.txt``. The move comes last: after a crash the file is read again, and known. One
that grows after it was taken is moved back and read again, by the process that took it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import from_json
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.result_files import MAX_BYTES, read_rows
from saltloop.loop.campaign import Campaign
from saltloop.loop.lab.intake import Told, take
from saltloop.loop.lab.surprise import Predict
from saltloop.simulators.checkpoints import write_durably

FOLDER = "inbox"
TAKEN, REFUSED = "taken", "refused"
STILL_WRITTEN = (".tmp", ".part", ".partial", ".crdownload", ".swp", "~")
TORN_LINE_PATIENCE = 15
ACTOR = "inbox"
#: Bytes of a name's stem and ending that are kept, so that its verdict's name is not too long for a disk (255).
LONGEST_STEM, LONGEST_ENDING = 180, 20


@dataclass(frozen=True)
class Received:
    """What became of one file."""

    name: str
    told: Told | None
    """None where it was refused."""
    problem: str = ""


class Inbox:
    """Looks into a campaign's inbox again and again; remembers since when each file has not changed."""

    def __init__(self, folder: Path, *, settle_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = folder / FOLDER
        self._settle_s, self._clock = settle_s, clock
        self._since: dict[str, tuple[tuple[int, int], float]] = {}
        self._taken: dict[Path, tuple[str, int]] = {}

    def take_in(self, campaign: Campaign, predict_of: Callable[[], Predict | None]) -> list[Received]:
        """Take every complete file into the campaign, in the order of their names.

        Raises:
            StateError, StateWriteError, LockedError: the campaign cannot be written; the files stay where they are.
        """
        received = []
        self._take_back()
        for name in self._complete():
            path = self.path / name
            try:
                content = _content(path)
            except FileNotFoundError:
                continue
            except DataError as error:
                content, one = b"", Received(_printable(name), None, str(error))
            else:
                if not _ends_well(name, content) and not self._has_waited(name):
                    continue
                one = _receive(campaign, _printable(name), content, predict_of)
            if one.told is None:
                self._move(path, REFUSED, f"{one.problem}\n")
            else:
                self._move(path, TAKEN, "\n".join([str(one.told), *one.told.messages, ""]), len(content))
            received.append(one)
        self._take_back()
        return received

    def unsettled(self) -> list[str]:
        """Files that are there and not complete yet."""
        return self._names()

    def _names(self) -> list[str]:
        if not self.path.is_dir():
            return []
        names = (entry.name for entry in os.scandir(self.path) if not entry.is_dir(follow_symlinks=False))
        return sorted(name for name in names if not name.startswith((".", "~")) and not name.endswith(STILL_WRITTEN))

    def _complete(self) -> list[str]:
        now, there = self._clock(), {}
        for name in self._names():
            try:
                status = os.lstat(self.path / name)
            except FileNotFoundError:
                continue
            look = (status.st_size, status.st_mtime_ns)
            before = self._since.get(name)
            there[name] = before if before is not None and before[0] == look else (look, now)
        self._since = there
        return [name for name, (_, since) in there.items() if now - since >= self._settle_s]

    def _has_waited(self, name: str) -> bool:
        return self._clock() - self._since[name][1] >= TORN_LINE_PATIENCE * self._settle_s

    def _move(self, path: Path, where: str, verdict: str, expected_size: int | None = None) -> None:
        folder, number = self.path / where, 1
        folder.mkdir(exist_ok=True)
        stem = os.fsdecode(os.fsencode(path.stem)[:LONGEST_STEM])
        suffix = os.fsdecode(os.fsencode(path.suffix)[:LONGEST_ENDING])
        target = folder / (stem + suffix)
        while target.exists() or target.is_symlink():
            target = folder / f"{stem}-{number}{suffix}"
            number += 1
        write_durably(target.with_name(target.name + ".verdict.txt"), verdict.encode("utf-8", "replace"))
        with contextlib.suppress(FileNotFoundError):  # its writer took it away meanwhile
            os.rename(path, target)
            if expected_size is not None:
                self._taken[target] = (path.name, expected_size)

    def _take_back(self) -> None:
        """Files whose writer went on after they were taken: their rest is read next time, their beginning is known."""
        for target, (name, size) in list(self._taken.items()):
            with contextlib.suppress(FileNotFoundError):
                if os.lstat(target).st_size == size or (self.path / name).exists():
                    continue
                os.rename(target, self.path / name)
            del self._taken[target]


def _receive(campaign: Campaign, name: str, content: bytes, predict_of: Callable[[], Predict | None]) -> Received:
    origin = {"file": name, "file_sha256": hashlib.sha256(content).hexdigest()}
    try:
        rows = read_rows(name, content)
        told = take(campaign, rows, actor=ACTOR, name=name, origin=origin, predict=predict_of())
    except DataError as error:
        return Received(name, None, str(error))
    return Received(name, told)


def _printable(name: str) -> str:
    """A file's name without the bytes that are no text."""
    return name.encode("utf-8", "replace").decode()


def _content(path: Path) -> bytes:
    """The bytes of a regular file, at most one more than is allowed; what else it may be is not followed.

    Raises:
        FileNotFoundError: it is gone.
        DataError: it is no regular file, or cannot be read.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        what = "is a link" if path.is_symlink() else f"cannot be read ({error.strerror})"
        raise DataError(f"{_printable(path.name)} {what}; put a file here that saltloop may read.") from None
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise DataError(f"{_printable(path.name)} is no regular file; put a file here that saltloop may read.")
        return file.read(MAX_BYTES + 1)


def _ends_well(name: str, content: bytes) -> bool:
    """Whether nothing is missing at the end, as far as that can be seen."""
    if name.casefold().endswith(".xlsx"):
        return zipfile.is_zipfile(io.BytesIO(content))
    if not name.casefold().endswith(".json"):
        return content.endswith(b"\n") or not content
    try:
        from_json(content)
    except ValueError:
        return False
    return True
