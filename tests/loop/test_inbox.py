"""The inbox: half-written files wait, whole ones are taken or refused with the reasons, once, whatever happens."""

import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import FakeStrategy, InlineExecutor
from lab_campaign import LAB, LIQUID, start
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller, Step
from saltloop.loop.lab.inbox import Inbox, _receive
from saltloop.loop.lab.receiving import Receiver
from saltloop.loop.screen import Screen

TESTS = Path(__file__).parents[1]
HEADER = "candidate_id,formulation,value,unit,standard_uncertainty,external_id\n"


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def campaign(tmp_path):
    with start(tmp_path) as opened:
        (opened.folder / "inbox").mkdir()
        yield opened


@pytest.fixture
def put(campaign):
    def write(name, content):
        path = campaign.folder / "inbox" / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def rows(*external_ids, value=5.0, candidate_id=""):
    liquid = "" if candidate_id else LIQUID
    return HEADER + "".join(f"{candidate_id},{liquid},{value},mS/cm,0.2,{one}\n" for one in external_ids)


def receive(campaign):
    return Receiver(campaign, None).receive()


def files(campaign, where):
    return sorted(path.name for path in (campaign.folder / "inbox" / where).glob("*"))


def names(campaign):
    return sorted(result.measurement["external_id"] for result in campaign.record.results.values())


def test_a_whole_file_is_taken_and_moved(campaign, put):
    put("run1.csv", rows("a", "b"))
    put(
        "run2.json",
        json.dumps([{"external_id": "c", "formulation": LIQUID, "replicates": [5.0, 5.2], "unit": "mS/cm"}]),
    )
    put(
        "run3.jsonl",
        json.dumps(
            {"external_id": "d", "formulation": LIQUID, "value": 900, "unit": "mS/cm", "standard_uncertainty": 1}
        )
        + "\n",
    )
    assert [one.problem for one in receive(campaign)] == ["", "", ""]
    assert names(campaign) == ["a", "b", "c"]
    assert [name for name in files(campaign, "taken") if "verdict" not in name] == [
        "run1.csv",
        "run2.json",
        "run3.jsonl",
    ]
    assert "quarantined" in (campaign.folder / "inbox/taken/run3.jsonl.verdict.txt").read_text()
    event = campaign.events[-1]
    assert (event.actor, event.data["file"], len(event.data["file_sha256"])) == ("inbox", "run3.jsonl", 64)


def test_a_workbook_is_taken_when_it_is_whole(campaign, put):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["external_id", "formulation", "value", "unit", "standard_uncertainty"])
    book.active.append(["x1", LIQUID, 9.1, "mS/cm", 0.2])
    stream = io.BytesIO()
    book.save(stream)
    put("run.xlsx", stream.getvalue()[:-10])
    clock = Clock()
    inbox = Inbox(campaign.folder, settle_s=1, clock=clock)
    for clock.now in (0.0, 2.0, 4.0):
        assert inbox.take_in(campaign, lambda: None) == []
    assert inbox.unsettled() == ["run.xlsx"]
    put("run.xlsx", stream.getvalue())
    receive(campaign)
    assert names(campaign) == ["x1"]


def test_a_refused_file_has_the_reasons_beside_it(campaign, put):
    put("bad.csv", rows("a", candidate_id="c9"))
    put("x.pdf", b"%PDF")
    put("half.json", b'[{"value": 1}')
    Inbox(campaign.folder, settle_s=0)
    receive(campaign)
    assert not names(campaign)
    assert "line 2: candidate 'c9' is unknown" in (campaign.folder / "inbox/refused/bad.csv.verdict.txt").read_text()
    assert "results are read from .csv" in (campaign.folder / "inbox/refused/x.pdf.verdict.txt").read_text()
    assert "half.json" in files(campaign, "refused")


def test_half_written_files_wait(campaign, put):
    clock = Clock()
    inbox = Inbox(campaign.folder, settle_s=2.0, clock=clock)

    def look(at):
        clock.now = at
        return [one.name for one in inbox.take_in(campaign, lambda: None)]

    put("grows.csv", rows("a")[:-30])
    put(".hidden.csv", rows("x"))
    put("later.csv.part", rows("x"))
    assert look(0) == []
    assert look(1.9) == []
    put("grows.csv", rows("a")[:-1])
    assert look(2.1) == [], "it has changed"
    assert look(4.2) == [], "the last line is not complete"
    assert inbox.unsettled() == ["grows.csv"]
    put("grows.csv", rows("a"))
    assert look(5) == []
    assert look(7.1) == ["grows.csv"]
    put("unended.csv", rows("b").rstrip())
    look(10)
    assert look(30) == []
    assert look(41) == ["unended.csv"], "some programs never end the last line"
    assert names(campaign) == ["a", "b"]


def test_the_same_file_again_changes_nothing_and_keeps_both(campaign, put):
    for _ in range(2):
        put("run.csv", rows("a"))
        receive(campaign)
    assert names(campaign) == ["a"]
    assert [name for name in files(campaign, "taken") if "verdict" not in name] == ["run-1.csv", "run.csv"]


def test_links_and_odd_names_are_inert(campaign, put, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text(rows("stolen"))
    (campaign.folder / "inbox" / "link.csv").symlink_to(secret)
    os.mkfifo(campaign.folder / "inbox" / "pipe.csv")
    (campaign.folder / "inbox" / os.fsdecode(b"b\xff<b>.csv")).write_text(rows("odd"))
    (campaign.folder / "inbox" / "folder.csv").mkdir()
    receive(campaign)
    assert names(campaign) == ["odd"]
    assert secret.exists()
    assert {"link.csv", "pipe.csv"} <= set(files(campaign, "refused"))


def test_what_cannot_be_read_is_refused_with_the_reason(campaign, put, tmp_path):
    (campaign.folder / "inbox" / "link.csv").symlink_to(tmp_path / "nowhere.csv")
    os.mknod(campaign.folder / "inbox" / "socket.csv", stat.S_IFSOCK | 0o600)
    receiver = Receiver(campaign, None)
    refused = {one.name: one.problem for one in receiver.receive()}
    assert "is a link" in refused["link.csv"]
    assert "cannot be read (No such device" in refused["socket.csv"]
    assert receiver.inbox.unsettled() == [], "nobody waits for them forever"


def test_a_robot_that_keeps_its_file_open_loses_no_row(campaign, put):
    path = put("log.csv", rows("a"))
    with path.open("a") as log:
        receiver = Receiver(campaign, None)
        receiver.receive()
        assert not path.exists()
        log.write(rows("b").removeprefix(HEADER))
        log.flush()
        receiver.receive()
    receiver.receive()
    assert names(campaign) == ["a", "b"]
    assert files(campaign, "taken") == ["log.csv", "log.csv.verdict.txt"]


def test_a_name_as_long_as_the_disk_allows_is_taken(campaign, put):
    put("x" * 251 + ".csv", rows("a"))
    put("x" * 250 + ".csv", rows("b"))
    put("b." + "y" * 250, "?\n")
    receive(campaign)
    assert names(campaign) == ["a", "b"]
    assert len(files(campaign, "taken")) == 4
    assert len(files(campaign, "refused")) == 2


def test_a_file_that_its_writer_takes_away_ends_nothing(campaign, put, monkeypatch):
    path = put("run.csv", rows("a"))

    def taken_away(*given):
        one = _receive(*given)
        path.unlink()
        return one

    monkeypatch.setattr("saltloop.loop.lab.inbox._receive", taken_away)
    receive(campaign)
    assert names(campaign) == ["a"]


@pytest.mark.parametrize("mode", ["after", "within"])
def test_a_crash_between_event_and_move_takes_the_file_once(tmp_path, mode):
    with start(tmp_path) as campaign:
        n_events = campaign.record.n_events
    inbox = tmp_path / "lab" / "inbox"
    inbox.mkdir()
    bad = f",{LIQUID},900,mS/cm,0.2,c\n"
    (inbox / "run.csv").write_text(rows("a", "b") + bad)
    for event in (n_events, n_events + 1):
        command = [sys.executable, str(TESTS / "crash_lab.py"), "receive", str(tmp_path / "lab"), mode, str(event)]
        environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
        assert subprocess.run(command, env=environment, check=False).returncode == -9
        assert (inbox / "run.csv").exists()
    with Campaign.open(tmp_path / "lab") as campaign:
        receive(campaign)
        assert names(campaign) == ["a", "b"]
        assert len(campaign.record.quarantined) == 1
        assert not (inbox / "run.csv").exists()
        assert [event.type for event in campaign.events].count("result_ingested") == 1


def test_a_run_takes_the_inbox_in_at_its_steps_and_waits_for_what_is_being_written(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(LAB.replace("settle_s: 0", "settle_s: 0.3") + "budget: {rounds: 1}\nacquisition: {batch_size: 1}\n")
    with Campaign.start_or_resume(file) as campaign:
        control = Controller(campaign, FakeStrategy(), InlineExecutor(), Screen(is_quiet=True))
        assert control.run() is Step.WAIT
        (candidate_id,) = campaign.record.candidates
        (campaign.folder / "inbox").mkdir()
        (campaign.folder / "inbox" / "run.csv").write_text(rows("a", candidate_id=candidate_id))
        assert control.run() is Step.STOP
    assert Campaign.read(tmp_path / "lab").record.candidates[candidate_id].status == "completed"
