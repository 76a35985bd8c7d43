"""The surrogate's belief as a BoTorch model: ensemble, residual, conditioned on a campaign's results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from saltloop.surrogates.calibration import ErrorScale
from saltloop.surrogates.domain import TrainingDomain
from saltloop.surrogates.ensemble import EnsembleNetwork, TrainingRows
from saltloop.surrogates.local import LocalCorrection
from saltloop.surrogates.single_output import SingleOutput
from torch import Tensor

#: Share of the (scaled) ensemble variance that is local: correlated over the latent features, not through the few
#: members. Without it a few observations would use up the members' freedom, and later ones could not be agreed with.
LOCAL_SHARE = 0.5
#: Added to the diagonal of joint covariances, relative to their mean variance.
JITTER = 1e-6
CHUNK = 4096


#: Lengthscale of the residual: this fraction of the median distance among training rows in latent space.
LENGTHSCALE_FRACTION = 0.5
N_DISTANCE_ROWS = 512


@dataclass(frozen=True)
class LatentScale:
    """How the fused features are standardised, and the residual's lengthscale in them (root mean square over them)."""

    centre: Tensor
    width: Tensor
    lengthscale: float

    @classmethod
    def of(cls, network: EnsembleNetwork, X: Tensor, generator: torch.Generator) -> LatentScale:
        """The scale of the features of encoded rows (n x dim)."""
        some = torch.randperm(len(X), generator=generator)[:N_DISTANCE_ROWS]
        with torch.no_grad():
            latent = side_by_side(network.with_latent(X[some].float())[1])
        centre, width = latent.mean(0), latent.std(0).clamp_min(1e-3)
        # Where most rows are one liquid the median distance is zero; any lengthscale above zero does.
        median = float(torch.pdist((latent - centre) / width).median()) / latent.shape[-1] ** 0.5 or 1.0
        return cls(centre, width, LENGTHSCALE_FRACTION * median)

    def standard(self, latent: Tensor) -> Tensor:
        """Standardised features, n x (members * hidden), of members x n x hidden."""
        return ((side_by_side(latent) - self.centre) / self.width).double()


class SurrogateModel(SingleOutput, Model):
    """Joint posterior of the conductivity (mS/cm) over encoded formulations, one output.

    Prior mean: the mean of the members and, near the training set, ``LocalCorrection``. Prior variance:
    ``s^2 v + a^2`` with ``v`` the members' variance, ``s`` and ``a`` from ``ErrorScale``; ``a`` grows with the
    conductivity and with the distance from what was measured. Half of ``s^2 v`` is correlated among points as the
    members are (rank M), the rest and ``a^2`` by a squared-exponential kernel over the network's latent features.
    ``observations`` condition it exactly, each with its noise. Differentiable in ``X``.
    """

    def __init__(
        self,
        network: EnsembleNetwork,
        scale: ErrorScale,
        latent_scale: LatentScale,
        domain: TrainingDomain,
        local: LocalCorrection | None = None,
        observations: TrainingRows | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.scale = scale
        self.domain = domain
        self._latent_scale = latent_scale
        self._local = local
        self._seen: list[Tensor] | None = None
        if observations is not None and len(observations.y):
            with torch.no_grad():
                mean, *seen = self._prior(observations.X)
                noisy = self._covariance(seen, seen) + torch.diag(observations.std**2)
                self._cholesky = torch.linalg.cholesky(noisy)
                residual = (observations.y - mean).unsqueeze(-1)
                self._weights = torch.cholesky_solve(residual, self._cholesky)
            self._seen = seen

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

    def in_domain_encoded(self, X: Tensor) -> Tensor:
        """Whether each row of ``X`` (n x dim) is like something that was measured: n, bool."""
        return self.domain.contains(X)

    def _prior(self, X: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of each point: prior mean, deviation features (M), local standard deviation, standardised latent features."""
        rows = X.reshape(-1, X.shape[-1]).float()
        members, latent = self.network.with_latent(rows)
        members = members.double()
        ensemble = members.mean(0)
        distance = self.domain.distance(rows)
        mean = ensemble if self._local is None else ensemble + self._local(rows, distance)
        deviations = (members - ensemble).T * (self.scale.spread_factor / (len(members) - 1) ** 0.5)
        beyond = self.scale.local_std(mean, distance)
        local = torch.sqrt(LOCAL_SHARE * (deviations**2).sum(-1) + beyond**2)
        standard = self._latent_scale.standard(latent)
        shape = X.shape[:-1]
        features = deviations * (1 - LOCAL_SHARE) ** 0.5
        return mean.reshape(shape), features.reshape(*shape, -1), local.reshape(shape), standard.reshape(*shape, -1)

    def _covariance(self, a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
        """Prior covariance among the points that ``_prior`` gave ``features, local, latent`` of: ... x n x m."""
        (features_a, local_a, latent_a), (features_b, local_b, latent_b) = a, b
        width = latent_a.shape[-1] ** 0.5 * self._latent_scale.lengthscale
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
