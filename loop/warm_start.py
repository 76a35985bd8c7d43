"""What a campaign knows at its start: data sets, and the results of earlier campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saltloop.chemistry.dataset import load_dataset
from saltloop.chemistry.errors import DataError, SaltloopError
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.campaign import STATE_NAME, campaign_folder
from saltloop.loop.events import Event
from saltloop.loop.record import CampaignRecord
from saltloop.loop.state import read_state

#: Before the path of a campaign's folder or file, in ``data:``; ``@SEQ`` behind it takes the record up to that event.
CAMPAIGN_PREFIX = "campaign:"
CHANGES_RESULTS = frozenset({"result_amended", "result_retracted", "result_quarantined"})


def load_known(name: str, species: SpeciesBook) -> tuple[Measurement, ...]:
    """The measurements of one entry of ``data:``, with their sources and uncertainties as they stand.

    Raises:
        DataError: no such data set, file or campaign; or one that names species unknown here.
    """
    if not name.startswith(CAMPAIGN_PREFIX):
        return load_dataset(name, species=species).measurements
    record = CampaignRecord.replay(_events_of(name)[0])
    results = sorted((one for one in record.results.values() if one.counts), key=lambda r: r.measurement_id)
    try:
        return tuple(Measurement.from_dict(result.measurement, species) for result in results)
    except SaltloopError as error:
        raise DataError(
            f"{name!r} in 'data': {error} Species of that campaign's own have to stand under 'species:' here as well."
        ) from None


def pinned(data: Sequence[str]) -> tuple[str, ...]:
    """Entries of ``data:`` with each earlier campaign named up to its present last event: it may go on meanwhile."""
    return tuple(
        f"{name}@{len(_events_of(name)[0]) - 1}" if name.startswith(CAMPAIGN_PREFIX) and "@" not in name else name
        for name in data
    )


def is_same_data(recorded: Sequence[str], now: Sequence[str]) -> bool:
    """Whether entries of ``data:`` are those on record; an earlier campaign without ``@SEQ`` means the recorded one."""
    return len(recorded) == len(now) and all(
        old == new or ("@" not in new and old.partition("@")[0] == new) for old, new in zip(recorded, now, strict=True)
    )


def later_changes(data: Sequence[str]) -> list[str]:
    """What earlier campaigns said of their results after the event up to which they were taken over."""
    notes = []
    for name in data:
        if name.startswith(CAMPAIGN_PREFIX):
            taken, later = _events_of(name)
            known = CampaignRecord.replay(taken).results
            changed = {one for event in later for one in _changed_results(event)} & known.keys()
            if changed:
                notes.append(
                    f"{name}: {len(changed)} result(s) were amended or retracted there after they were taken over"
                )
    return notes


def is_simulation(measurement: Measurement) -> bool:
    """Whether a value has to be made experiment-equivalent before it teaches the surrogate."""
    return measurement.source != "experiment"


def _changed_results(event: Event) -> list[str]:
    """Ids of the results that an event amends or retracts."""
    if event.type == "result_retracted":
        return list(event.data["measurement_ids"])
    return [entry["measurement_id"] for entry in event.data["results"]] if event.type in CHANGES_RESULTS else []


def _events_of(name: str) -> tuple[list[Event], list[Event]]:
    """The events of an earlier campaign up to its ``@SEQ``, and those after it."""
    path, _, at = name.removeprefix(CAMPAIGN_PREFIX).partition("@")
    if at and not at.isdigit():
        raise DataError(f"{name!r}: {at!r} is no event number; write {CAMPAIGN_PREFIX}{path}@120, or leave it out.")
    try:
        events = read_state(campaign_folder(Path(path)) / STATE_NAME)[0]
    except (SaltloopError, OSError) as error:
        raise DataError(f"{name!r} in 'data': {path} cannot be read as a campaign ({error}).") from None
    last = int(at) if at else len(events) - 1
    if last >= len(events):
        raise DataError(f"{name!r}: {path} has no event {at}; the last one is {len(events) - 1}.")
    return events[: last + 1], events[last + 1 :]
