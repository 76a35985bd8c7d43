"""What people decide: ``approve``, ``reject``, ``repropose``, ``pause``, ``resume``, ``close``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml
from saltloop.loop.commands.options import by_option, campaign_argument, steal_option
from saltloop.loop.commands.steering import request, send


@click.command()
@campaign_argument
@click.argument("candidate_ids", nargs=-1, required=True)
@by_option
@steal_option
def approve(campaign: Path, candidate_ids: tuple[str, ...], person: str, steal_lock: bool) -> None:
    """Approve proposed candidates of a campaign with 'approval: manual'; 'saltloop run' then runs them."""
    from saltloop.loop.steering.apply import Approve

    send(campaign, request(Approve, person=person, candidate_ids=candidate_ids), steal_lock=steal_lock)


@click.command()
@campaign_argument
@click.argument("candidate_ids", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; kept in the state file.")
@click.option("--infeasible", is_flag=True, help="It cannot be made or measured: teaches the feasibility model.")
@by_option
@steal_option
def reject(
    campaign: Path, candidate_ids: tuple[str, ...], reason: str, infeasible: bool, person: str, steal_lock: bool
) -> None:
    """Reject proposed candidates, with a reason; they are never proposed again."""
    from saltloop.loop.steering.apply import Reject

    asked = request(Reject, person=person, candidate_ids=candidate_ids, reason=reason, is_infeasible=infeasible)
    send(campaign, asked, steal_lock=steal_lock)


@click.command()
@campaign_argument
@click.argument("candidate_id")
@click.option(
    "--fix", "fixes", multiple=True, required=True, metavar="FACTOR=VALUE",
    help="salt=LiFSI, molality=1.0, temperature_K=313.15, or a solvent's share: EC=0.3. May be given several times.",
)  # fmt: skip
@click.option("--reason", default="", help="Why; kept in the state file.")
@by_option
@steal_option
def repropose(
    campaign: Path, candidate_id: str, fixes: tuple[str, ...], reason: str, person: str, steal_lock: bool
) -> None:
    """Reject a candidate and propose the best formulation with some factors fixed in its place."""
    from saltloop.loop.steering.apply import Repropose

    fixed = assignments(fixes)
    asked = request(Repropose, person=person, candidate_id=candidate_id, fixed=fixed, reason=reason)
    send(campaign, asked, steal_lock=steal_lock)


@click.command()
@campaign_argument
@click.option("--reason", required=True, help="Why; kept in the state file.")
@by_option
@steal_option
def pause(campaign: Path, reason: str, person: str, steal_lock: bool) -> None:
    """Start nothing new until 'resume'. Jobs that run come to their end; Ctrl-C in 'run' stops those as well."""
    from saltloop.loop.steering.apply import Pause

    send(campaign, request(Pause, person=person, reason=reason), steal_lock=steal_lock)


@click.command()
@campaign_argument
@by_option
@steal_option
def resume(campaign: Path, person: str, steal_lock: bool) -> None:
    """Lift a pause of a person's or a failure rate's; 'saltloop run' then goes on."""
    from saltloop.loop.steering.apply import Resume

    send(campaign, request(Resume, person=person), steal_lock=steal_lock)


@click.command()
@campaign_argument
@click.option("--reason", required=True, help="Why; kept in the state file.")
@by_option
@steal_option
def close(campaign: Path, reason: str, person: str, steal_lock: bool) -> None:
    """End a campaign for good. It can still be read, verified, forked, and learned from."""
    from saltloop.loop.steering.apply import Close

    send(campaign, request(Close, person=person, reason=reason), steal_lock=steal_lock)


def assignments(texts: tuple[str, ...]) -> dict[str, Any]:
    """``name=value`` pairs, values read as YAML."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise click.UsageError(f"{text!r} is not NAME=VALUE.")
        try:
            found[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise click.UsageError(f"{value!r} in {text!r} is neither a number, a name nor a list.") from None
    return found
