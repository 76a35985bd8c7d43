"""``saltloop data``: data sets fetched, listed, described and audited, and the species there are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from saltloop.loop.commands.descriptors import descriptors
from saltloop.loop.commands.options import json_option, print_json, quiet_option
from saltloop.loop.commands.parameters import parameters

if TYPE_CHECKING:
    from saltloop.chemistry import Species
    from saltloop.chemistry.fetch import Progress


@click.group()
def data() -> None:
    """Data sets: fetch, list, describe, audit; and the species saltloop knows."""


data.add_command(descriptors)
data.add_command(parameters)


@data.command()
@click.argument("name", type=click.Choice(["calisol23"]))
@click.option(
    "--from", "from_file", type=click.Path(path_type=Path), help="Take a copy at hand instead of the network."
)
@click.option("--api", help="Address of a figshare-type API (or set SALTLOOP_FIGSHARE_API).", metavar="URL")
@quiet_option
def fetch(name: str, from_file: Path | None, api: str | None, quiet: bool) -> None:
    """Fetch the data set NAME into the cache: resumed where it stopped, checked by its SHA-256."""
    from saltloop.chemistry.fetch import REMOTE_FILES, fetch_from_file
    from saltloop.chemistry.fetch import fetch as download

    remote = REMOTE_FILES[name]
    if from_file is not None:
        path = fetch_from_file(remote, from_file)
    else:
        with _progress_bar(name, quiet) as progress:
            path = download(remote, api=api, progress=progress)
    if not quiet:
        click.echo(f"{name} lies in {path} (checksum right; {remote.licence}, doi {remote.doi}).")


@data.command("list")
@json_option
def list_datasets(as_json: bool) -> None:
    """The data sets there are, and where each lies."""
    from saltloop.chemistry.dataset import BUILTIN_DATASETS
    from saltloop.chemistry.errors import DataError
    from saltloop.chemistry.fetch import REMOTE_FILES, local_copy

    rows = []
    for name, what in BUILTIN_DATASETS.items():
        place = "built in"
        if name in REMOTE_FILES:
            try:
                place = str(local_copy(REMOTE_FILES[name]))
            except DataError:
                place = f"not here yet: saltloop data fetch {name}"
        rows.append({"name": name, "what": what, "where": place})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        click.echo(f"{row['name']:<12}{row['what']}\n{'':<12}{row['where']}")
    click.echo("A CSV file of your own is named by its path; docs/data.md describes its columns.")


@data.command()
@click.argument("name")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write coverage plots to this PNG.")
@json_option
def describe(name: str, plot: Path | None, as_json: bool) -> None:
    """What a data set holds. NAME is literature, calisol23, calisol23:unaltered, or a CSV file of your own."""
    from saltloop.chemistry import load_dataset
    from saltloop.chemistry.describe import summary_text

    dataset = load_dataset(name)
    summary = dataset.summary()
    if plot is not None:
        from saltloop.chemistry.describe_plot import plot_coverage

        summary["plot"] = str(plot_coverage(dataset, plot))
    if as_json:
        print_json(summary)
        return
    click.echo(summary_text(summary))
    if plot is not None:
        click.echo(f"\nplots: {plot}")


@data.command()
@click.argument("name", type=click.Choice(["calisol23"]))
@click.option("--from", "from_file", type=click.Path(path_type=Path), help="A copy at hand instead of the fetched one.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write every finding to this CSV file.")
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Write the evidence as plots to this PNG."
)
@click.option("--write-verdicts", is_flag=True, help="Replace the table of verdicts in the package (for developers).")
@json_option
def audit(
    name: str, from_file: Path | None, out: Path | None, plot: Path | None, write_verdicts: bool, as_json: bool
) -> None:
    """Find what is wrong or odd in the data set NAME, row by row, with the evidence; takes half a minute."""
    from saltloop.chemistry.audit import audit_calisol, audit_text
    from saltloop.chemistry.audit_verdicts import write_table
    from saltloop.chemistry.calisol import check_version
    from saltloop.chemistry.fetch import REMOTE_FILES, local_copy

    path = from_file or local_copy(REMOTE_FILES[name])
    if write_verdicts:
        check_version(path)
    result = audit_calisol(path)
    summary = result.summary()
    if out is not None:
        summary["findings"] = str(write_table(result.findings, out))
    if plot is not None:
        from saltloop.chemistry.audit_plot import plot_audit

        summary["plot"] = str(plot_audit(result, plot))
    if write_verdicts:
        summary["verdicts"] = str(write_table(result.findings))
    if as_json:
        print_json(summary)
        return
    click.echo(audit_text(summary))
    hint = "" if out else "\nrow by row: saltloop data audit calisol23 --out findings.csv"
    written = [f"{key}: {summary[key]}" for key in ("findings", "plot", "verdicts") if key in summary]
    click.echo("\n".join([hint, *written]).rstrip())


@data.command("result-schema")
def result_schema() -> None:
    """The JSON Schema of a lab's result (docs/lab.md describes it)."""
    from saltloop.chemistry.result_schema import LabResult

    print_json(LabResult.model_json_schema())


@data.command()
@click.argument("name", required=False)
@json_option
def species(name: str | None, as_json: bool) -> None:
    """The salts and solvents saltloop knows; with NAME, one of them with each value's source."""
    from saltloop.chemistry import SpeciesBook

    book = SpeciesBook.builtin()
    if name is None:
        if as_json:
            print_json([one.model_dump() for one in book])
        else:
            click.echo("\n".join(_species_table(list(book))))
        return
    found = book.find(name)
    if as_json:
        print_json(found.model_dump())
    else:
        click.echo("\n".join(_species_lines(found)))


def _species_table(listed: list[Species]) -> Iterator[str]:
    yield f"{'name':<22}{'kind':<9}{'g/mol':>8}{'g/cm3':>8}  full name (aliases)"
    for one in listed:
        density = one.value("density")
        aliases = f" ({', '.join(one.aliases)})" if one.aliases else ""
        shown = "" if density is None else f"{density:.3f}"
        yield f"{one.name:<22}{one.kind:<9}{one.molar_mass:>8.2f}{shown:>8}  {one.full_name}{aliases}"


def _species_lines(one: Species) -> Iterator[str]:
    yield f"{one.name}: {one.full_name} ({one.kind})"
    if one.aliases:
        yield f"  also      {', '.join(one.aliases)}"
    yield f"  SMILES    {one.smiles}"
    yield f"  InChIKey  {one.inchikey}"
    for key, known in one.properties.items():
        at = f" at {known.temperature_K:g} K" if known.temperature_K is not None else ""
        unit = "" if known.unit == "1" else f" {known.unit}"
        yield f"  {key:<22}{known.value:g}{unit}{at}  [{known.source}]"
    if one.note:
        yield f"  note      {one.note}"


@contextmanager
def _progress_bar(name: str, quiet: bool) -> Iterator[Progress | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns: tuple[Any, ...] = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
