"""One writer a campaign."""

import errno
import json
import os
import socket
import subprocess
import sys
import threading

import psutil
import pytest
from saltloop.loop import lock as lock_module
from saltloop.loop.errors import LockedError
from saltloop.loop.lock import CampaignLock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.lock"


def test_a_second_controller_is_refused_with_the_holder_named(path):
    with CampaignLock(path), pytest.raises(LockedError, match=rf"process {os.getpid()} on {socket.gethostname()}"):
        CampaignLock(path).acquire()


def test_the_lock_is_free_again_after_release(path):
    with CampaignLock(path):
        pass
    with CampaignLock(path):
        assert path.exists()
    assert not path.exists()


def test_the_lock_of_a_killed_process_on_this_host_is_taken_over(path):
    code = (
        "import os, signal, sys; from pathlib import Path; from saltloop.loop.lock import CampaignLock; "
        "CampaignLock(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.exists()
    with CampaignLock(path) as lock:
        lock.check()


def test_a_reused_process_number_does_not_look_alive(path):
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "process_start": 1.0, "token": "old"}
    path.write_text(json.dumps(holder))
    with CampaignLock(path) as lock:
        lock.check()


def test_a_killed_process_that_nobody_has_reaped_is_dead(path):
    code = (
        "import sys, time; from pathlib import Path; from saltloop.loop.lock import CampaignLock; "
        "CampaignLock(Path(sys.argv[1])).acquire(); print('taken', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "taken\n"
        holder.kill()
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        with CampaignLock(path) as lock:
            lock.check()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a start that does not depend on the clock")
def test_a_living_process_stays_alive_when_the_clock_is_set(path, monkeypatch):
    with CampaignLock(path) as lock:
        create_time = psutil.Process.create_time
        monkeypatch.setattr(psutil.Process, "create_time", lambda process: create_time(process) + 60)
        with pytest.raises(LockedError):
            CampaignLock(path).acquire()
        lock.check()


def test_a_disk_without_room_leaves_no_lock_behind(path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        CampaignLock(path).acquire()
    monkeypatch.undo()
    with CampaignLock(path) as lock:
        lock.check()


def test_a_lock_of_another_host_is_only_stolen_on_request(path):
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1, "since": "yesterday", "token": "other"}))
    with pytest.raises(LockedError, match=r"process 1 on elsewhere since yesterday.*--steal-lock"):
        CampaignLock(path).acquire()
    with CampaignLock(path, steal=True) as lock:
        lock.check()


def test_who_lost_the_lock_notices_and_leaves_it_alone(path):
    first = CampaignLock(path)
    first.acquire()
    second = CampaignLock(path, steal=True)
    second.acquire()
    with pytest.raises(LockedError, match="taken over"):
        first.check()
    first.release()
    second.check()
    second.release()


def test_an_unreadable_lock_is_not_taken_for_a_free_one(path):
    path.write_text("")
    with pytest.raises(LockedError, match="--steal-lock"):
        CampaignLock(path).acquire()


def test_one_that_is_held_for_a_moment_is_waited_for(path):
    brief = CampaignLock(path, is_brief=True)
    brief.acquire()
    timer = threading.Timer(0.3, brief.release)
    timer.start()
    with CampaignLock(path) as lock:
        lock.check()
    timer.join()


def test_a_lock_that_is_only_just_being_written_is_waited_for(path, monkeypatch):
    monkeypatch.setattr(lock_module, "WRITING_S", 60.0)
    path.touch()
    timer = threading.Timer(0.1, path.unlink)
    timer.start()
    with CampaignLock(path) as lock:
        lock.check()
    timer.join()
