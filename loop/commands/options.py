"""Arguments and options that several commands share, and how they print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.people import login_name
from saltloop.loop.record_items import Candidate

campaign_argument = click.argument("campaign", type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Only warnings and the answer.")
steal_option = click.option(
    "--steal-lock", is_flag=True, help="Take the lock of a process that is surely gone (crashed host)."
)


by_option = click.option(
    "--by", "person", default=login_name, help="Your name in the state file.  [default: your login]"
)


def candidate_named(campaign: Campaign, candidate_id: str) -> Candidate:
    """The candidate with this id, or whose id begins so.

    Raises:
        CampaignError: there is none, or several.
    """
    candidates = campaign.record.candidates
    matches = [one for key, one in candidates.items() if key == candidate_id or key.startswith(candidate_id)]
    if len(matches) != 1:
        known = ", ".join(candidates) or "none yet"
        found = "fits several candidates" if matches else "is unknown"
        raise CampaignError(f"Candidate {candidate_id!r} {found}; this campaign has: {known}.")
    return matches[0]


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
