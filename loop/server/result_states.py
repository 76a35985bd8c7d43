"""Every result that was reported, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from saltloop.chemistry.result_schema import LabResult
from saltloop.loop.campaign import Campaign
from saltloop.loop.record import CampaignRecord
from saltloop.loop.server.answers import ResultOut, ResultState
from saltloop.loop.server.refusals import refused_reports

_FIELDS = ("source", "external_id", "quantity", "value", "unit", "standard_uncertainty")


def result_states(campaign: Campaign, waiting: Mapping[str, LabResult]) -> list[ResultOut]:
    """Results on record in the order in which they came, then those that wait, then refused ones."""
    found = {one.measurement_id: one for one in recorded_states(campaign.record)}
    for key, result in waiting.items():
        if key not in found:
            found[key] = _reported(key, result.to_dict(), "waiting", "on disk, not yet taken in")
    for refused in _refused(campaign):
        found.setdefault(refused.measurement_id, refused)
    return list(found.values())


def recorded_states(record: CampaignRecord) -> Iterable[ResultOut]:
    """What the record says: results, quarantined ones, reports of failures."""
    for result in record.results.values():
        state: ResultState = "retracted" if result.is_retracted else "taken" if result.counts else "kept"
        yield _measured(
            result.measurement_id, result.measurement, result.candidate_id, state, result.reason, result.note
        )
    for held in record.quarantined.values():
        reason = held.why_decided or held.reason
        note = str(held.entry.get("note", ""))
        state = "rejected" if held.decision else "quarantined"
        yield _measured(held.measurement_id, held.measurement, held.candidate_id, state, reason, note)
    for key, report in record.failure_reports.items():
        yield _reported(key, report, "failure", report.get("note") or report.get("status", ""))


def _refused(campaign: Campaign) -> Iterable[ResultOut]:
    """Results that were refused when they were taken in; the latest refusal of each."""
    for event in reversed(campaign.events):
        for key, report in refused_reports(event):
            yield _reported(key, report, "refused", event.data["reason"])


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
