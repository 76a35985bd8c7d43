"""Whether a liquid is expected to be so slow that its packing should be annealed away."""

from __future__ import annotations

import math

from saltloop.chemistry.formulation import Formulation

from .stage_settings import Anneal

CHELATING = "[OX2;!R;!$(OC=O)][CX4;!R][CX4;!R][OX2;!R;!$(OC=O)]"
"""Two ether oxygens on neighbouring carbons of an open chain (SMARTS): both bind one lithium, as in DME."""


def annealing_of(formulation: Formulation, settings: Anneal | None) -> tuple[Anneal | None, str]:
    """How a formulation is annealed, and in words why; None and no words where it is not."""
    if settings is None or settings.when == "never":
        return None, ""
    chelating = chelating_solvents(formulation) if formulation.molality else []
    if settings.when == "always":
        why = "the protocol always anneals"
    else:
        why = "; ".join(_reasons(formulation, settings, chelating))
    if not why:
        return None, ""
    if chelating:
        settings = settings.model_copy(update={"duration_ps": max(settings.duration_ps, settings.exchange_ps)})
    return settings, why


def _reasons(formulation: Formulation, settings: Anneal, chelating: list[str]) -> list[str]:
    reasons = []
    viscosity, unknown = solvent_viscosity_mPa_s(formulation)
    if unknown:
        reasons.append(f"the viscosity of {', '.join(unknown)} is unknown")
    elif viscosity > settings.above_mPa_s:
        reasons.append(f"the solvents have about {viscosity:.2g} mPa s, above {settings.above_mPa_s:g}")
    molality = sum(formulation.molality.values())
    if molality > settings.above_mol_kg:
        reasons.append(f"{molality:.3g} mol/kg of salt, above {settings.above_mol_kg:g}")
    if formulation.temperature_K < settings.below_K:
        reasons.append(f"{formulation.temperature_K:g} K, below {settings.below_K:g}")
    if chelating:
        reasons.append(f"lithium leaves {' and '.join(chelating)} slowly")
    return reasons


def chelating_solvents(formulation: Formulation) -> list[str]:
    """Names of the solvents that hold lithium by two oxygens at once (``CHELATING``)."""
    from rdkit import Chem

    pattern = Chem.MolFromSmarts(CHELATING)
    return [
        solvent.name
        for solvent, _ in formulation.solvents
        if Chem.MolFromSmiles(solvent.smiles).HasSubstructMatch(pattern)
    ]


def solvent_viscosity_mPa_s(formulation: Formulation) -> tuple[float, list[str]]:
    """ln(eta) averaged by mole fraction (Grunberg and Nissan, Nature 164 (1949) 799, without their interaction term).

    Each viscosity at the temperature of its table entry, mostly 298 K: an order of slowness, no prediction. Solvents
    whose viscosity is unknown are left out and named.
    """
    known = {solvent.name: solvent.value("viscosity") for solvent, _ in formulation.solvents}
    unknown = [name for name, value in known.items() if value is None]
    shares = {name: formulation.mole_fractions[name] for name, value in known.items() if value is not None}
    total = sum(shares.values())
    if not total:
        return math.nan, unknown
    return math.exp(sum(share * math.log(known[name] or math.nan) for name, share in shares.items()) / total), unknown
