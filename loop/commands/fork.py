"""``saltloop fork``: another campaign from the record of one."""

from __future__ import annotations

from pathlib import Path

import click
from saltloop.loop.campaign import campaign_folder
from saltloop.loop.commands.options import by_option, campaign_argument


@click.command()
@campaign_argument
@click.argument("name")
@click.option(
    "--at", type=click.IntRange(0), help="The last event to take over (its number in 'log').  [default: the last]"
)
@by_option
def fork(campaign: Path, name: str, at: int | None, person: str) -> None:
    """Start the campaign NAME from the record of CAMPAIGN, up to an event. Both go on independently."""
    from saltloop.loop.fork import fork as make

    made = make(campaign_folder(campaign), name, at=at, person=person)
    abandoned = made.record.fork["abandoned"]
    click.echo(
        f"{made.folder} starts from {made.record.fork['parent']} after its event {made.record.fork['seq']}: "
        f"{len(made.record.results)} result(s), {len(made.record.batches)} batch(es)"
        + (f", {len(abandoned)} open candidate(s) abandoned" if abandoned else "")
        + "."
    )
    click.echo(
        f"Change it with 'saltloop budget {made.folder} ...' or 'saltloop space {made.folder} --set ...', "
        f"then 'saltloop run {made.folder}'."
    )
