"""What people decide on results: ``release``, ``reject-result``, ``retract``; and ``inbox``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from saltloop.loop.campaign import Campaign, campaign_folder
from saltloop.loop.commands.options import by_option, campaign_argument, json_option, print_json, steal_option
from saltloop.loop.commands.steering import request, send
from saltloop.loop.errors import EXIT_ERROR, CampaignError, LockedError

if TYPE_CHECKING:
    from saltloop.loop.steering.results import RejectResult, Release, Retract

results_argument = click.argument("results", nargs=-1, required=True)


@click.command()
@campaign_argument
@results_argument
@click.option("--reason", default="", help="Why; kept in the state file.")
@by_option
@steal_option
def release(campaign: Path, results: tuple[str, ...], reason: str, person: str, steal_lock: bool) -> None:
    """Release quarantined RESULTS: you vouch for them, and they are learned from.

    A result is named by its id (m...), by SOURCE/EXTERNAL_ID, or by its candidate. 'saltloop status' lists them.
    """
    from saltloop.loop.steering.results import Release

    _ask(Release, campaign, results, held=True, reason=reason, person=person, steal_lock=steal_lock)


@click.command("reject-result")
@campaign_argument
@results_argument
@click.option("--reason", required=True, help="Why; kept in the state file.")
@by_option
@steal_option
def reject_result(campaign: Path, results: tuple[str, ...], reason: str, person: str, steal_lock: bool) -> None:
    """Reject quarantined RESULTS: they stay on record and are never learned from."""
    from saltloop.loop.steering.results import RejectResult

    _ask(RejectResult, campaign, results, held=True, reason=reason, person=person, steal_lock=steal_lock)


@click.command()
@campaign_argument
@results_argument
@click.option("--reason", required=True, help="Why; kept in the state file.")
@by_option
@steal_option
def retract(campaign: Path, results: tuple[str, ...], reason: str, person: str, steal_lock: bool) -> None:
    """Retract RESULTS that turned out to be wrong: they stay on record and no longer count."""
    from saltloop.loop.steering.results import Retract

    _ask(Retract, campaign, results, held=False, reason=reason, person=person, steal_lock=steal_lock)


def _ask(
    kind: type[Release | RejectResult | Retract],
    campaign: Path,
    names: tuple[str, ...],
    *,
    held: bool,
    reason: str,
    person: str,
    steal_lock: bool,
) -> None:
    """Send a request on the results that a person has named; ``held``: those in quarantine."""
    from saltloop.loop.steering.results import find_results

    ids = find_results(Campaign.read(campaign_folder(campaign)).record, names, held=held)
    send(campaign, request(kind, person=person, measurement_ids=ids, reason=reason), steal_lock=steal_lock)


@click.command()
@campaign_argument
@json_option
@steal_option
def inbox(campaign: Path, as_json: bool, steal_lock: bool) -> int:
    """Take in what lies in the campaign's inbox/ (and in its spool). Files that still grow are waited for.

    'saltloop run' does the same at each of its steps.
    """
    from saltloop.loop.lab.receiving import Receiver

    folder = campaign_folder(campaign)
    try:
        with Campaign.open(folder, actor="inbox", steal_lock=steal_lock) as opened:
            (folder / "inbox").mkdir(exist_ok=True)
            if opened.record.is_closed:
                raise CampaignError("The campaign is closed; nothing is taken in.")
            receiver = Receiver(opened, None, lambda text: click.echo(text, err=as_json))
            received = receiver.receive()
            while receiver.inbox.unsettled():
                time.sleep(min(0.2, max(opened.settings.lab.settle_s, 0.01)))
                received += receiver.receive()
    except LockedError as error:
        raise LockedError(f"{error} If it is 'saltloop run', it takes the inbox in at its next step.") from None
    if as_json:
        print_json(
            [
                {"file": one.name, "refused": one.problem or None, **(one.told.to_dict() if one.told else {})}
                for one in received
            ]
        )
    elif not received:
        click.echo(f"Nothing new in {folder / 'inbox'}.")
    return EXIT_ERROR if any(one.told is None for one in received) else 0
