"""Results that arrive: judged, then recorded together or not at all. Taking the same twice changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saltloop.chemistry.measurement import external_measurement_id
from saltloop.chemistry.result_files import Row
from saltloop.chemistry.result_schema import LabResult
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.lab.judge import content_of, judge
from saltloop.loop.lab.result_entries import result_entry
from saltloop.loop.lab.surprise import Predict
from saltloop.loop.lab.verdict import RefusedError, Verdict


@dataclass(frozen=True)
class Told:
    """What became of results."""

    verdicts: tuple[Verdict, ...]

    def count(self, kind: str) -> int:
        return sum(verdict.kind == kind for verdict in self.verdicts)

    @property
    def n_ingested(self) -> int:
        return self.count("taken")

    @property
    def n_known(self) -> int:
        return self.count("known")

    @property
    def n_quarantined(self) -> int:
        return self.count("quarantined")

    @property
    def n_failed(self) -> int:
        return self.count("failure")

    @property
    def messages(self) -> tuple[str, ...]:
        """What a person should read, a line for each result that is not simply taken or known, or amends in vain."""
        return tuple(
            str(one)
            for one in self.verdicts
            if one.kind not in ("taken", "known", "failure")
            or one.remarks
            or (one.kind == "known" and one.reason and one.result is not None and one.result.amends)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON for scripts: counts, and the verdict on each row."""
        counts = {"ingested": self.n_ingested, "failed": self.n_failed, "known": self.n_known}
        more = {"quarantined": self.n_quarantined, "amended": self.count("amended"), "kept": self.count("kept")}
        return {**counts, **more, "verdicts": [one.to_dict() for one in self.verdicts]}

    def __str__(self) -> str:
        found = Counter(one.kind for one in self.verdicts)
        words = f"{found['taken']} result(s) taken, {found['known']} known already, {found['quarantined']} quarantined"
        words += f", {found['amended']} amended" * bool(found["amended"])
        words += f", {found['kept']} kept but not learned from" * bool(found["kept"])
        return words + f", {found['failure']} failure(s) noted" * bool(found["failure"]) + "."


def take(
    campaign: Campaign,
    results: Sequence[LabResult | Row],
    *,
    actor: str,
    name: str = "results",
    origin: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    amend: bool = False,
    predict: Predict | None = None,
) -> Told:
    """Record results: all of them or none.

    A crash between the events that it takes is made good by taking the same results again.

    Args:
        actor: who brought them, for the events.
        name: what the results are called in an error.
        origin: where they came from, for the events: ``file``, ``file_sha256``, ...
        dry_run: judge and record nothing.
        amend: those that have another content under a known name replace it.
        predict: the model to compare with, from ``loop.lab.surprise.predictor``; None compares with none.

    Raises:
        CampaignError: the campaign is closed.
        RefusedError: some cannot be taken; ``verdicts`` has each, the message names each, nothing was recorded.
    """
    if campaign.record.is_closed:
        raise CampaignError(
            f"The campaign '{campaign.settings.name}' is closed; it takes no results. 'saltloop fork' starts another "
            "one from its record."
        )
    rows = [_amending(campaign, one) if amend else one for one in results]
    verdicts = tuple(judge(campaign, rows, predict=predict))
    if not all(verdict.is_good for verdict in verdicts):
        raise RefusedError(name, verdicts)
    if not dry_run:
        _record(campaign, verdicts, actor, dict(origin or {}))
    return Told(verdicts)


def _record(campaign: Campaign, verdicts: Sequence[Verdict], actor: str, origin: dict[str, Any]) -> None:
    new = [_entry(one) for one in verdicts if one.kind in ("taken", "kept")]
    amended = [_entry(one) for one in verdicts if one.kind == "amended"]
    held = [{**_entry(one), "stage": one.stage, "reason": one.reason} for one in verdicts if one.kind == "quarantined"]
    failures = [one.failure for one in verdicts if one.failure is not None]
    # What was held goes first: a replay then asks the model, which knew none of the others either.
    if held:
        reason = "; ".join(dict.fromkeys(str(one["reason"]) for one in held))
        campaign.append("result_quarantined", {"results": held, "reason": reason, **origin}, actor=actor)
    if failures:  # before the values: one that failed and was measured after all has its answer
        campaign.append("candidates_failed", {"failures": failures, **origin}, actor=actor)
    if new:
        campaign.append("result_ingested", {"results": new, **origin}, actor=actor)
    if amended:
        campaign.append("result_amended", {"results": amended, **origin}, actor=actor)


def _entry(verdict: Verdict) -> dict[str, Any]:
    result, measurement = verdict.result, verdict.measurement
    assert result is not None
    assert measurement is not None
    return result_entry(
        measurement,
        result.candidate_id or None,
        None,
        status="censored" if result.status == "censored" else "ok",
        limit=result.limit,
        note=verdict.note,
        cost=result.cost,
        report=content_of(result),
        expected=verdict.expected,
    )


def _amending(campaign: Campaign, one: LabResult | Row) -> LabResult | Row:
    """The same, marked as an amendment where its name is known."""
    result = one.result if isinstance(one, Row) else one
    if result is None or not result.external_id:
        return one
    key = external_measurement_id(result.source, result.external_id)
    if key not in campaign.record.results and key not in campaign.record.quarantined:
        return one
    marked = result.model_copy(update={"amends": True})
    return Row(one.where, marked) if isinstance(one, Row) else marked
