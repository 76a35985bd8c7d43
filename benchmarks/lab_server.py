"""A lab's robots at the server: how many results a second are made safe, and whether kills lose or double any.

python benchmarks/lab_server.py FOLDER --rate            # results a second, each synced before its reply
python benchmarks/lab_server.py FOLDER --robots          # 3 robots, server and controller killed 20 times
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from saltloop.loop.campaign import Campaign
from saltloop.loop.lab.spool_drain import drain
from saltloop.loop.server.token import FILE
from spool_rate import syncs_a_second

CAMPAIGN = """
name: lab
seed: 1
space: {salts: [LiPF6, LiFSI], solvents: [EC, DMC, EMC], max_solvents: 3}
surrogate: {architecture: gp}
oracle: {kind: lab, cost: {hours: 0.1}}
acquisition: {batch_size: 6}
refit_every: 50
lab: {surprise: null}
budget: {rounds: 10000}
"""
SALTLOOP = Path(sys.executable).with_name("saltloop")
LIQUIDS = [
    f"{molality:.3f} mol/kg LiPF6 in EC:DMC {share}:{10 - share} (w/w) at 298.15 K"
    for share in range(1, 10)
    for molality in [0.4 + 0.01 * k for k in range(120)]
]


class Service:
    """A command that is started again whenever it has ended, and can be killed."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name, self._command, self._log = name, command, log
        self._is_over = threading.Event()
        self.n_starts = self.n_kills = 0
        self.codes: Counter[int] = Counter()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep)
        self._thread.start()

    def kill(self) -> bool:
        """SIGKILL; whether there was something to kill."""
        process = self._process
        if process is None or process.poll() is not None:
            return False
        process.send_signal(signal.SIGKILL)
        self.n_kills += 1
        return True

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """Ask it to end, again and again until it has."""
        self._is_over.set()
        while self._thread.is_alive():
            if self._process is not None:
                self._process.terminate()
            self._thread.join(timeout=5)

    def _keep(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with self._log.open("ab") as log:
            while not self._is_over.is_set():
                self.n_starts += 1
                self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)
                self.codes[self._process.wait()] += 1
                self._is_over.wait(0.2)


class Robot:
    """One client with its connection; every call is repeated until it is answered."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._headers = port, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None
        self.n_retries = 0

    def call(self, method: str, path: str, body: Any = None, *, for_s: float = 120.0) -> tuple[int, Any]:
        content = None if body is None else json.dumps(body)
        until = time.monotonic() + for_s
        while True:
            try:
                status, told = self._once(method, path, content)
                if status not in (429, 503):
                    return status, told
            except (OSError, http.client.HTTPException, ValueError):
                self._connection = None
            if time.monotonic() > until:
                raise TimeoutError(f"{method} {path} was not answered for {for_s:g} s")
            self.n_retries += 1
            time.sleep(0.1)

    def _once(self, method: str, path: str, content: str | None) -> tuple[int, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.request(method, path, content, self._headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())


def report(external_id: str, value: float, **more: Any) -> dict[str, Any]:
    return {"external_id": external_id, "value": value, "unit": "mS/cm", "standard_uncertainty": 0.1, **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def started(folder: Path) -> Path:
    """The folder of a campaign that has its first batch; raises if that fails."""
    file = folder / "lab.yaml"
    file.write_text(CAMPAIGN)
    subprocess.run([str(SALTLOOP), "ask", "--quiet", str(file), "-n", "6"], check=True, stdout=subprocess.DEVNULL)
    return folder / "lab"


def until_healthy(port: int) -> None:
    Robot(port, "").call("GET", "/health")


# Results a second


def _send(port: int, token: str, first: int, n_threads: int, n_calls: int, n_each: int) -> list[float]:
    """What one process of clients does: seconds of each call."""

    def client(number: int) -> list[float]:
        robot, seconds = Robot(port, token), []
        for call in range(n_calls):
            sent = [
                report(
                    f"r{number}-{call}-{k}",
                    5.0 + 1e-3 * k,
                    formulation=LIQUIDS[(number * n_calls + call) % len(LIQUIDS)],
                )
                for k in range(n_each)
            ]
            start = time.perf_counter()
            status, told = robot.call("POST", f"/v1/results?robot=robot-{number % 3}", sent)
            seconds.append(time.perf_counter() - start)
            if status != 202:
                raise RuntimeError(f"{status}: {told}")
        return seconds

    with ThreadPoolExecutor(n_threads) as pool:
        return [one for seconds in pool.map(client, range(first, first + n_threads)) for one in seconds]


def rate(folder: Path, n_clients: int, n_calls: int, n_each: int) -> None:
    """``n_clients`` at once, each with ``n_calls`` calls of ``n_each`` results; then how long recording them takes."""
    import psutil

    campaign = started(folder)
    port = free_port()
    options = ["--port", str(port), "--rate", "100000", "--quiet", "--no-drain"]
    server = Service("server", [str(SALTLOOP), "serve", str(campaign), *options], log=folder / "log")
    try:
        until_healthy(port)
        token = (campaign / FILE).read_text().strip()
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(_send, [port] * 2, [token] * 2, [900, 901], [1] * 2, [5] * 2, [1] * 2))
            alone = syncs_a_second(folder)
            before_s = sum(psutil.Process(server.pid).cpu_times()[:2])
            start = time.perf_counter()
            half = n_clients // 2
            parts = [pool.submit(_send, port, token, k * half, half, n_calls, n_each) for k in (0, 1)]
            seconds = sorted(one for part in parts for one in part.result())
            wall_s = time.perf_counter() - start
            cpu_s = sum(psutil.Process(server.pid).cpu_times()[:2]) - before_s
    finally:
        server.stop()
    n = 2 * half * n_calls * n_each
    alone = (alone + syncs_a_second(folder)) / 2
    middle, slow = statistics.median(seconds), seconds[int(0.99 * len(seconds))]
    print(
        f"{n / wall_s:.0f} results/s from {2 * half} clients, {n_each} a call ({n} in {wall_s:.1f} s; a call "
        f"{1000 * middle:.1f} ms, 99 % within {1000 * slow:.0f} ms; the server's processor time "
        f"{1000 * cpu_s / n:.2f} ms a result); the disk alone: {alone:.0f} syncs/s; ratio {n / wall_s / alone:.2f}"
    )
    start = time.perf_counter()
    with Campaign.open(campaign) as opened:
        drain(opened, lambda: None)
        n_recorded = len(opened.record.results)
    print(f"{n_recorded} of {n + 10} recorded in {time.perf_counter() - start:.1f} s, without a model to compare with")


# Kills


def robots(
    campaign: Path, controller: list[str], *, n_results: int, n_kills: int, pace_s: float, seed: int
) -> dict[str, Any]:
    """Three robots claim, measure and report; meanwhile server and controller are killed ``n_kills`` times in all.

    Each robot repeats every call until it is answered. A kill comes at a random moment after a random number of
    acknowledged results. Returns what was sent, acknowledged and recorded.
    """
    port, log = free_port(), campaign.parent / "log"
    server = Service("server", [str(SALTLOOP), "serve", str(campaign), "--port", str(port)], log=log)
    services = [server, Service("controller", controller, log=log)]
    acknowledged: set[str] = set()
    chance = random.Random(seed)
    try:
        until_healthy(port)
        token = (campaign / FILE).read_text().strip()
        killer = threading.Thread(target=_kill, args=(services, acknowledged, n_results, n_kills, chance))
        killer.start()
        with ThreadPoolExecutor(3) as pool:
            work = [
                pool.submit(_lab_robot, port, token, number, n_results, pace_s, seed, acknowledged)
                for number in range(3)
            ]
            n_retries = sum(one.result() for one in work)
        killer.join()
        until = time.monotonic() + 300
        while len(Campaign.read(campaign).record.results) < n_results and time.monotonic() < until:
            time.sleep(0.5)
    finally:
        for one in services:
            one.stop()
    record = Campaign.read(campaign).record
    names = Counter(result.measurement["external_id"] for result in record.results.values())
    return {
        "acknowledged": len(acknowledged),
        "recorded": len(record.results),
        "lost": len(acknowledged - names.keys()),
        "doubled": sum(n - 1 for n in names.values()),
        "quarantined": len(record.quarantined),
        "refused": sum(event.type == "request_refused" for event in Campaign.read(campaign).events),
        "retries": n_retries,
        "answered_candidates": sum(bool(one.measurement_ids) for one in record.candidates.values()),
        "answered_twice": sum(len(one.measurement_ids) > 1 for one in record.candidates.values()),
        "kills": {one.name: one.n_kills for one in services},
        "starts": {one.name: one.n_starts for one in services},
    }


def _lab_robot(
    port: int, token: str, number: int, n_results: int, pace_s: float, seed: int, acknowledged: set[str]
) -> int:
    """Every third result: of a candidate where one is free, else of a liquid that nobody asked for.

    The last is of a candidate, however long the controller takes to come back and propose one.
    """
    robot, chance = Robot(port, token), random.Random(1000 * seed + number)
    name = f"robot-{number}"
    for k in range(number, n_results, 3):
        time.sleep(chance.uniform(0, 2 * pace_s))
        until = time.monotonic() + (300 if k + 3 >= n_results else 0)
        while not (mine := robot.call("POST", f"/v1/claims?robot={name}&n=1")[1]["items"]):
            if time.monotonic() >= until:
                break
            time.sleep(0.2)
        what = {"candidate_id": mine[0]["candidate_id"]} if mine else {"formulation": LIQUIDS[k % len(LIQUIDS)]}
        for _ in range(1 + (chance.random() < 0.1)):
            status, told = robot.call("POST", f"/v1/results?robot={name}", report(f"r{k}", 5.0 + 1e-3 * k, **what))
            if status not in (200, 202):
                raise RuntimeError(f"{status}: {told}")
        acknowledged.add(f"r{k}")
    return robot.n_retries


def _kill(services: list[Service], acknowledged: set[str], n_results: int, n_kills: int, chance: random.Random) -> None:
    for threshold in sorted(chance.uniform(0, 0.97) * n_results for _ in range(n_kills)):
        while len(acknowledged) < threshold:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.3))
        victim = chance.choice(services)
        while not victim.kill():
            time.sleep(0.05)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rate", action="store_true", help="Results a second.")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--calls", type=int, default=200, help="Of each client.")
    parser.add_argument("--each", type=int, default=1, help="Results a call.")
    parser.add_argument("--robots", action="store_true", help="Three robots, and kills.")
    parser.add_argument("--results", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pace", type=float, default=0.3, help="Mean seconds between a robot's results.")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        if given.rate:
            rate(Path(scratch), given.clients, given.calls, given.each)
        if given.robots:
            lab = started(Path(scratch))
            watch = [str(SALTLOOP), "run", str(lab), "--watch", "--quiet"]
            start = time.perf_counter()
            found = robots(lab, watch, n_results=given.results, n_kills=given.kills, pace_s=given.pace, seed=given.seed)
            print(json.dumps({**found, "minutes": round((time.perf_counter() - start) / 60, 1)}, indent=1))
