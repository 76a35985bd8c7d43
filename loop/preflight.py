"""Checks before a campaign spends anything: is there something to propose, and can the oracle answer it?"""

from __future__ import annotations

from saltloop.chemistry.formulation import Formulation
from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.space import CandidateSpace


def check_before_start(campaign: Campaign) -> list[str]:
    """Notes on the space and the oracle that a person should read.

    Raises:
        CampaignFileError: the space is empty, or the oracle cannot simulate a species of it.
    """
    space = CandidateSpace(campaign.settings.space, campaign.species)
    notes = [
        f"Space: {len(space):,} formulations of {len(space.salts)} salt(s) and {len(space.solvents)} solvent(s) "
        f"at {space.settings.temperature_K:g} K"
    ]
    if unknown := space.unknown_melting_points:
        notes.append(f"Offered although no melting point is known: {', '.join(unknown)}")
    if campaign.settings.oracle.kind != "lab":
        _check_oracle(campaign, space)
    return notes


def _check_oracle(campaign: Campaign, space: CandidateSpace) -> None:
    from saltloop.simulators.oracle import UnsupportedFormulationError, build_oracle

    oracle = build_oracle(campaign.settings.oracle.model_dump(mode="json"), campaign.species)
    salts, solvents = space.salts, space.solvents
    probes = [(salt, solvents[0]) for salt in salts] + [(salts[0], solvent) for solvent in solvents]
    problems = []
    for salt, solvent in probes:
        formulation = Formulation.create(
            {salt.name: space.settings.molality.min},
            {solvent.name: 1.0},
            temperature_K=space.settings.temperature_K,
            species=campaign.species,
        )
        try:
            oracle.check(formulation)
        except UnsupportedFormulationError as error:
            problems.append(str(error))
    if problems:
        listed = "\n  ".join(dict.fromkeys(problems))
        raise CampaignFileError(
            f"The oracle '{campaign.settings.oracle.kind}' cannot simulate the whole space:\n  {listed}\n"
            "Take these species out of 'space', or choose another oracle."
        )
