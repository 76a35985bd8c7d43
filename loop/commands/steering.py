"""How the commands of ``steer`` and ``settings`` send a request and tell what became of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from saltloop.loop.campaign import Campaign, campaign_folder
from saltloop.loop.errors import LockedError
from saltloop.loop.steering.request import Request
from saltloop.loop.strategy import Strategy


def request(kind: type[Request], **values: Any) -> Request:
    """A request, or a usage error that says what is wrong with it."""
    try:
        return kind(**values)
    except ValidationError as error:
        problem = error.errors()[0]
        name = ".".join(map(str, problem["loc"]))
        raise click.UsageError(f"{name}: {problem['msg']} (it is {problem['input']!r}).") from None


def send(path: Path, asked: Request, *, steal_lock: bool) -> None:
    """Do it, or leave it for the process that writes the campaign; say which."""
    from saltloop.loop.reports.log import tell
    from saltloop.loop.steering.queue import submit

    folder = campaign_folder(path)
    answer = submit(folder, asked, trained_strategy, steal_lock=steal_lock)
    if isinstance(answer, LockedError):
        click.echo(
            "Another process writes this campaign. The request is left for it in "
            f"{folder / 'requests'} and taken in at its next step; 'saltloop log' tells when."
        )
    else:
        click.echo(tell(answer))


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
