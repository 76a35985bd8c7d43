"""What a person sees while a campaign runs: lines, and progress bars with time left. Quiet and JSON modes say less."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager


class Screen:
    """Writes to stderr, so that stdout stays free for tables, CSV and JSON."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        self.is_quiet = is_quiet
        self._console: object = None

    def say(self, text: str) -> None:
        """One line of news; nothing when quiet."""
        if not self.is_quiet:
            self._out().print(text, highlight=False, markup=False, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Something that a person must know; shown even when quiet."""
        self._out().print(text, highlight=False, markup=False, soft_wrap=True, style="yellow")

    @contextmanager
    def task(self, title: str) -> Iterator[Callable[[int, int], None]]:
        """A progress bar; call the yielded function with (done, total)."""
        if self.is_quiet:
            yield lambda done, total: None
            return
        with self._progress() as bars:
            bar = bars.add_task(title, total=None)
            yield lambda done, total: bars.update(bar, completed=done, total=total)

    @contextmanager
    def jobs(self, jobs: Sequence[tuple[str, str]]) -> Iterator[Callable[[dict[str, tuple[float, str]]], None]]:
        """One bar a job; call the yielded function with ``{id: (fraction, message)}`` of those still running."""
        if self.is_quiet:
            yield lambda state: None
            return
        with self._progress() as bars:
            tasks = {key: bars.add_task(f"{key} {text}", total=1.0) for key, text in jobs}
            texts = dict(jobs)

            def update(state: dict[str, tuple[float, str]]) -> None:
                for key, task in tasks.items():
                    if key in state:
                        fraction, message = state[key]
                        bars.update(task, completed=fraction, description=f"{key} {texts[key]}: {message}")
                    else:
                        bars.update(task, completed=1.0, description=f"{key} {texts[key]}: done")

            yield update

    def _progress(self):  # type: ignore[no-untyped-def]
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
        from rich.progress import TimeRemainingColumn as TimeLeft

        columns = (
            TextColumn("{task.description}"),
            BarColumn(20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeLeft(),
        )
        return Progress(*columns, console=self._out(), transient=True)

    def _out(self):  # type: ignore[no-untyped-def]
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=sys.stderr)
        return self._console
