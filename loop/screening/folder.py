"""The folder beside a screening's file that holds its finished parts while it runs, and lets a killed run go on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from saltloop.chemistry.errors import SaltloopError
from saltloop.loop.errors import LockedError
from saltloop.loop.lock import CampaignLock
from saltloop.loop.screening.parts import finished_parts

RUN_NAME = "screening.json"


class ScreeningError(SaltloopError, RuntimeError):
    """A screening cannot be done where it was asked for."""


class PartsFolder:
    """``OUT.parts``: who screens into it, what is screened, and the parts that are done.

    Raises:
        ScreeningError: another process screens into the same file, or the folder holds parts of another screening.
    """

    def __init__(self, out: Path, settings: dict[str, Any]) -> None:
        self.path = parts_folder(out)
        self._out, self._settings = out, json.loads(json.dumps(settings))
        self._lock = CampaignLock(self.path / "lock")

    def __enter__(self) -> PartsFolder:
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except LockedError:
            raise ScreeningError(
                f"Another process is screening into {self._out} (see {self._lock.path}); wait for it, or choose "
                "another --out."
            ) from None
        try:
            self._check()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def finished(self) -> set[int]:
        """Numbers of the parts that need not be done again."""
        return finished_parts(self.path)

    def remove(self) -> None:
        """Remove the folder once its outcome has its name."""
        shutil.rmtree(self.path)

    def _check(self) -> None:
        note = self.path / RUN_NAME
        if note.exists():
            recorded = json.loads(note.read_text())
            if recorded != self._settings:
                changed = sorted(
                    key
                    for key in recorded.keys() | self._settings.keys()
                    if recorded.get(key) != self._settings.get(key)
                )
                raise ScreeningError(
                    f"{self.path} holds the beginning of another screening (it differs in {', '.join(changed)}). "
                    f"Repeat that one's command to finish it, remove the folder, or choose another --out."
                )
            return
        beside = note.with_name(f"{RUN_NAME}.tmp")
        beside.write_text(json.dumps(self._settings, indent=1))
        beside.replace(note)


def parts_folder(out: Path) -> Path:
    """Where the parts of a screening into ``out`` lie while it runs."""
    return out.with_name(f"{out.name}.parts")
