"""The scored candidates on disk while a screening runs: parts, each best first, and their merge into one ranking.

A part holds the candidates of one range of numbers in 17 bytes each: a sort key, mean, standard deviation, and
whether the surrogate knows the like. What a candidate is follows from its number, so nothing else is kept. A part
counts once its small JSON file is there; a killed screening goes on from the parts that count.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: Bytes of one candidate: key, mean, standard deviation, flag.
ROW_BYTES = 8 + 4 + 4 + 1
UNKNOWN_FLAG = 2


@dataclass(frozen=True)
class Scored:
    """Scored candidates as columns of equal length."""

    index: np.ndarray
    mean: np.ndarray
    """mS/cm, single precision."""
    std: np.ndarray
    in_domain: np.ndarray
    """1 or 0; 2 where the surrogate does not say."""

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Part:
    """One finished range of candidates, best first."""

    start: int
    keys: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    in_domain: np.ndarray
    counts: dict[str, int]
    """Why candidates of this range were dropped, and how many."""


def sort_keys(score: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Keys that ascend from the best score to the worst, and by offset (below 2^32) among equal scores."""
    bits = score.astype(np.float32).view(np.uint32)
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return (~ascending).astype(np.uint64) << np.uint64(32) | offset.astype(np.uint64)


def write_part(
    folder: Path,
    number: int,
    start: int,
    scored: Scored,
    score: np.ndarray,
    *,
    keep: int | None,
    counts: dict[str, int],
) -> None:
    """Write one part; the best ``keep`` of it. It counts when this returns, however the process ends later."""
    keys = sort_keys(score, scored.index - start)
    order = np.argsort(keys)[:keep]
    data, note = _paths(folder, number)
    columns = (keys[order], scored.mean[order], scored.std[order], scored.in_domain[order])
    _write(data, b"".join(column.tobytes() for column in columns))
    _write(note, json.dumps({"start": start, "rows": len(order), "counts": counts}).encode())


def finished_parts(folder: Path) -> set[int]:
    """Numbers of the parts that count."""
    return {int(path.stem.removeprefix("part-")) for path in folder.glob("part-*.json")}


def read_parts(folder: Path, numbers: Sequence[int]) -> list[Part]:
    """Open parts; their columns are mapped from disk, not read."""
    return [_read(folder, number) for number in numbers]


def merged(parts: Sequence[Part], *, block: int, keep: int | None = None) -> Iterator[Scored]:
    """All candidates of the parts, the best first, in blocks of about ``block``; the best ``keep`` of them."""
    left = sum(len(part.keys) for part in parts) if keep is None else keep
    cursors = [0] * len(parts)
    for threshold in (*_thresholds(parts, block), None):
        pieces = []
        for number, part in enumerate(parts):
            low = cursors[number]
            high = len(part.keys)
            if threshold is not None:
                high = low + int(np.searchsorted(part.keys[low:], threshold, side="left"))
            cursors[number] = high
            if high > low:
                pieces.append((part, slice(low, high)))
        if not pieces:
            continue
        keys = np.concatenate([part.keys[rows] for part, rows in pieces])
        offsets = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
        starts = np.repeat([part.start for part, _ in pieces], [rows.stop - rows.start for _, rows in pieces])
        order = np.argsort(keys, kind="stable")[:left]
        left -= len(order)
        yield Scored(
            index=(offsets + starts)[order],
            mean=np.concatenate([part.mean[rows] for part, rows in pieces])[order],
            std=np.concatenate([part.std[rows] for part, rows in pieces])[order],
            in_domain=np.concatenate([part.in_domain[rows] for part, rows in pieces])[order],
        )
        if left <= 0:
            return


def _thresholds(parts: Sequence[Part], block: int) -> np.ndarray:
    """Keys that cut the merged order into blocks: within a quarter of a block of equal length."""
    stride = max(1, block // (4 * max(len(parts), 1)))
    samples = [part.keys[stride - 1 :: stride] for part in parts]
    return np.sort(np.concatenate(samples))[:: max(1, block // stride)][1:] if samples else np.array([], np.uint64)


def _read(folder: Path, number: int) -> Part:
    data, note = _paths(folder, number)
    facts: dict[str, Any] = json.loads(note.read_text())
    n = facts["rows"]
    raw = np.memmap(data, dtype=np.uint8, mode="r") if n else np.zeros(0, np.uint8)
    return Part(
        start=facts["start"],
        keys=raw[: 8 * n].view(np.uint64),
        mean=raw[8 * n : 12 * n].view(np.float32),
        std=raw[12 * n : 16 * n].view(np.float32),
        in_domain=raw[16 * n :],
        counts=facts["counts"],
    )


def _paths(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"part-{number:05d}.bin", folder / f"part-{number:05d}.json"


def _write(path: Path, content: bytes) -> None:
    """A whole file or none: written beside, synced, renamed."""
    beside = path.with_name(f"{path.name}.tmp")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)
