"""The command ``saltloop``. Each command's work is imported when it runs, so that help and status answer at once."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click
from saltloop.chemistry.errors import SaltloopError
from saltloop.loop.errors import EXIT_ERROR, EXIT_INTERRUPTED

#: Command -> (module below saltloop.loop.commands, one-line help).
COMMANDS = {
    "run": ("run", "Start a campaign, or resume it: predict, choose, simulate, learn."),
    "status": ("inspect", "Where a campaign stands."),
    "log": ("inspect", "Every decision of a campaign, and why."),
    "show": ("inspect", "One candidate's story."),
    "report": ("report", "The whole campaign as one page that anyone can open."),
    "plot": ("plot", "Best so far, predicted against measured, the tail filling up: one PNG."),
    "ask": ("lab", "Propose candidates for a lab: worklist (CSV, JSON, XLSX) and a sheet to print."),
    "tell": ("lab", "Take measured results (CSV, JSON, XLSX) into a campaign."),
    "inbox": ("results", "Take in the files that robots left in the campaign's inbox."),
    "release": ("results", "Release results from quarantine: you vouch for them."),
    "reject-result": ("results", "Rule quarantined results out."),
    "retract": ("results", "Retract results that turned out to be wrong."),
    "approve": ("steer", "Approve candidates of a campaign with 'approval: manual'."),
    "reject": ("steer", "Reject candidates, with a reason."),
    "repropose": ("steer", "Reject a candidate; propose the best with a factor fixed instead."),
    "budget": ("steer_settings", "Show or change the budget and the stop rules."),
    "space": ("steer_settings", "Show or change the space in the middle of a campaign."),
    "pause": ("steer", "Start nothing new until 'resume'."),
    "resume": ("steer", "Lift a pause."),
    "close": ("steer", "End a campaign for good."),
    "serve": ("serve", "Serve a campaign over HTTP: robots, the dashboard."),
    "fork": ("fork", "Start another campaign from the record of one."),
    "measure": ("measure", "Run one oracle on one formulation."),
    "predict": ("predict", "The surrogate's conductivity for a formulation."),
    "explain": ("explain", "Why: features, small changes, routes and formulas, as one page."),
    "screen": ("screen", "Score, filter and rank every formulation of a space."),
    "backtest": ("backtest", "Replay known liquids: how soon does a strategy find the best?"),
    "verify": ("verify", "Check the hash chain; replay every decision."),
    "data": ("data", "Data sets: fetch, list, describe, audit."),
}


class LazyGroup(click.Group):
    """Lists commands from ``COMMANDS`` and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"saltloop.loop.commands.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 error, 2 wrong usage, 3 waiting for people or results, 4 locked by another process, "
    "5 state file damaged or not writable, 130 interrupted (the campaign resumes with the same command).",
)
@click.version_option(package_name="saltloop")
def cli() -> None:
    """saltloop: an autonomous discovery loop for liquid battery electrolytes."""


def main() -> None:
    """Entry point: errors of ours, and of files and folders, become one message and an exit code, not a traceback."""
    try:
        code: Any = cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. Nothing is lost: the same command goes on from here.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except SaltloopError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(getattr(error, "exit_code", EXIT_ERROR))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(
            f"Error: {where}{error.strerror or error}. What is on record is safe; see to it and repeat.", err=True
        )
        sys.exit(EXIT_ERROR)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
