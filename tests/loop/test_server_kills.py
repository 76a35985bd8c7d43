"""Robots that repeat every call, a server and a controller that are killed: each result is there once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lab_campaign import LAB, start
from lab_server import robots
from saltloop.loop.campaign import Campaign
from saltloop.loop.server.drain import take_waiting
from server_client import client_of, told

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("mode", ["before", "within", "synced", "answering"])
@pytest.mark.parametrize("is_drained_between", [False, True])
def test_a_crash_between_receipt_and_reply_leaves_one_result_when_the_robot_retries(tmp_path, mode, is_drained_between):
    with start(tmp_path) as campaign:
        folder = campaign.folder
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, str(TESTS / "crash_server.py"), str(folder), mode]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL
    if is_drained_between:
        take_waiting(folder)
    with client_of(folder) as client:
        retry = client.post("/v1/results", json=told("x"))
    assert retry.status_code == (200 if mode in ("synced", "answering") else 202)
    take_waiting(folder)
    assert [one.measurement["external_id"] for one in Campaign.read(folder).record.results.values()] == ["x"]


@pytest.mark.slow
def test_killed_servers_and_controllers_lose_and_double_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    with start(tmp_path, LAB + "budget: {rounds: 1000}\n") as campaign:
        folder = campaign.folder
    controller = [sys.executable, str(TESTS / "watching_controller.py"), str(folder)]
    found = robots(folder, controller, n_results=60, n_kills=4, pace_s=0.1, seed=os.getpid())
    assert (found["acknowledged"], found["recorded"]) == (60, 60), found
    assert (found["lost"], found["doubled"], found["refused"], found["answered_twice"]) == (0, 0, 0, 0), found
    assert sum(found["kills"].values()) == 4
    assert found["answered_candidates"] > 3, "the controller went on"
