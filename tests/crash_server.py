"""Send a result to a server that dies by SIGKILL before it answers: python crash_server.py FOLDER MODE.

``before`` its line is written, ``within`` the line, ``synced`` but not yet marked as safe, or ``answering``.
"""

import os
import signal
import sys
from pathlib import Path

from saltloop.loop.lab.spool import Spool
from saltloop.loop.server import results
from server_client import client_of, told


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def install(mode):
    append, write = Spool.append, os.pwrite

    def append_and_die(self, *given, **more):
        append(self, *given, **more)
        die()

    def write_and_die(fd, content, offset):
        write(fd, content[: len(content) // 2], offset)
        os.fsync(fd)
        die()

    if mode == "before":
        Spool.append = die
    elif mode == "within":
        os.pwrite = write_and_die
    elif mode == "synced":
        Spool.append = append_and_die
    else:
        results._verdict = die


if __name__ == "__main__":
    install(sys.argv[2])
    with client_of(Path(sys.argv[1])) as client:
        client.post("/v1/results", json=told("x"))
