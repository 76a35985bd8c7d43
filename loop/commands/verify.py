"""``saltloop verify``: is the state file whole, and does replaying it lead to the same decisions?"""

from __future__ import annotations

from pathlib import Path

import click
from saltloop.loop.campaign import Campaign, campaign_folder
from saltloop.loop.commands.options import campaign_argument, json_option, print_json, quiet_option
from saltloop.loop.errors import ReplayError


@click.command()
@campaign_argument
@click.option("--retrain", is_flag=True, help="Also repeat each training and compare the weights (slow).")
@quiet_option
@json_option
def verify(campaign: Path, retrain: bool, quiet: bool, as_json: bool) -> None:
    """Check the hash chain, every result against its job folder, and replay every decision."""
    from saltloop.loop.replay import verify as replay
    from saltloop.loop.screen import Screen
    from saltloop.loop.strategy import SurrogateStrategy

    opened = Campaign.read(campaign_folder(campaign))
    with Screen(is_quiet=quiet or as_json).task("Replaying") as progress:
        verdict = replay(opened, SurrogateStrategy(opened), retrain=retrain, progress=progress)
    if as_json:
        print_json({"is_good": verdict.is_good, **vars(verdict)})
    else:
        click.echo(
            f"{verdict.n_events} events, hash chain whole; {verdict.n_decisions} decision(s) and {verdict.n_fits} "
            f"training(s) looked at, {verdict.n_results} result(s) compared with their job folders."
        )
        for note in verdict.notes:
            click.echo(f"  note: {note}")
    if not verdict.is_good:
        raise ReplayError("The replay differs from the state file:\n  " + "\n  ".join(verdict.problems))
    if not as_json:
        click.echo("Replaying gives the same decisions.")
