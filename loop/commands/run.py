"""``saltloop run``: the whole loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from saltloop.loop.campaign import STATE_NAME, Campaign
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
from saltloop.loop.settings import CampaignSettings, load_campaign_file

if TYPE_CHECKING:
    from saltloop.loop.controller import Step
    from saltloop.loop.screen import Screen
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
    from saltloop.loop.preflight import check_before_start
    from saltloop.loop.screen import Screen
    from saltloop.loop.steering.apply import Resume, apply
    from saltloop.loop.strategy import SurrogateStrategy

    screen = Screen(is_quiet=quiet or as_json)
    if campaign.is_dir() and accept_space:
        raise click.UsageError("--accept-space is about an edited campaign file; name that file, not the folder.")
    notes = check_before_start(_settings_ahead(campaign, accept_space))
    with _open(campaign, person, accept_space=accept_space, steal_lock=steal_lock) as opened:
        for message in opened.messages:
            screen.warn(message)
        news = "resumed" if len(opened.events) > 1 else "started"
        screen.say(f"Campaign '{opened.settings.name}' {news}; state in {opened.folder / 'state.jsonl'}")
        for note in notes:
            screen.say(note)
        strategy = SurrogateStrategy(opened)
        if resume_paused and opened.record.hold_reason:
            apply(opened, Resume(person=person), lambda: strategy)
        step = _run(opened, strategy, screen, watch=watch)
        is_waiting = step.name in {"WAIT", "HOLD"}
        if as_json:
            print_json(report.status(opened))
        elif is_waiting:
            click.echo(_what_we_wait_for(opened, campaign))
        else:
            _finish(opened, strategy, campaign)
    return EXIT_WAITING if is_waiting else 0


def _settings_ahead(path: Path, accept_space: bool) -> CampaignSettings:
    """The settings that the campaign will go on with."""
    if path.is_dir():
        return Campaign.read(path).settings
    settings = load_campaign_file(path)
    if accept_space or not (path.parent / settings.name / STATE_NAME).exists():
        return settings
    return Campaign.read(path.parent / settings.name).settings


def _open(path: Path, person: str, *, accept_space: bool, steal_lock: bool) -> Campaign:
    if path.is_dir():
        return Campaign.open(path, actor=person, steal_lock=steal_lock)
    return Campaign.start_or_resume(path, actor=person, accept_space=accept_space, steal_lock=steal_lock)


def _run(campaign: Campaign, strategy: SurrogateStrategy, screen: Screen, *, watch: bool) -> Step:
    """Run the loop; what it came to rest at."""
    from saltloop.loop.controller import Controller
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
