"""``saltloop budget`` and ``space``: what a campaign may use, when it stops, what it may propose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import yaml
from saltloop.loop.campaign import Campaign, campaign_folder
from saltloop.loop.commands.options import by_option, campaign_argument, steal_option
from saltloop.loop.commands.steer import assignments
from saltloop.loop.commands.steering import request, send


class Limit(click.ParamType):
    """A number above zero, or ``none`` for no limit."""

    name = "number or 'none'"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | str:
        if value == "none":
            return "none"
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor 'none'", param, ctx)


@click.command()
@campaign_argument
@click.option("--rounds", type=Limit(), help="Batches of the campaign's own.")
@click.option("--calls", type=Limit(), help="Oracle calls, failed ones included.")
@click.option("--oracle-hours", type=Limit(), help="Wall time of all calls.")
@click.option("--money", type=Limit(), help="What all calls cost.")
@click.option("--stop", "rules", help="All rules beside the budget, as a YAML list (docs/campaigns.md); [] for none.")
@by_option
@steal_option
def budget(campaign: Path, rules: str | None, person: str, steal_lock: bool, **limits: float | str | None) -> None:
    """Change the budget or the stop rules. Without an option: say what they are and how they stood when last judged."""
    from saltloop.loop.steering.settings import ChangeBudget, ChangeStopRules

    changed = {name: None if limit == "none" else limit for name, limit in limits.items() if limit is not None}
    if changed and rules is not None:
        raise click.UsageError("Change the budget or the stop rules, one at a time: each is an event of its own.")
    if rules is not None:
        asked = request(ChangeStopRules, person=person, rules=_listed(rules))
        send(campaign, asked, steal_lock=steal_lock)
    elif changed:
        send(campaign, request(ChangeBudget, person=person, limits=changed), steal_lock=steal_lock)
    else:
        from saltloop.loop.stopping.judge import describe_rules

        click.echo("\n".join(describe_rules(Campaign.read(campaign_folder(campaign)))))


@click.command()
@campaign_argument
@click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE",
    help="solvents='[EC, DMC, EMC]', concentration.max=2.0, ... May be given several times.",
)  # fmt: skip
@by_option
@steal_option
def space(campaign: Path, values: tuple[str, ...], person: str, steal_lock: bool) -> None:
    """Change the space of a started campaign; decisions from then on use the new one. Without --set: print it."""
    from saltloop.loop.steering.settings import ChangeSpace

    if values:
        asked = request(ChangeSpace, person=person, values=assignments(values))
        send(campaign, asked, steal_lock=steal_lock)
    else:
        settings = Campaign.read(campaign_folder(campaign)).settings.space
        click.echo(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False).rstrip())


def _listed(text: str) -> list[Any]:
    try:
        rules = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise click.UsageError(f"--stop is not YAML: {error}") from None
    if not isinstance(rules, list):
        raise click.UsageError("--stop takes a list of rules, such as '[{rule: calls, at: 100}]'.")
    return rules
