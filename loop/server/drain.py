"""Where no run works on the campaign, the server has it taken in: what waits in the spool and among the requests.

It is done by a process of its own, which may load the model to compare results with, and holds the lock for as short as
it can. ``saltloop run`` waits for it instead of giving up.

python -m saltloop.loop.server.drain FOLDER
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from saltloop.chemistry.errors import SaltloopError
from saltloop.loop.campaign import LOCK_NAME, Campaign
from saltloop.loop.errors import EXIT_ERROR, EXIT_LOCKED, EXIT_WAITING, CampaignError, LockedError
from saltloop.loop.lab.spool_drain import is_drained
from saltloop.loop.lock import holder_of
from saltloop.loop.steering.queue import take_requests, waiting_requests
from saltloop.loop.strategy import Strategy

#: How often it looks, and for how long the lock must have been free: a run that is started again comes first.
LOOK_S, FREE_S = 0.5, 1.5
#: About how long it holds the lock at a time; a run that starts meanwhile waits (``loop.lock``).
HOLD_S = 10.0
#: How long it waits after a failure.
BACK_OFF_S = 30.0


class NeedsRunError(LockedError):
    """A request that has to train or choose; it waits for ``saltloop run``."""


def only_a_run_decides() -> Strategy:
    """In place of a strategy. Raises NeedsRunError, so that the request stays where it is."""
    raise NeedsRunError("This needs the model; the next 'saltloop run' does it.")


def take_waiting(folder: Path, say: Callable[[str], None] = lambda text: None) -> bool:
    """Take in everything that waits; False if requests remain that only a run can do.

    Raises:
        CampaignError: results wait for a campaign that is closed.
        LockedError: another process writes the campaign.
    """
    from saltloop.loop.lab.receiving import Receiver
    from saltloop.loop.strategy import SurrogateStrategy

    with Campaign.open(folder, actor="server", is_brief=True) as campaign:
        is_complete = True
        try:
            take_requests(campaign, only_a_run_decides, say)
        except NeedsRunError:
            is_complete = False
        Receiver(campaign, SurrogateStrategy(campaign), say).receive(for_s=HOLD_S)
        if campaign.record.is_closed and not is_drained(folder):
            raise CampaignError("the campaign was closed before the results in its spool were taken in")
    return is_complete


class Drainer:
    """A thread that starts that process whenever something waits and nobody writes the campaign."""

    def __init__(self, folder: Path, say: Callable[[str], None] = lambda text: None) -> None:
        self._folder, self._say = folder, say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="drain", daemon=True)
        self._left: set[str] = set()
        #: Why the last attempt failed; empty if it did not.
        self.problem = ""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        free_s = 0.0
        while not self._stop.wait(LOOK_S):
            is_free = holder_of(self._folder / LOCK_NAME) is None
            free_s = free_s + LOOK_S if is_free and self._waits() else 0.0
            if free_s >= FREE_S:
                free_s = 0.0
                self._drain()

    def _waits(self) -> bool:
        requests = {path.name for path in waiting_requests(self._folder)}
        return bool(requests - self._left) or not is_drained(self._folder)

    def _drain(self) -> None:
        command = [sys.executable, "-m", "saltloop.loop.server.drain", str(self._folder)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            self._say(line)
        self._left = (
            {path.name for path in waiting_requests(self._folder)} if done.returncode == EXIT_WAITING else set()
        )
        self.problem = ""
        if done.returncode not in (0, EXIT_WAITING, EXIT_LOCKED):
            self.problem = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            self._say(f"What waits could not be taken in: {self.problem}")
            self._stop.wait(BACK_OFF_S)


def main(folder: Path) -> int:
    """Take in what waits, and say so on stdout."""
    try:
        return 0 if take_waiting(folder, lambda text: print(text, flush=True)) else EXIT_WAITING
    except SaltloopError as error:
        print(error, file=sys.stderr)
        return int(getattr(error, "exit_code", EXIT_ERROR))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
