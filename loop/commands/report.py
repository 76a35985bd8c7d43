"""``saltloop report``: the whole campaign as one page that anyone can open."""

from __future__ import annotations

from pathlib import Path

import click
from saltloop.loop.campaign import Campaign, campaign_folder
from saltloop.loop.commands.options import campaign_argument
from saltloop.loop.naming import candidate_named


@click.command()
@campaign_argument
@click.argument("candidate_id", required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write (default: in its folder, report.html)."
)
def report(campaign: Path, candidate_id: str | None, output: Path | None) -> None:
    """One self-contained HTML page: plots, map, every candidate's story, jobs with their logs, quarantine, costs.

    It needs no network and no server. With CANDIDATE_ID the address that is printed opens that candidate's story.
    """
    from saltloop.loop.reports.static_page import write_report

    opened = Campaign.read(campaign_folder(campaign))
    address = f"#c/{candidate_named(opened, candidate_id).candidate_id}" if candidate_id is not None else ""
    path = output or opened.folder / "report.html"
    told = write_report(opened, path)
    click.echo(
        f"Page with {told['candidates']} candidate(s), {told['results']} conductivities and {told['plots']} plots of "
        f"jobs, {told['bytes'] / 1e6:.1f} MB: {path}"
    )
    if address:
        click.echo(f"Its story: {path.resolve().as_uri()}{address}")
