"""SCAN's own network (Wang & You, Nat. Comput. Sci. 2026), as an ensemble: ``preset: scan``.

Single-head attention over a sequence of length one, whose softmax is always 1, leaves its value and output layers; two
ReLU layers a branch; one linear layer fuses the three; a router with softmax mixes linear heads; absolute values keep
it positive. One difference: SCAN reads fractions and concentration as they are listed, with flags for their units,
which tell the source of a row apart. Here they are mole fractions and molality, and the flags are constant.
"""

from __future__ import annotations

import torch
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.stacked import Branch, StackedLinear
from torch import Tensor, nn
from torch.nn import functional

#: Unit flag (mol/kg), then mass, volume and mole ratio: what SCAN's flags would be for our rows.
FLAGS = (0.0, 0.0, 0.0, 1.0)


class DescriptorMean(nn.Module):
    """The share-averaged descriptors of a mixture."""

    def __init__(self, descriptors: Tensor) -> None:
        super().__init__()
        self.descriptors: Tensor
        self.register_buffer("descriptors", descriptors)

    def forward(self, shares: Tensor) -> Tensor:
        return shares @ self.descriptors


class AttentionBranch(nn.Module):
    """Attention over one token, then two ReLU layers."""

    def __init__(self, members: int, d_in: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.value = StackedLinear(members, d_in, d_in, generator)
        self.out = StackedLinear(members, d_in, d_in, generator)
        self.layers = Branch(members, d_in, hidden, generator)

    def forward(self, x: Tensor) -> Tensor:
        attended: Tensor = self.layers(self.out(self.value(x)))
        return attended


class ScanEnsemble(nn.Module):
    """``n_members`` of SCAN's networks; the interface of ``MFNetEnsemble``."""

    def __init__(
        self,
        settings: SurrogateSettings,
        salt_descriptors: Tensor,
        solvent_descriptors: Tensor,
        generator: torch.Generator,
    ) -> None:
        """``*_descriptors``: species x 14, scaled by their largest absolute value."""
        super().__init__()
        members, hidden = settings.n_members, settings.hidden
        self.n_members, self.n_salts = members, len(salt_descriptors)
        self.salt_pool = DescriptorMean(salt_descriptors)
        self.solvent_pool = DescriptorMean(solvent_descriptors)
        self.salt_branch = AttentionBranch(members, salt_descriptors.shape[1], hidden, generator)
        self.solvent_branch = AttentionBranch(members, solvent_descriptors.shape[1], hidden, generator)
        self.condition_branch = AttentionBranch(members, 2 + len(FLAGS), hidden, generator)
        self.fusion = StackedLinear(members, 3 * hidden, hidden, generator)
        self.router_hidden = StackedLinear(members, hidden, hidden, generator)
        self.router = StackedLinear(members, hidden, settings.n_routes, generator)
        self.heads = StackedLinear(members, hidden, settings.n_routes, generator)

    def forward(self, X: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Conductivity in mS/cm, members x n, for encoded rows ``n x dim`` or ``members x n x dim``."""
        return self._evaluate(X)[0]

    def with_latent(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Conductivity (members x n) and the fused features (members x n x hidden)."""
        predicted, latent, _ = self._evaluate(X)
        return predicted, latent

    def with_routes(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Conductivity (members x n) and the weight of each route (members x n x n_routes)."""
        predicted, _, routes = self._evaluate(X)
        return predicted, routes

    def mark_seen(self, X: Tensor, held_out: Tensor) -> None:
        """Nothing to do: SCAN's network knows species by their descriptors alone."""

    def _evaluate(self, X: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if X.dim() == 2:
            X = X.expand(self.n_members, -1, -1)
        salts, solvents, temperature = X[..., : self.n_salts], X[..., self.n_salts : -1], X[..., -1]
        molality = salts.sum(dim=-1)
        shares = salts / molality.clamp_min(1e-6).unsqueeze(-1)
        flags = [torch.full_like(molality, flag) for flag in FLAGS]
        conditions = torch.stack([temperature / 100, *flags, molality], dim=-1)
        branches = [
            self.salt_branch(self.salt_pool(shares)),
            self.solvent_branch(self.solvent_pool(solvents)),
            self.condition_branch(conditions),
        ]
        latent = self.fusion(torch.cat(branches, dim=-1)).abs()
        routes = torch.softmax(self.router(functional.relu(self.router_hidden(latent))), dim=-1)
        return (routes * self.heads(latent)).sum(dim=-1).abs(), latent, routes
