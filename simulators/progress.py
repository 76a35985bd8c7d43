"""How far a job is: one number that never falls, put together from parts."""

from __future__ import annotations

from .oracle import Progress


class Rising:
    """Passes progress on; a fraction below one that was said before becomes that one."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._most = 0.0

    def __call__(self, fraction: float, message: str) -> None:
        self._most = max(self._most, min(1.0, fraction))
        if self._progress is not None:
            self._progress(self._most, message)


def part(progress: Progress, start: float, end: float, words: str = "") -> Progress:
    """Progress of a part that takes from ``start`` to ``end`` of the whole."""

    def say(fraction: float, message: str) -> None:
        progress(start + (end - start) * fraction, f"{message}{f', {words}' if words else ''}")

    return say
