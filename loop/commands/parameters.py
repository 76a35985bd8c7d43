"""``saltloop data parameters``: force-field parameters listed, shown, or made for a new molecule."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from saltloop.loop.commands.options import json_option, print_json, quiet_option

if TYPE_CHECKING:
    from saltloop.chemistry import Species
    from saltloop.simulators.forces.species_parameters import SpeciesParameters


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--smiles", metavar="SMILES", help="A molecule of your own ('[Li+].<anion>' for a salt); made if need be."
)
@json_option
@quiet_option
def parameters(names: tuple[str, ...], smiles: str | None, as_json: bool, quiet: bool) -> None:
    """Force-field parameters of NAMES (of a salt: its anion), or a list of all that ship."""
    from saltloop.chemistry import SpeciesBook
    from saltloop.chemistry.errors import DataError
    from saltloop.simulators.forces.species_parameters import all_parameters, parameters_of

    if smiles is not None and names:
        raise click.UsageError("--smiles stands alone, without names.")
    if smiles is not None:
        found = [_on_demand(_species(smiles), quiet)]
    elif names:
        found = []
        for species in map(SpeciesBook.builtin().find, names):
            if (known := parameters_of(species)) is None:
                raise DataError(f"No force-field parameters for {species.name!r}.")
            found.append(known)
    else:
        found = list(all_parameters().values())
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
    elif names or smiles is not None:
        for one in found:
            click.echo("\n".join(_lines(one)))
    else:
        click.echo("\n".join(_table(found)))


def _species(smiles: str) -> Species:
    from saltloop.chemistry.species import SpeciesDefinition
    from saltloop.chemistry.structure import species_from_definition

    kind = "salt" if "[Li+]" in smiles else "solvent"
    return species_from_definition(SpeciesDefinition(name=smiles, kind=kind, smiles=smiles))


def _on_demand(species: Species, quiet: bool) -> SpeciesParameters:
    from saltloop.loop.screen import Screen
    from saltloop.simulators.forces.parametrise import ensure_parameters
    from saltloop.simulators.forces.species_parameters import cache_path, parameters_of

    known = parameters_of(species)
    if known is not None:
        return known
    screen = Screen(is_quiet=quiet or not sys.stderr.isatty())
    with screen.jobs([("parameters of", species.name)]) as update:
        made = ensure_parameters([species], lambda done, what: update({"parameters of": (done, what)}))
    if not quiet:
        click.echo(f"kept in {cache_path(species.inchikey)}", err=True)
    return made[0]


def _table(listed: list[SpeciesParameters]) -> Iterator[str]:
    yield f"{'name':<22}{'kind':<9}{'atoms':>6}{'charge':>8}  force field"
    for one in listed:
        source = one.provenance.get("force_field", "")
        yield f"{one.name:<22}{one.kind:<9}{one.n_atoms:>6}{one.formal_charge:>8}  {source}"


def _lines(one: SpeciesParameters) -> Iterator[str]:
    yield f"{one.name}: {one.smiles} ({one.kind}, charge {one.formal_charge})"
    yield f"  {len(one.bonds)} bonds, {len(one.angles)} angles, {len(one.torsions)} torsions"
    yield f"  three bonds apart: Lennard-Jones x {one.scale14_lj:g}, Coulomb x {one.scale14_coulomb:.4g}"
    yield f"  {'':<4}{'charge/e':>10}{'sigma/nm':>10}{'eps/(kJ/mol)':>14}"
    for atom in one.atoms:
        yield f"  {atom.element:<4}{atom.charge:>10.4f}{atom.sigma:>10.4f}{atom.epsilon:>14.4f}"
    for key in ("force_field", "charges", "bonded_terms", "lennard_jones", "source"):
        if key in one.provenance:
            yield f"  {key.replace('_', ' '):<16}{one.provenance[key]}"
