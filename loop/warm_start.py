"""What a campaign knows at its start: data sets, and the results of earlier campaigns."""

from __future__ import annotations

from pathlib import Path

from saltloop.chemistry.dataset import load_dataset
from saltloop.chemistry.errors import DataError, SaltloopError
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.campaign import STATE_NAME, campaign_folder
from saltloop.loop.record import CampaignRecord
from saltloop.loop.state import read_state

#: Before the path of a campaign's folder or file, in ``data:``; ``@SEQ`` behind it takes the record up to that event.
CAMPAIGN_PREFIX = "campaign:"


def load_known(name: str, species: SpeciesBook) -> tuple[Measurement, ...]:
    """The measurements of one entry of ``data:``, with their sources and uncertainties as they stand.

    Raises:
        DataError: no such data set, file or campaign; or one that names species unknown here.
    """
    if not name.startswith(CAMPAIGN_PREFIX):
        return load_dataset(name, species=species).measurements
    path, _, at = name.removeprefix(CAMPAIGN_PREFIX).partition("@")
    if at and not at.isdigit():
        raise DataError(f"{name!r}: {at!r} is no event number; write {CAMPAIGN_PREFIX}{path}@120, or leave it out.")
    try:
        state = campaign_folder(Path(path)) / STATE_NAME
        events = read_state(state)[0]
    except (SaltloopError, OSError) as error:
        raise DataError(f"{name!r} in 'data': {path} cannot be read as a campaign ({error}).") from None
    if at and int(at) >= len(events):
        raise DataError(f"{name!r}: {path} has no event {at}; the last one is {len(events) - 1}.")
    record = CampaignRecord.replay(events[: int(at) + 1] if at else events)
    results = sorted((one for one in record.results.values() if not one.is_retracted), key=lambda r: r.measurement_id)
    try:
        return tuple(Measurement.from_dict(result.measurement, species) for result in results)
    except SaltloopError as error:
        raise DataError(
            f"{name!r} in 'data': {error} Species of that campaign's own have to stand under 'species:' here as well."
        ) from None


def is_simulation(measurement: Measurement) -> bool:
    """Whether a value has to be made experiment-equivalent before it teaches the surrogate."""
    return measurement.source != "experiment"
