"""``saltloop plot``: a campaign's outcome as a picture and in words."""

from __future__ import annotations

from pathlib import Path

import click
from saltloop.loop.campaign import Campaign, campaign_folder
from saltloop.loop.commands.options import campaign_argument


@click.command()
@campaign_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="PNG to write (default: in its folder, outcome.png)."
)
def plot(campaign: Path, output: Path | None) -> None:
    """Best so far, predicted against measured, and the tail filling up: one PNG for slides, and the same in words.

    'saltloop report' shows all of it, and each candidate's story, on one page.
    """
    from saltloop.loop.reports.plots import plot_campaign
    from saltloop.loop.strategy import SurrogateStrategy

    opened = Campaign.read(campaign_folder(campaign))
    path = output or opened.folder / "outcome.png"
    click.echo(plot_campaign(opened, SurrogateStrategy(opened).known_measurements(), path))
    click.echo(f"Picture: {path}")
