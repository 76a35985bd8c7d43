"""The whole loop on one campaign: opened, run until it comes to rest, closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller, Step
from saltloop.loop.opening import open_for_writing, settings_ahead
from saltloop.loop.preflight import check_before_start
from saltloop.loop.screen import Screen
from saltloop.loop.strategy import SurrogateStrategy


@dataclass(frozen=True)
class Ran:
    """What a run left: the campaign as it is now (closed, to be read), and why it came to rest."""

    campaign: Campaign
    strategy: SurrogateStrategy
    step: Step

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for people or for a lab's results."""
        return self.step in (Step.WAIT, Step.HOLD)


def run_campaign(
    path: Path,
    *,
    person: str,
    screen: Screen,
    watch: bool = False,
    accept_space: bool = False,
    resume_paused: bool = False,
    steal_lock: bool = False,
    strategy_of: Callable[[Campaign], SurrogateStrategy] = SurrogateStrategy,
) -> Ran:
    """Start or resume the campaign of a file or folder and go on until a stop rule holds or a person is needed.

    Args:
        watch: wait for people and for results of the lab, until a stop rule holds.
        accept_space: the file's edited space is meant.
        resume_paused: go on although the campaign is paused.

    Raises:
        SaltloopError: it cannot start or go on; what was done until then is on record.
    """
    notes = check_before_start(settings_ahead(path, accept_space=accept_space))
    with open_for_writing(path, person, accept_space=accept_space, steal_lock=steal_lock) as campaign:
        for message in campaign.messages:
            screen.warn(message)
        news = "resumed" if len(campaign.events) > 1 else "started"
        screen.say(f"Campaign '{campaign.settings.name}' {news}; state in {campaign.folder / 'state.jsonl'}")
        for note in notes:
            screen.say(note)
        strategy = strategy_of(campaign)
        if resume_paused and campaign.record.hold_reason:
            _lift_pause(campaign, person, strategy)
        return Ran(campaign, strategy, _work(campaign, strategy, screen, watch=watch))


def _lift_pause(campaign: Campaign, person: str, strategy: SurrogateStrategy) -> None:
    from saltloop.loop.steering.apply import Resume, apply

    apply(campaign, Resume(person=person), lambda: strategy)


def _work(campaign: Campaign, strategy: SurrogateStrategy, screen: Screen, *, watch: bool) -> Step:
    """Run the loop with worker processes; what it came to rest at."""
    from saltloop.loop.workers import WorkerProcesses

    execution = campaign.settings.execution
    executor = WorkerProcesses(execution.workers, timeout_s=execution.timeout_minutes * 60)
    is_interrupted = True
    try:
        step = Controller(campaign, strategy, executor, screen).run(watch=watch)
        is_interrupted = False
    finally:
        executor.shutdown(cancel_futures=is_interrupted)
    return step
