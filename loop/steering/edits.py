"""A campaign file that was edited after its campaign had started: what is recorded, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saltloop.loop.errors import CampaignFileError
from saltloop.loop.record import CampaignRecord
from saltloop.loop.settings import FREE_ON_RESUME, CampaignSettings, changed_settings

#: Sections that may change in a started campaign, and the event that records it.
CHANGED_BY = {"budget": "budget_changed", "stop": "stop_rules_changed", "space": "space_changed"}


def edits_of_file(
    file: Path, record: CampaignRecord, edited: CampaignSettings, *, accept_space: bool
) -> tuple[list[tuple[str, dict[str, Any]]], list[str]]:
    """Events for what a person edited since the campaign file was last read, and messages for that person.

    Compared is the file as it was, not the settings in force: what a command has changed meanwhile stands, unless the
    same section of the file was edited as well.

    Raises:
        CampaignFileError: something was edited that must not change, or the space without ``accept_space``.
    """
    from saltloop.loop.warm_start import is_same_data

    said = {section: value for section, value in record.file_says.items() if value is not None}
    before = CampaignSettings.model_validate({**record.settings, **said}).model_dump(mode="json")
    current = CampaignSettings.model_validate(record.settings).model_dump(mode="json")
    now = edited.model_dump(mode="json")
    if is_same_data(before["data"], now["data"]):
        now["data"] = before["data"]
    changes = changed_settings(before, now)
    sections = {name.split(".")[0] for name in changes}
    allowed = FREE_ON_RESUME if accept_space else FREE_ON_RESUME - {"space"}
    if sections - allowed:
        raise CampaignFileError(_refusal(file, edited.name, changes, allowed))
    events, messages = [], []
    for section, event_type in CHANGED_BY.items():
        if now[section] == current[section]:
            continue
        if section in sections:
            data = {section: now[section], "was": current[section], "from_file": True}
            events.append((event_type, data))
        else:
            messages.append(
                f"'{section}' was changed by a command and {file.name} still says what it said before; the change "
                "stands ('saltloop log' tells it)."
            )
    return events, messages


def _refusal(file: Path, name: str, changes: dict[str, tuple[Any, Any]], allowed: frozenset[str]) -> str:
    forbidden = {key: values for key, values in changes.items() if key.split(".")[0] not in allowed}
    listed = "\n".join(f"  {key}: {old!r} when it started, now {new!r}" for key, (old, new) in forbidden.items())
    if all(key.split(".")[0] == "space" for key in forbidden):
        remedy = "Add --accept-space to record the new space and go on with it; or put the old one back, "
    else:
        remedy = "Put them back to go on, "
    return (
        f"{file} was edited after the campaign '{name}' had started:\n{listed}\n"
        f"Decisions already recorded rest on the old values. {remedy}or give the campaign a new 'name' to start "
        "another one. (budget, stop and execution may be changed at any time.)"
    )
