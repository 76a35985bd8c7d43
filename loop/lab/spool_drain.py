"""What the process that writes the campaign does with the spool: take results in, once, whatever is killed when."""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic_core import from_json
from saltloop.chemistry.result_files import Row, row_of
from saltloop.chemistry.result_schema import LabResult
from saltloop.loop.campaign import Campaign
from saltloop.loop.lab.intake import take
from saltloop.loop.lab.spool import FOLDER
from saltloop.loop.lab.surprise import Predict
from saltloop.loop.lab.verdict import RefusedError, Verdict
from saltloop.simulators.checkpoints import write_durably

#: Lines of the spool that are judged and recorded together.
CHUNK = 500


@dataclass(frozen=True)
class Entry:
    """One line of a segment: results that were appended together."""

    entry_id: str
    actor: str
    rows: tuple[Row, ...]


def waiting_segments(folder: Path) -> list[Path]:
    """Segments of a campaign's spool, the oldest first."""
    return sorted((folder / FOLDER).glob("[!.]*.jsonl"))


def waiting_results(folder: Path) -> list[LabResult]:
    """What is in the spool and not yet taken in, oldest first."""
    found = []
    for segment in waiting_segments(folder):
        start = _position(segment)
        with contextlib.suppress(FileNotFoundError):
            while chunk := _entries(segment, start):
                entries, start = chunk
                found += [row.result for entry in entries for row in entry.rows if row.result is not None]
    return found


def is_drained(folder: Path) -> bool:
    """Whether every byte in the spool has been taken in."""
    with contextlib.suppress(FileNotFoundError):
        return all(_position(segment) >= segment.stat().st_size for segment in waiting_segments(folder))
    return False


def drain(
    campaign: Campaign,
    predict_of: Callable[[], Predict | None],
    say: Callable[[str], None] = lambda text: None,
    *,
    for_s: float = math.inf,
) -> int:
    """Take in everything in the spool, oldest first; returns how many entries there were.

    What was appended together is taken whole or refused whole; a refusal is an event with the reason. How far a
    segment was drained is written after its events are on disk: after a crash in between, its results are known.

    Args:
        for_s: begin nothing new after so many seconds; the rest is for the next time.

    Raises:
        StateError, StateWriteError, LockedError: the campaign cannot be written; the spool stays as it is.
    """
    n_entries, until = 0, time.monotonic() + for_s
    for segment in waiting_segments(campaign.folder):
        start = _position(segment)
        while time.monotonic() < until and (chunk := _entries(segment, start)):
            entries, start = chunk
            for group in _by_actor(entries):
                _take(campaign, group, group[0].actor, segment.name, predict_of, say)
            n_entries += len(entries)
            write_durably(_cursor(segment), str(start).encode())
        _delete_if_done(segment, start)
    return n_entries


def _by_actor(entries: Sequence[Entry]) -> list[list[Entry]]:
    """What can be judged and recorded together: each sender's entries, in their order.

    Where two senders use one name or answer one candidate, which came first matters: then only neighbours are together.
    """
    senders: dict[str, list[Entry]] = {}
    sender_of: dict[tuple[str, ...], str] = {}
    for entry in entries:
        senders.setdefault(entry.actor, []).append(entry)
        for row in entry.rows:
            if row.result is None:
                continue
            shared = [(row.result.source, row.result.external_id), (row.result.candidate_id,)]
            if any(sender_of.setdefault(one, entry.actor) != entry.actor for one in shared if one != ("",)):
                return [list(group) for _, group in groupby(entries, key=lambda one: one.actor)]
    return list(senders.values())


def _take(
    campaign: Campaign,
    entries: Sequence[Entry],
    actor: str,
    segment: str,
    predict_of: Callable[[], Predict | None],
    say: Callable[[str], None],
) -> None:
    """All entries at once if none is refused, else one by one."""
    rows = [row for entry in entries for row in entry.rows]
    origin: dict[str, Any] = {"spool": segment}
    try:
        told = take(campaign, rows, actor=actor, name="results", origin=origin, predict=predict_of())
        say(f"Taken in from {actor}: {told}")
    except RefusedError as error:
        if len(entries) > 1:
            for entry in entries:
                _take(campaign, [entry], actor, segment, predict_of, say)
        else:
            _refuse(campaign, entries[0], error.verdicts)
            say(f"Refused from {actor}: {error}")


def _refuse(campaign: Campaign, entry: Entry, verdicts: Sequence[Verdict]) -> None:
    if entry.entry_id in campaign.record.request_ids:
        return
    reason = "; ".join(f"{one.where}: {one.reason}" for one in verdicts if not one.is_good)
    reports = [row.result.to_dict() for row in entry.rows if row.result is not None]
    data = {"request_id": entry.entry_id, "request": {"kind": "results", "results": reports}, "reason": reason}
    campaign.append("request_refused", data, actor=entry.actor)


def _entries(segment: Path, start: int) -> tuple[list[Entry], int] | None:
    """The next complete lines after byte ``start``, and where they end; None if there are none."""
    found: list[Entry] = []
    end = start
    with segment.open("rb") as file:
        file.seek(start)
        for line in file:
            if not line.endswith(b"\n") or len(found) == CHUNK:
                break
            end += len(line)
            found.append(_entry(line, where=f"{segment.name}, byte {end - len(line)}"))
    return (found, end) if found else None


def _entry(line: bytes, where: str) -> Entry:
    try:
        data = from_json(line, allow_inf_nan=False)
        rows = tuple(row_of(f"result {k}", one) for k, one in enumerate(data["results"], start=1))
        return Entry(str(data["id"]), str(data["actor"]), rows)
    except (ValueError, KeyError, TypeError) as error:
        return Entry(where, "spool", (Row(where, None, f"the line is damaged ({error})"),))


def _cursor(segment: Path) -> Path:
    return segment.with_suffix(".done")


def _position(segment: Path) -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(_cursor(segment).read_text())
    return 0


@contextlib.contextmanager
def _locked(segment: Path) -> Iterator[bool]:
    """Whether nobody has the segment open for writing."""
    fd = os.open(segment, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(fd)


def _delete_if_done(segment: Path, position: int) -> None:
    """Delete a segment whose writer is gone; a torn last line belongs to a sender that was never answered."""
    with _locked(segment) as is_ours:
        if is_ours and _entries(segment, position) is None:
            segment.unlink()
            _cursor(segment).unlink(missing_ok=True)
