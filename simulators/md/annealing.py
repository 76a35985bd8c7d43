"""Whether a liquid is expected to be so slow that its packing should be annealed away."""

from __future__ import annotations

import math

from saltloop.chemistry.formulation import Formulation

from .stage_settings import Anneal


def why_anneal(formulation: Formulation, settings: Anneal | None) -> str:
    """In words, why a formulation is annealed; empty where it is not."""
    if settings is None or settings.when == "never":
        return ""
    if settings.when == "always":
        return "the protocol always anneals"
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
    return "; ".join(reasons)


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
