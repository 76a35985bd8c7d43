"""Arguments and options that several commands share, and how they print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from saltloop.loop.people import login_name

campaign_argument = click.argument("campaign", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Only warnings and the answer.")
steal_option = click.option(
    "--steal-lock", is_flag=True, help="Take the lock of a process that is surely gone (crashed host)."
)


by_option = click.option(
    "--by", "person", default=login_name, help="Your name in the state file.  [default: your login]"
)


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
