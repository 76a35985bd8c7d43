"""What a space's own settings keep out: liquids that cannot be made, solids, and species that must not meet."""

from __future__ import annotations

from collections import Counter

import numpy as np
from saltloop.loop.screening_space import Candidates, ScreeningSpace, positions

NO_LIQUID = (
    "no such liquid: the salt fills the litre or is above 20 mol/kg, or the conversion from mol/L needs a density "
    "or an apparent volume that is not known"
)
SOLID = "more solid solvent than max_solid_fraction"
EXCLUDED = "species that 'exclude' keeps apart"


class SpaceRules:
    """Judges candidates by the settings of their space."""

    def __init__(self, space: ScreeningSpace) -> None:
        self._space = space
        melting = [one.value("melting_point") for one in space.solvents]
        #: Solvents that are offered although nobody told us whether they are liquid.
        self.unknown_melting_points = [s.name for s, K in zip(space.solvents, melting, strict=True) if K is None]
        # What melts at no known temperature, and what is not there, counts as liquid (as in a campaign's space).
        self._melting_K = np.array([-np.inf if K is None else K for K in melting] + [-np.inf])

    def allowed(self, candidates: Candidates, molality: np.ndarray, counts: Counter[str]) -> np.ndarray:
        """Which candidates are kept (n, bool); ``counts`` gains what is dropped, by reason."""
        kept = self._keep(~np.isnan(molality), np.ones(len(candidates), bool), NO_LIQUID, counts)
        most = self._space.settings.max_solid_fraction
        if most < 1:
            is_solid = self._melting_K[candidates.solvents] > candidates.temperature_K[:, None]
            solid = (candidates.shares * is_solid).sum(axis=1)
            kept = self._keep(solid <= most + 1e-9, kept, SOLID, counts)
        for group in self._space.never_together:
            meet = np.ones(len(candidates), bool)
            for one in group:
                if one.kind == "salt":
                    meet &= np.isin(candidates.salt, positions(one, self._space.salts))
                else:
                    meet &= np.isin(candidates.solvents, positions(one, self._space.solvents)).any(axis=1)
            kept = self._keep(~meet, kept, EXCLUDED, counts)
        return kept

    @staticmethod
    def _keep(passes: np.ndarray, kept: np.ndarray, reason: str, counts: Counter[str]) -> np.ndarray:
        if not passes.all():
            counts[reason] += int((kept & ~passes).sum())
        return kept & passes
