"""A person's request: done at once, or left for the process that writes the campaign; and what to tell the person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import LockedError
from saltloop.loop.steering.request import Request
from saltloop.loop.strategy import Strategy


def send(folder: Path, asked: Request, *, steal_lock: bool = False) -> str:
    """Do what a person asks, or leave it for the process that writes the campaign; returns which, in words.

    Raises:
        CampaignError: it cannot be done; nothing was recorded.
    """
    from saltloop.loop.reports.log import tell
    from saltloop.loop.steering.queue import submit

    answer = submit(folder, asked, trained_strategy, steal_lock=steal_lock)
    if isinstance(answer, LockedError):
        return (
            f"Another process writes this campaign. The request is left for it in {folder / 'requests'} and taken in "
            "at its next step; 'saltloop log' tells when."
        )
    return tell(answer)


def problem_of(error: ValidationError) -> str:
    """What is wrong with a request, for a person."""
    problem = error.errors()[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']} (it is {problem['input']!r})."


def trained_strategy(campaign: Campaign) -> Callable[[], Strategy]:
    """Makes the campaign's strategy when it is asked for, and trains its surrogate where there is none."""

    def strategy_of() -> Strategy:
        from saltloop.loop.decisions import fit_surrogate, needs_fit
        from saltloop.loop.screen import Screen
        from saltloop.loop.strategy import SurrogateStrategy

        strategy = SurrogateStrategy(campaign)
        if needs_fit(campaign, strategy):
            fit_surrogate(campaign, strategy, screen=Screen())
        return strategy

    return strategy_of
