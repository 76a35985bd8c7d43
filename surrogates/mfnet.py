"""MFNet with dynamic routing over a conductivity law, for a whole ensemble at once.

Source: SCAN (Wang & You, Nat. Comput. Sci. 2026): sub-networks read salt, solvents and conditions, their outputs are
fused, and a router mixes ``n_routes`` heads row by row. Here a head is not a number but the coefficients of a
conductivity law (``saltloop.surrogates.law``) for this salt in this mixture; the router sees the conditions as well,
and a bounded correction takes up what the law cannot say. SCAN's own network is ``saltloop.surrogates.scan``.
"""

from __future__ import annotations

import torch
from saltloop.surrogates.law import N_COEFFICIENTS, SMALLEST_MOLALITY, ln_conductivity
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.stacked import ResidualBranch, StackedLinear
from torch import Tensor, nn
from torch.nn import functional

T_CENTRE_K = 298.15
N_CONDITIONS = 6
#: Spread of the learned coordinates before training.
EMBEDDING_STD = 0.1
#: The heads start near the usual liquid, so that the law's exponentials do not run away.
HEAD_GAIN, CORRECTION_GAIN = 0.3, 0.1


class SpeciesPool(nn.Module):
    """What a mixture looks like to the network: the mean of its species' tokens, and how unlike they are.

    A token is a species' descriptors and learned coordinates through one layer. The second moment tells a mixture of
    unlike species from one species in the middle between them. Smooth in the shares; an absent species has no say.
    """

    def __init__(
        self, settings: SurrogateSettings, descriptors: Tensor, generator: torch.Generator, *, has_spread: bool
    ) -> None:
        """``descriptors``: species x d, standardised."""
        super().__init__()
        n_species, n_descriptors = descriptors.shape
        members = settings.n_members
        self.dropout, self.noise, self.has_spread = settings.identity_dropout, settings.descriptor_noise, has_spread
        self.descriptors: Tensor
        self.seen: Tensor
        self.register_buffer("descriptors", descriptors)
        self.register_buffer("seen", torch.ones(members, n_species, 1))
        initial = torch.randn(members, n_species, settings.embedding, generator=generator) * EMBEDDING_STD
        self.embedding = nn.Parameter(initial)
        self.token = StackedLinear(members, n_descriptors + settings.embedding, settings.token, generator)
        self.d_out = settings.token * (2 if has_spread else 1)

    def forward(self, shares: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Features of mixtures, members x n x d_out; ``shares``: members x n x species, summing to 1.

        With a generator (in training), each species' coordinates are withheld now and then, and its descriptors are
        noisy where they are: what is learned for unknown species comes from their kin.
        """
        members, n_species, _ = self.embedding.shape
        embedding = self.embedding * self.seen
        descriptors = self.descriptors.expand(members, -1, -1)
        if generator is not None and self.dropout:
            withheld = (torch.rand(members, n_species, 1, generator=generator) < self.dropout).float()
            embedding = embedding * (1 - withheld)
            noise = torch.randn(descriptors.shape, generator=generator) * self.noise
            descriptors = descriptors + withheld * noise
        linear = self.token(torch.cat([descriptors, embedding], dim=-1))
        mean = shares @ functional.silu(linear)
        if not self.has_spread:
            return mean
        spread = shares @ linear**2 - (shares @ linear) ** 2
        return torch.cat([mean, 0.5 * spread], dim=-1)


class MFNetEnsemble(nn.Module):
    """``n_members`` MFNets evaluated in one batched pass."""

    def __init__(
        self,
        settings: SurrogateSettings,
        salt_descriptors: Tensor,
        solvent_descriptors: Tensor,
        generator: torch.Generator,
    ) -> None:
        """``*_descriptors``: species x descriptors, standardised; ``generator`` gives every initial weight."""
        super().__init__()
        members, hidden = settings.n_members, settings.hidden
        self.n_members, self.n_routes, self.largest_correction = members, settings.n_routes, settings.correction
        self.n_salts = len(salt_descriptors)
        self.salt_pool = SpeciesPool(settings, salt_descriptors, generator, has_spread=False)
        self.solvent_pool = SpeciesPool(settings, solvent_descriptors, generator, has_spread=True)
        self.mixture = ResidualBranch(members, self.salt_pool.d_out + self.solvent_pool.d_out, hidden, generator)
        self.heads = StackedLinear(members, hidden, settings.n_routes * N_COEFFICIENTS, generator, gain=HEAD_GAIN)
        self.fusion = StackedLinear(members, hidden + N_CONDITIONS, hidden, generator)
        self.router_hidden = StackedLinear(members, hidden + N_CONDITIONS, hidden, generator)
        self.router = StackedLinear(members, hidden, settings.n_routes, generator)
        self.correction = StackedLinear(members, hidden, 1, generator, gain=CORRECTION_GAIN)

    def forward(self, X: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Conductivity in mS/cm, members x n, for encoded rows ``n x dim`` or ``members x n x dim``.

        ``generator``: in training, where the identity of species is withheld at random.
        """
        return self._evaluate(X, generator)[0]

    def with_latent(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Conductivity (members x n) and the fused features of mixture and conditions (members x n x hidden)."""
        predicted, latent, _ = self._evaluate(X, None)
        return predicted, latent

    def with_routes(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Conductivity (members x n) and the weight of each route (members x n x n_routes)."""
        predicted, _, routes = self._evaluate(X, None)
        return predicted, routes

    def mark_seen(self, X: Tensor, held_out: Tensor) -> None:
        """Leave out a species' learned coordinates where a member sees no row with it: they would be noise.

        ``X``: n x dim; ``held_out``: members x n (bool).
        """
        present = ((~held_out).float() @ (X > 0).float() > 0).float().unsqueeze(-1)
        self.salt_pool.seen.copy_(present[:, : self.n_salts])
        self.solvent_pool.seen.copy_(present[:, self.n_salts : -1])

    def _evaluate(self, X: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        if X.dim() == 2:
            X = X.expand(self.n_members, -1, -1)
        salts, solvents, temperature = X[..., : self.n_salts], X[..., self.n_salts : -1], X[..., -1]
        molality = salts.sum(dim=-1)
        salt_shares = salts / molality.clamp_min(1e-6).unsqueeze(-1)
        pooled = [self.salt_pool(salt_shares, generator), self.solvent_pool(solvents, generator)]
        mixture = self.mixture(torch.cat(pooled, dim=-1))
        with_conditions = torch.cat([mixture, _conditions(molality, temperature)], dim=-1)
        latent = functional.silu(self.fusion(with_conditions))
        routes = torch.softmax(self.router(functional.silu(self.router_hidden(with_conditions))), dim=-1)
        heads = self.heads(mixture).unflatten(-1, (self.n_routes, N_COEFFICIENTS))
        coefficients = (routes.unsqueeze(-1) * heads).sum(dim=-2)
        ln_k = ln_conductivity(coefficients, molality, temperature)
        ln_k = ln_k + self.largest_correction * torch.tanh(self.correction(latent)).squeeze(-1)
        # No salt, no conductivity: the law's ln m has a floor, which is taken off again.
        vanishing = molality / (molality + SMALLEST_MOLALITY)
        return torch.exp(ln_k) * vanishing, latent, routes


def _conditions(molality: Tensor, temperature_K: Tensor) -> Tensor:
    """Six conditions: molality in three shapes, temperature as in an Arrhenius law, its square, a product of both."""
    arrhenius = 1000 / temperature_K.clamp_min(100) - 1000 / T_CENTRE_K
    root = torch.sqrt(molality + SMALLEST_MOLALITY)
    shapes = [molality, root, torch.log(molality + 0.05), arrhenius, arrhenius**2, root * arrhenius]
    return torch.stack(shapes, dim=-1)
