"""``saltloop plot``: a campaign's outcome as a picture and in words."""

from __future__ import annotations

from pathlib import Path

import click
from saltloop.loop.campaign import Campaign, campaign_folder
from saltloop.loop.commands.options import campaign_argument, candidate_named


@click.command()
@campaign_argument
@click.argument("candidate_id", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write (default: in its folder, outcome.png, or CANDIDATE_ID.html).",
)
def plot(campaign: Path, candidate_id: str | None, output: Path | None) -> None:
    """Best so far, predicted against measured, and the tail filling up: one PNG, and the same in words.

    With CANDIDATE_ID a page of that candidate: its story and the plots of its jobs (displacements, conductivity,
    structure, density).
    """
    if candidate_id is not None:
        _candidate_page(campaign, candidate_id, output)
        return
    from saltloop.loop.reports.plots import plot_campaign
    from saltloop.loop.strategy import SurrogateStrategy

    opened = Campaign.read(campaign_folder(campaign))
    path = output or opened.folder / "outcome.png"
    click.echo(plot_campaign(opened, SurrogateStrategy(opened).known_measurements(), path))
    click.echo(f"Picture: {path}")


def _candidate_page(campaign: Path, candidate_id: str, output: Path | None) -> None:
    from saltloop.loop.reports.job_page import write_job_page

    opened = Campaign.read(campaign_folder(campaign))
    candidate = candidate_named(opened, candidate_id)
    path = output or opened.folder / f"{candidate.candidate_id}.html"
    n_plots = write_job_page(opened, candidate, path)
    click.echo(f"Page with {n_plots} plots: {path}" if n_plots else f"Page: {path} (no job has left a plot yet)")
