"""The campaign as it stands, read on from where the last request left off."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from saltloop.loop.campaign import STATE_NAME, Campaign
from saltloop.loop.errors import CampaignError, StateError
from saltloop.loop.events import Event


class Reading:
    """A campaign that another process may be writing. Only what was appended since the last look is read.

    One thread has it at a time. Two readings of one campaign do not wait for each other.
    """

    def __init__(self, folder: Path) -> None:
        """Raises CampaignError or StateError if there is no campaign that can be read."""
        self.folder = folder
        self._path = folder / STATE_NAME
        self._lock = threading.RLock()
        self._seen: tuple[int, int, int] | None = None
        self._campaign = Campaign.read(folder)

    @contextlib.contextmanager
    def now(self) -> Iterator[Campaign]:
        """The campaign with everything that is on disk by now; not to be used after the block.

        Raises:
            CampaignError, StateError: the state file is gone or damaged.
        """
        with self._lock:
            self._read_on()
            yield self._campaign

    def events(self, after: int, limit: int) -> tuple[list[Event], int]:
        """At most ``limit`` events whose ``seq`` is larger than ``after``, and how many there are in all."""
        with self.now() as campaign:
            return campaign.events[after + 1 : after + 1 + limit], len(campaign.events)

    def _read_on(self) -> None:
        try:
            stat = self._path.stat()
        except OSError as error:
            raise CampaignError(f"The state file {self._path} cannot be read: {error.strerror}.") from error
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if seen == self._seen:
            return
        if self._seen is not None and stat.st_ino != self._seen[0]:
            self._campaign = Campaign.read(self.folder)
        try:
            self._campaign.read_on()
        except StateError:
            self._campaign = Campaign.read(self.folder)
        self._seen = seen
