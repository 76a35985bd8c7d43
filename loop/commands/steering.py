"""How the commands of ``steer``, ``results`` and ``settings`` send a request and tell what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from saltloop.loop.campaign import campaign_folder
from saltloop.loop.steering import send as sending
from saltloop.loop.steering.request import Request


def request(kind: type[Request], **values: Any) -> Request:
    """A request, or a usage error that says what is wrong with it."""
    try:
        return kind(**values)
    except ValidationError as error:
        raise click.UsageError(sending.problem_of(error)) from None


def send(path: Path, asked: Request, *, steal_lock: bool) -> None:
    """Do it, or leave it for the process that writes the campaign; say which."""
    click.echo(sending.send(campaign_folder(path), asked, steal_lock=steal_lock))
