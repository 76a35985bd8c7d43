"""The strategies of the backtest: ours, and those of others, each as its own documentation advises.

The others see the same composition features: share of each salt, mole fraction of each solvent, total molality.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from backtest_features import Formulations, Measured, positions, split
from backtest_packages import Ax, BayBE
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.backtest.backtest import Strategy
from saltloop.loop.backtest.strategies import CampaignStrategy, RandomStrategy
from saltloop.surrogates.settings import SurrogateSettings
from scipy.stats import norm

N_TREES = 100
#: Confidence width of the upper confidence bound.
BETA = 2.0
#: Candidates of highest expected improvement among which BoTorch assembles the batch.
SHORTLIST = 256


@dataclass(frozen=True)
class Saltloop:
    """A campaign of ours at its defaults, but for the kind of acquisition and of surrogate."""

    acquisition: str
    surrogate: str = "gp"

    def choose(self, formulations: Formulations, measured: Measured, *, n: int, seed: int) -> list[int]:
        from saltloop.chemistry import SpeciesBook

        learner = SurrogateSettings.model_validate({"architecture": self.surrogate})
        chooser = AcquisitionSettings.model_validate({"kind": self.acquisition})
        strategy = CampaignStrategy(learner, chooser, SpeciesBook.builtin())
        return strategy.choose(formulations, measured, n=n, seed=seed)


@dataclass(frozen=True)
class ExtraTrees:
    """100 extremely randomised trees; the spread of the trees is the uncertainty. The batch is the best ten.

    Thompson sampling lets one tree after another, in random order, take its best liquid that is still free.
    """

    acquisition: Literal["ei", "ucb", "thompson"]

    def choose(self, formulations: Formulations, measured: Measured, *, n: int, seed: int) -> list[int]:
        from sklearn.ensemble import ExtraTreesRegressor

        X, known, y, rest = split(formulations, measured)
        forest = ExtraTreesRegressor(N_TREES, random_state=seed).fit(X[known], y)
        trees = np.array([tree.predict(X[rest]) for tree in forest.estimators_])
        if self.acquisition == "thompson":
            return [int(i) for i in rest[self._thompson(trees, n, seed)]]
        mean, std = trees.mean(axis=0), trees.std(axis=0) + 1e-9
        if self.acquisition == "ucb":
            score = mean + BETA * std
        else:
            z = (mean - y.max()) / std
            score = (mean - y.max()) * norm.cdf(z) + std * norm.pdf(z)
        return [int(i) for i in rest[np.argsort(-score, kind="stable")[:n]]]

    def _thompson(self, trees: np.ndarray, n: int, seed: int) -> list[int]:
        taken: list[int] = []
        order = np.random.default_rng(seed).permutation(len(trees))
        for tree in np.resize(order, n):
            ranked = np.argsort(-trees[tree], kind="stable")
            taken.append(next(int(i) for i in ranked if i not in taken))
        return taken


@dataclass(frozen=True)
class MaternEI:
    """BoTorch's SingleTaskGP with a Matern-5/2 kernel, a length scale a feature, and batch log expected improvement."""

    def choose(self, formulations: Formulations, measured: Measured, *, n: int, seed: int) -> list[int]:
        import torch
        from botorch.acquisition import LogExpectedImprovement, qLogExpectedImprovement
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import SingleTaskGP
        from botorch.models.transforms import Normalize, Standardize
        from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
        from botorch.optim import optimize_acqf_discrete
        from botorch.sampling import SobolQMCNormalSampler
        from gpytorch.mlls import ExactMarginalLogLikelihood

        rows, known, y, rest = split(formulations, measured)
        X, d = torch.as_tensor(rows), rows.shape[1]
        bounds = torch.stack([X.min(dim=0).values, X.max(dim=0).values])
        model = SingleTaskGP(
            X[known],
            torch.as_tensor(y)[:, None],
            covar_module=get_covar_module_with_dim_scaled_prior(ard_num_dims=d, use_rbf_kernel=False),
            input_transform=Normalize(d, bounds=bounds),
            outcome_transform=Standardize(1),
        )
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        choices = X[rest]
        with torch.no_grad():
            single = LogExpectedImprovement(model, best_f=y.max())(choices[:, None])
        choices = choices[single.argsort(descending=True, stable=True)[:SHORTLIST]]
        batch = qLogExpectedImprovement(
            model, best_f=y.max(), sampler=SobolQMCNormalSampler(torch.Size([256]), seed=seed)
        )
        picked, _ = optimize_acqf_discrete(batch, q=n, choices=choices, unique=True)
        return positions(picked.numpy(), rows, rest)


METHODS: dict[str, Strategy] = {
    "saltloop-qlognei": Saltloop("qlognei"),
    "saltloop-qucb": Saltloop("qucb"),
    "saltloop-thompson": Saltloop("thompson"),
    "saltloop-ensemble-qlognei": Saltloop("qlognei", "physics"),
    "random": RandomStrategy(),
    "extra-trees-ei": ExtraTrees("ei"),
    "extra-trees-ucb": ExtraTrees("ucb"),
    "extra-trees-thompson": ExtraTrees("thompson"),
    "matern-gp-ei": MaternEI(),
    "baybe": BayBE(),
    "ax": Ax(),
}
