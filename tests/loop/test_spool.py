"""The spool: what was acknowledged is there after any crash, and is taken in exactly once."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fakes import FakeStrategy, InlineExecutor
from lab_campaign import LAB, report, start
from saltloop.chemistry.errors import DataError
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller, Step
from saltloop.loop.errors import CampaignError, StateError
from saltloop.loop.lab import spool_drain
from saltloop.loop.lab.spool import Spool, SpoolError
from saltloop.loop.lab.spool_drain import drain, waiting_segments
from saltloop.loop.screen import Screen

TESTS = Path(__file__).parents[1]


@pytest.fixture
def campaign(tmp_path):
    with start(tmp_path) as opened:
        yield opened


def no_model():
    return None


def script(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(TESTS / "crash_lab.py"), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def names(campaign):
    return sorted(result.measurement["external_id"] for result in campaign.record.results.values())


def test_what_is_appended_is_taken_in_with_its_senders_name(campaign):
    with Spool(campaign.folder) as spool:
        (key,) = spool.append([report("r1")], actor="robot1")
        spool.append([report("r2"), report("r3")], actor="robot2")
        assert drain(campaign, no_model) == 2
        assert drain(campaign, no_model) == 0, "the segment is still open and is not read again"
        spool.append([report("r4")], actor="robot1")
        assert drain(campaign, no_model) == 1
    assert key in campaign.record.results
    assert names(campaign) == ["r1", "r2", "r3", "r4"]
    assert [event.actor for event in campaign.events[-3:]] == ["robot1", "robot2", "robot1"]
    drain(campaign, no_model)
    assert not waiting_segments(campaign.folder), "closed and drained, it is deleted"


def test_what_is_left_for_the_next_time_is_not_lost(campaign, monkeypatch):
    monkeypatch.setattr(spool_drain, "CHUNK", 1)
    with Spool(campaign.folder) as spool:
        for number in range(3):
            spool.append([report(f"r{number}")], actor="robot1")
    assert drain(campaign, no_model, for_s=0) == 0
    assert drain(campaign, no_model) == 3
    assert names(campaign) == ["r0", "r1", "r2"]


def test_a_retry_is_taken_in_once(campaign):
    with Spool(campaign.folder) as spool:
        for _ in range(3):
            spool.append([report("r1")], actor="robot1")
    drain(campaign, no_model)
    with Spool(campaign.folder) as spool:
        spool.append([report("r1")], actor="robot1")
    drain(campaign, no_model)
    assert names(campaign) == ["r1"]


def test_what_is_refused_is_on_record_once_and_keeps_nothing_else_out(campaign):
    with Spool(campaign.folder) as spool:
        for _ in range(2):
            spool.append([report("r1"), report("r2", candidate_id="c9")], actor="robot1")
        spool.append([report("r3")], actor="robot1")
    drain(campaign, no_model)
    assert names(campaign) == ["r3"], "what came together is taken whole or not at all"
    (refused,) = [event for event in campaign.events if event.type == "request_refused"]
    assert "candidate 'c9' is unknown" in refused.data["reason"]
    assert refused.data["request"]["results"][0]["external_id"] == "r1"


def test_a_failure_that_came_before_another_robots_value_is_taken_before_it(campaign):
    one = next(iter(campaign.record.candidates))
    failed = {"value": None, "unit": None, "standard_uncertainty": None, "status": "failed"}
    with Spool(campaign.folder) as spool:
        spool.append([report("r1")], actor="robot2")
        spool.append([report("f", candidate_id=one, **failed)], actor="robot1")
        spool.append([report("v", candidate_id=one)], actor="robot2")
    drain(campaign, no_model)
    assert [event.type for event in campaign.events[-3:]] == ["result_ingested", "candidates_failed", "result_ingested"]
    assert campaign.record.candidates[one].status == "completed"


def test_a_result_without_a_name_is_not_acknowledged(campaign):
    with Spool(campaign.folder) as spool, pytest.raises(DataError, match="needs an external_id"):
        spool.append([report(None)], actor="robot1")


def test_a_full_disk_acknowledges_nothing_and_leaves_no_piece(campaign, monkeypatch):
    spool = Spool(campaign.folder)
    spool.append([report("r1")], actor="robot1")
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, content, offset: write(fd, content[:10], offset))
    with pytest.raises(SpoolError, match="only a part could be written"):
        spool.append([report("r2")], actor="robot1")
    monkeypatch.setattr(os, "pwrite", write)
    spool.append([report("r3")], actor="robot1")
    spool.close()
    drain(campaign, no_model)
    assert names(campaign) == ["r1", "r3"]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_what_was_drained_before_its_sync_failed_hides_nothing_that_comes_after_it(campaign, monkeypatch, error):
    spool, fsync = Spool(campaign.folder), os.fsync
    spool.append([report("r1")], actor="robot1")

    def fails(fd):
        monkeypatch.setattr(os, "fsync", fsync)
        drain(campaign, no_model)
        raise error

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises((SpoolError, KeyboardInterrupt)):
        spool.append([report("r2")], actor="robot1")
    for one in ("r3", "r2"):
        spool.append([report(one)], actor="robot1")
    spool.close()
    drain(campaign, no_model)
    assert names(campaign) == ["r1", "r2", "r3"]
    assert not waiting_segments(campaign.folder)


def test_a_segment_whose_folder_could_not_be_synced_is_not_used(campaign, monkeypatch):
    spool, fsync, synced = Spool(campaign.folder), os.fsync, []

    def sync(fd):
        synced.append(stat.S_ISDIR(os.fstat(fd).st_mode))
        if len(synced) == 1:
            raise OSError(5, "Input/output error")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(SpoolError):
        spool.append([report("r1")], actor="robot1")
    spool.append([report("r1")], actor="robot1")
    spool.close()
    assert synced == [True, True, False], "the folder again, then the result"
    drain(campaign, no_model)
    assert (names(campaign), waiting_segments(campaign.folder)) == (["r1"], [])


def test_threads_share_a_sync(campaign, monkeypatch):
    syncs = []
    fsync = os.fsync

    def slow(fd):
        syncs.append(fd)
        time.sleep(0.1)  # Long enough for the other threads to have come, also on a machine that does much else.
        fsync(fd)

    monkeypatch.setattr(os, "fsync", slow)
    spool = Spool(campaign.folder, segment_bytes=10_000)
    reports = [[report(f"r{first}-{number}") for number in range(10)] for first in range(8)]

    def robot(first):
        for one in reports[first]:
            spool.append([one], actor="robots")

    threads = [threading.Thread(target=robot, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spool.close()
    assert len(syncs) < 60, "80 results"
    assert len(waiting_segments(campaign.folder)) > 1, "a segment that has grown is closed"
    drain(campaign, no_model)
    assert len(names(campaign)) == 80


def test_killed_robots_and_a_killed_controller_give_each_result_once(tmp_path):
    """SIGKILL while robots append; SIGKILL while their results are taken in; all of it retried."""
    n = 200
    with start(tmp_path) as campaign:
        n_events = campaign.record.n_events
    acknowledged = set()
    for stop_after in (5, 40, None):
        process = script("append", tmp_path / "lab", n)
        for line in process.stdout:
            acknowledged.add(line.strip())
            if stop_after and len(acknowledged) >= stop_after:
                process.send_signal(signal.SIGKILL)
                break
        process.communicate()
        for mode in ("after", "within"):
            script("receive", tmp_path / "lab", mode, n_events).communicate()
        n_events = Campaign.read(tmp_path / "lab").record.n_events
    script("receive", tmp_path / "lab", "after", 10_000).communicate()
    campaign = Campaign.read(tmp_path / "lab")
    assert len(acknowledged) == n
    assert names(campaign) == sorted(f"r{number}" for number in range(n))
    assert not [event for event in campaign.events if event.type == "request_refused"]


def test_a_run_that_watches_is_answered_by_a_robot_until_it_stops(tmp_path):
    """Round after round: proposed, read by the robot, appended by it, taken in; each result twice."""
    file = tmp_path / "lab.yaml"
    file.write_text(LAB + "budget: {rounds: 3}\nacquisition: {batch_size: 2}\n")
    is_over = threading.Event()

    def robot():
        with Spool(tmp_path / "lab") as spool:
            while not is_over.wait(0.05):
                with contextlib.suppress(CampaignError, StateError):
                    for one in Campaign.read(tmp_path / "lab").record.open_candidates():
                        answer = report(f"of-{one.candidate_id}", 5.0, candidate_id=one.candidate_id)
                        spool.append([answer], actor="robot1")
                        spool.append([answer], actor="robot1")

    with Campaign.start_or_resume(file) as campaign:
        thread = threading.Thread(target=robot)
        thread.start()
        try:
            control = Controller(campaign, FakeStrategy(), InlineExecutor(), Screen(is_quiet=True))
            assert control.run(watch=True) is Step.STOP
        finally:
            is_over.set()
            thread.join()
        assert len(campaign.record.results) == 6
        assert {one.status for one in campaign.record.candidates.values()} == {"completed"}
        assert len(campaign.record.calls) == 6


def test_a_damaged_line_is_said_and_the_rest_taken(campaign):
    with Spool(campaign.folder) as spool:
        spool.append([report("r1")], actor="robot1")
    (segment,) = waiting_segments(campaign.folder)
    segment.write_bytes(b'{"id": "x", "actor": "robot1"}\n' + segment.read_bytes() + b'{"torn')
    drain(campaign, no_model)
    assert names(campaign) == ["r1"]
    assert "the line is damaged" in campaign.events[-2].data["reason"] + campaign.events[-1].data.get("reason", "")
    assert not waiting_segments(campaign.folder), "nobody was told that the torn line is safe"
