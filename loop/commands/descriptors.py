"""``saltloop data descriptors``: quantum-chemical descriptors printed, computed for a new species, or recomputed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from saltloop.loop.commands.options import json_option, print_json, quiet_option

if TYPE_CHECKING:
    from saltloop.surrogates.quantum import QuantumRecord
    from saltloop.surrogates.quantum_electrons import Progress

#: Heading and decimals of each column, in the order of QUANTUM_NAMES.
COLUMNS = {
    "homo_eV": ("HOMO/eV", 2),
    "lumo_eV": ("LUMO/eV", 2),
    "dipole_D": ("dipole/D", 2),
    "polarisability_A3": ("polar./A3", 2),
    "esp_min_kJ_mol": ("ESP min", 0),
    "esp_max_kJ_mol": ("ESP max", 0),
    "li_binding_kJ_mol": ("Li+ binding", 0),
}


@click.command()
@click.argument("names", nargs=-1)
@click.option("--species", "more_names", multiple=True, metavar="NAME", help="Only this species (may be repeated).")
@click.option("--smiles", metavar="SMILES", help="A structure of your own; computed where it is not known yet.")
@click.option("--recompute", is_flag=True, help="Compute NAMES, or every built-in species, into --out.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="CSV for --recompute; goes on where it stopped."
)
@json_option
@quiet_option
def descriptors(
    names: tuple[str, ...],
    more_names: tuple[str, ...],
    smiles: str | None,
    recompute: bool,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Quantum-chemical descriptors of NAMES, or of every built-in species; a salt has those of its anion."""
    from saltloop.chemistry import SpeciesBook
    from saltloop.surrogates.quantum import known_record

    chosen = (*names, *more_names)
    if recompute != (out is not None):
        raise click.UsageError("--recompute and --out FILE belong together.")
    if smiles is not None and (chosen or recompute):
        raise click.UsageError("--smiles stands alone, without names and without --recompute.")
    if smiles is not None:
        records = [_on_demand(smiles, quiet)]
    else:
        book = SpeciesBook.builtin()
        species = [book.find(name) for name in chosen] or list(book)
        if out is not None:
            records = _recomputed([(one.name, one.smiles) for one in species], out, quiet)
        else:
            records = [record for one in species if (record := known_record(one.smiles))]
            for unknown in {one.name for one in species} - {one.name for one in records}:
                click.echo(f"{unknown} is not in the table; `--smiles` computes it.", err=True)
    if as_json:
        print_json([one.model_dump() for one in records])
    elif len(records) == 1:
        click.echo("\n".join(_lines(records[0])))
    else:
        click.echo("\n".join(_table(records)))


def _on_demand(smiles: str, quiet: bool) -> QuantumRecord:
    from saltloop.surrogates.quantum import compute_quantum, known_record, remember

    record = known_record(smiles)
    if record is not None and record.energy_Eh is not None:
        return record
    with _progress(smiles, quiet) as progress:
        record = compute_quantum(smiles, progress=progress)
    path = remember(record)
    if not quiet:
        click.echo(f"kept in {path}", err=True)
    return record


def _recomputed(species: Sequence[tuple[str, str]], out: Path, quiet: bool) -> list[QuantumRecord]:
    """Compute each species in turn, small ones first; the file is written after each. Failed ones are tried again."""
    from saltloop.surrogates.quantum import (
        METHOD_VERSION,
        QuantumError,
        compute_quantum,
        computed_part,
        failed_record,
        read_records,
        write_records,
    )

    done = {one.name: one for one in read_records(out)}
    if any(one.method_version != METHOD_VERSION for one in done.values()):
        raise click.UsageError(f"{out} was made by another version of the method; name another file.")
    for name, smiles in sorted(species, key=lambda one: len(computed_part(one[1]))):
        if name in done and done[name].energy_Eh is not None:
            continue
        with _progress(name, quiet) as progress:
            try:
                done[name] = compute_quantum(smiles, name=name, progress=progress)
            except QuantumError as error:
                done[name] = failed_record(smiles, name, error)
        if not quiet:
            what = done[name].missing or f"{done[name].wall_time_s:.0f} s"
            click.echo(f"{name}: {what} ({len(done)} in {out})", err=True)
        order = {name: place for place, (name, _) in enumerate(species)}
        write_records(out, sorted(done.values(), key=lambda one: order.get(one.name, len(order))))
    return [done[name] for name, _ in species]


@contextmanager
def _progress(title: str, quiet: bool) -> Iterator[Progress]:
    from saltloop.loop.screen import Screen

    screen = Screen(is_quiet=quiet or not sys.stderr.isatty())
    with screen.jobs([("descriptors of", title)]) as update:
        yield lambda done, what: update({"descriptors of": (done, what)})


def _table(records: Sequence[QuantumRecord]) -> Iterator[str]:
    yield f"{'name':<22}{'charge':>6}" + "".join(f"{title:>12}" for title, _ in COLUMNS.values())
    for one in records:
        cells = (_cell(getattr(one, name), decimals) for name, (_, decimals) in COLUMNS.items())
        yield f"{one.name:<22}{one.charge:>6}" + "".join(f"{cell:>12}" for cell in cells)
    yield "ESP (of a unit positive charge on the 0.001 electrons/bohr3 surface) and Li+ binding in kJ/mol; gas phase."
    for one in records:
        if one.missing:
            yield f"{one.name}: {one.missing}"


def _lines(one: QuantumRecord) -> Iterator[str]:
    units = {"eV": "eV", "D": "D", "A3": "A3", "mol": "kJ/mol"}
    yield f"{one.name}: {one.smiles} (charge {one.charge})"
    yield f"  {'InChIKey':<16}{one.inchikey}"
    for name, (title, decimals) in COLUMNS.items():
        what = title.split("/")[0].replace("polar.", "polarisability")
        yield f"  {what:<16}{_cell(getattr(one, name), decimals):>8} {units[name.rsplit('_', 1)[1]]}"
    yield f"  {'energy':<16}{_cell(one.energy_Eh, 6)} hartree"
    yield f"  {'method':<16}{one.method}; gas phase"
    yield f"  {'geometry':<16}{one.geometry_method}"
    yield f"  {'computed with':<16}{one.versions}, in {_cell(one.wall_time_s, 0)} s"
    if one.missing:
        yield f"  {'missing':<16}{one.missing}"


def _cell(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
