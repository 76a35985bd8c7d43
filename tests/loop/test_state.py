"""The state file: append only, chained by hash, and whole after anything."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from saltloop.loop import events as events_module
from saltloop.loop.errors import StateError, StateWriteError
from saltloop.loop.events import EVENT_VERSIONS, GENESIS, compact_json
from saltloop.loop.state import StateFile, read_state


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.jsonl"


def write_events(path, n):
    state = StateFile(path)
    for number in range(n):
        state.append("paused", {"reason": f"number {number}"})
    state.close()


def test_each_event_names_the_hash_of_the_line_before_it(path):
    write_events(path, 3)
    events, torn = read_state(path)
    assert torn == b""
    assert [event.seq for event in events] == [0, 1, 2]
    assert events[0].prev == GENESIS
    assert len({event.prev for event in events}) == 3
    assert all(event.ts.endswith("+00:00") for event in events)


def test_reopening_continues_the_chain(path):
    write_events(path, 2)
    write_events(path, 2)
    assert [event.seq for event in read_state(path)[0]] == [0, 1, 2, 3]


@pytest.mark.parametrize("cut", [1, 10, 100])
def test_a_torn_last_line_is_moved_aside_and_the_rest_goes_on(path, cut):
    write_events(path, 3)
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    state = StateFile(path)
    assert [event.data["reason"] for event in state.events] == ["number 0", "number 1"]
    assert state.torn_piece is not None
    assert content.endswith(state.torn_piece.read_bytes() + content[len(content) - cut :])
    state.append("paused", {"reason": "after the crash"})
    state.close()
    assert [event.data["reason"] for event in read_state(path)[0]] == ["number 0", "number 1", "after the crash"]


def test_a_last_line_of_garbage_counts_as_torn(path):
    write_events(path, 2)
    with path.open("ab") as file:
        file.write(b"\x00\x00\x00\x00\n")
    state = StateFile(path)
    assert len(state.events) == 2
    assert state.torn_piece.read_bytes() == b"\x00\x00\x00\x00\n"
    state.close()


def test_reading_does_not_touch_a_torn_line(path):
    write_events(path, 2)
    path.write_bytes(path.read_bytes()[:-5])
    before = path.read_bytes()
    events, torn = read_state(path)
    assert len(events) == 1
    assert torn
    assert path.read_bytes() == before


def test_an_edited_middle_line_is_an_error_that_names_it(path):
    write_events(path, 4)
    path.write_bytes(path.read_bytes().replace(b"number 1", b"number 9"))
    with pytest.raises(StateError, match=r"line 2 is damaged.*Restore the file from a backup"):
        StateFile(path)


def test_an_unreadable_middle_line_is_an_error_that_names_it(path):
    write_events(path, 4)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b'{"half": \n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(StateError, match=r"line 3 is damaged .it is not JSON"):
        read_state(path)


def test_a_missing_line_is_an_error(path):
    write_events(path, 4)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))
    with pytest.raises(StateError, match="line 1 is damaged"):
        read_state(path)


def test_a_newer_event_version_is_refused_with_the_remedy(path):
    record = {"seq": 0, "id": "x", "ts": "t", "type": "paused", "v": 99, "actor": "a", "data": {}, "prev": GENESIS}
    path.write_text(compact_json(record) + "\n")
    with pytest.raises(StateError, match=r"'paused' event of version 99.*up to version 1.*pip install --upgrade"):
        read_state(path)


def test_an_unknown_event_type_is_refused(path):
    record = {"seq": 0, "id": "x", "ts": "t", "type": "dreamt", "v": 1, "actor": "a", "data": {}, "prev": GENESIS}
    path.write_text(compact_json(record) + "\n")
    with pytest.raises(StateError, match="'dreamt' event"):
        read_state(path)


def test_old_versions_are_upgraded_on_reading(path, monkeypatch):
    write_events(path, 1)
    monkeypatch.setitem(EVENT_VERSIONS, "paused", 3)
    monkeypatch.setitem(events_module.UPGRADES, ("paused", 1), lambda data: {**data, "by": "nobody"})
    monkeypatch.setitem(events_module.UPGRADES, ("paused", 2), lambda data: {**data, "by": data["by"].upper()})
    event = read_state(path)[0][0]
    assert event.v == 3
    assert event.data == {"reason": "number 0", "by": "NOBODY"}


def test_values_that_are_not_json_are_refused_before_writing(path):
    state = StateFile(path)
    with pytest.raises(ValueError, match="Out of range float values"):
        state.append("paused", {"value": float("nan")})
    state.close()
    assert path.read_bytes() == b""


def test_a_full_disk_loses_nothing_and_says_what_to_do(path, monkeypatch):
    write_events(path, 2)
    before = path.read_bytes()
    state = StateFile(path)
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[: len(data) // 2]))
    with pytest.raises(StateWriteError, match="Free some disk space"):
        state.append("paused", {"reason": "no room"})
    monkeypatch.undo()
    assert path.read_bytes() == before
    state.append("paused", {"reason": "room again"})
    state.close()
    assert len(read_state(path)[0]) == 3


def test_a_real_size_limit_is_met_like_a_full_disk(path):
    script = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        from saltloop.loop.errors import StateWriteError
        from saltloop.loop.state import StateFile
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        state = StateFile(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
        try:
            for number in range(100):
                state.append("paused", {"reason": f"number {number}"})
        except StateWriteError as error:
            print(len(state.events))
        """
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    events, torn = read_state(path)
    assert torn == b""
    assert len(events) == int(done.stdout)
    assert 0 < len(events) < 10


@pytest.mark.parametrize("at", ["write", "fsync"])
def test_ctrl_c_in_the_middle_of_a_write_is_answered_after_it(path, monkeypatch, at):
    state, real = StateFile(path), getattr(os, at)
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore Ctrl-C

    def interrupted(*given):
        monkeypatch.undo()
        done = real(*given)
        signal.raise_signal(signal.SIGINT)
        return done

    monkeypatch.setattr(os, at, interrupted)
    with pytest.raises(KeyboardInterrupt):
        state.append("paused", {"reason": "whole"})
    signal.signal(signal.SIGINT, earlier)
    assert [event.data["reason"] for event in state.events] == ["whole"]
    state.append("paused", {"reason": "after it"})
    state.close()
    assert [event.data["reason"] for event in read_state(path)[0]] == ["whole", "after it"]


def test_what_could_not_be_read_back_is_not_written(path):
    state, nested = StateFile(path), []
    for _ in range(250):
        nested = [nested]
    with pytest.raises(ValueError, match="recursion limit"):
        state.append("paused", {"reason": nested})
    state.append("paused", {"reason": "plain"})
    state.close()
    assert len(read_state(path)[0]) == 1


def test_a_second_writer_is_noticed(path):
    first, second = StateFile(path), StateFile(path)
    second.append("paused", {})
    with pytest.raises(StateError, match="changed by another process"):
        first.append("paused", {})
    first.close()
    second.close()


@pytest.mark.slow
def test_a_state_of_100_000_events_is_read_and_folded_in_under_3_s(path):
    from saltloop.loop.record import CampaignRecord

    previous, lines = GENESIS, []
    for seq in range(100_000):
        record = {
            "seq": seq,
            "id": f"{seq:032x}",
            "ts": "2026-01-01T00:00:00.000+00:00",
            "type": "result_ingested",
            "v": 1,
            "actor": "tell",
            "data": {
                "results": [
                    {
                        "measurement_id": f"m{seq}",
                        "measurement": {"quantity": "conductivity", "value": 1.0, "unit": "mS/cm"},
                        "candidate_id": None,
                        "job_key": None,
                    }
                ]
            },
            "prev": previous,
        }
        line = compact_json(record).encode()
        previous = hashlib.sha256(line).hexdigest()
        lines.append(line)
    path.write_bytes(b"\n".join(lines) + b"\n")
    start = time.process_time()
    record = CampaignRecord.replay(read_state(path)[0])
    seconds = time.process_time() - start
    assert len(record.results) == 100_000
    assert seconds < 3, f"{seconds:.1f} s"
