"""``saltloop ask`` and ``tell``: candidates out to a lab, measured results back in."""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

import click
from saltloop.loop.campaign import Campaign, campaign_folder
from saltloop.loop.commands.options import (
    by_option,
    campaign_argument,
    json_option,
    print_json,
    quiet_option,
    steal_option,
)
from saltloop.loop.errors import LockedError
from saltloop.loop.settings import load_campaign_file

WORKLIST_COLUMNS = (
    "candidate_id", "formulation", "predicted_mS_cm", "predicted_std_mS_cm",
    "status", "quantity", "value", "unit", "standard_uncertainty", "source", "external_id", "note",
)  # fmt: skip


@click.command()
@campaign_argument
@click.option("-n", "n", type=click.IntRange(1, 64), default=4, show_default=True, help="How many candidates.")
@quiet_option
@steal_option
def ask(campaign: Path, n: int, quiet: bool, steal_lock: bool) -> None:
    """Propose N formulations for a lab. The worklist goes to stdout (CSV); fill its empty columns and 'tell' it.

    CAMPAIGN is a campaign file (started if it is new) or the folder of a started campaign.
    """
    from saltloop.loop.decisions import fit_surrogate, propose_batch
    from saltloop.loop.preflight import check_before_start
    from saltloop.loop.screen import Screen
    from saltloop.loop.strategy import SurrogateStrategy

    screen = Screen(is_quiet=quiet)
    is_started = campaign.is_dir()
    settings = Campaign.read(campaign).settings if is_started else load_campaign_file(campaign)
    check_before_start(settings)
    start = Campaign.open if is_started else Campaign.start_or_resume
    with start(campaign, actor="ask", steal_lock=steal_lock) as opened:
        for message in opened.messages:
            screen.warn(message)
        strategy = SurrogateStrategy(opened)
        if not strategy.has_model(opened):
            fit_surrogate(opened, strategy, screen=screen, actor="ask")
        candidates = propose_batch(opened, strategy, n=n, assigned_to="lab", screen=screen, actor="ask")
    writer = csv.DictWriter(sys.stdout, WORKLIST_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for candidate in candidates:
        predicted = candidate.why["predicted"]
        writer.writerow(
            {
                "candidate_id": candidate.candidate_id,
                "formulation": candidate.text,
                "predicted_mS_cm": f"{predicted['mean']:.3f}",
                "predicted_std_mS_cm": f"{predicted['standard_deviation']:.3f}",
                "quantity": "conductivity",
                "unit": "mS/cm",
                "source": "experiment",
            }
        )


@click.command()
@campaign_argument
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Say what would happen and record nothing.")
@by_option
@json_option
@steal_option
def tell(campaign: Path, results: Path, dry_run: bool, as_json: bool, person: str, steal_lock: bool) -> None:
    """Take measured RESULTS (CSV) into a campaign: the whole file or nothing. Telling a file twice changes nothing.

    While another process writes the campaign, the results are checked and left for it.
    """
    from saltloop.loop.intake import tell as take
    from saltloop.loop.steering import Tell
    from saltloop.loop.steering_queue import leave

    folder = campaign_folder(campaign)
    told = take(Campaign.read(folder), results, dry_run=True)
    is_left = False
    if not dry_run:
        try:
            with Campaign.open(folder, actor=person, steal_lock=steal_lock) as opened:
                for message in opened.messages:
                    click.echo(message, err=True)
                told = take(opened, results, actor=person)
        except LockedError:
            name = re.sub(r"[^\w.-]", "_", results.name)
            asked = Tell(person=person, file_name=name, content=results.read_text(encoding="utf-8-sig"))
            leave(folder, asked)
            is_left = True
    if as_json:
        counts = {"ingested": told.n_ingested, "failed": told.n_failed}
        print_json({**counts, "known": told.n_known, "quarantined": told.n_quarantined})
        return
    verb = "would be " if dry_run else "will be " if is_left else ""
    click.echo(
        f"{told.n_ingested} result(s) {verb}taken, {told.n_known} known already, {told.n_quarantined} quarantined"
        + (f", {told.n_failed} failure(s) noted." if told.n_failed else ".")
    )
    if is_left:
        click.echo(f"Another process writes this campaign; the file is left for it in {folder / 'requests'}.")
    for message in told.messages:
        click.echo(f"  {message}")
