"""The Gaussian process of a source's difference from experiment.

    ln k_experiment - ln k_source = constant + smooth function of the liquid + scatter

The constant has a normal prior and is integrated out, so that its uncertainty, which all results of a source share, is
in every variance given here. The smooth function is a Gaussian process over molality, temperature, solvent classes and
salts; the scatter is what neither it nor the stated errors explain. Lengths and sizes maximise the marginal likelihood
times log-normal priors (GPyTorch, deterministic), which decide alone while there is no pair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import gpytorch
import torch
from gpytorch.kernels import ConstantKernel, Kernel, RBFKernel, ScaleKernel
from gpytorch.priors import NormalPrior
from saltloop.loop.sources.pairs import LiquidFeatures, Pairs
from torch import Tensor

#: Prior standard deviation of a source's mean bias in ln(k): a factor of 1.6 either way. Classical force fields give
#: carbonates about a factor of 2 too slow and acetonitrile 25 % too fast (docs/md.md).
PRIOR_BIAS_STD = 0.5
#: How much the bias differs from liquid to liquid, in ln(k), before any pair tells; most of it smoothly.
LIQUID_STD = 0.35
SCATTER_STD = 0.12
SMOOTH_STD = math.sqrt(LIQUID_STD**2 - SCATTER_STD**2)
#: Prior medians over which the bias changes: mol/kg, K, and distance in shares (1.4 from one pure class to another).
MOLALITY_SCALE, TEMPERATURE_SCALE, SOLVENT_SCALE, SALT_SCALE = 1.0, 60.0, 0.7, 1.0
#: Prior standard deviations of the logarithms: of a length, and of a standard deviation.
LOG_LENGTH_STD, LOG_STD_STD = 0.5, 0.5
N_STEPS = 40


class DiscrepancyProcess(gpytorch.Module):
    """Kernels with their priors, and the posterior in closed form (a few hundred pairs)."""

    def __init__(self, features: LiquidFeatures) -> None:
        super().__init__()
        groups = [
            (features.molality, MOLALITY_SCALE),
            (features.temperature, TEMPERATURE_SCALE),
            (features.solvents, SOLVENT_SCALE),
            (features.anions, SALT_SCALE),
        ]
        kernels = [_rbf(columns, scale) for columns, scale in groups if columns]
        product: Kernel = kernels[0]
        for kernel in kernels[1:]:
            product = product * kernel
        self.smooth = ScaleKernel(product).double()
        self.smooth.outputscale = SMOOTH_STD**2
        _log_prior(self.smooth, "outputscale", SMOOTH_STD**2, 2 * LOG_STD_STD)
        self.shared = ConstantKernel().double()
        self.shared.constant = torch.tensor(PRIOR_BIAS_STD**2, dtype=torch.double)
        self.shared.requires_grad_(False)
        self.log_scatter = torch.nn.Parameter(torch.tensor(math.log(SCATTER_STD), dtype=torch.double))
        self.register_prior("scatter_prior", NormalPrior(math.log(SCATTER_STD), LOG_STD_STD), "log_scatter")
        self.double()

    @property
    def scatter_variance(self) -> Tensor:
        return (2 * self.log_scatter).exp().detach()

    def fit(self, X: Tensor, pairs: Pairs, replicates: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Maximise marginal likelihood times priors over lengths, size and scatter."""
        free = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer = torch.optim.LBFGS(free, max_iter=N_STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            total = -sum(prior.log_prob(closure(module)).sum() for _, module, prior, closure, _ in self.named_priors())
            scatter = (2 * self.log_scatter).exp()
            if len(X):
                noisy = gpytorch.distributions.MultivariateNormal(
                    torch.zeros_like(pairs.gaps), self._covariance(X) + torch.diag(_noise(pairs) + scatter)
                )
                total = total - noisy.log_prob(pairs.gaps)
            for values, variances in replicates:
                total = total - _contrast(values, variances + scatter)
            total.backward()
            return total

        optimizer.step(loss)

    def condition(self, X: Tensor, pairs: Pairs) -> None:
        """Keep what the posterior needs."""
        with torch.no_grad():
            noisy = self._covariance(X) + torch.diag(_noise(pairs) + self.scatter_variance)
            self._X, self._precision = X, torch.linalg.inv(noisy)
            self._weights = self._precision @ pairs.gaps

    def predict(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of constant plus smooth function at rows ``n x d``."""
        with torch.no_grad():
            prior = self.smooth.outputscale + PRIOR_BIAS_STD**2
            cross = self.smooth(X, self._X).to_dense() + PRIOR_BIAS_STD**2
            variance = prior - ((cross @ self._precision) * cross).sum(-1)
            return cross @ self._weights, variance.clamp_min(1e-8)

    def covariance(self, X: Tensor) -> Tensor:
        """Posterior covariance of constant plus smooth function, ``n x n``."""
        with torch.no_grad():
            cross = self.smooth(X, self._X).to_dense() + PRIOR_BIAS_STD**2
            return self._covariance(X) - cross @ self._precision @ cross.T

    def without_own_liquid(self, pairs: Pairs) -> tuple[Tensor, Tensor]:
        """Mean and variance at each pair as the pairs of all other liquids tell them (leave one liquid out)."""
        numbers = torch.tensor(pairs.liquids)
        mean, variance = torch.zeros_like(pairs.gaps), torch.zeros_like(pairs.gaps)
        own_noise = _noise(pairs) + self.scatter_variance
        for number in numbers.unique().tolist():
            rows = (numbers == number).nonzero().flatten()
            block = torch.linalg.inv(self._precision[rows][:, rows])
            mean[rows] = pairs.gaps[rows] - block @ self._weights[rows]
            variance[rows] = block.diagonal() - own_noise[rows]
        return mean, variance.clamp_min(1e-8)

    def constant(self) -> tuple[float, float]:
        """Mean and standard deviation of the constant."""
        shared = PRIOR_BIAS_STD**2
        variance = shared - shared**2 * float(self._precision.sum())
        return shared * float(self._weights.sum()), math.sqrt(max(variance, 1e-8))

    def _covariance(self, X: Tensor) -> Tensor:
        return self.smooth(X).to_dense() + self.shared(X).to_dense()


def _rbf(columns: tuple[int, ...], scale: float) -> RBFKernel:
    kernel = RBFKernel(active_dims=columns).double()
    kernel.lengthscale = scale
    _log_prior(kernel, "lengthscale", scale, LOG_LENGTH_STD)
    return kernel


def _log_prior(kernel: Kernel, name: str, median: float, log_std: float) -> None:
    """A log-normal prior whose mode, seen in the logarithm, is its median."""
    prior = NormalPrior(math.log(median), log_std)
    kernel.register_prior(f"{name}_prior", prior, lambda module: getattr(module, name).log())


def _noise(pairs: Pairs) -> Tensor:
    return pairs.own_variances + pairs.experiment_variances


def _contrast(values: Tensor, variances: Tensor) -> Tensor:
    """Log likelihood of replicates whose common mean is unknown."""
    weights = 1 / variances
    mean = (weights * values).sum() / weights.sum()
    return -0.5 * (variances.log().sum() + weights.sum().log() + (weights * (values - mean) ** 2).sum())
