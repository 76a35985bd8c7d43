"""What a space keeps out of its grid: liquids that cannot be made, solids, species that must not meet, constraints."""

from __future__ import annotations

from collections import Counter

import numpy as np
from saltloop.chemistry.species import Species
from saltloop.loop.space.candidates import Candidates
from saltloop.loop.space.constraints import Constraint, Verdict
from saltloop.loop.space.mixtures import EXCLUDED, NOT_INCLUDED, Offer, is_of_kind, positions
from saltloop.loop.space.properties import Properties
from saltloop.loop.space.settings import SpaceSettings

NO_LIQUID = (
    "no such liquid: the salt fills the litre or is above 20 mol/kg, or the conversion from mol/L needs a density "
    "or an apparent volume that is not known"
)
SOLID = "more solid solvent than max_solid_fraction"


class SpaceRules:
    """Judges candidates by the settings of their space; constraints on predictions are left to whoever predicts."""

    def __init__(self, settings: SpaceSettings, offer: Offer, properties: Properties) -> None:
        self._offer, self._most_solid = offer, settings.max_solid_fraction
        constraints = [Constraint(text, properties) for text in settings.constraints]
        self.constraints = [one for one in constraints if not one.needs_prediction]
        #: Constraints that can be judged only after the surrogate has been asked.
        self.on_predictions = [one for one in constraints if one.needs_prediction]
        # Lists about one kind of species have decided which sets there are (``space_mixtures``).
        self._together = [g for g in offer.together if not is_of_kind(g, "salt") and not is_of_kind(g, "solvent")]
        self._apart = [g for g in offer.apart if not is_of_kind(g, "salt") and not is_of_kind(g, "solvent")]
        melting = [one.value("melting_point") for one in offer.solvents]
        #: Solvents that are offered although nobody told us whether they are liquid.
        self.unknown_melting_points = [s.name for s, K in zip(offer.solvents, melting, strict=True) if K is None]
        # What melts at no known temperature, and what is not there, counts as liquid.
        self._melting_K = np.array([-np.inf if K is None else K for K in melting] + [-np.inf])

    def allowed(self, candidates: Candidates, counts: Counter[str]) -> np.ndarray:
        """Which candidates are kept (n, bool); ``counts`` gains what is dropped, by reason, each candidate once."""
        kept = _keep(~np.isnan(candidates.molality), np.ones(len(candidates), bool), NO_LIQUID, counts)
        if self._most_solid < 1:
            is_solid = self._melting_K[candidates.solvents] > candidates.temperature_K[:, None]
            solid = (candidates.shares * is_solid).sum(axis=1)
            kept = _keep(solid <= self._most_solid + 1e-9, kept, SOLID, counts)
        for group in self._together:
            is_one_there = np.logical_or.reduce([self._has(one, candidates) for one in group])
            kept = _keep(is_one_there, kept, NOT_INCLUDED, counts)
        for group in self._apart:
            do_meet = np.logical_and.reduce([self._has(one, candidates) for one in group])
            kept = _keep(~do_meet, kept, EXCLUDED, counts)
        for constraint in self.constraints:
            kept = apply_constraint(constraint, kept, constraint.judge(candidates), counts)
        return kept

    def _has(self, one: Species, candidates: Candidates) -> np.ndarray:
        codes = candidates.salts if one.kind == "salt" else candidates.solvents
        listed = self._offer.salts if one.kind == "salt" else self._offer.solvents
        return np.asarray(np.isin(codes, positions(one, listed)).any(axis=1))


def apply_constraint(constraint: Constraint, kept: np.ndarray, verdict: Verdict, counts: Counter[str]) -> np.ndarray:
    """What is still kept under one more constraint; what is not is counted, unknown values apart."""
    kept = _keep(~verdict.fails, kept, f"not {constraint.text}", counts)
    return _keep(verdict.holds, kept, f"a value that '{constraint.text}' needs is not known", counts)


def _keep(passes: np.ndarray, kept: np.ndarray, reason: str, counts: Counter[str]) -> np.ndarray:
    if passes.all():
        return kept
    if n := int((kept & ~passes).sum()):
        counts[reason] += n
    return kept & passes
