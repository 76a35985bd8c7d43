"""Robots that repeat every call, a server and a controller that are killed: each result is there once."""

import os
import sys
from pathlib import Path

import pytest
from lab_campaign import LAB, start
from lab_server import robots

TESTS = Path(__file__).parents[1]


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
