"""The main job in small: real ensemble, BoTorch, molecular dynamics in worker processes; killed on the way, resumed."""

import json
import os
import subprocess
import sys
import time

import pytest
import yaml
from tiny_protocol import TINY

CAMPAIGN = {
    "name": "small",
    "seed": 2,
    "space": {
        "salts": ["LiPF6", "LiBF4"],
        "solvents": ["AN", "DMC"],
        "fraction_step": 0.3,
        "molality": {"min": 1.2, "max": 1.6, "step": 0.2},
    },
    "surrogate": {"n_members": 3, "hidden": 16, "epochs": 15},
    "acquisition": {"batch_size": 2, "mc_samples": 32, "shortlist": 32},
    "oracle": {
        "kind": "openmm",
        "platform": "CPU",
        "protocol": {**TINY, "box": {"target_atoms": 220, "min_ion_pairs": 2}},
    },
    "execution": {"workers": 2, "timeout_minutes": 30},
    "budget": {"rounds": 1},
}


def saltloop(*arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENMM_CPU_THREADS": "1"}
    command = [sys.executable, "-m", "saltloop.loop.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process):
    out, err = process.communicate(timeout=1800)
    assert process.returncode == 0, err
    return out


@pytest.mark.slow
def test_a_campaign_on_real_molecular_dynamics_is_killed_and_resumed(tmp_path):
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(CAMPAIGN))
    killed = saltloop("run", file)
    deadline = time.monotonic() + 900
    while not list(tmp_path.glob("small/jobs/*/md/checkpoint.json")):
        assert killed.poll() is None, killed.communicate()
        assert time.monotonic() < deadline, "no job ever reached a checkpoint"
        time.sleep(0.1)
    killed.kill()
    killed.communicate()

    summary = finish(saltloop("run", file))
    assert "Round 1:" in summary
    assert "Stopped: 1 of 1 rounds are done" in summary
    status = json.loads(finish(saltloop("status", file, "--json")))
    assert sum(status["candidates"].values()) == 2
    assert status["results"] + status["quarantined"] + status["candidates"].get("abandoned", 0) >= 2
    assert status["best"]["source"] == "openmm"
    log = finish(saltloop("log", file))
    assert "job lost" in log
    assert "goes on from its last checkpoint" in log
    assert "Replaying gives the same decisions." in finish(saltloop("verify", file))
    assert (tmp_path / "small" / "outcome.png").exists()
    assert list(tmp_path.glob("small/jobs/*/msd.png"))
