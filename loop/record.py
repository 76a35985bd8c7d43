"""What a campaign's events add up to: candidates, jobs, results. A pure fold over the state file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from saltloop.loop import record_candidates, record_results
from saltloop.loop.events import Event
from saltloop.loop.record_items import SETTLED, Call, Candidate, CandidateStatus, Held, Job, Result


@dataclass(slots=True)
class CampaignRecord:
    """Everything the events say, by id. ``apply`` adds one event; nothing here is written anywhere else."""

    settings: dict[str, Any] = field(default_factory=dict)
    created: dict[str, Any] = field(default_factory=dict)
    candidates: dict[str, Candidate] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    #: Results that wait for a person, and those that one has ruled out, by measurement id.
    quarantined: dict[str, Held] = field(default_factory=dict)
    #: Reports of failures that had a name of their own, by the id that a result of that name would have.
    failure_reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    batches: list[dict[str, Any]] = field(default_factory=list)
    fits: list[dict[str, Any]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    #: Whether the last training used a value that was amended or retracted since.
    is_fit_stale: bool = False
    last_stop: dict[str, Any] = field(default_factory=dict)
    #: Batches whose results have been compared with their predictions.
    n_learned: int = 0
    #: Length of ``calls`` when a person last resumed the campaign: failures before it were looked at.
    n_calls_forgiven: int = 0
    is_paused: bool = False
    #: Why the campaign waits for a person to resume it; empty when it does not.
    hold_reason: str = ""
    is_closed: bool = False
    oracle_s: float = 0.0
    money: float = 0.0
    #: The part of ``money`` that the calls for each candidate cost, by its id.
    money_of: dict[str, float] = field(default_factory=dict)
    #: ``budget``, ``stop`` and ``space`` as the campaign file last had them; commands may have changed them since.
    file_says: dict[str, Any] = field(default_factory=dict)
    fork: dict[str, Any] = field(default_factory=dict)
    request_ids: set[str] = field(default_factory=set)
    #: ``{formulation_id: {"formulation", "kind", "reason"}}`` of liquids that failed for good.
    infeasible: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: How often a formulation's last attempt failed through the machine.
    machine_failures: Counter[str] = field(default_factory=Counter)
    n_events: int = 0

    @classmethod
    def replay(cls, events: Iterable[Event]) -> CampaignRecord:
        record = cls()
        for event in events:
            record.apply(event)
        return record

    def apply(self, event: Event) -> None:
        getattr(self, f"_{event.type}")(event.data)
        if request_id := event.data.get("request_id"):
            self.request_ids.add(request_id)
        self.n_events += 1

    # What the campaign asks of its record

    @property
    def n_rounds(self) -> int:
        """Batches that the controller proposed; those that a person asked for do not count."""
        return sum(batch["is_round"] for batch in self.batches)

    @property
    def oracle_hours(self) -> float:
        """Wall time of every attempt that came to an end, in hours."""
        return self.oracle_s / 3600

    def open_candidates(self) -> list[Candidate]:
        """Candidates that still wait for a decision, a job or a result, in the order they were proposed."""
        return [candidate for candidate in self.candidates.values() if candidate.status not in SETTLED]

    def jobs_of(self, candidate_id: str) -> list[Job]:
        return [job for job in self.jobs.values() if job.candidate_id == candidate_id]

    def valid_results(self, quantity: str = "conductivity") -> list[Result]:
        """Results that count, sorted by measurement id so that no decision depends on who finished first."""
        chosen = (r for r in self.results.values() if r.counts and r.measurement["quantity"] == quantity)
        return sorted(chosen, key=lambda result: result.measurement_id)

    def waiting_results(self) -> list[Held]:
        """Results in quarantine on which nobody has decided, in the order they came."""
        return [held for held in self.quarantined.values() if not held.decision]

    def spent(self) -> frozenset[str]:
        """Formulations that must not be proposed again: answered, open, rejected, or infeasible.

        One on which only the machine failed may come again, as often as the campaign retries a job.
        """
        chances = 1 + int(self.settings.get("execution", {}).get("retries", 1))
        tried = {c.formulation_id for c in self.candidates.values() if not c.may_come_again}
        worn_out = {one for one, n in self.machine_failures.items() if n >= chances}
        return frozenset(tried | worn_out | self.infeasible.keys())

    # One method an event type

    def _campaign_created(self, data: dict[str, Any]) -> None:
        self.created, self.settings = data, data["settings"]
        self.file_says = {name: self.settings.get(name) for name in ("budget", "stop", "space")}

    def _campaign_forked(self, data: dict[str, Any]) -> None:
        self.fork = data
        self.settings = {**self.settings, "name": data["name"]}
        self.is_closed, self.is_paused, self.hold_reason, self.last_stop = False, False, "", {}
        for candidate_id in data["abandoned"]:
            self.settle(candidate_id, "abandoned", f"open when the campaign was forked from {data['parent']}")
            self.candidates[candidate_id].may_come_again = True

    def _surrogate_fitted(self, data: dict[str, Any]) -> None:
        self.fits.append(data)
        self.is_fit_stale = False

    def _batch_proposed(self, data: dict[str, Any]) -> None:
        record_candidates.propose(self, data)

    def _candidate_approved(self, data: dict[str, Any]) -> None:
        for candidate_id in data["candidate_ids"]:
            self.candidates[candidate_id].status = "approved"

    def _candidate_rejected(self, data: dict[str, Any]) -> None:
        record_candidates.reject(self, data)

    def _candidates_failed(self, data: dict[str, Any]) -> None:
        record_candidates.report_failures(self, data)

    def _job_intended(self, data: dict[str, Any]) -> None:
        record_candidates.intend_job(self, data)

    def _job_submitted(self, data: dict[str, Any]) -> None:
        record_candidates.submit_job(self, data)

    def _job_lost(self, data: dict[str, Any]) -> None:
        record_candidates.lose_job(self, data)

    def _job_finished(self, data: dict[str, Any]) -> None:
        record_candidates.finish_job(self, data)

    def _job_failed(self, data: dict[str, Any]) -> None:
        record_candidates.fail_job(self, data)

    def _result_ingested(self, data: dict[str, Any]) -> None:
        for entry in data["results"]:
            record_results.take_in(self, entry)

    def _result_amended(self, data: dict[str, Any]) -> None:
        for entry in data["results"]:
            record_results.amend(self, entry)

    def _result_retracted(self, data: dict[str, Any]) -> None:
        for measurement_id in data["measurement_ids"]:
            record_results.retract(self, measurement_id, data["reason"], frees_candidate=data["frees_candidates"])

    def _result_quarantined(self, data: dict[str, Any]) -> None:
        for entry in data["results"]:
            record_results.hold(self, entry)

    def _quarantine_released(self, data: dict[str, Any]) -> None:
        for measurement_id in data["measurement_ids"]:
            record_results.release(self, measurement_id)

    def _quarantine_rejected(self, data: dict[str, Any]) -> None:
        for measurement_id in data["measurement_ids"]:
            record_results.reject(self, measurement_id, data["reason"])

    def _budget_changed(self, data: dict[str, Any]) -> None:
        # Before forks and commands, only the campaign file could change the budget.
        self._change("budget", data["budget"], from_file=data.get("from_file", True))

    def _stop_rules_changed(self, data: dict[str, Any]) -> None:
        self._change("stop", data["stop"], from_file=data["from_file"])

    def _space_changed(self, data: dict[str, Any]) -> None:
        self._change("space", data["space"], from_file=data["from_file"])

    def _request_refused(self, data: dict[str, Any]) -> None:
        """Nothing changes; the refusal is on record."""

    def _stop_evaluated(self, data: dict[str, Any]) -> None:
        self.last_stop = data
        self.n_learned = data["n_batches"]

    def _paused(self, data: dict[str, Any]) -> None:
        self.is_paused = True
        if data.get("needs_person"):
            self.hold_reason = data["reason"]
            if self.last_stop.get("should_pause"):
                self.last_stop = {**self.last_stop, "should_pause": False}

    def _resumed(self, data: dict[str, Any]) -> None:
        if self.hold_reason:
            self.n_calls_forgiven = len(self.calls)
        self.is_paused, self.hold_reason = False, ""

    def _closed(self, data: dict[str, Any]) -> None:
        self.is_closed = True

    def _change(self, section: str, value: Any, *, from_file: bool) -> None:
        self.settings = {**self.settings, section: value}
        if from_file:
            self.file_says = {**self.file_says, section: value}
        self.last_stop = {}

    def count_call(self, call: Call, *, cost: float | None = None) -> None:
        """Count an oracle call that came to an end, and what it cost: by the oracle's price where it does not say."""
        self.calls.append(call)
        if cost is None and call.candidate_id is not None:
            oracle = self.candidates[call.candidate_id].oracle
            named = self.settings.get("oracles") or {"oracle": self.settings.get("oracle", {})}
            cost = named.get(oracle, {}).get("cost", {}).get("money", 0.0)
        self.pay(cost or 0.0, call.candidate_id)

    def pay(self, money: float, candidate_id: str | None) -> None:
        """Count what something cost, and for which candidate."""
        self.money += money
        if candidate_id is not None:
            self.money_of[candidate_id] = self.money_of.get(candidate_id, 0.0) + money

    def recount_call(self, call: Call) -> None:
        """Another outcome of the candidate's latest call; what it cost stays."""
        latest = max(k for k, one in enumerate(self.calls) if one.candidate_id == call.candidate_id)
        self.calls[latest] = call

    def settle(self, candidate_id: str, status: CandidateStatus, reason: str) -> None:
        candidate = self.candidates[candidate_id]
        candidate.status, candidate.reason = status, reason
