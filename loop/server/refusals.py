"""Results that were refused when they were taken in, as their events tell it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from saltloop.chemistry.measurement import external_measurement_id
from saltloop.loop.events import Event


def refused_reports(event: Event) -> Iterator[tuple[str, dict[str, Any]]]:
    """The id that each refused result would have had, and the lab's own words; none of another event."""
    request = event.data.get("request", {}) if event.type == "request_refused" else {}
    for report in request["results"] if request.get("kind") == "results" else ():
        yield external_measurement_id(report.get("source", "experiment"), report.get("external_id", "")), report
