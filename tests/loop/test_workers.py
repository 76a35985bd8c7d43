"""Worker processes: results, failures, time limits, and no orphan left behind."""

import os
import subprocess
import sys
import textwrap
import time
from types import SimpleNamespace

import psutil
import pytest
import worker_tasks
from saltloop.loop import workers
from saltloop.loop.workers import WorkerDiedError, WorkerProcesses

#: Far more than anything here takes, also on a machine that does much else.
LONG_S = 120


def has_ended(pid):
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def wait_for(path):
    deadline = time.monotonic() + LONG_S
    while not (path.exists() and len(path.read_text().split()) == 2):
        assert time.monotonic() < deadline, "the worker never started"
        time.sleep(0.05)
    return [int(pid) for pid in path.read_text().split()]


@pytest.fixture
def executor():
    pool = WorkerProcesses(2)
    yield pool
    pool.shutdown(cancel_futures=True)


def test_several_calls_give_their_results(executor):
    assert [f.result(timeout=LONG_S) for f in [executor.submit(worker_tasks.double, n) for n in range(3)]] == [0, 2, 4]


def test_an_exception_arrives_with_its_words(executor):
    with pytest.raises(WorkerDiedError, match="ValueError: nothing fits"):
        executor.submit(worker_tasks.fail).result(timeout=LONG_S)


def test_a_killed_worker_is_an_error_and_not_a_hang(executor):
    with pytest.raises(WorkerDiedError, match="exit code -9"):
        executor.submit(worker_tasks.die).result(timeout=LONG_S)


def test_a_call_over_its_time_limit_is_killed_with_its_children(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep))
    executor = WorkerProcesses(1, timeout_s=600)
    future = executor.submit(worker_tasks.sleep_with_child, tmp_path / "pids")
    pids = wait_for(tmp_path / "pids")
    now[0] = 601.0
    with pytest.raises(TimeoutError, match="time limit of 10 min"):
        future.result(timeout=LONG_S)
    assert all(has_ended(pid) for pid in pids)


def test_shutdown_ends_running_workers(tmp_path):
    executor = WorkerProcesses(1)
    executor.submit(worker_tasks.sleep_with_child, tmp_path / "pids")
    pids = wait_for(tmp_path / "pids")
    executor.shutdown(cancel_futures=True)
    assert all(has_ended(pid) for pid in pids)


def test_workers_end_when_their_controller_is_killed(tmp_path):
    script = textwrap.dedent(
        f"""
        import sys; sys.path.insert(0, {os.path.dirname(worker_tasks.__file__)!r})
        from pathlib import Path
        from worker_tasks import sleep_with_child
        from saltloop.loop.workers import WorkerProcesses
        if __name__ == "__main__":
            WorkerProcesses(1).submit(sleep_with_child, Path({str(tmp_path / "pids")!r})).result()
        """
    )
    (tmp_path / "controller.py").write_text(script)
    controller = subprocess.Popen([sys.executable, str(tmp_path / "controller.py")])
    pids = wait_for(tmp_path / "pids")
    controller.kill()
    controller.wait()
    assert all(has_ended(pid) for pid in pids)
