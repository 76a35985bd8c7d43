"""``saltloop status``, ``log`` and ``show``: reading a campaign without touching it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
from saltloop.loop.campaign import Campaign, campaign_folder
from saltloop.loop.commands.options import campaign_argument, json_option, print_json
from saltloop.loop.naming import candidate_named
from saltloop.loop.reports import report, story
from saltloop.loop.reports.log import log_lines


@click.command()
@campaign_argument
@json_option
def status(campaign: Path, as_json: bool) -> None:
    """Where a campaign stands: rounds, candidates, best result, what is open. CAMPAIGN is its file or folder."""
    opened = Campaign.read(campaign_folder(campaign))
    if as_json:
        print_json(report.status(opened))
    else:
        click.echo(report.status_text(opened))


@click.command()
@campaign_argument
@click.option("-n", "--last", type=click.IntRange(1), help="Only the last N events.")
@json_option
def log(campaign: Path, last: int | None, as_json: bool) -> None:
    """Every event of a campaign: what was decided, and why."""
    events = Campaign.read(campaign_folder(campaign)).events
    events = events[-last:] if last else events
    if as_json:
        print_json([dataclasses.asdict(event) for event in events])
    else:
        click.echo("\n".join(log_lines(events)))


@click.command()
@campaign_argument
@click.argument("candidate_id")
@json_option
def show(campaign: Path, candidate_id: str, as_json: bool) -> None:
    """One candidate's story: why it was chosen, what was predicted, what came back, what it changed."""
    opened = Campaign.read(campaign_folder(campaign))
    candidate = candidate_named(opened, candidate_id)
    if as_json:
        results = [opened.record.results[m].measurement for m in candidate.measurement_ids]
        print_json({**dataclasses.asdict(candidate), "results": results})
    else:
        click.echo(story.candidate_story(opened, candidate))
