"""Columns of a space as objectives: a cost, a fluorine content, any expression, for whole chunks of encoded rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from saltloop.loop.errors import CampaignError
from saltloop.loop.space_candidates import NO_NUMBER, Candidates
from saltloop.loop.space_columns import EncoderColumns
from saltloop.loop.space_constraints import Expression

if TYPE_CHECKING:
    from saltloop.loop.space import CandidateSpace
    from saltloop.surrogates.encoding import FormulationEncoder

#: As in ``saltloop.surrogates.encoding``, which would load torch.
ABSENT = 1e-6


def column_values(space: CandidateSpace, encoder: FormulationEncoder, name: str) -> Callable[[np.ndarray], np.ndarray]:
    """What works a column or an expression out for encoded rows of the space's species: n x dim to n.

    A column of the user's own counts all salts and solvents by mass: ``cost`` is short for ``overall(cost)``.

    Raises:
        ConstraintError: it cannot be read.
        CampaignError: it rests on predictions; or, from the function, a value that it needs is not known.
    """
    text = f"overall({name})" if name in space.properties.own else name
    expression = Expression(text, space.properties)
    if expression.needs_prediction:
        raise CampaignError(f"objectives: column {name!r} rests on predictions; name a 'quantity' instead.")
    columns = EncoderColumns.of(encoder, space)

    def values(rows: np.ndarray) -> np.ndarray:
        found = expression.values(as_candidates(space, columns, rows))
        unknown = np.flatnonzero(np.isnan(found))
        if len(unknown):
            names = np.array(encoder.columns[:-1])[rows[unknown[0], :-1] > ABSENT]
            raise CampaignError(
                f"objectives: {name!r} is not known for a mixture of {', '.join(names)}. Give its values for all "
                "species of the space under 'space.columns', or leave out the species that have none."
            )
        return found

    return values


def as_candidates(space: CandidateSpace, columns: EncoderColumns, rows: np.ndarray) -> Candidates:
    """Encoded rows (n x dim) of the space's species as candidates of it, on its grid or not; in mol/kg."""
    salts, amounts = _largest(rows[:, columns.salt[:-1]], space.settings.max_salts)
    solvents, moles = _largest(rows[:, columns.solvent[:-1]], space.settings.max_solvents)
    molality = amounts.sum(axis=1)
    return Candidates(
        index=np.full(len(rows), NO_NUMBER),
        salts=salts,
        salt_shares=amounts / np.maximum(molality, ABSENT)[:, None],
        solvents=solvents,
        shares=space.liquids.shares(solvents, moles),
        mole_fractions=moles,
        concentration=molality,
        unit=np.zeros(len(rows), np.int8),
        molality=molality,
        temperature_K=rows[:, columns.temperature],
    )


def _largest(amounts: np.ndarray, n_most: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and amounts of what is present in each row, the largest first; past the last column for none."""
    n_most = max(n_most, int((amounts > ABSENT).sum(axis=1).max(initial=1)))
    order = np.argsort(-amounts, axis=1, kind="stable")[:, :n_most]
    found = np.take_along_axis(amounts, order, axis=1)
    is_there = found > ABSENT
    return np.where(is_there, order, amounts.shape[1]), np.where(is_there, found, 0.0)
