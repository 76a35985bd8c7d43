"""Layers of a whole ensemble: every parameter has a leading member dimension, all members run in one batched pass."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class StackedLinear(nn.Module):
    """One linear layer for each of ``n_members`` members: ``members x n x d_in -> members x n x d_out``."""

    def __init__(self, n_members: int, d_in: int, d_out: int, generator: torch.Generator, *, gain: float = 1.0) -> None:
        super().__init__()
        bound = 1 / math.sqrt(d_in)
        uniform = torch.rand(n_members, d_in + 1, d_out, generator=generator) * 2 - 1
        self.weight = nn.Parameter(uniform[:, :d_in] * bound * gain)
        self.bias = nn.Parameter(uniform[:, d_in:] * bound * gain)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class Branch(nn.Module):
    """Two hidden layers, as each of SCAN's sub-networks."""

    def __init__(self, n_members: int, d_in: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first = StackedLinear(n_members, d_in, hidden, generator)
        self.second = StackedLinear(n_members, hidden, hidden, generator)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.second(functional.relu(self.first(x))))


class ResidualBranch(Branch):
    """The same with SiLU, so that predictions are smooth, and the second layer beside the first."""

    def forward(self, x: Tensor) -> Tensor:
        first = functional.silu(self.first(x))
        return first + functional.silu(self.second(first))
