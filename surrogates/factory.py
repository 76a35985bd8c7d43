"""Which surrogate a campaign's settings ask for, new or from a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saltloop.chemistry.species import SpeciesBook
from saltloop.surrogates.checkpoint import CheckpointError, read_checkpoint
from saltloop.surrogates.gp import GPSurrogate
from saltloop.surrogates.law_gp import LawGP
from saltloop.surrogates.posterior import SurrogateModel
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.surrogate import MFNetSurrogate

Surrogate = MFNetSurrogate | GPSurrogate
#: What they give: BoTorch models of the conductivity.
ConductivityModel = SurrogateModel | LawGP


def new_surrogate(
    settings: SurrogateSettings, species: SpeciesBook, salts: Sequence[str], solvents: Sequence[str]
) -> Surrogate:
    """An untrained surrogate over these species."""
    kind = GPSurrogate if settings.architecture == "gp" else MFNetSurrogate
    return kind(settings, species, salts, solvents)


def load_surrogate(path: Path, species: SpeciesBook) -> Surrogate:
    """A surrogate from a checkpoint, of whichever kind it holds.

    Raises:
        CheckpointError: not a checkpoint of ours, or its species are not those of ``species``.
    """
    _, header = read_checkpoint(path)
    settings = header.get("settings")
    if not isinstance(settings, dict):
        raise CheckpointError(f"{path} does not say what it holds; train again.")
    return (GPSurrogate if settings.get("architecture") == "gp" else MFNetSurrogate).load(path, species)
