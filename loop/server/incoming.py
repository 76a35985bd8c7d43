"""Results that robots send: judged as far as can be at once, on disk before the answer."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from saltloop.chemistry.measurement import external_measurement_id
from saltloop.chemistry.result_files import Row
from saltloop.chemistry.result_schema import FAILURES, LabResult
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.events import content_hash
from saltloop.loop.lab.judge import content_of, judge
from saltloop.loop.lab.spool import Spool
from saltloop.loop.lab.spool_drain import is_drained, waiting_results
from saltloop.loop.lab.verdict import Verdict
from saltloop.loop.server.reading import Reading
from saltloop.loop.server.refusals import refused_reports

#: How often a call looks which results still wait.
TIDY_S = 1.0


@dataclass
class Pending:
    """A result on its way into the record."""

    content: str
    result: LabResult
    is_safe: bool
    """It is on disk."""
    earlier: frozenset[str]
    """Contents under its name that are on disk before it, and that it amends."""


class Incoming:
    """Takes results for one campaign into its spool. Safe from several threads."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._spool = Spool(reading.folder)
        self._lock = threading.Lock()
        self._tidied = time.monotonic()
        with reading.now() as campaign:
            self._n_events = len(campaign.events)
        self._pending: dict[str, Pending] = {}
        for result in waiting_results(reading.folder):
            self._pending[_key(result)] = self._after_others(result, is_safe=True)

    def receive(self, rows: Sequence[Row], *, actor: str) -> tuple[list[Verdict], bool]:
        """Put results on disk, all of them or none; their verdicts, and whether anything new was written.

        Nothing is written where a verdict is bad. The comparison with the model comes when they are taken in.

        Raises:
            CampaignError: the campaign is closed.
            SpoolError: the disk failed; nothing is acknowledged.
        """
        if time.monotonic() > self._tidied + TIDY_S or self._is_any_pending(rows):
            self.tidy()
        with self._reading.now() as campaign, self._lock:
            if campaign.record.is_closed:
                raise CampaignError(f"The campaign '{campaign.settings.name}' is closed; it takes no results.")
            verdicts = [self._with_pending(campaign, one) for one in judge(campaign, [_named(row) for row in rows])]
            if not all(verdict.is_good for verdict in verdicts):
                return verdicts, False
            new = [one.result for one in verdicts if one.kind != "known" and one.result is not None]
            mine = [(_key(one), self._after_others(one, is_safe=False)) for one in new]
            before = {key: self._pending.get(key) for key, _ in mine}
            self._pending |= dict(mine)
        if not new:
            return verdicts, False
        try:
            self._spool.append(new, actor=actor)
        except BaseException:
            with self._lock:
                for key, one in mine:
                    self._undo(key, one, before[key])
            raise
        with self._lock:
            for _, one in mine:
                one.is_safe = True
        return verdicts, True

    def waiting(self) -> dict[str, LabResult]:
        """Results that are on disk and not yet taken in, by the ids that they will have."""
        self.tidy()
        with self._lock:
            return {key: one.result for key, one in self._pending.items() if one.is_safe}

    def tidy(self) -> None:
        """Forget what was taken in, or refused when it was drained."""
        self._tidied = time.monotonic()
        with self._lock:
            safe = {key: one for key, one in self._pending.items() if one.is_safe}
        # In this order: what was on disk by then and is drained by now is in what is read after.
        is_all = is_drained(self._reading.folder)
        with self._reading.now() as campaign, self._lock:
            refused = self._refused_since(campaign)
            for key, one in safe.items():
                is_over = is_all or key in refused or _is_recorded(campaign, key, one)
                if is_over and self._pending.get(key) is one:
                    del self._pending[key]

    def close(self) -> None:
        """Give the spool's segment back."""
        self._spool.close()

    def _refused_since(self, campaign: Campaign) -> set[str]:
        """Ids of results that were refused since the last time."""
        events, self._n_events = campaign.events[self._n_events :], len(campaign.events)
        return {external_id for event in events for external_id, _ in refused_reports(event)}

    def _with_pending(self, campaign: Campaign, verdict: Verdict) -> Verdict:
        """The verdict, knowing what waits to be taken in."""
        result = verdict.result
        if result is None or not result.external_id or verdict.kind == "refused":
            return verdict
        there = self._pending.get(_key(result))
        if there is None or _is_recorded(campaign, _key(result), there):
            return verdict
        if there.content == _content(result):
            if not there.is_safe:
                return verdict
            return dataclasses.replace(verdict, kind="known", stage="identity", reason="waits to be taken in")
        if not result.amends and (verdict.kind == "known" or _content(result) in there.earlier):
            return dataclasses.replace(verdict, kind="known", stage="identity", reason="it was amended since")
        is_failure = bool({result.status, there.result.status} & FAILURES)
        if result.amends and not is_failure:
            return dataclasses.replace(verdict, kind="amended", stage="", reason="", amends=True)
        amend = "" if is_failure else "amend it ('amends'), or "
        reason = (
            f"{result.external_id!r} from {result.source!r} was sent with another content, which waits to be taken in; "
            f"{amend}give this one a new external_id"
        )
        return dataclasses.replace(verdict, kind="conflict", stage="identity", reason=reason)

    def _after_others(self, result: LabResult, *, is_safe: bool) -> Pending:
        """A result on its way, after those of its name that wait already."""
        before = self._pending.get(_key(result))
        earlier = before.earlier | {before.content} if before is not None and before.is_safe else frozenset[str]()
        return Pending(_content(result), result, is_safe, earlier)

    def _is_any_pending(self, rows: Sequence[Row]) -> bool:
        with self._lock:
            named = (row.result for row in rows if row.result is not None and row.result.external_id)
            return any(_key(result) in self._pending for result in named)

    def _undo(self, key: str, mine: Pending, before: Pending | None) -> None:
        if self._pending.get(key) is not mine:
            return
        if before is None:
            del self._pending[key]
        else:
            self._pending[key] = before


def _is_recorded(campaign: Campaign, key: str, one: Pending) -> bool:
    record = campaign.record
    is_there = key in record.results or key in record.quarantined or key in record.failure_reports
    return is_there and not one.result.amends


def _named(row: Row) -> Row:
    """A row that could not be recognised when it is sent again is refused."""
    if row.result is None or row.result.external_id:
        return row
    problem = "no external_id: without the lab's own name for it, it could not be recognised when it is sent again"
    return Row(row.where, None, problem)


def _key(result: LabResult) -> str:
    return external_measurement_id(result.source, result.external_id)


def _content(result: LabResult) -> str:
    return content_hash(content_of(result))
