"""What a notebook's cell shows while something runs: lines of text, and one line that changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from saltloop.loop.screen import Screen

#: How often the line that changes is written anew, s.
EVERY_S = 0.5


class CellScreen(Screen):
    """Prints, so that it stands in the cell's output and is kept with it."""

    def say(self, text: str) -> None:
        if not self.is_quiet:
            print(text, flush=True)

    def warn(self, text: str) -> None:
        print(text, flush=True)

    @contextmanager
    def task(self, title: str) -> Iterator[Callable[[int, int], None]]:
        line = _Line(self.is_quiet)
        started = time.monotonic()
        yield lambda done, total: line.show(f"{title}: {100 * done / max(total, 1):.0f} %")
        line.end(f"{title}: {time.monotonic() - started:.1f} s")

    @contextmanager
    def jobs(self, jobs: Sequence[tuple[str, str]]) -> Iterator[Callable[[dict[str, tuple[float, str]]], None]]:
        line = _Line(self.is_quiet)
        started = time.monotonic()

        def update(state: dict[str, tuple[float, str]]) -> None:
            parts = (f"{key} {100 * fraction:.0f} % {message}".strip() for key, (fraction, message) in state.items())
            line.show("; ".join(parts) or "waiting for results")

        yield update
        line.end(f"{len(jobs)} job(s): {time.monotonic() - started:.0f} s")


class _Line:
    """A line that is overwritten until it is ended: in a notebook by a display of its own."""

    def __init__(self, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._shown_at = float("-inf")
        self._width = 0
        self._display: Any = None

    def show(self, text: str) -> None:
        now = time.monotonic()
        if not self._is_quiet and now - self._shown_at >= EVERY_S:
            self._write(text, end="")
            self._shown_at = now

    def end(self, text: str) -> None:
        if not self._is_quiet:
            self._write(text, end="\n")

    def _write(self, text: str, *, end: str) -> None:
        if not _is_notebook():
            print(f"\r{text:<{self._width}}", end=end, flush=True)
            self._width = len(text)
            return
        from IPython.display import display

        shown = {"text/plain": text}
        if self._display is None:
            self._display = display(shown, raw=True, display_id=True)
        else:
            self._display.update(shown, raw=True)


def _is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")
