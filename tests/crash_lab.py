"""Bring results and, on request, die by SIGKILL: robots that append to the spool, or the process that takes them in.

python crash_lab.py append FOLDER N     robots in 4 threads append r0 ... rN-1; prints each id that was acknowledged
python crash_lab.py receive FOLDER MODE EVENT    takes in spool and inbox; killed 'after' or 'within' event EVENT
"""

import os
import sys
import threading
from pathlib import Path

from crash_campaign import install_kill
from lab_campaign import report
from saltloop.loop.campaign import Campaign
from saltloop.loop.lab.receiving import Receiver
from saltloop.loop.lab.spool import Spool


def append(folder: Path, n: int) -> None:
    spool = Spool(folder)

    def robot(first: int) -> None:
        for number in range(first, n, 4):
            spool.append([report(f"r{number}", 5.0 + 1e-3 * number)], actor=f"robot{first}")
            os.write(1, f"r{number}\n".encode())

    threads = [threading.Thread(target=robot, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    if sys.argv[1] == "append":
        append(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        install_kill(sys.argv[3], int(sys.argv[4]))
        with Campaign.open(Path(sys.argv[2]), actor="test") as campaign:
            Receiver(campaign, None).receive()
