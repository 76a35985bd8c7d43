"""Which column of a surrogate's encoder each species of a space goes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from saltloop.loop.errors import CampaignFileError
from saltloop.loop.screening_space import ScreeningSpace

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder


@dataclass(frozen=True)
class EncoderColumns:
    """Where a surrogate's encoder keeps the species of a space.

    ``salt``: by position in the space's salts; ``solvent``: by position in its solvents, the last for none.
    """

    salt: np.ndarray
    solvent: np.ndarray
    temperature: int
    dim: int

    @classmethod
    def of(cls, encoder: FormulationEncoder, space: ScreeningSpace) -> EncoderColumns:
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
        return cls(
            salt=np.array([known[salt.name] for salt in space.salts]),
            solvent=np.array([*(known[one.name] for one in space.solvents), encoder.temperature_index]),
            temperature=encoder.temperature_index,
            dim=encoder.dim,
        )
