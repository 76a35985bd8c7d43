"""Event types of the state file, their versions, and how old ones are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from saltloop.loop.errors import StateError
from saltloop.loop.lab.result_entries import PLAIN

#: The version of each event type that this code writes.
EVENT_VERSIONS: Mapping[str, int] = {
    "campaign_created": 1,
    "surrogate_fitted": 1,
    "batch_proposed": 1,
    "campaign_forked": 1,
    "candidate_approved": 2,
    "candidate_rejected": 2,
    "candidates_failed": 1,
    "job_intended": 1,
    "job_submitted": 1,
    "job_lost": 1,
    "job_finished": 1,
    "job_failed": 1,
    "result_ingested": 2,
    "result_amended": 2,
    "result_retracted": 2,
    "result_quarantined": 2,
    "quarantine_released": 1,
    "quarantine_rejected": 1,
    "budget_changed": 1,
    "stop_rules_changed": 1,
    "space_changed": 1,
    "request_refused": 1,
    "stop_evaluated": 1,
    "paused": 1,
    "resumed": 1,
    "closed": 1,
}


def _many_candidates(data: dict[str, Any]) -> dict[str, Any]:
    """A decision on one candidate as a decision on a list of them."""
    rest = {key: value for key, value in data.items() if key != "candidate_id"}
    return {"candidate_ids": [data["candidate_id"]], **rest}


def _complete_entries(data: dict[str, Any]) -> dict[str, Any]:
    """Results from before labs reported in their own words: all of them count."""
    return {**data, "results": [{**PLAIN, **entry} for entry in data["results"]]}


def _amended_entries(data: dict[str, Any]) -> dict[str, Any]:
    """One amended measurement as a list of entries."""
    entry = {key: data[key] for key in ("measurement_id", "measurement")}
    rest = {key: value for key, value in data.items() if key not in entry}
    return {**rest, "results": [{**PLAIN, **entry, "candidate_id": None, "job_key": None}]}


def _many_retracted(data: dict[str, Any]) -> dict[str, Any]:
    """One retracted result as a list; its candidate stayed completed."""
    rest = {key: value for key, value in data.items() if key != "measurement_id"}
    return {"reason": "", **rest, "measurement_ids": [data["measurement_id"]], "frees_candidates": False}


def _held_entries(data: dict[str, Any]) -> dict[str, Any]:
    """Measurements side by side as entries; only unphysical ones were held."""
    rest = {key: value for key, value in data.items() if key not in ("measurement_ids", "measurements")}
    told = {"candidate_id": data["candidate_id"], "job_key": data["job_key"], "reason": data["reason"]}
    entries = [
        {**PLAIN, **told, "stage": "physical", "measurement_id": one, "measurement": measurement}
        for one, measurement in zip(data["measurement_ids"], data["measurements"], strict=True)
    ]
    return {**rest, "results": entries}


#: ``(type, version) -> data of the next version``; pure functions, applied until the current version is reached.
UPGRADES: dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]] = {
    ("candidate_approved", 1): _many_candidates,
    ("candidate_rejected", 1): _many_candidates,
    ("result_ingested", 1): _complete_entries,
    ("result_amended", 1): _amended_entries,
    ("result_retracted", 1): _many_retracted,
    ("result_quarantined", 1): _held_entries,
}

GENESIS = "0" * 64
"""``prev`` of the first event."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the state file, upgraded to the current version of its type."""

    seq: int
    id: str
    ts: str
    type: str
    v: int
    actor: str
    data: dict[str, Any]
    prev: str


def compact_json(value: Any, *, sort_keys: bool = False) -> str:
    """JSON on one line. NaN and infinity are refused. Unsorted, it keeps the order in which a mixture is written."""
    return json.dumps(value, sort_keys=sort_keys, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(value: Any) -> str:
    """SHA-256 (hex) of a JSON value; the order of keys does not matter."""
    return hashlib.sha256(compact_json(value, sort_keys=True).encode()).hexdigest()


def read_event(record: Mapping[str, Any], *, line: int) -> Event:
    """Turn one parsed line into an event of the current version.

    Raises:
        StateError: unknown type, missing field, or a version newer than this program knows.
    """
    try:
        event_type, version, data = record["type"], record["v"], record["data"]
        newest = EVENT_VERSIONS.get(event_type)
        if newest is None or version > newest:
            known = "not at all" if newest is None else f"up to version {newest}"
            raise StateError(
                f"Line {line} of the state file is a '{event_type}' event of version {version}; this saltloop knows it "
                f"{known}. It was written by a newer saltloop: upgrade with 'pip install --upgrade saltloop'."
            )
        while version < newest:
            data, version = UPGRADES[event_type, version](data), version + 1
        return Event(
            record["seq"], record["id"], record["ts"], event_type, version, record["actor"], data, record["prev"]
        )
    except (KeyError, TypeError) as error:
        raise StateError(f"Line {line} of the state file is not an event: {error!r} is missing or wrong.") from None
