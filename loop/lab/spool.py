"""A durable spool: results from many threads and processes, on disk before they are acknowledged, taken in later.

Each writing process has a segment of its own in ``spool/``: JSON lines, append only, and locked (flock) while it is
open. What arrives at once is written and synced together. The process that writes the campaign drains the segments
(``loop.lab.spool_drain``) and deletes one that is drained and no longer open. A crash leaves at most a torn last line,
which nobody was told is safe; a sender that had no answer sends again, and the same result again changes nothing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path

from saltloop.chemistry.errors import DataError
from saltloop.chemistry.measurement import external_measurement_id
from saltloop.chemistry.result_schema import LabResult
from saltloop.loop.errors import CampaignError
from saltloop.loop.events import compact_json, content_hash
from saltloop.loop.state import utc_now

FOLDER = "spool"
#: A segment that has grown beyond this is closed, and another one begun.
SEGMENT_BYTES = 32_000_000


class SpoolError(CampaignError, OSError):
    """Results could not be written to the spool: none of those that were being appended is acknowledged."""


class Spool:
    """Appends results for the process that writes the campaign. Safe from several threads; one instance a process."""

    def __init__(self, campaign_folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = campaign_folder / FOLDER
        self._segment_bytes = segment_bytes
        self._fd = -1
        self._size = 0
        self._queue: list[tuple[int, bytes]] = []
        self._n_queued = self._n_settled = 0
        self._failures: dict[int, OSError] = {}
        self._is_committing = False
        self._changed = threading.Condition()

    def append(self, results: Sequence[LabResult], *, actor: str) -> list[str]:
        """Put results on disk, all of them or none, and return the ids that they will have in the campaign.

        When this returns they are safe. They are judged when they are drained: one that is refused then stands in the
        state file with the reason; call ``loop.lab.judge.judge`` before to tell the sender at once.

        Args:
            actor: who sent them, for the events.

        Raises:
            DataError: nothing to append, or a result without an external_id: sent again, it could not be recognised.
            SpoolError: the disk is full or failed; nothing is acknowledged.
        """
        if not results:
            raise DataError("There is no result to append.")
        if any(not result.external_id for result in results):
            raise DataError(
                "A result that is sent needs an external_id, so that it is recognised when it is sent again."
            )
        listed = [result.to_dict() for result in results]
        entry = {"id": content_hash([actor, listed])[:32], "ts": utc_now(), "actor": actor, "results": listed}
        line = compact_json(entry).encode() + b"\n"
        with self._changed:
            ticket, self._n_queued = self._n_queued, self._n_queued + 1
            self._queue.append((ticket, line))
            while self._is_committing and ticket >= self._n_settled:
                self._changed.wait()
            if is_mine := ticket >= self._n_settled:
                self._is_committing = True
                batch, self._queue = self._queue, []
        if is_mine:
            self._commit(batch)
        with self._changed:
            failure = self._failures.pop(ticket, None)
        if failure is not None:
            raise SpoolError(
                failure.errno or errno.EIO, f"Results could not be written to {self._folder} ({failure.strerror})."
            ) from failure
        return [external_measurement_id(result.source, result.external_id) for result in results]

    def close(self) -> None:
        """Give the segment back; it is deleted once it is drained."""
        with self._changed:
            while self._is_committing:
                self._changed.wait()
            self._close_segment()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _commit(self, batch: Sequence[tuple[int, bytes]]) -> None:
        """One write and one sync for everything that waits; a segment in which that failed is cut back and closed."""
        failure: OSError | None = None
        try:
            if self._fd < 0 or self._size > self._segment_bytes:
                self._close_segment()
                self._open_segment()
            self._write(b"".join(line for _, line in batch))
        except OSError as error:
            failure = error
        except BaseException as error:
            failure = OSError(errno.EIO, repr(error))
            raise
        finally:
            with self._changed:
                if failure is not None:
                    self._failures |= {ticket: failure for ticket, _ in batch}
                self._n_settled = batch[-1][0] + 1
                self._is_committing = False
                self._changed.notify_all()

    def _write(self, content: bytes) -> None:
        try:
            if os.pwrite(self._fd, content, self._size) != len(content):
                raise OSError(errno.ENOSPC, "only a part could be written")
            os.fsync(self._fd)
        except BaseException:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
                os.fsync(self._fd)
            # A drain may have read the piece, and would skip what comes in its place.
            self._close_segment()
            raise
        self._size += len(content)

    def _open_segment(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = self._folder / f"{utc_now().replace(':', '')}-{os.getpid()}-{uuid.uuid4().hex[:8]}.jsonl"
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            fcntl.flock(fd, fcntl.LOCK_EX)
            # Between the two lines above a drain may have found it empty and deleted it.
            if path.exists():
                break
            os.close(fd)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        except BaseException:
            os.close(fd)
            raise
        finally:
            os.close(folder)
        self._fd, self._size = fd, 0

    def _close_segment(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
