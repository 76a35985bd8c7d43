"""Killed at any moment, a campaign that is resumed ends like one that was never killed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from saltloop.loop.campaign import Campaign
from saltloop.loop.state import read_state
from saltloop.loop.steering.apply import Approve
from saltloop.loop.steering.queue import leave, waiting_requests
from saltloop.loop.steering.settings import ChangeBudget, ChangeSpace

TESTS = Path(__file__).parents[1]
CAMPAIGN = """
name: toy
seed: 3
space:
  salts: [LiPF6, LiFSI]
  solvents: [EC, DMC, EMC]
  molality: {min: 0.5, max: 2.0, step: 0.1}
oracle: {kind: python, factory: "fakes:ToyOracle", options: {fail_above: 1.75, fail_once: true}}
acquisition: {batch_size: 2}
refit_every: 2
budget: {rounds: 3}
"""


def run(file, *kill):
    arguments = [sys.executable, str(TESTS / "crash_campaign.py"), str(file), *map(str, kill)]
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120)


def outcome(file):
    """Decisions and measurements: all that must not depend on crashes."""
    campaign = Campaign.read(file.parent / "toy")
    record = campaign.record
    decisions = [
        [(c["candidate_id"], c["text"], c["acquisition_value"]) for c in b["candidates"]] for b in record.batches
    ]
    values = {key: result.measurement["value"] for key, result in record.results.items()}
    statuses = {key: (c.status, c.reason) for key, c in record.candidates.items()}
    fits = [fit["weights_sha256"] for fit in record.fits]
    return decisions, values, statuses, fits, record.last_stop


def new_campaign(folder):
    folder.mkdir()
    file = folder / "toy.yaml"
    file.write_text(CAMPAIGN)
    return file


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory):
    file = new_campaign(tmp_path_factory.mktemp("reference") / "run")
    done = run(file)
    assert done.stdout.strip() == "STOP", done.stderr
    return outcome(file), len(Campaign.read(file.parent / "toy").events)


def test_the_campaign_of_this_test_has_results_failures_and_retries(never_killed):
    (decisions, values, statuses, fits, stop), n_events = never_killed
    assert len(decisions) == 3
    assert len(values) >= 3
    assert {status for status, _ in statuses.values()} >= {"completed"}
    assert len(fits) == 2
    assert stop["should_stop"]
    assert n_events > 30


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["after", "within"])
@pytest.mark.parametrize("third", [0, 1, 2])
def test_killed_at_each_event_and_resumed(never_killed, tmp_path, mode, third):
    expected, n_events = never_killed
    for number in range(third, n_events, 3):
        file = new_campaign(tmp_path / f"{mode}-{number}")
        killed = run(file, mode, number)
        assert killed.returncode == -signal.SIGKILL, f"{mode} event {number}: {killed.stderr}"
        resumed = run(file)
        assert resumed.stdout.strip() == "STOP", f"{mode} event {number}: {resumed.stderr}"
        assert outcome(file) == expected, f"{mode} event {number}"


@pytest.mark.slow
def test_killed_again_and_again_on_the_way(never_killed, tmp_path):
    expected, n_events = never_killed
    file = new_campaign(tmp_path / "often")
    state = file.parent / "toy" / "state.jsonl"
    for step in range(4 * n_events):
        n_written = len(read_state(state)[0]) if state.exists() else 0
        # A job dies with its controller here. Every fourth controller lives for long enough to see one end.
        done = run(file, "after" if step % 2 else "within", n_written + 2 * (1 + step % 4))
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert step > n_events / 8
    assert outcome(file) == expected


def ask_in_advance(file):
    """Requests that a running controller finds: one that it does, one that it must refuse, another that it does."""
    folder = file.parent / "toy"
    folder.mkdir(exist_ok=True)
    requests = [
        ChangeBudget(request_id="1" * 32, person="ana", limits={"rounds": 2}),
        Approve(request_id="2" * 32, person="ben", candidate_ids=("nobody",)),
        ChangeSpace(request_id="3" * 32, person="ana", values={"salts": ["LiFSI"]}),
    ]
    for number, request in enumerate(requests):
        path = leave(folder, request)
        path.rename(path.with_name(f"{number}.json"))


def steering(file):
    """What people asked for and what became of it."""
    found = [
        (event.type, event.actor, event.data)
        for event in Campaign.read(file.parent / "toy").events
        if "request_id" in event.data
    ]
    return found, waiting_requests(file.parent / "toy")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["after", "within"])
def test_killed_while_requests_are_taken_in_nothing_is_lost_or_done_twice(tmp_path, mode):
    reference = new_campaign(tmp_path / "reference")
    ask_in_advance(reference)
    assert run(reference).stdout.strip() == "STOP"
    expected, expected_steering = outcome(reference), steering(reference)
    assert [kind for kind, *_ in expected_steering[0]] == ["budget_changed", "request_refused", "space_changed"]
    for number in (1, 2, 3):
        file = new_campaign(tmp_path / f"{number}")
        ask_in_advance(file)
        assert run(file, mode, number).returncode == -signal.SIGKILL
        assert run(file).stdout.strip() == "STOP"
        assert outcome(file) == expected
        assert steering(file) == expected_steering
