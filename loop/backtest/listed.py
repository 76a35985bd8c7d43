"""A fixed list of formulations as a pool for the campaign's acquisition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from saltloop.chemistry.formulation import Formulation

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder
    from torch import Tensor

#: Digits by which a row is recognised.
DIGITS = 9


class ListedPool:
    """Only these formulations, as they are listed: there is nothing between them and nothing next to them."""

    is_listed = True

    def __init__(self, formulations: Sequence[Formulation]) -> None:
        self._formulations = tuple(formulations)
        self._position = {one.formulation_id: i for i, one in enumerate(self._formulations)}
        self._rows: dict[bytes, Formulation] = {}

    def __len__(self) -> int:
        return len(self._formulations)

    def stream(self, encoder: FormulationEncoder, *, chunk: int = 16_384) -> Iterator[np.ndarray]:
        """Encoded rows (n x dim), ``chunk`` at a time."""
        for begin in range(0, len(self), chunk):
            yield encoder.encode(self._formulations[begin : begin + chunk]).numpy()

    def contains(self, formulation: Formulation) -> bool:
        """Whether it is on the list."""
        return formulation.formulation_id in self._position

    def position(self, formulation: Formulation) -> int:
        """Its place on the list.

        Raises:
            KeyError: it is not there.
        """
        return self._position[formulation.formulation_id]

    def as_weighed(self, row: Tensor, encoder: FormulationEncoder, *, digits: int = 4) -> Formulation:
        """The listed formulation of an encoded row; nothing is rounded.

        Raises:
            KeyError: it is the row of none.
        """
        if not self._rows:
            rows = encoder.encode(self._formulations)
            self._rows = {_key(one): f for one, f in zip(rows, self._formulations, strict=True)}
        return self._rows[_key(row)]

    def neighbours(self, formulation: Formulation) -> list[Formulation]:
        """None: a list has no moves."""
        return []


def _key(row: Tensor) -> bytes:
    # Adding zero makes a negative zero positive: the same number must have the same bytes.
    return (np.round(row.detach().numpy(), DIGITS) + 0.0).tobytes()
