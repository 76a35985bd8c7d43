"""Which column of a surrogate's encoder each species of a space goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from saltloop.chemistry.species import Species
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.space_candidates import Candidates

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder


class HasSpecies(Protocol):
    """A space, as far as its columns are concerned."""

    @property
    def salts(self) -> Sequence[Species]: ...

    @property
    def solvents(self) -> Sequence[Species]: ...


@dataclass(frozen=True)
class EncoderColumns:
    """Where a surrogate's encoder keeps the species of a space.

    ``salt`` and ``solvent``: by position in the space's salts and solvents, the last for none.
    """

    salt: np.ndarray
    solvent: np.ndarray
    temperature: int
    dim: int

    @classmethod
    def of(cls, encoder: FormulationEncoder, space: HasSpecies) -> EncoderColumns:
        """Look the columns up.

        Raises:
            CampaignFileError: the surrogate has no column for a species of the space.
        """
        known = {name: column for column, name in enumerate(encoder.columns)}
        missing = sorted({one.name for one in (*space.salts, *space.solvents)} - known.keys())
        if missing:
            raise CampaignFileError(
                f"The surrogate has no column for {', '.join(missing)}: it was trained without. Leave them out of the "
                "space, or train it again with these species."
            )
        none = encoder.temperature_index
        return cls(
            salt=np.array([*(known[one.name] for one in space.salts), none]),
            solvent=np.array([*(known[one.name] for one in space.solvents), none]),
            temperature=encoder.temperature_index,
            dim=encoder.dim,
        )

    def encode(self, candidates: Candidates) -> np.ndarray:
        """Rows for a surrogate, n x dim: what ``FormulationEncoder.encode`` gives for the same formulations."""
        X = np.zeros((len(candidates), self.dim))
        row = np.arange(len(candidates))
        # What is not there has the share 0 and goes to the last column, set below.
        for position in range(candidates.salts.shape[1]):
            amount = candidates.molality * candidates.salt_shares[:, position]
            X[row, self.salt[candidates.salts[:, position]]] = amount
        for position in range(candidates.solvents.shape[1]):
            X[row, self.solvent[candidates.solvents[:, position]]] = candidates.mole_fractions[:, position]
        X[:, self.temperature] = candidates.temperature_K
        return X
