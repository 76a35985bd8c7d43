"""Which column of a surrogate's encoder each species of a space goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from saltloop.chemistry.species import Species
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.space.candidates import NO_NUMBER, Candidates, Liquids

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder

#: As in ``FormulationEncoder``: smaller amounts are absent.
ABSENT = 1e-6


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

    def decode(self, X: np.ndarray, liquids: Liquids) -> Candidates:
        """Rows (n x dim) of liquids of the space's species as candidates, in mol/kg; the inverse of ``encode``."""
        is_first = np.isin(np.arange(len(self.salt) - 1), np.unique(self.salt[:-1], return_index=True)[1])
        salts, amounts = _largest_first(np.where(is_first, X[:, self.salt[:-1]], 0.0))
        solvents, moles = _largest_first(X[:, self.solvent[:-1]])
        molality = amounts.sum(axis=1)
        with np.errstate(invalid="ignore"):
            salt_shares = np.nan_to_num(amounts / molality[:, None])
        return Candidates(
            index=np.full(len(X), NO_NUMBER),
            salts=salts,
            salt_shares=salt_shares,
            solvents=solvents,
            shares=liquids.shares(solvents, moles),
            mole_fractions=moles / moles.sum(axis=1, keepdims=True),
            concentration=molality,
            unit=np.zeros(len(X), np.int8),
            molality=molality,
            temperature_K=X[:, self.temperature],
        )


def _largest_first(amounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions and amounts of what is there, n x most of them in a row; the position after the last for none."""
    amounts = np.where(amounts > ABSENT, amounts, 0.0)
    width = max(1, int((amounts > 0).sum(axis=1).max(initial=1)))
    order = np.argsort(-amounts, axis=1, kind="stable")[:, :width]
    found = np.take_along_axis(amounts, order, axis=1)
    return np.where(found > 0, order, amounts.shape[1]), found
