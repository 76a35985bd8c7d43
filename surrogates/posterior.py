"""The surrogate's belief as a BoTorch model: ensemble, residual, conditioned on a campaign's results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from saltloop.surrogates.ensemble import TrainingRows
from saltloop.surrogates.mfnet import MFNetEnsemble
from torch import Tensor

#: Share of the (scaled) ensemble variance that is local: correlated over the latent features, not through the few
#: members. Without it a few observations would use up the members' freedom, and later ones could not be agreed with.
LOCAL_SHARE = 0.5
#: Added to the diagonal of joint covariances, relative to their mean variance.
JITTER = 1e-6
CHUNK = 4096


@dataclass(frozen=True)
class ResidualScale:
    """What the ensemble's spread does not tell: ``variance = spread_factor^2 * spread^2 + residual_std^2``.

    ``lengthscale`` is in units of the standardised latent features (root mean square over them).
    """

    spread_factor: float
    residual_std: float
    """mS/cm."""
    lengthscale: float


class SurrogateModel(Model):
    """Joint posterior of the conductivity (mS/cm) over encoded formulations, one output.

    Prior mean: the mean of the members. Prior variance: ``s^2 v + a^2`` with ``v`` the members' variance, ``s`` and
    ``a`` from ``ResidualScale``. Half of ``s^2 v`` is correlated among points as the members are (rank M), the rest
    and ``a^2`` by a squared-exponential kernel over the network's latent features. ``observations`` condition it
    exactly, each with its noise. Differentiable in ``X``.
    """

    def __init__(
        self,
        network: MFNetEnsemble,
        scale: ResidualScale,
        latent_centre: Tensor,
        latent_spread: Tensor,
        observations: TrainingRows | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.scale = scale
        self._centre, self._spread = latent_centre, latent_spread
        self._seen: list[Tensor] | None = None
        if observations is not None and len(observations.y):
            with torch.no_grad():
                mean, *seen = self._prior(observations.X)
                noisy = self._covariance(seen, seen) + torch.diag(observations.std**2)
                self._cholesky = torch.linalg.cholesky(noisy)
                residual = (observations.y - mean).unsqueeze(-1)
                self._weights = torch.cholesky_solve(residual, self._cholesky)
            self._seen = seen

    @property
    def num_outputs(self) -> int:
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        return torch.Size([])

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: Callable[[Any], Any] | None = None,
        **_: Any,
    ) -> Any:
        """Joint noise-free posterior over the ``q`` points of each batch; ``X``: ``batch_shape x q x dim``, double."""
        mean, *here = self._prior(X)
        covariance = self._covariance(here, here)
        if self._seen is not None:
            cross = self._covariance(here, self._seen)
            mean = mean + (cross @ self._weights).squeeze(-1)
            half = torch.linalg.solve_triangular(self._cholesky, cross.transpose(-1, -2), upper=False)
            covariance = covariance - half.transpose(-1, -2) @ half
        size = covariance.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(1e-8)
        covariance = covariance + torch.diag_embed(JITTER * size.unsqueeze(-1).expand_as(mean))
        posterior = GPyTorchPosterior(MultivariateNormal(mean, covariance))
        return posterior if posterior_transform is None else posterior_transform(posterior)

    def predict_encoded(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (mS/cm) of each row of ``X`` (n x dim), without the n x n covariance."""
        means, stds = [], []
        with torch.no_grad():
            for part in X.split(CHUNK):
                mean, *here = self._prior(part)
                variance = (here[0] ** 2).sum(-1) + here[1] ** 2
                if self._seen is not None:
                    cross = self._covariance(here, self._seen)
                    mean = mean + (cross @ self._weights).squeeze(-1)
                    half = torch.linalg.solve_triangular(self._cholesky, cross.transpose(-1, -2), upper=False)
                    variance = variance - (half**2).sum(-2)
                means.append(mean)
                stds.append(variance.clamp_min(1e-12).sqrt())
        return torch.cat(means), torch.cat(stds)

    def _prior(self, X: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of each point: prior mean, deviation features (M), local standard deviation, standardised latent features."""
        rows = X.reshape(-1, X.shape[-1]).float()
        members, latent = self.network.with_latent(rows)
        members = members.double()
        mean = members.mean(0)
        deviations = (members - mean).T * (self.scale.spread_factor / (len(members) - 1) ** 0.5)
        local = torch.sqrt(LOCAL_SHARE * (deviations**2).sum(-1) + self.scale.residual_std**2)
        standard = ((side_by_side(latent) - self._centre) / self._spread).double()
        shape = X.shape[:-1]
        features = deviations * (1 - LOCAL_SHARE) ** 0.5
        return mean.reshape(shape), features.reshape(*shape, -1), local.reshape(shape), standard.reshape(*shape, -1)

    def _covariance(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """Prior covariance among the points that ``_prior`` gave ``features, local, latent`` of: ... x n x m."""
        (features_a, local_a, latent_a), (features_b, local_b, latent_b) = a, b
        width = latent_a.shape[-1] ** 0.5 * self.scale.lengthscale
        squared = _squared_distance(latent_a / width, latent_b / width)
        residual = local_a.unsqueeze(-1) * local_b.unsqueeze(-2) * torch.exp(-0.5 * squared)
        return features_a @ features_b.transpose(-1, -2) + residual


def side_by_side(latent: Tensor) -> Tensor:
    """The members' fused features in one row for each formulation: members x n x hidden to n x (members * hidden)."""
    return latent.transpose(0, 1).reshape(latent.shape[1], -1)


def _squared_distance(a: Tensor, b: Tensor) -> Tensor:
    """Squared Euclidean distances, ... x n x m, differentiable everywhere (no square root)."""
    cross = a @ b.transpose(-1, -2)
    squared = (a**2).sum(-1).unsqueeze(-1) + (b**2).sum(-1).unsqueeze(-2) - 2 * cross
    return squared.clamp_min(0.0)
