"""A joint posterior over finitely many formulations, worked out once: choosing among them costs no network pass.

BoTorch draws from Gaussians. A model whose posterior is a Gaussian's transform (the square of a Gaussian process, say)
is handled as the Gaussian, with the transform applied to the draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from botorch.models.deterministic import GenericDeterministicModel
from botorch.models.gpytorch import GPyTorchModel
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.posteriors.transformed import TransformedPosterior
from gpytorch.distributions import MultivariateNormal
from saltloop.surrogates.single_output import SingleOutput
from torch import Tensor

#: Added to the diagonal of covariances, relative to the mean variance of the table: a point may stand beside itself.
JITTER = 1e-6

Transform = Callable[[Tensor], Tensor]


def gaussian_part(posterior: Any) -> tuple[Any, Transform | None]:
    """The Gaussian of a posterior, and what turns its draws into draws of the quantity (None: nothing does)."""
    transform: Transform | None = None
    if isinstance(posterior, TransformedPosterior):
        transform, posterior = posterior._sample_transform, posterior._posterior
    return posterior, transform


class _OneOutput(SingleOutput, GPyTorchModel):
    """What BoTorch asks of a model with one output beside its posterior."""

    transform: Transform | None = None


class TableModel(_OneOutput):
    """A Gaussian over n formulations; its inputs are positions in the table, ``... x q x 1``.

    Attributes:
        mean, covariance: of the quantity itself (n, n x n). Where draws are transformed, these are its moments, with
            the Gaussian's correlations.
    """

    def __init__(self, posterior: Any) -> None:
        """``posterior``: joint, over n rows."""
        super().__init__()
        gaussian, self.transform = gaussian_part(posterior)
        self._mean = gaussian.distribution.mean.double()
        self._covariance = gaussian.distribution.covariance_matrix.double()
        self.mean, self.covariance = self._mean, self._covariance
        if self.transform is not None:
            self.mean = posterior.mean.squeeze(-1).double()
            ratio = (posterior.variance.squeeze(-1).double() / self._covariance.diagonal().clamp_min(1e-12)).sqrt()
            self.covariance = torch.outer(ratio, ratio) * self._covariance
        self._jitter = JITTER * float(self._covariance.diagonal().mean()) + 1e-12

    def posterior(self, X: Tensor, *_: Any, **__: Any) -> GPyTorchPosterior:
        """Of the Gaussian, jointly at the positions ``X``: ``batch_shape x q x 1``."""
        index = X[..., 0].round().long()
        covariance = self._covariance[index.unsqueeze(-1), index.unsqueeze(-2)]
        covariance = covariance + self._jitter * torch.eye(index.shape[-1], dtype=covariance.dtype)
        return GPyTorchPosterior(MultivariateNormal(self._mean[index], covariance))

    def draws(self, indices: range, sampler: Any) -> Tensor:
        """Joint draws of the quantity, draws x positions."""
        with torch.no_grad():
            drawn: Tensor = sampler(self.posterior(positions(indices))).squeeze(-1)
        return drawn if self.transform is None else self.transform(drawn)


class RowModel(_OneOutput):
    """A model over encoded rows, told to BoTorch as the Gaussian it is: it then keeps the root of the baseline's
    covariance, and draws over rows what it draws over the table."""

    def __init__(self, model: Any, example: Tensor) -> None:
        """``example``: a row (1 x dim), to see what kind of posterior the model gives."""
        super().__init__()
        self._model = model
        with torch.no_grad():
            self.transform = gaussian_part(model.posterior(example))[1]

    def posterior(self, X: Tensor, *_: Any, **__: Any) -> GPyTorchPosterior:
        """Of the Gaussian, joint over rows ``batch_shape x q x dim``."""
        gaussian: GPyTorchPosterior = gaussian_part(self._model.posterior(X))[0]
        return gaussian


def table_of(model: Any, X: Tensor) -> Model:
    """The posterior of a one-output model over rows (n x dim), as a model over their positions."""
    with torch.no_grad():
        posterior = model.posterior(X)
        if not isinstance(model, GenericDeterministicModel):
            return TableModel(posterior)
        values = posterior.mean
    return GenericDeterministicModel(lambda at: values[at[..., 0].round().long()])


def rows_of(model: Any, example: Tensor) -> Model:
    """A one-output model over rows, ready for BoTorch's acquisition functions."""
    return model if isinstance(model, GenericDeterministicModel) else RowModel(model, example)


def transforms_of(model: Model) -> list[Transform | None]:
    """Of each output, what turns its draws into draws of the quantity."""
    return [getattr(one, "transform", None) for one in getattr(model, "models", [model])]


def positions(indices: list[int] | range) -> Tensor:
    """Positions in a table as inputs of its model, n x 1."""
    return torch.tensor(list(indices), dtype=torch.double).unsqueeze(-1)
