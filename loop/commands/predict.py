"""``saltloop predict``: what the surrogate believes of a formulation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from saltloop.chemistry.formulation import Formulation
from saltloop.loop.commands.options import json_option, print_json, quiet_option

if TYPE_CHECKING:
    from saltloop.chemistry.species import SpeciesDefinition
    from saltloop.loop.campaign import Campaign


@click.command()
@click.argument("formulation")
@click.option("-c", "--campaign", type=click.Path(path_type=Path), help="With everything this campaign has learned.")
@click.option("--data", default="literature", show_default=True, help="Without a campaign: the data set to learn from.")
@quiet_option
@json_option
def predict(formulation: str, campaign: Path | None, data: str, quiet: bool, as_json: bool) -> None:
    """Predicted conductivity of FORMULATION with its uncertainty, and the measured formulations nearest to it."""
    from saltloop.loop.screen import Screen
    from saltloop.loop.strategy import SurrogateStrategy

    screen = Screen(is_quiet=quiet or as_json)
    if campaign is None:
        Formulation.parse(formulation)  # A misspelt liquid is said before anything is trained.
    opened = campaign_or_cache(campaign, data, screen)
    liquid = Formulation.parse(formulation, species=opened.species)
    strategy = SurrogateStrategy(opened)
    prediction = strategy.predict(opened, [liquid])[0]
    nearest = strategy.nearest_known(opened, liquid)
    answer: dict[str, Any] = {"formulation": str(liquid), "formulation_id": liquid.formulation_id, "unit": "mS/cm"}
    answer |= {**prediction, "nearest_known": nearest}
    if as_json:
        print_json(answer)
        return
    low, high = prediction["interval_95"]
    click.echo(
        f"{liquid}\n  predicted {prediction['mean']:.2f} ± {prediction['standard_deviation']:.2f} mS/cm (1 s.d.), "
        f"95 % interval {low:.2f} to {high:.2f}"
    )
    for reason in prediction["unfamiliar"]:
        click.echo(f"  unlike anything known: {reason}")
    click.echo("  nearest known")
    for known in nearest:
        click.echo(
            f"    {known['text']}: {known['conductivity_mS_cm']:.2f} mS/cm ({known['reference']}), "
            f"distance {known['distance']:.2f}"
        )


def campaign_or_cache(
    path: Path | None, data: str, screen: Any, *, seed: int = 0, species: Sequence[SpeciesDefinition] = ()
) -> Campaign:
    """The named campaign, or a view on one without a state whose weights live in the cache folder.

    ``seed`` and ``species`` (added to the built-in ones) are those of such a view.
    """
    from saltloop.loop.campaign import Campaign, campaign_folder
    from saltloop.loop.strategy import SurrogateStrategy

    if path is not None:
        return Campaign.read(campaign_folder(path))
    import contextlib
    import json

    from saltloop.chemistry.fetch import cache_folder
    from saltloop.loop.campaign import versions
    from saltloop.loop.events import content_hash
    from saltloop.loop.record import CampaignRecord
    from saltloop.loop.settings import CampaignSettings
    from saltloop.simulators.checkpoints import write_json_durably
    from saltloop.surrogates.checkpoint import FORMAT_VERSION

    settings = CampaignSettings.model_validate(
        {
            "name": "predict",
            "seed": seed,
            "data": [data],
            "species": [one.model_dump() for one in species],
            "space": {"salts": ["LiPF6"], "solvents": ["EC"]},
        }
    )
    view = Campaign(cache_folder() / "predict", settings, CampaignRecord(), [])
    strategy = SurrogateStrategy(view)
    rows = [(m.measurement_id, m.value) for m in strategy.known_measurements()]
    recorded = settings.model_dump(mode="json")
    key = content_hash([rows, versions(), FORMAT_VERSION, seed, recorded["species"], recorded["surrogate"]])[:16]
    note = view.folder / f"{key}.json"
    with contextlib.suppress(FileNotFoundError, ValueError):  # not there, or half written by an earlier saltloop
        view.record.fits.append(json.loads(note.read_text()))
    if not strategy.has_model(view):
        with screen.task(f"Training the surrogate on '{data}' (kept for the next time)") as progress:
            fit = strategy.fit(view, iteration=0, progress=progress)
        view.record.fits.append(fit)
        write_json_durably(note, fit)
    return view
