"""The verdict on each reported result: syntax, units, chemistry, physical range, then the model's surprise."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from saltloop.chemistry.errors import SaltloopError, UnitError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement, external_measurement_id
from saltloop.chemistry.result_files import Row
from saltloop.chemistry.result_liquid import difference, liquid_of
from saltloop.chemistry.result_schema import FAILURES, LabResult
from saltloop.chemistry.result_value import measurement_of, reading
from saltloop.loop.campaign import Campaign
from saltloop.loop.lab.result_entries import why_unphysical
from saltloop.loop.lab.surprise import Predict, expectations, is_comparable, words
from saltloop.loop.lab.verdict import Stage, Verdict
from saltloop.loop.record_items import SETTLED


def judge(campaign: Campaign, results: Sequence[LabResult | Row], *, predict: Predict | None = None) -> list[Verdict]:
    """What would become of each result if all of them were taken now. Records nothing, and needs no lock.

    Without ``predict`` (``loop.lab.surprise.predictor``) nothing is compared with the model.
    """
    rows = [
        one if isinstance(one, Row) else Row(f"result {number}", one) for number, one in enumerate(results, start=1)
    ]
    judging = _Judging(campaign)
    verdicts = [judging.verdict(row) for row in rows]
    return _with_surprises(campaign, verdicts, predict) if predict is not None else verdicts


def content_of(result: LabResult) -> dict[str, Any]:
    """What makes two reports the same; that one amends another is not part of it."""
    return {key: value for key, value in result.to_dict().items() if key != "amends"}


class _Judging:
    """One pass over results, each judged after those before it."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign, self._record = campaign, campaign.record
        self._seen: dict[str, dict[str, Any]] = {}
        self._failed: set[str] = set()
        self._infeasible: set[str] = set()
        self._answered: set[str] = set()

    def verdict(self, row: Row) -> Verdict:
        result = row.result
        if result is None:
            return Verdict(row.where, "refused", "syntax", row.problem)
        candidate = self._record.candidates.get(result.candidate_id)
        if result.candidate_id and candidate is None:
            reason = (
                f"candidate {result.candidate_id!r} is unknown; the worklist of 'saltloop ask' and 'saltloop status' "
                "list the ids. A result that was not asked for needs a 'formulation' or 'components' instead"
            )
            return Verdict(row.where, "refused", "candidate", reason, result)
        try:
            if result.status not in FAILURES:
                reading(result)
        except SaltloopError as error:
            return Verdict(row.where, "refused", "units", _sentence(error), result)
        try:
            asked = self._campaign.formulation(result.candidate_id) if candidate is not None else None
            liquid = liquid_of(result, self._campaign.species, asked)
            if result.status in FAILURES:
                return self._failure(row.where, result, liquid)
            measurement = measurement_of(result, liquid)
        except SaltloopError as error:
            stage: Stage = "units" if isinstance(error, UnitError) else "chemistry"
            return Verdict(row.where, "refused", stage, _sentence(error), result)
        note = difference(asked, liquid) if asked is not None else ""
        plain = Verdict(row.where, "taken", "", "", result, measurement, measurement.measurement_id, note)
        verdict = self._range(self._identity(plain, measurement))
        if verdict.kind in ("taken", "kept"):
            self._answered.add(result.candidate_id)
        return verdict

    def _identity(self, verdict: Verdict, measurement: Measurement) -> Verdict:
        """New, the same again, an amendment, or a conflict."""
        result, key = verdict.result, verdict.measurement_id
        assert result is not None
        content = content_of(result)
        if key in self._seen:
            if self._seen[key] == content:
                return dataclasses.replace(verdict, kind="known", stage="identity", reason="reported twice here")
            return self._conflict(verdict, "differs from another one of this name in the same file", None)
        self._seen[key] = content
        if (twin := self._record.failure_reports.get(key)) is not None:
            return self._conflict(verdict, "was reported as a failure", twin)
        held, recorded = self._record.quarantined.get(key), self._record.results.get(key)
        there = held or recorded
        if there is None:
            if result.amends:
                return self._conflict(verdict, "is not there, so that it cannot be amended", None)
            return verdict
        report = held.entry["report"] if held else recorded.report if recorded else None
        if report == content or (report is None and there.measurement == measurement.to_dict()):
            said = "" if held is None else f"in quarantine ({held.decision or 'a person decides'})"
            if recorded is not None and recorded.is_retracted:
                said = f"it was retracted: {recorded.reason}"
            return dataclasses.replace(verdict, kind="known", stage="identity", reason=said)
        if content in there.earlier:
            more = "; to go back to it, amend it with a note that says so" * result.amends
            return dataclasses.replace(verdict, kind="known", stage="identity", reason=f"it was amended since{more}")
        if recorded is not None and recorded.is_retracted:
            return self._conflict(verdict, "was retracted; report what replaces it under a new external_id", None)
        if (result.candidate_id or None) != there.candidate_id:
            return self._conflict(verdict, f"was reported for {there.candidate_id or 'no candidate'}", report)
        if not result.amends:
            return self._conflict(verdict, "was already told with another value", report, there.measurement)
        return dataclasses.replace(verdict, kind="amended", amends=True)

    def _range(self, verdict: Verdict) -> Verdict:
        """What is held back or kept aside before the model is asked."""
        result, measurement = verdict.result, verdict.measurement
        if verdict.kind not in ("taken", "amended") or result is None or measurement is None:
            return verdict
        if reason := why_unphysical(measurement):
            return dataclasses.replace(verdict, kind="quarantined", stage="physical", reason=reason)
        if result.status == "suspect":
            reason = f"the lab calls it suspect{': ' * bool(result.note)}{result.note}"
            return dataclasses.replace(verdict, kind="quarantined", stage="lab", reason=reason)
        if result.status == "censored" and verdict.kind == "taken":
            return dataclasses.replace(verdict, kind="kept", stage="lab", reason=f"it lies {result.limit} the value")
        return verdict

    def _conflict(
        self, verdict: Verdict, why: str, report: dict[str, Any] | None, was: dict[str, Any] | None = None
    ) -> Verdict:
        result = verdict.result
        assert result is not None
        name = f"{result.external_id!r} from {result.source!r}" if result.external_id else "this result"
        more = ""
        if was is not None and verdict.measurement is not None:
            now = content_of(result)
            changed = sorted(
                key for key in now.keys() | (report or {}).keys() if (report or {}).get(key) != now.get(key)
            )
            values = f"{was['value']:g}, now {verdict.measurement.value:g}"
            more = f" ({values}" + f"; different: {', '.join(changed)}" * bool(report) + ")"
            more += "; amend it ('amends', --amend), or give it a new external_id"
        return dataclasses.replace(verdict, kind="conflict", stage="identity", reason=f"{name} {why}{more}")

    def _failure(self, where: str, result: LabResult, liquid: Formulation) -> Verdict:
        """Why there is no value: noted once, and never against a result that is there."""
        record, status, content = self._record, result.status, content_of(result)
        reason = result.note or f"the lab says: {status}"
        key = external_measurement_id(result.source, result.external_id) if result.external_id else ""
        candidate = record.candidates.get(result.candidate_id)
        known = Verdict(where, "known", "identity", result=result, measurement_id=key)
        if key and (before := record.failure_reports.get(key)) is not None:
            return known if before == content else self._conflict(known, "was reported otherwise", before)
        if key and self._seen.get(key) == content:
            return dataclasses.replace(known, reason="reported twice here")
        if key and (key in record.results or key in record.quarantined or key in self._seen):
            return self._conflict(known, "has a value already; a failure does not undo that", None)
        if candidate is not None and candidate.status in {"failed", "abandoned"} and candidate.reason == reason:
            return known
        if candidate is not None and candidate.candidate_id in self._failed:
            return dataclasses.replace(known, reason="its candidate's failure is reported above")
        if candidate is not None and (candidate.status in SETTLED or candidate.candidate_id in self._answered):
            now = candidate.status if candidate.status in SETTLED else "answered"
            why = f"candidate {result.candidate_id!r} is {now} already; a failure does not undo that; leave it out"
            return Verdict(where, "refused", "candidate", why, result)
        if candidate is None and status == "failed":
            return Verdict(
                where, "refused", "candidate", "a mishap with a liquid that nobody asked for tells nothing", result
            )
        if candidate is None and liquid.formulation_id in record.infeasible.keys() | self._infeasible:
            return known
        if candidate is not None:
            liquid = self._campaign.formulation(candidate.candidate_id)
            self._failed.add(candidate.candidate_id)
        else:
            self._infeasible.add(liquid.formulation_id)
        if key:
            self._seen[key] = content
        entry = {
            "candidate_id": result.candidate_id or None,
            "formulation": liquid.to_dict(),
            "text": str(liquid),
            "formulation_id": liquid.formulation_id,
            "status": status,
            "reason": reason,
            "report_id": key,
            "report": content,
            "cost": result.cost,
        }
        return Verdict(where, "failure", "", reason, result, measurement_id=key, failure=entry)


def _with_surprises(campaign: Campaign, verdicts: list[Verdict], predict: Predict) -> list[Verdict]:
    """Results that would be taken, with what the model expects of them; too surprising ones go to quarantine."""
    asked = {
        number: one.measurement
        for number, one in enumerate(verdicts)
        if one.kind in ("taken", "amended") and one.measurement is not None and is_comparable(one.measurement)
        if one.result is not None and one.result.status == "ok"
    }
    if not asked or not all(one.is_good for one in verdicts):
        return verdicts
    expected, why_not = expectations(campaign, predict, list(asked.values()))
    judged = list(verdicts)
    limit = campaign.settings.lab.surprise
    for k, (number, measurement) in enumerate(asked.items()):
        if why_not:
            judged[number] = dataclasses.replace(verdicts[number], uncompared=why_not)
            continue
        one = dataclasses.replace(verdicts[number], expected=expected[k])
        if limit is not None and abs(expected[k]["deviations"]) > limit:
            reason = words(measurement, expected[k])
            one = dataclasses.replace(one, kind="quarantined", stage="surprise", reason=reason)
        judged[number] = one
    return judged


def _sentence(error: Exception) -> str:
    return str(error).rstrip(".")
