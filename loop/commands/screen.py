"""``saltloop screen``: score, filter and rank every formulation of a space into one Parquet file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from saltloop.chemistry.errors import SaltloopError
from saltloop.loop.commands.options import json_option, print_json, quiet_option

if TYPE_CHECKING:
    from saltloop.loop.screen import Screen
    from saltloop.loop.screening.screening import ScreeningResult
    from saltloop.loop.screening.settings import LoadedSpace
    from saltloop.loop.screening.work import Scorer
    from saltloop.loop.space.candidate_space import CandidateSpace
    from saltloop.surrogates.encoding import FormulationEncoder

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("space", required=False)
@click.option("--space", "named", metavar="NAME", help="A space that has a name: scan, scan-as-counted.")
@click.option("-o", "--out", type=FILE, required=True, help="Parquet file to write, the best first.")
@click.option("--model", type=FILE, help="Score with this checkpoint (.safetensors).")
@click.option(
    "-c", "--campaign", type=click.Path(path_type=Path), help="Score with all that this campaign has learned."
)
@click.option("--data", default="literature", show_default=True, help="Without a model: the data set to train on.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Without a model: the seed of the training."
)
@click.option("--constraint", "constraints", multiple=True, metavar="EXPR", help="Keep only what this holds for.")
@click.option("--rank", type=click.Choice(["mean", "lower", "upper"]), default="mean", show_default=True)
@click.option(
    "--width", type=click.FloatRange(0), default=1.96, show_default=True,
    help="Standard deviations from mean to lower and upper.",
)  # fmt: skip
@click.option("--keep", type=click.IntRange(min=1), help="Write only the best so many (default: all).")
@click.option("--top", type=click.IntRange(0), default=20, show_default=True, help="Rows of the table on the screen.")
@click.option("--distinct", is_flag=True, help="In that table, only the best of each salt and set of solvents.")
@click.option("--plot", type=FILE, help="Write plots of the landscape to this PNG.")
@click.option("--workers", type=click.IntRange(min=1), help="Threads (default: one a core).")
@click.option("--overwrite", is_flag=True, help="Replace the file if it is there.")
@quiet_option
@json_option
def screen(
    space: str | None,
    named: str | None,
    out: Path,
    model: Path | None,
    campaign: Path | None,
    data: str,
    seed: int,
    constraints: tuple[str, ...],
    plot: Path | None,
    workers: int | None,
    overwrite: bool,
    quiet: bool,
    as_json: bool,
    top: int,
    distinct: bool,
    **plan_options: Any,
) -> None:
    """Score every formulation of SPACE (a YAML file, a campaign file, or a name) and rank them.

    Constraints are expressions such as 'flash_point_C > 30', 'share("EC") <= 0.3 and molality < 1.5', 'std < 1';
    docs/screening.md lists the columns. A killed screening goes on when the same command is given again.
    """
    from saltloop.loop.screen import Screen

    if ((space is None) == (named is None) and campaign is None) or (space and named):
        raise click.UsageError("Give one space: a file as SPACE, or --space scan.")
    if model is not None and campaign is not None:
        raise click.UsageError("Give --model or --campaign, not both.")
    if out.exists() and not overwrite:
        raise SaltloopError(f"{out} is already there; choose another --out, or replace it with --overwrite.")
    terminal = Screen(is_quiet=quiet or as_json)

    from saltloop.loop.screening.folder import parts_folder
    from saltloop.loop.screening.parts import finished_parts
    from saltloop.loop.screening.screening import screen as run
    from saltloop.loop.screening.table import best_rows
    from saltloop.loop.screening.work import ScreeningPlan
    from saltloop.loop.space.columns import EncoderColumns

    asked, candidates = _space(space or named, campaign, constraints)
    terminal.say(f"Space: {candidates.counts()} candidates.{' ' + asked.remark if asked.remark else ''}")
    for note in candidates.unknowns():
        terminal.warn(f"{note}.")
    scorer, encoder, identity = _surrogate(asked, model, campaign, data, seed, terminal)
    plan = ScreeningPlan(workers=workers or _cores(), **plan_options)
    out.parent.mkdir(parents=True, exist_ok=True)
    terminal.say(
        f"Going on with the {len(done)} parts that an earlier run left in {parts_folder(out)}."
        if (done := finished_parts(parts_folder(out)))
        else f"If this is stopped, the same command goes on from {parts_folder(out)}."
    )
    columns = EncoderColumns.of(encoder, candidates)
    with terminal.task(f"Screening with {plan.workers} threads") as progress:
        result = run(candidates, scorer, columns, out, plan, identity=identity, progress=progress)
    best = best_rows(out, top, candidates.species, is_distinct=distinct) if top else []
    words = ""
    if plot is not None:
        from saltloop.loop.screening.plot import plot_landscape

        words = plot_landscape(out, plot)
    if as_json:
        print_json(_facts(result) | {"best": best, "plot": str(plot) if plot else None})
        return
    _print(result, best, words, plot)


def _space(name: str | None, campaign: Path | None, constraints: tuple[str, ...]) -> tuple[LoadedSpace, CandidateSpace]:
    """The space asked for with the constraints of file and command line, and its candidates."""
    from saltloop.loop.screening.settings import LoadedSpace, load_space
    from saltloop.loop.space.candidate_space import CandidateSpace

    book = None
    if campaign is not None:
        from saltloop.loop.campaign import Campaign, campaign_folder

        opened = Campaign.read(campaign_folder(campaign))
        book = opened.species
        if name is None:
            asked = LoadedSpace(opened.settings.space, book, remark=f"(the space of campaign '{opened.settings.name}')")
    if name is not None:
        asked = load_space(name, book)
    settings = asked.settings.model_copy(update={"constraints": (*asked.settings.constraints, *constraints)})
    return asked, CandidateSpace(settings, asked.book)


def _surrogate(
    asked: LoadedSpace, model: Path | None, campaign: Path | None, data: str, seed: int, terminal: Screen
) -> tuple[Scorer, FormulationEncoder, dict[str, Any]]:
    """What scores, its encoder, and what tells it from any other."""
    import hashlib

    if model is not None:
        from saltloop.surrogates.factory import load_surrogate

        if not model.exists():
            raise SaltloopError(f"There is no checkpoint {model}; leave --model out to train on --data.")
        surrogate = load_surrogate(model, asked.book)
        return surrogate.model(), surrogate.encoder, {"model": hashlib.sha256(model.read_bytes()).hexdigest()}
    from saltloop.loop.commands.predict import campaign_or_cache
    from saltloop.loop.strategy import SurrogateStrategy

    if campaign is None:
        terminal.say(f"No --model and no --campaign: the surrogate is trained on '{data}' with seed {seed}.")
    opened = campaign_or_cache(campaign, data, terminal, seed=seed, species=asked.definitions)
    if not opened.record.fits:
        raise SaltloopError(f"Campaign '{opened.settings.name}' has no surrogate yet; 'saltloop run' trains it.")
    scorer, encoder = SurrogateStrategy(opened).model(opened)
    results = sorted((m.measurement_id, m.value, m.standard_uncertainty) for m in opened.measurements())
    return scorer, encoder, {"model": opened.record.fits[-1]["weights_sha256"], "results": results}


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _facts(result: ScreeningResult) -> dict[str, Any]:
    return {
        "file": str(result.path),
        "n_candidates": result.n_candidates,
        "n_rows": result.n_rows,
        "dropped": result.dropped,
        "n_resumed": result.n_resumed,
        "seconds": round(result.seconds, 2),
        "cpu_seconds": {stage: round(seconds, 2) for stage, seconds in result.cpu_seconds.items()},
    }


def _print(result: ScreeningResult, best: list[dict[str, Any]], words: str, plot: Path | None) -> None:
    for reason, count in result.dropped.items():
        click.echo(f"dropped {count:>13,}  {reason}")
    if best:
        click.echo(f"{'rank':>9}  {'mS/cm':>7}   1 s.d.  formulation")
    for row in best:
        mark = "" if row.get("in_domain", True) else "  (unlike anything known)"
        mean, std = row["mean_mS_cm"], row["std_mS_cm"]
        click.echo(f"{row['rank']:>9,}  {mean:>7.2f} ± {std:>6.2f}  {row['formulation']}{mark}")
    scored = result.n_candidates - result.n_resumed
    click.echo(
        f"{result.n_candidates:,} candidates, {result.n_rows:,} in {result.path} "
        f"({result.path.stat().st_size / 1e6:.1f} MB); {result.seconds:.1f} s, {scored / result.seconds:,.0f} a second."
    )
    if plot is not None:
        click.echo(f"{words}\nplots: {plot}")
