"""``saltloop ask`` and ``tell``: candidates out to a lab, measured results back in."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from saltloop.loop.campaign import campaign_folder
from saltloop.loop.commands.options import (
    by_option,
    campaign_argument,
    json_option,
    print_json,
    quiet_option,
    steal_option,
)
from saltloop.loop.errors import CampaignError
from saltloop.loop.lab.settings import LabSettings

FORMATS = ("csv", "json", "xlsx")


@click.command()
@campaign_argument
@click.option("-n", "n", type=click.IntRange(1, 64), default=4, show_default=True, help="How many candidates.")
@click.option("--open", "only_open", is_flag=True, help="Propose nothing new: the lab's candidates that are open.")
@click.option("--batch", metavar="'10 g'", help="How much of each is made: a mass (g) or a volume (mL).")
@click.option("--replicates", type=click.IntRange(1, 20), help="Vials of each formulation.")
@click.option(
    "--format", "kind", type=click.Choice(FORMATS), help="Of the worklist.  [default: csv, or by -o's ending]"
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the worklist to this file."
)
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False), help="Also write a page to print (HTML, A4).")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0), default=600, show_default=True, metavar="SECONDS",
    help="How long to wait for a process that writes the campaign now.",
)  # fmt: skip
@by_option
@quiet_option
@steal_option
def ask(
    campaign: Path,
    n: int,
    only_open: bool,
    batch: str | None,
    replicates: int | None,
    kind: str | None,
    output: Path | None,
    sheet: Path | None,
    wait_s: float,
    person: str,
    quiet: bool,
    steal_lock: bool,
) -> None:
    """Propose N formulations for a lab. The worklist goes to stdout; fill its empty columns and 'tell' it.

    CAMPAIGN is a campaign file (started if it is new) or the folder of a started campaign. While 'saltloop run' works
    on it, that process proposes them at its next step, and this one waits for it.
    """
    from saltloop.loop.lab.asking import ask as propose
    from saltloop.loop.lab.settings import adjusted
    from saltloop.loop.lab.worklist import worklist_of
    from saltloop.loop.lab.worklist_files import to_csv, to_json, write, write_sheet
    from saltloop.loop.screen import Screen

    kind = kind or (output.suffix.lstrip(".").casefold() if output else "csv")
    if kind not in FORMATS:
        raise click.UsageError(f"--output ends in {output.suffix if output else ''!r}; name the --format.")
    if kind == "xlsx" and output is None:
        raise click.UsageError("An XLSX workbook is no text: give its file with -o.")
    try:
        adjusted(LabSettings(), batch=batch)
    except CampaignError as error:
        raise click.UsageError(str(error)) from None
    ids = None
    if not only_open:
        screen = Screen(is_quiet=quiet)
        ids = propose(campaign, n, person=person, screen=screen, steal_lock=steal_lock, wait_s=wait_s)
    worklist = worklist_of(campaign, ids, batch=batch, replicates=replicates)
    if output is not None:
        write(worklist, output, kind)
    else:
        sys.stdout.write(to_csv(worklist) if kind == "csv" else to_json(worklist))
    if sheet is not None:
        write_sheet(worklist, sheet)


@click.command()
@campaign_argument
@click.argument("results", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Print the verdict on each row and record nothing.")
@click.option(
    "--amend", is_flag=True, help="Results with a known external_id and another content replace what is there."
)
@by_option
@json_option
@steal_option
def tell(
    campaign: Path, results: Path, dry_run: bool, amend: bool, person: str, as_json: bool, steal_lock: bool
) -> None:
    """Take measured RESULTS (CSV, JSON, JSON Lines, XLSX) into a campaign: the whole file or nothing.

    Telling a file twice changes nothing. While another process writes the campaign, the results are checked and left
    for it.
    """
    from saltloop.chemistry.result_files import read_file
    from saltloop.loop.lab.telling import tell as send
    from saltloop.loop.lab.verdict import RefusedError

    try:
        answer = send(
            campaign_folder(campaign),
            read_file(results),
            name=str(results),
            person=person,
            file_name=results.name,
            dry_run=dry_run,
            amend=amend,
            steal_lock=steal_lock,
            say=lambda text: click.echo(text, err=True),
        )
    except RefusedError as error:
        if dry_run:
            _print_verdicts(error.verdicts, as_json, "Nothing was recorded.")
        raise
    told = answer.told
    if dry_run:
        _print_verdicts(told.verdicts, as_json, str(answer))
    elif as_json:
        print_json(told.to_dict())
    else:
        click.echo("\n".join([str(answer), *(f"  {message}" for message in told.messages)]))


def _print_verdicts(verdicts, as_json: bool, summary: str) -> None:  # type: ignore[no-untyped-def]
    if as_json:
        print_json([verdict.to_dict() for verdict in verdicts])
    else:
        click.echo("\n".join([*(str(verdict) for verdict in verdicts), summary]))
