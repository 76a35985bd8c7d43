"""``saltloop run``: the whole loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from saltloop.loop import report
from saltloop.loop.campaign import Campaign
from saltloop.loop.commands.options import json_option, print_json, quiet_option, steal_option
from saltloop.loop.errors import EXIT_WAITING
from saltloop.loop.settings import load_campaign_file

if TYPE_CHECKING:
    from saltloop.loop.screen import Screen
    from saltloop.loop.strategy import SurrogateStrategy


@click.command()
@click.argument("campaign_file", type=click.Path(path_type=Path))
@quiet_option
@json_option
@steal_option
def run(campaign_file: Path, quiet: bool, as_json: bool, steal_lock: bool) -> int:
    """Start the campaign of CAMPAIGN_FILE (YAML), or resume it where it stopped, however it stopped."""
    from saltloop.loop.preflight import check_before_start
    from saltloop.loop.screen import Screen
    from saltloop.loop.strategy import SurrogateStrategy

    screen = Screen(is_quiet=quiet or as_json)
    notes = check_before_start(load_campaign_file(campaign_file))
    with Campaign.start_or_resume(campaign_file, steal_lock=steal_lock) as campaign:
        for message in campaign.messages:
            screen.warn(message)
        news = "resumed" if len(campaign.events) > 1 else "started"
        screen.say(f"Campaign '{campaign.settings.name}' {news}; state in {campaign.folder / 'state.jsonl'}")
        for note in notes:
            screen.say(note)
        strategy = SurrogateStrategy(campaign)
        is_waiting = _run(campaign, strategy, screen)
        if as_json:
            print_json(report.status(campaign))
        elif is_waiting:
            click.echo(_what_we_wait_for(campaign, campaign_file))
        else:
            _finish(campaign, strategy, campaign_file)
    return EXIT_WAITING if is_waiting else 0


def _run(campaign: Campaign, strategy: SurrogateStrategy, screen: Screen) -> bool:
    """Run the loop; True if it stopped because it waits for people."""
    from saltloop.loop.controller import Controller, Step
    from saltloop.loop.workers import WorkerProcesses

    execution = campaign.settings.execution
    executor = WorkerProcesses(execution.workers, timeout_s=execution.timeout_minutes * 60)
    is_interrupted = True
    try:
        step = Controller(campaign, strategy, executor, screen).run()
        is_interrupted = False
    finally:
        executor.shutdown(cancel_futures=is_interrupted)
    return step is Step.WAIT


def _what_we_wait_for(campaign: Campaign, file: Path) -> str:
    lines = [f"Waiting for people. Open candidates of '{campaign.settings.name}':"]
    lines += [f"  {c.candidate_id}  {c.text}  ({c.status})" for c in campaign.record.open_candidates()]
    lines.append(f"Bring results with 'saltloop tell {file} results.csv', then run this command again.")
    return "\n".join(lines)


def _finish(campaign: Campaign, strategy: SurrogateStrategy, file: Path) -> None:
    from saltloop.loop.plots import plot_campaign

    words = plot_campaign(campaign, strategy.known_measurements(), campaign.folder / "outcome.png")
    click.echo()
    click.echo(report.summary(campaign))
    click.echo()
    click.echo(words)
    click.echo()
    click.echo(report.advice(campaign, file))
