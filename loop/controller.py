"""The loop: look at the record, do the next thing, append what happened. Resuming is the same as going on."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from enum import Enum

from saltloop.loop.campaign import Campaign, versions
from saltloop.loop.decisions import fit_surrogate, needs_fit, propose_batch
from saltloop.loop.jobs import JobProgress, JobRunner
from saltloop.loop.lab.receiving import Receiver
from saltloop.loop.record_items import Candidate
from saltloop.loop.screen import Screen
from saltloop.loop.steering.queue import take_requests
from saltloop.loop.stopping.judge import calls_left, evaluate
from saltloop.loop.strategy import Strategy


class Step(Enum):
    """What a campaign needs next."""

    FIT = "fit the surrogate"
    PROPOSE = "propose a batch"
    APPROVE = "approve the batch"
    RUN_JOBS = "run the oracle"
    EVALUATE = "evaluate the stop rules"
    PAUSE = "pause: a rule asks for a person's look"
    STOP = "nothing: a stop rule holds"
    WAIT = "wait for people"
    HOLD = "wait until a person resumes the campaign"


#: How long to wait before looking again for results that are on their way.
LOOK_AGAIN_S = 0.5

#: Steps at which the controller has nothing more to do.
AT_REST = frozenset({Step.STOP, Step.WAIT, Step.HOLD})


def next_step(campaign: Campaign, *, has_model: bool) -> Step:
    """The next step, from the campaign's record alone (and whether its model's weights are at hand)."""
    record, settings = campaign.record, campaign.settings
    if record.is_closed:
        return Step.STOP
    if record.hold_reason:
        return Step.HOLD
    waiting = _open_batch(campaign)
    if any(candidate.status == "candidate" for candidate in waiting):
        return Step.APPROVE if settings.approval == "auto" else Step.WAIT
    if waiting:
        return Step.RUN_JOBS if any(c.assigned_to == "oracle" for c in waiting) else Step.WAIT
    if record.batches and record.last_stop.get("n_batches") != len(record.batches):
        return Step.EVALUATE if has_model and not record.is_fit_stale else Step.FIT
    if record.last_stop.get("should_pause"):
        return Step.PAUSE
    if record.last_stop.get("should_stop"):
        return Step.STOP
    if not has_model or record.is_fit_stale or record.n_rounds - record.fits[-1]["n_rounds"] >= settings.refit_every:
        return Step.FIT
    return Step.PROPOSE


class Controller:
    """Alternates the strategy and the oracle until a stop rule holds or a person is needed."""

    def __init__(self, campaign: Campaign, strategy: Strategy, executor: Executor, screen: Screen) -> None:
        self._campaign = campaign
        self._strategy = strategy
        self._screen = screen
        self._jobs = JobRunner(campaign, executor, screen.say)
        self._receiver = Receiver(campaign, strategy, screen.say)

    def run(self, *, watch: bool = False) -> Step:
        """Go on until there is nothing to do, and take in what people ask for and what labs report on the way.

        Returns STOP, WAIT or HOLD; with ``watch`` it waits for people and labs instead, and returns STOP only. Ctrl-C
        records ``paused`` and is raised again.
        """
        actions: dict[Step, Callable[[], None]] = {
            Step.FIT: self._fit,
            Step.PROPOSE: self._propose,
            Step.APPROVE: self._approve,
            Step.RUN_JOBS: self._run_jobs,
            Step.EVALUATE: self._evaluate,
            Step.PAUSE: self._pause,
        }
        if self._campaign.record.is_paused and not self._campaign.record.hold_reason:
            self._campaign.append("resumed", {"versions": versions()})
        try:
            while True:
                self._take_requests()
                step = next_step(self._campaign, has_model=self._strategy.has_model(self._campaign))
                if step not in AT_REST:
                    actions[step]()
                elif step is not Step.STOP and (watch or self._receiver.inbox.unsettled()):
                    time.sleep(LOOK_AGAIN_S)
                else:
                    return step
        except KeyboardInterrupt:
            self._campaign.append("paused", {"reason": "interrupted (Ctrl-C)", "needs_person": False})
            raise

    def _fit(self) -> None:
        fit_surrogate(self._campaign, self._strategy, screen=self._screen)

    def _propose(self) -> None:
        propose_batch(
            self._campaign,
            self._strategy,
            n=self._batch_size(),
            assigned_to="lab" if _is_all_lab(self._campaign) else "oracle",
            screen=self._screen,
        )

    def _batch_size(self) -> int:
        """As the campaign file says, or as many calls as a limit on calls still allows."""
        wanted, left = self._campaign.settings.acquisition.batch_size, calls_left(self._campaign)
        return wanted if left is None else max(1, min(wanted, left))

    def _approve(self) -> None:
        ids = [c.candidate_id for c in _open_batch(self._campaign) if c.status == "candidate"]
        self._campaign.append("candidate_approved", {"candidate_ids": ids}, actor="auto")

    def _run_jobs(self) -> None:
        candidates = [c for c in _open_batch(self._campaign) if c.assigned_to == "oracle"]
        with self._screen.jobs([(c.candidate_id, c.text) for c in candidates]) as show:
            self._jobs.run(candidates, self._attentive(show))
        for candidate in candidates:
            self._screen.say(describe_outcome(self._campaign, candidate))

    def _attentive(self, show: JobProgress) -> JobProgress:
        """Progress of jobs, which may run for days: people's requests are taken in meanwhile."""

        def progress(state: dict[str, tuple[float, str]]) -> None:
            self._take_requests()
            show(state)

        return progress

    def _evaluate(self) -> None:
        """Record what the batch taught (predictions before and after), each rule's verdict, and whether to go on."""
        self._campaign.append("stop_evaluated", evaluate(self._campaign, self._strategy))

    def _pause(self) -> None:
        reason = "; ".join(self._campaign.record.last_stop["pause_reasons"])
        self._campaign.append("paused", {"reason": reason, "needs_person": True})
        self._screen.warn(f"Paused: {reason}.")

    def _take_requests(self) -> None:
        take_requests(self._campaign, self._trained_strategy, self._screen.say)
        self._receiver.receive()

    def _trained_strategy(self) -> Strategy:
        if needs_fit(self._campaign, self._strategy):
            self._fit()
        return self._strategy


def describe_outcome(campaign: Campaign, candidate: Candidate) -> str:
    """One line on what came back for a candidate."""
    results = [campaign.record.results[measurement_id] for measurement_id in candidate.measurement_ids]
    for measurement in (result.measurement for result in results if result.counts):
        if measurement["quantity"] == "conductivity":
            return (
                f"{candidate.candidate_id}: {measurement['source']} gave {measurement['value']:.2f} "
                f"± {measurement['standard_uncertainty']:.2f} {measurement['unit']} ({measurement['method']})"
            )
    return f"{candidate.candidate_id}: {candidate.status}, {candidate.reason or 'no conductivity'}"


def _open_batch(campaign: Campaign) -> list[Candidate]:
    """Unsettled candidates of the controller's own batches: those for oracles, or all where a lab is one of them."""
    has_lab = campaign.settings.has_lab
    return [c for c in campaign.record.open_candidates() if has_lab or c.assigned_to == "oracle"]


def _is_all_lab(campaign: Campaign) -> bool:
    return all(oracle.kind == "lab" for oracle in campaign.settings.named_oracles().values())
