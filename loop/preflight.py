"""Checks before a campaign starts or goes on: something to learn from, to propose, and an oracle that can answer."""

from __future__ import annotations

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.settings import CampaignSettings, OracleSettings
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.warm_start import later_changes, load_known


def check_before_start(settings: CampaignSettings) -> list[str]:
    """Notes on the space that a person should read. Nothing has been written when this raises.

    Raises:
        CampaignFileError: the space is empty, or an oracle cannot simulate a species of it or has another source.
        DataError: a data set is not at hand.
        OracleSpecError: the oracle's settings are wrong.
    """
    species = settings.species_book()
    space = CandidateSpace(settings.space, species)
    for name in settings.data:
        load_known(name, species)
    notes = [f"Space: {space.counts()} formulations on the grid", *space.unknowns(), *later_changes(settings.data)]
    if space.rules.on_predictions:
        raise CampaignFileError(
            f"space.constraints: '{space.rules.on_predictions[0].text}' is about what the surrogate predicts, which "
            "changes from round to round; constrain the liquid, or use it with 'saltloop screen'."
        )
    for name, oracle in settings.named_oracles().items():
        if oracle.kind != "lab":
            _check_oracle(name, oracle, species, space)
    return notes


def _check_oracle(name: str, settings: OracleSettings, species: SpeciesBook, space: CandidateSpace) -> None:
    from saltloop.simulators.oracle import UnsupportedFormulationError, build_oracle

    oracle = build_oracle(settings.spec(), species)
    if settings.yields not in (None, oracle.source):
        raise CampaignFileError(
            f"The oracle '{name}' is said to have the source '{settings.yields}', but its results name "
            f"'{oracle.source}'. Write 'source: {oracle.source}', or leave it out."
        )
    salts, solvents = space.salts, space.solvents
    probes = [(salt, solvents[0]) for salt in salts] + [(salts[0], solvent) for solvent in solvents]
    problems = []
    for salt, solvent in probes:
        formulation = Formulation.create(
            {salt.name: float(space.concentrations.min())},
            {solvent.name: 1.0},
            temperature_K=float(space.temperatures_K[0]),
            species=species,
        )
        try:
            oracle.check(formulation)
        except UnsupportedFormulationError as error:
            problems.append(str(error))
    if problems:
        listed = "\n  ".join(dict.fromkeys(problems))
        raise CampaignFileError(
            f"The oracle '{name}' ({settings.kind}) cannot simulate the whole space:\n  {listed}\n"
            "Take these species out of 'space', or choose another oracle."
        )
