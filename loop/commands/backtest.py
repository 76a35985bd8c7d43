"""``saltloop backtest``: a strategy replayed on liquids whose conductivities are known."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from saltloop.loop.commands.options import json_option, print_json, quiet_option
from saltloop.loop.errors import BacktestError

if TYPE_CHECKING:
    from saltloop.chemistry.species import SpeciesBook
    from saltloop.loop.acquisition.settings import AcquisitionSettings
    from saltloop.loop.backtest.backtest import Strategy
    from saltloop.loop.backtest.pool import Pool
    from saltloop.loop.screen import Screen
    from saltloop.surrogates.settings import SurrogateSettings

FILE = click.Path(path_type=Path, dir_okay=False)
COUNT = click.IntRange(min=1)


@click.command()
@click.argument("data")
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write.")
@click.option("--start", type=click.Choice(["random", "bottom"]), default="random", show_default=True)
@click.option("-c", "--campaign", type=FILE, help="Campaign file with the surrogate, acquisition and species to use.")
@click.option("--surrogate", metavar="ARCHITECTURE", help="Surrogate, instead of the campaign file's.")
@click.option("--acquisition", metavar="KIND", help="Acquisition, instead of the campaign file's; 'random' for none.")
@click.option(
    "--start-data", metavar="NAME", help="A data set to start from besides; liquids of the pool are left out."
)
@click.option("--temperature", "temperature_K", default=298.15, show_default=True, help="Of the pool, in K.")
@click.option("--seeds", type=COUNT, default=20, show_default=True)
@click.option("--queries", type=COUNT, default=200, show_default=True, help="After the start points.")
@click.option("--batch", type=COUNT, default=10, show_default=True)
@click.option("--start-points", type=COUNT, default=20, show_default=True)
@click.option("--workers", type=COUNT, help="Processes (default: one a core).")
@quiet_option
@json_option
def backtest(
    data: str,
    out: Path,
    start: Any,
    campaign: Path | None,
    surrogate: str | None,
    acquisition: str | None,
    start_data: str | None,
    temperature_K: float,
    seeds: int,
    queries: int,
    batch: int,
    start_points: int,
    workers: int | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Replay DATA (a data set's name, or a CSV file) as the oracle, and measure how soon its best liquids are found.

    The surrogate learns from the start points and from what it asked for, never from the rest of the pool. What was
    interrupted goes on with the same command.
    """
    from saltloop.loop.backtest.plot import plot_backtest
    from saltloop.loop.backtest.report import write_traces
    from saltloop.loop.backtest.run import Plan, run_seeds
    from saltloop.loop.backtest.summary import describe, summarise
    from saltloop.loop.screen import Screen

    screen = Screen(is_quiet=quiet or as_json)
    surrogate_settings, acquisition_settings, species = chosen_settings(campaign, surrogate, acquisition)
    pool = the_pool(data, species, temperature_K, n_least=start_points + batch)
    strategy, about = the_strategy(pool, surrogate_settings, acquisition_settings, species, start_data, screen)
    n_queries = min(queries, len(pool) - start_points)
    if n_queries < queries:
        screen.warn(f"The pool ends after {n_queries} queries.")
    plan = Plan(pool, strategy, start, start_points, batch, n_queries)
    with screen.task(f"Backtest on {len(pool)} liquids, {seeds} seeds") as progress:
        traces = run_seeds(
            plan,
            range(seeds),
            out,
            about={"data": data, "temperature_K": temperature_K, **about},
            workers=workers or os.cpu_count() or 1,
            progress=progress,
        )
    found = summarise(pool, traces, start=start, batch_size=batch)
    write_traces(pool, traces, out / "traces.parquet")
    plot_backtest(pool, traces, start, out / "backtest.png", title=f"{Path(data).stem}, {start} start")
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(describe(found))
    screen.say(f"Traces in {out / 'traces.parquet'}, plot in {out / 'backtest.png'}.")


def chosen_settings(
    campaign: Path | None, surrogate: str | None, acquisition: str | None
) -> tuple[SurrogateSettings, AcquisitionSettings | None, SpeciesBook]:
    """Of the campaign file, or the defaults, with what the options name instead; no acquisition is random search.

    Raises:
        BacktestError: there is no such surrogate or acquisition.
    """
    from saltloop.chemistry.species import SpeciesBook
    from saltloop.loop.acquisition.settings import HYPERVOLUME_KINDS, AcquisitionSettings
    from saltloop.loop.settings import load_campaign_file
    from saltloop.surrogates.settings import SurrogateSettings

    file = load_campaign_file(campaign) if campaign else None
    learner = file.surrogate if file else SurrogateSettings()
    chooser = file.acquisition if file else AcquisitionSettings()
    if surrogate is not None:
        known = get_args(SurrogateSettings.model_fields["architecture"].annotation)
        check_name("surrogate", surrogate, known)
        preset = {"preset": "scan"} if surrogate == "scan" else {"architecture": surrogate}
        learner = SurrogateSettings.model_validate(preset)
    if acquisition is not None:
        kinds = get_args(AcquisitionSettings.model_fields["kind"].annotation)
        check_name("acquisition", acquisition, [*(one for one in kinds if one not in HYPERVOLUME_KINDS), "random"])
        if acquisition != "random":
            chooser = chooser.model_copy(update={"kind": acquisition})
    elif chooser.kind in HYPERVOLUME_KINDS:
        raise BacktestError(
            f"{campaign} chooses by {chooser.kind!r}, which weighs several objectives; a pool has conductivities "
            "alone. Name another with --acquisition."
        )
    return learner, None if acquisition == "random" else chooser, file.species_book() if file else SpeciesBook.builtin()


def check_name(what: str, name: str, known: Sequence[str]) -> None:
    """Raises:
    BacktestError: ``name`` is none of ``known``.
    """
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise BacktestError(f"There is no {what} {name!r}; {hint}Known are {', '.join(known)}.")


def the_pool(data: str, species: SpeciesBook, temperature_K: float, *, n_least: int) -> Pool:
    """The liquids of a data set at a temperature.

    Raises:
        BacktestError: fewer than ``n_least``.
        DataError: no such data set.
    """
    from saltloop.chemistry.dataset import load_dataset
    from saltloop.loop.backtest.pool import WIDEST_BRACKET_K, isothermal_pool

    pool = isothermal_pool(load_dataset(data, species).measurements, temperature_K)
    if len(pool) < n_least:
        raise BacktestError(
            f"{data!r} has {len(pool)} liquids with a conductivity at {temperature_K:g} K (measured there, or between "
            f"two temperatures of one series at most {WIDEST_BRACKET_K:g} K apart); start points and one batch need "
            f"{n_least}. Choose another --temperature, or smaller --start-points and --batch."
        )
    return pool


def the_strategy(
    pool: Pool,
    surrogate: SurrogateSettings,
    acquisition: AcquisitionSettings | None,
    species: SpeciesBook,
    start_data: str | None,
    screen: Screen,
) -> tuple[Strategy, dict[str, Any]]:
    """The strategy, and what decides its choices as plain JSON."""
    from saltloop.chemistry.dataset import load_dataset
    from saltloop.loop.backtest.strategies import CampaignStrategy, RandomStrategy, outside

    if acquisition is None:
        if start_data is not None:
            raise BacktestError("Random search learns nothing: leave --start-data out, or name an --acquisition.")
        return RandomStrategy(), {"strategy": "random"}
    known = load_dataset(start_data, species).measurements if start_data else ()
    kept = outside(known, pool.formulations, species)
    if start_data:
        screen.say(f"{len(kept)} of {len(known)} rows of {start_data!r} are of liquids outside the pool and are used.")
    about = {
        "strategy": "campaign",
        "surrogate": surrogate.model_dump(mode="json"),
        "acquisition": acquisition.model_dump(mode="json"),
        "start_data": start_data,
        "n_start_data": len(kept),
    }
    return CampaignStrategy(surrogate, acquisition, species, kept), about
