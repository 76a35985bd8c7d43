"""Run a toy campaign and, on request, die by SIGKILL at one write of the state file.

python crash_campaign.py CAMPAIGN.yaml [after N | within N]

``after N``: killed right after event N is on disk; ``within N``: killed with half of event N's line written.
"""

import os
import signal
import sys
from pathlib import Path

from fakes import FakeStrategy, InlineExecutor
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller
from saltloop.loop.screen import Screen
from saltloop.loop.state import StateFile


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def install_kill(mode: str, target: int) -> None:
    write = StateFile._write

    def write_and_die(self: StateFile, line: bytes) -> None:
        number = len(self.events)
        if number == target and mode == "within":
            os.lseek(self._fd, self._size, os.SEEK_SET)
            os.write(self._fd, line[: len(line) // 2])
            os.fsync(self._fd)
            die()
        write(self, line)
        if number == target and mode == "after":
            die()

    StateFile._write = write_and_die  # type: ignore[method-assign]


if __name__ == "__main__":
    if len(sys.argv) > 2:
        install_kill(sys.argv[2], int(sys.argv[3]))
    with Campaign.start_or_resume(Path(sys.argv[1])) as campaign:
        step = Controller(campaign, FakeStrategy(), InlineExecutor(), Screen(is_quiet=True)).run()
        print(step.name)
