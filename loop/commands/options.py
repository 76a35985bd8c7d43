"""Arguments and options that several commands share, and how they print."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Any

import click

campaign_argument = click.argument("campaign", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Only warnings and the answer.")
steal_option = click.option(
    "--steal-lock", is_flag=True, help="Take the lock of a process that is surely gone (crashed host)."
)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise click.UsageError("The system does not know your name; give it with --by NAME.") from None


by_option = click.option("--by", "person", default=_user, help="Your name in the state file.  [default: your login]")


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
