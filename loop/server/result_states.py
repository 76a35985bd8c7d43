"""Every result that was reported, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from saltloop.chemistry.result_schema import LabResult
from saltloop.loop.campaign import Campaign
from saltloop.loop.record_items import Candidate
from saltloop.loop.server.answers import ResultOut, ResultState
from saltloop.loop.server.refusals import refused_reports

_FIELDS = ("source", "external_id", "quantity", "value", "unit", "standard_uncertainty")


class ResultStates:
    """Looks results up in the record, among those that wait, and among those that were refused."""

    def __init__(self, campaign: Campaign, waiting: Mapping[str, LabResult]) -> None:
        self._campaign, self._record, self._waiting = campaign, campaign.record, waiting

    def ids(self) -> list[str]:
        """Those on record in the order in which they came, then those that wait, then refused ones."""
        record = self._record
        parts = (record.results, record.quarantined, record.failure_reports, self._waiting, self._refusals)
        return list(dict.fromkeys(key for part in parts for key in part))

    def of(self, key: str) -> ResultOut | None:
        """One result, or None if there is none of this id."""
        record = self._record
        if (result := record.results.get(key)) is not None:
            state: ResultState = "retracted" if result.is_retracted else "taken" if result.counts else "kept"
            return _measured(key, result.measurement, result.candidate_id, state, result.reason, result.note)
        if (held := record.quarantined.get(key)) is not None:
            state, reason = ("rejected", held.why_decided) if held.decision else ("quarantined", held.reason)
            return _measured(key, held.measurement, held.candidate_id, state, reason, str(held.entry.get("note", "")))
        if (report := record.failure_reports.get(key)) is not None:
            return _reported(key, report, "failure", report.get("note") or report.get("status", ""))
        if (sent := self._waiting.get(key)) is not None:
            return _reported(key, sent.to_dict(), "waiting", "on disk, not yet taken in")
        if (refusal := self._refusals.get(key)) is not None:
            return _reported(key, refusal[0], "refused", refusal[1])
        return None

    def of_candidate(self, candidate: Candidate) -> list[ResultOut]:
        """What is on record for a candidate."""
        held = [key for key, one in self._record.quarantined.items() if one.candidate_id == candidate.candidate_id]
        return [found for key in [*candidate.measurement_ids, *held] if (found := self.of(key)) is not None]

    @cached_property
    def _refusals(self) -> dict[str, tuple[dict[str, Any], str]]:
        """The latest refusal of each: the lab's own words, and why."""
        events = (event for event in self._campaign.events if event.type == "request_refused")
        return {key: (report, event.data["reason"]) for event in events for key, report in refused_reports(event)}


def _measured(
    key: str, measurement: Mapping[str, Any], candidate_id: str | None, state: ResultState, reason: str, note: str
) -> ResultOut:
    told = {name: measurement.get(name) for name in _FIELDS}
    return ResultOut(measurement_id=key, candidate_id=candidate_id, state=state, reason=reason, note=note, **told)


def _reported(key: str, report: Mapping[str, Any], state: ResultState, reason: str) -> ResultOut:
    """As the lab wrote it; a value that has to be computed from readings is left out."""
    told = {name: report.get(name) for name in _FIELDS}
    told |= {"source": report.get("source", "experiment"), "quantity": report.get("quantity", "conductivity")}
    candidate_id = report.get("candidate_id") or None
    return ResultOut(measurement_id=key, candidate_id=candidate_id, state=state, reason=reason, note="", **told)
