"""``saltloop explain``: why the surrogate predicts what it does, as one page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from saltloop.chemistry.formulation import Formulation
from saltloop.loop.commands.options import json_option, print_json, quiet_option

if TYPE_CHECKING:
    from saltloop.loop.explain.subject import Subject


@click.command()
@click.argument("formulation", required=False)
@click.option("--model", "whole_model", is_flag=True, help="The whole model instead of one formulation.")
@click.option("-c", "--campaign", type=click.Path(path_type=Path), help="The model of this campaign, with its results.")
@click.option(
    "--weights", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="A model file (*.safetensors)."
)
@click.option(
    "--data",
    default="literature",
    show_default=True,
    help="Without a campaign: what to learn from; with --weights: the data set that they were trained on.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The page [default: explain-….html here].")
@click.option("--symbolic", type=click.Choice(["operon", "pysr"]), default="operon", show_default=True,
              help="What searches formulas (--model).")  # fmt: skip
@click.option("--no-symbolic", is_flag=True, help="Search no formulas (--model).")
@quiet_option
@json_option
def explain(
    formulation: str | None,
    whole_model: bool,
    campaign: Path | None,
    weights: Path | None,
    data: str,
    output: Path | None,
    symbolic: Any,
    no_symbolic: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Why the surrogate predicts what it does of FORMULATION, or with --model what it has learned as a whole.

    Writes one self-contained HTML page with plots, and prints a summary.
    """
    if (formulation is None) != whole_model:
        raise click.UsageError("Give either a formulation in quotes, or --model.")
    if campaign is not None and weights is not None:
        raise click.UsageError("Give --campaign or --weights, not both.")
    from saltloop.loop.screen import Screen

    screen = Screen(is_quiet=quiet or as_json)
    if formulation is not None and campaign is None:
        Formulation.parse(formulation)  # A misspelt liquid is said before anything is trained.
    subject = _subject(campaign, weights, data, screen)
    for note in subject.notes:
        screen.say(note)
    if formulation is None:
        from saltloop.loop.explain.model import explain_model
        from saltloop.surrogates.symbolic_search import SearchSettings

        search = None if no_symbolic else SearchSettings(backend=symbolic)
        with screen.task("Looking into the model") as progress:
            explanation = explain_model(subject, search, progress)
        name = "explain-model.html"
    else:
        from saltloop.loop.explain.liquid import explain_liquid

        liquid = Formulation.parse(formulation, species=subject.species)
        with screen.task("Looking into the prediction") as progress:
            explanation = explain_liquid(subject, liquid, progress)
        name = f"explain-{liquid.formulation_id}.html"
    path = output or Path(name)
    explanation.page.write(path)
    if as_json:
        print_json({**explanation.figures, "page": str(path)})
        return
    click.echo(explanation.summary)
    click.echo(f"Page: {path}")


def _subject(campaign: Path | None, weights: Path | None, data: str, screen: Any) -> Subject:
    """The model to explain with the rows it has learned from."""
    from saltloop.chemistry.errors import DataError
    from saltloop.loop.explain.subject import Subject, usable
    from saltloop.surrogates.posterior import SurrogateModel

    if weights is not None:
        from saltloop.chemistry.dataset import load_dataset
        from saltloop.chemistry.species import SpeciesBook
        from saltloop.surrogates.factory import load_surrogate

        species = SpeciesBook.builtin()
        surrogate = load_surrogate(weights, species)
        model, encoder = surrogate.model(), surrogate.encoder
        measurements = load_dataset(data, species=species).measurements
        origin = f"{weights.name}, seen on the data set '{data}'"
    else:
        from saltloop.loop.commands.predict import campaign_or_cache
        from saltloop.loop.strategy import SurrogateStrategy

        opened = campaign_or_cache(campaign, data, screen)
        strategy = SurrogateStrategy(opened)
        model, encoder = strategy.model(opened)
        species = opened.species
        measurements = (*strategy.known_measurements(), *opened.measurements())
        origin = f"trained on '{data}'" if campaign is None else f"campaign '{opened.settings.name}'"
    if not isinstance(model, SurrogateModel):
        raise DataError(
            "This model is a Gaussian process ('surrogate: {architecture: gp}'); 'explain' looks into an ensemble of "
            "networks. Leave architecture out of the campaign file, or explain with --data."
        )
    known, notes = usable(measurements, encoder.columns)
    if not known:
        raise DataError(
            f"The data set {data!r} has no conductivity of a liquid that this model can read; check --data."
        )
    return Subject(origin=origin, model=model, encoder=encoder, species=species, known=known, notes=notes)
