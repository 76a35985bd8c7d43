"""Formulations as rows of numbers, in which composition, concentration and temperature can be differentiated."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from saltloop.chemistry.errors import UnknownSpeciesError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from torch import Tensor

#: Mole fractions and molalities below this are absent when a row is decoded.
ABSENT = 1e-6


class FormulationEncoder:
    """Columns ``[molality of each salt, mol/kg][mole fraction of each solvent][temperature, K]``; ``dim`` in all."""

    def __init__(self, species: SpeciesBook, salts: Sequence[str], solvents: Sequence[str]) -> None:
        self.species = species
        self.salts = tuple(species.salt(name) for name in salts)
        self.solvents = tuple(species.solvent(name) for name in solvents)
        n_salts, n_solvents = len(self.salts), len(self.solvents)
        self.columns = (*(s.name for s in self.salts), *(s.name for s in self.solvents), "temperature_K")
        self.dim = len(self.columns)
        self.salt_slice = slice(0, n_salts)
        self.solvent_slice = slice(n_salts, n_salts + n_solvents)
        self.temperature_index = n_salts + n_solvents
        self._column = {name: index for index, name in enumerate(self.columns)}

    def encode(self, formulations: Sequence[Formulation]) -> Tensor:
        """Rows for formulations, ``n x dim`` in double precision.

        Raises:
            UnknownSpeciesError: a formulation holds a species that this encoder has no column for.
        """
        X = torch.zeros(len(formulations), self.dim, dtype=torch.double)
        for row, formulation in enumerate(formulations):
            for name, amount in (*formulation.molality.items(), *formulation.mole_fractions.items()):
                column = self._column.get(name)
                if column is None:
                    raise UnknownSpeciesError(
                        f"The surrogate has no column for {name!r} (in '{formulation}'); it was trained before that "
                        "species was added. Train it again with this species."
                    )
                X[row, column] = amount
            X[row, self.temperature_index] = formulation.temperature_K
        return X

    def decode(self, row: Tensor) -> Formulation:
        """The formulation of one row (``dim``), in mol/kg and mole fractions; fractions are renormalised."""
        values = row.detach().tolist()
        salts = {s.name: values[i] for i, s in enumerate(self.salts) if values[i] > ABSENT}
        shares = {s.name: max(values[self.solvent_slice.start + i], 0.0) for i, s in enumerate(self.solvents)}
        shares = {name: share for name, share in shares.items() if share > ABSENT}
        total = sum(shares.values())
        return Formulation.create(
            salts,
            {name: share / total for name, share in shares.items()},
            basis="mole",
            temperature_K=values[self.temperature_index],
            species=self.species,
        )
