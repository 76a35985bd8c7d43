"""MFNet with dynamic routing, for a whole ensemble at once: every parameter has a leading member dimension.

Source: SCAN (Wang & You, Nat. Comput. Sci. 2026). Three sub-networks read salt, solvents and conditions, each with
attention; their outputs are fused, and a router mixes ``n_routes`` linear heads row by row. Two things differ:
inputs are mole fractions and molality (SCAN's unit and ratio flags tell the source of a row apart), and the default
attends over the solvents that are in the mixture, where SCAN attends over a sequence of length one.
"""

from __future__ import annotations

import math

import torch
from saltloop.surrogates.settings import SurrogateSettings
from torch import Tensor, nn
from torch.nn import functional

T_CENTRE_K, T_SCALE_K = 298.15, 40.0
N_CONDITIONS = 6


class StackedLinear(nn.Module):
    """One linear layer for each of ``n_members`` members: ``members x n x d_in -> members x n x d_out``."""

    def __init__(self, n_members: int, d_in: int, d_out: int, generator: torch.Generator) -> None:
        super().__init__()
        bound = 1 / math.sqrt(d_in)
        uniform = torch.rand(n_members, d_in + 1, d_out, generator=generator) * 2 - 1
        self.weight = nn.Parameter(uniform[:, :d_in] * bound)
        self.bias = nn.Parameter(uniform[:, d_in:] * bound)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class Branch(nn.Module):
    """Two hidden layers with ReLU, as each of SCAN's sub-networks."""

    def __init__(self, n_members: int, d_in: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.first = StackedLinear(n_members, d_in, hidden, generator)
        self.second = StackedLinear(n_members, hidden, hidden, generator)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.second(functional.relu(self.first(x))))


class SpeciesPool(nn.Module):
    """What a mixture looks like to the network: its species' features, averaged and attended to.

    Each species is its descriptors and ``embedding`` learned coordinates. Attention weights are the shares times
    ``exp(query . key)``, so a species that is absent has no say and the result is smooth in the shares.
    """

    def __init__(
        self, n_members: int, descriptors: Tensor, embedding: int, d_query: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        n_species, n_descriptors = descriptors.shape
        self.descriptors: Tensor
        self.register_buffer("descriptors", descriptors)
        self.embedding = nn.Parameter(torch.randn(n_members, n_species, embedding, generator=generator) * 0.3)
        self.width = n_descriptors + embedding
        self.query = StackedLinear(n_members, d_query + self.width, self.width, generator)
        self.key = StackedLinear(n_members, self.width, self.width, generator)
        self.value = StackedLinear(n_members, self.width, self.width, generator)
        self.d_out = 2 * self.width

    def forward(self, shares: Tensor, context: Tensor) -> Tensor:
        """``shares``: members x n x species, summing to 1; ``context``: members x n x d_query."""
        n_members = self.embedding.shape[0]
        tokens = torch.cat([self.descriptors.expand(n_members, -1, -1), self.embedding], dim=-1)
        mean = shares @ tokens
        query = self.query(torch.cat([context, mean], dim=-1))
        logits = query @ self.key(tokens).transpose(1, 2) / math.sqrt(self.width)
        weights = shares * torch.exp(logits - logits.amax(dim=-1, keepdim=True))
        weights = weights / weights.sum(dim=-1, keepdim=True).clamp_min(1e-12)
        return torch.cat([mean, weights @ self.value(tokens)], dim=-1)


class MFNetEnsemble(nn.Module):
    """``n_members`` MFNets evaluated in one batched pass."""

    def __init__(
        self,
        settings: SurrogateSettings,
        salt_descriptors: Tensor,
        solvent_descriptors: Tensor,
        generator: torch.Generator,
    ) -> None:
        """``*_descriptors``: species x descriptors, scaled; ``generator`` gives every initial weight."""
        super().__init__()
        self.n_members, hidden = settings.n_members, settings.hidden
        self.n_salts = len(salt_descriptors)
        members = self.n_members
        self.salt_pool = SpeciesPool(members, salt_descriptors, settings.embedding, N_CONDITIONS, generator)
        d_context = N_CONDITIONS + self.salt_pool.width
        self.solvent_pool = SpeciesPool(members, solvent_descriptors, settings.embedding, d_context, generator)
        self.salt_branch = Branch(members, self.salt_pool.d_out, hidden, generator)
        self.solvent_branch = Branch(members, self.solvent_pool.d_out, hidden, generator)
        self.condition_branch = Branch(members, N_CONDITIONS, hidden, generator)
        self.fusion = StackedLinear(members, 3 * hidden, hidden, generator)
        self.mixing = StackedLinear(members, hidden, hidden, generator)
        self.router_hidden = StackedLinear(members, hidden, hidden, generator)
        self.router = StackedLinear(members, hidden, settings.n_routes, generator)
        self.heads = StackedLinear(members, hidden, settings.n_routes, generator)

    def forward(self, X: Tensor) -> Tensor:
        """Conductivity in mS/cm, members x n, for encoded rows ``n x dim`` or ``members x n x dim``."""
        return self.with_latent(X)[0]

    def with_latent(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Conductivity (members x n) and the fused features it was read from (members x n x hidden)."""
        latent, molality = self._fused(X)
        routes = torch.softmax(self.router(functional.relu(self.router_hidden(latent))), dim=-1)
        mixed = (routes * self.heads(latent)).sum(dim=-1)
        # Proportional to the concentration as it vanishes: no salt, no conductivity.
        return functional.softplus(mixed) * torch.tanh(molality * 4), latent

    def _fused(self, X: Tensor) -> tuple[Tensor, Tensor]:
        if X.dim() == 2:
            X = X.expand(self.n_members, -1, -1)
        salts, solvents, temperature = X[..., : self.n_salts], X[..., self.n_salts : -1], X[..., -1]
        molality = salts.sum(dim=-1)
        conditions = _conditions(molality, temperature)
        salt_shares = salts / molality.clamp_min(1e-6).unsqueeze(-1)
        salt = self.salt_pool(salt_shares, conditions)
        context = torch.cat([conditions, salt[..., : self.salt_pool.width]], dim=-1)
        solvent = self.solvent_pool(solvents, context)
        branches = [self.salt_branch(salt), self.solvent_branch(solvent), self.condition_branch(conditions)]
        fused = functional.silu(self.fusion(torch.cat(branches, dim=-1)))
        return fused + functional.silu(self.mixing(fused)), molality


def _conditions(molality: Tensor, temperature_K: Tensor) -> Tensor:
    """Six conditions: molality in three shapes, temperature as in linear and Arrhenius laws, a product of both."""
    T = (temperature_K - T_CENTRE_K) / T_SCALE_K
    arrhenius = (1000 / temperature_K.clamp_min(100) - 1000 / T_CENTRE_K) * 2
    root = torch.sqrt(molality + 1e-6)
    return torch.stack([molality, root, torch.log1p(molality * 5), T, arrhenius, root * arrhenius], dim=-1)
