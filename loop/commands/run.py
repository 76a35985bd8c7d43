"""``saltloop run``: the whole loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from saltloop.loop.campaign import Campaign
from saltloop.loop.commands.options import (
    by_option,
    campaign_argument,
    json_option,
    print_json,
    quiet_option,
    steal_option,
)
from saltloop.loop.errors import EXIT_WAITING
from saltloop.loop.reports import report

if TYPE_CHECKING:
    from saltloop.loop.strategy import SurrogateStrategy


@click.command()
@campaign_argument
@click.option("--accept-space", is_flag=True, help="The file's edited space is meant: record it and go on with it.")
@click.option("--watch", is_flag=True, help="Wait for people and for results of the lab, until a stop rule holds.")
@click.option("--resume-paused", is_flag=True, help="Go on although the campaign is paused; like 'saltloop resume'.")
@by_option
@quiet_option
@json_option
@steal_option
def run(
    campaign: Path,
    accept_space: bool,
    watch: bool,
    resume_paused: bool,
    person: str,
    quiet: bool,
    as_json: bool,
    steal_lock: bool,
) -> int:
    """Start the campaign of a file (YAML), or resume it where it stopped, however it stopped.

    CAMPAIGN is the file, or the folder of a started campaign: then the settings are those on record.
    """
    from saltloop.loop.running import run_campaign
    from saltloop.loop.screen import Screen

    if campaign.is_dir() and accept_space:
        raise click.UsageError("--accept-space is about an edited campaign file; name that file, not the folder.")
    ran = run_campaign(
        campaign,
        person=person,
        screen=Screen(is_quiet=quiet or as_json),
        watch=watch,
        accept_space=accept_space,
        resume_paused=resume_paused,
        steal_lock=steal_lock,
    )
    if as_json:
        print_json(report.status(ran.campaign))
    elif ran.is_waiting:
        click.echo(_what_we_wait_for(ran.campaign, campaign))
    else:
        _finish(ran.campaign, ran.strategy, campaign)
    return EXIT_WAITING if ran.is_waiting else 0


def _what_we_wait_for(campaign: Campaign, file: Path) -> str:
    if reason := campaign.record.hold_reason:
        return (
            f"The campaign '{campaign.settings.name}' is paused: {reason}.\n"
            f"Look into it ('saltloop log {file}'), then 'saltloop resume {file}' and run this command again, or run "
            "it with --resume-paused."
        )
    lines = [f"Waiting for people. Open candidates of '{campaign.settings.name}':"]
    lines += [f"  {c.candidate_id}  {c.text}  ({c.status})" for c in campaign.record.open_candidates()]
    if any(c.status == "candidate" and c.assigned_to == "oracle" for c in campaign.record.open_candidates()):
        lines.append(f"Decide: 'saltloop approve {file} ID ...', or reject, or repropose; then run this command again.")
    else:
        lines.append(f"Bring results with 'saltloop tell {file} results.csv', then run this command again.")
    for held in campaign.record.waiting_results():
        lines.append(f"In quarantine: {held.measurement_id} {held.reason} ('saltloop release' or 'reject-result')")
    return "\n".join(lines)


def _finish(campaign: Campaign, strategy: SurrogateStrategy, file: Path) -> None:
    from saltloop.loop.reports.plots import plot_campaign

    words = plot_campaign(campaign, strategy.known_measurements(), campaign.folder / "outcome.png")
    click.echo()
    click.echo(report.summary(campaign))
    click.echo()
    click.echo(words)
    click.echo()
    click.echo(report.advice(campaign, file))
