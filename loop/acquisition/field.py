"""The formulations of one decision in one table: measured, pending, and those to choose among."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.models.model import Model
from saltloop.chemistry.formulation import Formulation
from saltloop.loop.acquisition.functions import Feasibility, acquisition_function, competitive
from saltloop.loop.acquisition.objectives import Objectives
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.acquisition.table import TableModel, positions
from torch import Tensor

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder


@dataclass
class Field:
    """Measured formulations first, then pending ones, then candidates; everything else speaks of their positions."""

    objectives: Objectives
    encoder: FormulationEncoder
    settings: AcquisitionSettings
    formulations: list[Formulation]
    n_baseline: int
    n_pending: int
    seed: int
    feasibility: Feasibility | None = None
    X: Tensor = field(init=False)
    table: Model = field(init=False)
    #: Positions of the measured formulations that may be the best; of a candidate where nothing is measured.
    incumbents: list[int] = field(init=False)
    log_p: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self._tabulate()
        measured = positions(range(self.n_baseline) or [self.candidates[0]])
        kept = competitive(self.objectives, self.table, measured, self.seed)
        self.incumbents = [int(one) for one in kept.flatten()]

    @property
    def pending(self) -> list[int]:
        return list(range(self.n_baseline, self.n_baseline + self.n_pending))

    @property
    def candidates(self) -> range:
        return range(self.n_baseline + self.n_pending, len(self.formulations))

    def joint(self) -> TableModel:
        """The joint posterior of the one objective."""
        assert isinstance(self.table, TableModel)
        return self.table

    def add(self, formulation: Formulation) -> int:
        """Put one more candidate in; its position."""
        self.formulations.append(formulation)
        self._tabulate()
        return len(self.formulations) - 1

    def acquisition(self, picks: Sequence[int]) -> AcquisitionFunction:
        """Over positions, aware of what is pending and of these picks."""
        taken = [*self.pending, *picks]
        return acquisition_function(
            self.settings,
            self.objectives,
            self.table,
            baseline=positions(self.incumbents),
            pending=positions(taken) if taken else None,
            seed=self.seed,
            log_probability=None if self.feasibility is None else lambda at: self.log_p[at[..., 0].round().long()],
        )

    def acquisition_over_rows(self, picks: Sequence[int]) -> AcquisitionFunction:
        """The same function over encoded rows, with a gradient."""
        taken = [*self.pending, *picks]
        return acquisition_function(
            self.settings,
            self.objectives,
            self.objectives.model(self.X[:1]),
            baseline=self.X[self.incumbents],
            pending=self.X[taken] if taken else None,
            seed=self.seed,
            log_probability=None if self.feasibility is None else self.feasibility.log_probability,
        )

    def _tabulate(self) -> None:
        self.X = self.encoder.encode(self.formulations)
        self.table = self.objectives.table(self.X)
        with torch.no_grad():
            if self.feasibility is None:
                self.log_p = torch.zeros(len(self.X), dtype=torch.double)
            else:
                self.log_p = self.feasibility.log_probability(self.X).double()
