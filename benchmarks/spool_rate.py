"""How many results a second the spool makes safe, beside the syncs a second that the disk does alone.

python benchmarks/spool_rate.py FOLDER [--threads 16] [--results 100]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from pathlib import Path

from saltloop.chemistry import LabResult
from saltloop.loop.lab.spool import Spool


def results_a_second(folder: Path, n_threads: int, n_results: int) -> float:
    """``n_threads`` senders, each with ``n_results`` calls of one result."""
    reports = [
        [
            LabResult(
                external_id=f"r{thread}-{number}",
                formulation="1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K",
                value=9.1,
                unit="mS/cm",
                standard_uncertainty=0.2,
            )
            for number in range(n_results)
        ]
        for thread in range(n_threads)
    ]
    with Spool(folder) as spool:
        senders = [
            threading.Thread(target=lambda mine=mine: [spool.append([one], actor="robot") for one in mine])
            for mine in reports
        ]
        start = time.perf_counter()
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        return n_threads * n_results / (time.perf_counter() - start)


def syncs_a_second(folder: Path, n: int = 200) -> float:
    """Writes of 400 bytes, each synced."""
    fd = os.open(folder / "probe", os.O_CREAT | os.O_WRONLY)
    start = time.perf_counter()
    for number in range(n):
        os.pwrite(fd, b"x" * 400, number * 400)
        os.fsync(fd)
    os.close(fd)
    return n / (time.perf_counter() - start)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=16)
    parser.add_argument("--results", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        rate = results_a_second(Path(scratch), given.threads, given.results)
        alone = syncs_a_second(Path(scratch))
    print(f"{rate:.0f} results/s from {given.threads} thread(s); the disk alone: {alone:.0f} syncs/s")
