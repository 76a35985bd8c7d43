"""Worker processes on this machine: one process a task, with a time limit, killed cleanly with all its children.

An ordinary ``concurrent.futures.Executor``, so that a campaign may hand its jobs to a cluster's executor instead.
``ProcessPoolExecutor`` is not used because it can neither end a task that runs too long nor survive one that dies.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from multiprocessing.connection import Connection
from typing import Any

_CONTEXT = multiprocessing.get_context("spawn")


class WorkerDiedError(RuntimeError):
    """A worker process ended without an answer (killed, out of memory, crashed in native code)."""


class WorkerProcesses(Executor):
    """Run each submitted call in a fresh process, at most ``max_workers`` at once.

    A call that takes longer than ``timeout_s`` is killed and its future raises ``TimeoutError``. Workers end by
    themselves within a second when this process dies.
    """

    def __init__(self, max_workers: int, *, timeout_s: float | None = None) -> None:
        self._slots = threading.Semaphore(max_workers)
        self._timeout_s = timeout_s
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        thread = threading.Thread(target=self._supervise, args=(future, fn, args, kwargs), daemon=True)
        self._threads.append(thread)
        thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the pool; with ``cancel_futures`` running workers are killed (their jobs go on from a checkpoint)."""
        if cancel_futures:
            self._stopping.set()
        if wait:
            for thread in self._threads:
                thread.join()

    def _supervise(self, future: Future[Any], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> None:
        with self._slots:
            if self._stopping.is_set() or not future.set_running_or_notify_cancel():
                future.cancel()
                return
            try:
                future.set_result(self._call(fn, args, kwargs))
            except BaseException as error:
                future.set_exception(error)

    def _call(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        ours, theirs = _CONTEXT.Pipe(duplex=False)
        process = _CONTEXT.Process(target=_work, args=(theirs, os.getpid(), fn, args, kwargs))
        process.start()
        theirs.close()
        deadline = None if self._timeout_s is None else time.monotonic() + self._timeout_s
        try:
            while not ours.poll(0.2):
                if self._stopping.is_set():
                    raise WorkerDiedError("stopped with its controller")
                if deadline is not None and time.monotonic() > deadline:
                    raise TimeoutError(f"no answer within the time limit of {(self._timeout_s or 0) / 60:g} min")
            try:
                is_ok, value = ours.recv()
            except EOFError:
                process.join(5)
                raise WorkerDiedError(f"the worker process died (exit code {process.exitcode})") from None
        finally:
            _kill_tree(process)
            ours.close()
        if is_ok:
            return value
        raise WorkerDiedError(value)


def _work(answer: Connection, parent: int, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the controller's to handle.
    threading.Thread(target=_die_with_parent, args=(parent,), daemon=True).start()
    try:
        answer.send((True, fn(*args, **kwargs)))
    except Exception as error:
        answer.send((False, f"{type(error).__name__}: {error}"))


def _die_with_parent(parent: int) -> None:
    import psutil

    while os.getppid() == parent:
        time.sleep(0.5)
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            child.kill()
    os._exit(1)


def _kill_tree(process: Any) -> None:
    import psutil

    if not process.is_alive():
        process.join()
        return
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    process.join(0.5)
    process.kill()
    process.join()
