"""What events on results do to a campaign's record: taken in, amended, retracted, held for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from saltloop.loop.record_items import Call, Held, Result

if TYPE_CHECKING:
    from saltloop.loop.record import CampaignRecord


def take_in(record: CampaignRecord, entry: dict[str, Any]) -> None:
    """A result that counts (or is kept beside those that do); its candidate is answered."""
    candidate_id = entry["candidate_id"]
    record.results[entry["measurement_id"]] = Result(
        measurement_id=entry["measurement_id"],
        measurement=entry["measurement"],
        candidate_id=candidate_id,
        job_key=entry["job_key"],
        iteration=len(record.batches),
        status=entry["status"],
        limit=entry["limit"],
        note=entry["note"],
        report=entry["report"],
        expected=entry["expected"],
    )
    if candidate_id is None:
        record.money += entry["cost"] or 0.0
        return
    candidate = record.candidates[candidate_id]
    if entry["job_key"] is None and not candidate.measurement_ids:
        record.count_call(Call(candidate_id, "ok"), cost=entry["cost"])
    else:
        record.pay(entry["cost"] or 0.0, candidate_id)
    candidate.measurement_ids.append(entry["measurement_id"])
    record.settle(candidate_id, "completed", entry["note"])


def amend(record: CampaignRecord, entry: dict[str, Any]) -> None:
    """Another content for a result that is there, or that waits in quarantine."""
    measurement_id = entry["measurement_id"]
    _forget_fit_of(record, measurement_id)
    if (held := record.quarantined.get(measurement_id)) is not None:
        _release(record, {**entry, "cost": None})
        record.results[measurement_id].earlier = held.reports
        return
    result = record.results[measurement_id]
    result.earlier = result.reports
    result.measurement, result.report = entry["measurement"], entry["report"]
    result.status, result.limit, result.note = entry["status"], entry["limit"], entry["note"]
    result.expected = entry["expected"]


def retract(record: CampaignRecord, measurement_id: str, reason: str, *, frees_candidate: bool) -> None:
    """A result that no longer counts. Its candidate's liquid may be proposed again if nothing else answered it."""
    _forget_fit_of(record, measurement_id)
    result = record.results[measurement_id]
    result.is_retracted, result.reason = True, reason
    if not frees_candidate or result.candidate_id is None:
        return
    candidate = record.candidates[result.candidate_id]
    if all(record.results[one].is_retracted for one in candidate.measurement_ids):
        record.settle(candidate.candidate_id, "failed", f"its result was retracted: {reason}")
        candidate.may_come_again = True


def hold(record: CampaignRecord, entry: dict[str, Any]) -> None:
    """A result that waits for a person; an amendment that has to wait takes its predecessor out."""
    measurement_id, candidate_id = entry["measurement_id"], entry["candidate_id"]
    taken = record.results.pop(measurement_id, None)
    earlier = taken or record.quarantined.get(measurement_id)
    if taken is not None:
        _forget_fit_of(record, measurement_id)
        if taken.candidate_id is not None:
            record.candidates[taken.candidate_id].measurement_ids.remove(measurement_id)
    record.quarantined[measurement_id] = Held(
        measurement_id=measurement_id,
        measurement=entry["measurement"],
        candidate_id=candidate_id,
        job_key=entry["job_key"],
        stage=entry["stage"],
        reason=entry["reason"],
        entry=entry,
        earlier=earlier.reports if earlier is not None else (),
    )
    if candidate_id is None:
        record.money += (entry["cost"] or 0.0) if earlier is None else 0.0
        return
    candidate = record.candidates[candidate_id]
    if entry["job_key"] is not None:
        record.recount_call(Call(candidate_id, "quarantined"))
    elif earlier is None:
        record.count_call(Call(candidate_id, "quarantined"), cost=entry["cost"])
    if not candidate.measurement_ids:
        record.settle(candidate_id, "failed", f"quarantined: {entry['reason']}")


def release(record: CampaignRecord, measurement_id: str) -> None:
    """A person vouches for a quarantined result: it counts like any other."""
    held = record.quarantined[measurement_id]
    _release(record, {**held.entry, "cost": None})
    record.results[measurement_id].earlier = held.earlier


def reject(record: CampaignRecord, measurement_id: str, reason: str) -> None:
    """A person rules a quarantined result out; its candidate's liquid may be proposed again."""
    held = record.quarantined[measurement_id]
    held.decision, held.why_decided = "rejected", reason
    if held.candidate_id is not None and not record.candidates[held.candidate_id].measurement_ids:
        record.settle(held.candidate_id, "failed", f"its result was rejected: {reason}")
        record.candidates[held.candidate_id].may_come_again = True


def _release(record: CampaignRecord, entry: dict[str, Any]) -> None:
    """Out of quarantine; the call was counted, as a failed one, when the result was put there."""
    held = record.quarantined.pop(entry["measurement_id"])
    n_calls = len(record.calls)
    money, money_of = record.money, dict(record.money_of)
    take_in(record, entry)
    if held.candidate_id is None:
        return
    del record.calls[n_calls:]
    record.money, record.money_of = money, money_of
    for k in reversed(range(n_calls)):
        if record.calls[k] == Call(held.candidate_id, "quarantined"):
            record.calls[k] = Call(held.candidate_id, "ok")
            break


def _forget_fit_of(record: CampaignRecord, measurement_id: str) -> None:
    """The last training used a value that no longer stands: it has to be repeated."""
    if record.fits and measurement_id in record.fits[-1].get("measurement_ids", ()):
        record.is_fit_stale = True
