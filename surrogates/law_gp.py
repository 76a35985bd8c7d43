"""A Gaussian process for few data: a conductivity law times what the law does not know.

    sqrt(k) = w(x) (b + g(x)),    w^2 = (m/m*) exp(1 - m/m*) exp(-alpha v) exp(-B (1/T - 1/T0))

with molality m, the mixture's mean logarithmic viscosity v (in standard deviations over the known solvents) and
temperature T. The law holds what every chemist expects: conductivity peaks in concentration, falls with viscosity
(Walden) and rises with temperature (Arrhenius). ``g`` is a Gaussian process over descriptors of the mixture and over
its composition, so that a few dozen measurements say which salts and solvents depart from the law, and liquids without
any are predicted by it. All hyperparameters have log-normal priors and are fitted by maximum a posteriori.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import gpytorch
import numpy as np
import torch
from botorch.exceptions.warnings import InputDataWarning, OptimizationWarning
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.model import Model
from botorch.posteriors.transformed import TransformedPosterior
from gpytorch.priors import NormalPrior
from saltloop.chemistry.species import SpeciesBook
from saltloop.surrogates.descriptors import DESCRIPTOR_NAMES, descriptor_table
from saltloop.surrogates.domain import TrainingDomain
from saltloop.surrogates.encoding import FormulationEncoder
from saltloop.surrogates.single_output import SingleOutput
from torch import Tensor

#: Of the solvents: what the law and the process read directly.
PHYSICAL = ("ln_viscosity", "ln_permittivity", "ln_molar_volume", "melting_point")
#: Principal components of the solvents' other descriptors.
N_COMPONENTS = 6
REFERENCE_K = 298.15
#: ``b``: 1 mol/kg in a solvent of usual viscosity conducts about b^2 = 6 mS/cm at 298 K (docs/data.md, literature set).
OFFSET = 2.5
#: Name -> median and standard deviation of the logarithm.
PRIORS = {
    "linear": (0.135, 0.7),
    "salt_offset": (0.37, 0.7),
    "smooth": (0.6, 0.7),
    "smooth_length": (1.65, 0.7),
    "molality_length": (0.74, 0.5),
    "salt_length": (1.0, 0.7),
    "composition": (0.37, 0.7),
    "composition_length": (0.37, 0.7),
    "temperature_length": (0.5, 0.5),
    "walden": (0.67, 0.3),
    "peak_molality": (1.1, 0.2),
    "activation_K": (1800.0, 0.3),
}
#: Of the relation between two salts that share nothing, in the process over composition.
OTHER_SALT = 0.3
JITTER = 1e-5
CHUNK = 4096


class MixtureFeatures(torch.nn.Module):
    """Encoded rows (... x dim) as what the law and the process read."""

    def __init__(self, encoder: FormulationEncoder) -> None:
        super().__init__()
        self.n_salts = len(encoder.salts)
        salts, solvents = (torch.from_numpy(descriptor_table(one)) for one in (encoder.salts, encoder.solvents))
        reference = descriptor_table(SpeciesBook.builtin().solvents)
        centre = reference.mean(0)
        _, size, axes = np.linalg.svd(reference - centre, full_matrices=False)
        components = axes[:N_COMPONENTS].T / (size[:N_COMPONENTS] / len(reference) ** 0.5)
        self.salts: Tensor
        self.physical: Tensor
        self.components: Tensor
        told = salts.std(0) > 1e-9 if len(salts) > 1 else salts[0].abs() > 1e-9
        self.register_buffer("salts", salts[:, told] / max(float(told.sum()), 1.0) ** 0.5)
        self.register_buffer("physical", solvents[:, [DESCRIPTOR_NAMES.index(name) for name in PHYSICAL]])
        self.register_buffer("components", (solvents - torch.from_numpy(centre)) @ torch.from_numpy(components))

    def forward(self, X: Tensor) -> dict[str, Tensor]:
        molality = X[..., : self.n_salts].sum(-1, keepdim=True)
        shares = X[..., : self.n_salts] / molality.clamp_min(1e-6)
        solvents = X[..., self.n_salts : -1]
        return {
            "molality": molality,
            "inverse_T": 1 / X[..., -1:] - 1 / REFERENCE_K,
            "shares": shares,
            "solvents": solvents,
            "salt": shares @ self.salts,
            "physical": solvents @ self.physical,
            "components": solvents @ self.components,
        }


class ConductivityLaw(gpytorch.Module):
    """``w(x)`` and the hyperparameters of the whole model, each as its logarithm in units of its prior's deviation."""

    def __init__(self, features: MixtureFeatures) -> None:
        super().__init__()
        self.features = features
        self.register_parameter("theta", torch.nn.Parameter(torch.zeros(len(PRIORS), dtype=torch.double)))
        zeros = torch.zeros(len(PRIORS), dtype=torch.double)
        self.register_prior("theta_prior", NormalPrior(zeros, torch.ones_like(zeros)), "theta")

    def value(self, name: str) -> Tensor:
        """A hyperparameter, positive."""
        index = list(PRIORS).index(name)
        median, deviation = PRIORS[name]
        return median * torch.exp(deviation * self.theta[index])

    def forward(self, f: dict[str, Tensor]) -> Tensor:
        """w, ... x n."""
        ratio = f["molality"] / self.value("peak_molality")
        peak = (ratio * torch.exp(1 - ratio)).clamp_min(1e-6)
        viscosity = self.value("walden") * f["physical"][..., :1]
        heat = self.value("activation_K") * f["inverse_T"]
        return (peak.sqrt() * torch.exp(-0.5 * (viscosity + heat))).squeeze(-1)


class LawMean(gpytorch.means.Mean):
    """``b w(x)``."""

    def __init__(self, law: ConductivityLaw) -> None:
        super().__init__()
        self.law = law

    def forward(self, X: Tensor) -> Tensor:
        return OFFSET * self.law(self.law.features(X))


class LawKernel(gpytorch.kernels.Kernel):
    """``w(x) w(x') (1 + linear + salt offset + smooth over descriptors + rough over composition)``."""

    def __init__(self, law: ConductivityLaw) -> None:
        super().__init__()
        self.law = law

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **_: Any) -> Tensor:
        a, b = self.law.features(x1), self.law.features(x2)
        value = self.law.value
        same_salt = _product(a["shares"], b["shares"], diag)
        linear = _product(_linear(a), _linear(b), diag)
        conditions = _squared(a["molality"], b["molality"], diag) / value("molality_length") ** 2
        conditions = conditions + _squared(a["inverse_T"] * 1e3, b["inverse_T"] * 1e3, diag) / (
            value("temperature_length") ** 2
        )
        physical = _squared(a["physical"], b["physical"], diag) + _squared(a["components"], b["components"], diag) / (
            N_COMPONENTS / 2
        )
        salts = _squared(a["salt"], b["salt"], diag) / value("salt_length") ** 2
        composition = _squared(a["solvents"], b["solvents"], diag) / value("composition_length") ** 2
        covariance = 1.0 + value("linear") ** 2 * linear + value("salt_offset") ** 2 * same_salt
        covariance = covariance + value("smooth") ** 2 * _matern52(
            physical / value("smooth_length") ** 2 + salts + conditions
        )
        covariance = covariance + value("composition") ** 2 * _matern32(composition + conditions) * (
            OTHER_SALT + (1 - OTHER_SALT) * same_salt
        )
        w1, w2 = self.law(a), self.law(b)
        return covariance * (w1 * w2 if diag else w1.unsqueeze(-1) * w2.unsqueeze(-2))


def _linear(f: dict[str, Tensor]) -> Tensor:
    return torch.cat([f["physical"], f["components"], f["salt"]], dim=-1)


def _product(a: Tensor, b: Tensor, diag: bool) -> Tensor:
    return (a * b).sum(-1) if diag else a @ b.transpose(-1, -2)


def _squared(a: Tensor, b: Tensor, diag: bool) -> Tensor:
    """Squared Euclidean distances, differentiable everywhere."""
    if diag:
        return ((a - b) ** 2).sum(-1)
    cross = a @ b.transpose(-1, -2)
    return ((a**2).sum(-1).unsqueeze(-1) + (b**2).sum(-1).unsqueeze(-2) - 2 * cross).clamp_min(0)


def _matern52(squared: Tensor) -> Tensor:
    d = (5 * squared + 1e-12).sqrt()
    return (1 + d + d**2 / 3) * torch.exp(-d)


def _matern32(squared: Tensor) -> Tensor:
    d = (3 * squared + 1e-12).sqrt()
    return (1 + d) * torch.exp(-d)


class LawGP(SingleOutput, Model):
    """The posterior of the conductivity (mS/cm) over encoded formulations, one output."""

    def __init__(
        self, law: ConductivityLaw, X: Tensor, y: Tensor, std: Tensor, extra_noise: float | None = None
    ) -> None:
        """``X``: n x dim, double; ``y``, ``std``: n, mS/cm; ``extra_noise``: of the square root, None to fit it."""
        super().__init__()
        root = y.clamp_min(0).sqrt()
        variance = (std / (2 * torch.maximum(root, std.sqrt()))) ** 2
        likelihood = gpytorch.likelihoods.FixedNoiseGaussianLikelihood(
            noise=variance + JITTER, learn_additional_noise=True
        )
        likelihood.second_noise_covar.register_prior("noise_prior", gpytorch.priors.LogNormalPrior(-6.0, 1.4), "noise")
        likelihood.second_noise = 0.0025 if extra_noise is None else extra_noise
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InputDataWarning)
            self._process = SingleTaskGP(
                X,
                root.unsqueeze(-1),
                likelihood=likelihood,
                mean_module=LawMean(law),
                covar_module=LawKernel(law),
                outcome_transform=None,
            )
        self.law = law
        self.domain = TrainingDomain.of(X, law.features.n_salts)

    @property
    def extra_noise(self) -> float:
        """Variance of what measurements scatter beyond their stated uncertainty, in mS/cm."""
        return float(self._process.likelihood.second_noise)

    def fit(self) -> None:
        """Hyperparameters of largest posterior density, from the prior's median."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizationWarning)
            mll = gpytorch.mlls.ExactMarginalLogLikelihood(self._process.likelihood, self._process)
            fit_gpytorch_mll(mll, optimizer_kwargs={"options": {"maxiter": 50}})
        self.requires_grad_(False)

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: Callable[[Any], Any] | None = None,
        **_: Any,
    ) -> Any:
        """Joint noise-free posterior over the ``q`` points of each batch; ``X``: ``batch_shape x q x dim``, double."""
        posterior = TransformedPosterior(
            self._process.posterior(X),
            sample_transform=lambda root: root.clamp_min(0) ** 2,
            mean_transform=lambda mean, variance: mean**2 + variance,
            variance_transform=lambda mean, variance: 2 * variance**2 + 4 * mean**2 * variance,
        )
        return posterior if posterior_transform is None else posterior_transform(posterior)

    def predict_encoded(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (mS/cm) of each row of ``X`` (n x dim), without the n x n covariance."""
        means, stds = [], []
        with torch.no_grad():
            for part in X.split(CHUNK):
                posterior = self.posterior(part.unsqueeze(-2))
                means.append(posterior.mean.flatten())
                stds.append(posterior.variance.clamp_min(1e-12).sqrt().flatten())
        return torch.cat(means), torch.cat(stds)

    def in_domain_encoded(self, X: Tensor) -> Tensor:
        """Whether each row of ``X`` (n x dim) is like something that was measured: n, bool."""
        return self.domain.contains(X)
