"""New candidates for the lab: chosen here, or by the process that writes the campaign now."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from saltloop.loop.campaign import LOCK_NAME, STATE_NAME, Campaign, campaign_folder
from saltloop.loop.errors import CampaignError, LockedError
from saltloop.loop.lock import holder_of
from saltloop.loop.opening import open_for_writing
from saltloop.loop.screen import Screen
from saltloop.loop.settings import load_campaign_file
from saltloop.loop.strategy import Strategy, SurrogateStrategy

LOOK_AGAIN_S = 0.5


def ask(
    path: Path,
    n: int,
    *,
    person: str,
    screen: Screen,
    steal_lock: bool = False,
    wait_s: float = 600,
    strategy_of: Callable[[Campaign], Strategy] = SurrogateStrategy,
) -> list[str]:
    """Propose ``n`` formulations for the lab; returns the ids of the candidates.

    Args:
        path: a campaign file (started if it is new), or the folder of a started campaign.
        wait_s: how long to wait for a process that writes the campaign now.

    Raises:
        LockedError: that process has proposed nothing in this time; the request stays there.
        CampaignError: it refused, or nothing can be proposed.
    """
    from saltloop.loop.decisions import fit_surrogate, needs_fit, propose_batch
    from saltloop.loop.preflight import check_before_start

    folder = campaign_folder(path)
    is_started = (folder / STATE_NAME).exists()
    check_before_start(Campaign.read(folder).settings if is_started else load_campaign_file(path))
    try:
        with open_for_writing(path, person, steal_lock=steal_lock) as campaign:
            for message in campaign.messages:
                screen.warn(message)
            strategy = strategy_of(campaign)
            if needs_fit(campaign, strategy):
                fit_surrogate(campaign, strategy, screen=screen, actor=person)
            candidates = propose_batch(campaign, strategy, n=n, assigned_to="lab", screen=screen, actor=person)
    except LockedError as error:
        if not is_started:
            raise
        screen.say(f"{error} It is asked to propose them; waiting for it (Ctrl-C leaves the request there).")
        return ask_the_writer(folder, n, person, wait_s, screen=screen, strategy_of=strategy_of)
    return [candidate.candidate_id for candidate in candidates]


def ask_the_writer(
    folder: Path,
    n: int,
    person: str,
    wait_s: float,
    *,
    screen: Screen,
    strategy_of: Callable[[Campaign], Strategy] = SurrogateStrategy,
) -> list[str]:
    """Leave the request for the process that writes the campaign, and wait for its answer; if it ends, do it here."""
    from saltloop.loop.steering.apply import Ask, check
    from saltloop.loop.steering.queue import leave

    asked = Ask(person=person, n=n)
    check(Campaign.read(folder), asked)
    leave(folder, asked)
    until = time.monotonic() + wait_s
    while True:
        for event in reversed(Campaign.read(folder).events):
            if event.data.get("request_id") != asked.request_id:
                continue
            if event.type == "request_refused":
                raise CampaignError(f"The process that writes the campaign refused: {event.data['reason']}")
            return [entry["candidate_id"] for entry in event.data["candidates"]]
        if time.monotonic() > until:
            raise LockedError(
                f"The process that writes the campaign has proposed nothing within {wait_s:g} s. The request stays in "
                f"{folder / 'requests'}; once it is taken in, 'saltloop ask --open' prints the worklist."
            )
        if holder_of(folder / LOCK_NAME) is None:
            _take_requests(folder, person, screen, strategy_of)
        else:
            time.sleep(LOOK_AGAIN_S)


def _take_requests(folder: Path, person: str, screen: Screen, strategy_of: Callable[[Campaign], Strategy]) -> None:
    """Do what waits, in place of a process that has ended, unless another one begins."""
    from saltloop.loop.decisions import fit_surrogate, needs_fit
    from saltloop.loop.steering.queue import take_requests

    def trained() -> Strategy:
        strategy = strategy_of(campaign)
        if needs_fit(campaign, strategy):
            fit_surrogate(campaign, strategy, screen=screen, actor=person)
        return strategy

    try:
        with Campaign.open(folder, actor=person) as campaign:
            take_requests(campaign, trained, screen.say)
    except LockedError:
        return
