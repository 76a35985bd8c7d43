"""The strategies of the backtest: ours, and those of others, each as its own documentation advises.

The others see the same composition features: share of each salt, mole fraction of each solvent, total molality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from saltloop.chemistry import Formulation, Measurement
from saltloop.loop.acquisition_settings import AcquisitionSettings
from saltloop.loop.backtest import Strategy
from saltloop.loop.backtest_strategies import CampaignStrategy, RandomStrategy
from saltloop.surrogates.settings import SurrogateSettings
from scipy.stats import norm

N_TREES = 100
#: Confidence width of the upper confidence bound.
BETA = 2.0
#: Candidates of highest expected improvement among which BoTorch assembles the batch.
SHORTLIST = 256

Formulations = Sequence[Formulation]
Measured = Mapping[int, Measurement]


def features(formulations: Formulations) -> tuple[np.ndarray, list[str]]:
    """Composition features (n x d) and their names; what is the same in the whole pool is left out."""
    from saltloop.chemistry import SpeciesBook
    from saltloop.surrogates.encoding import FormulationEncoder

    book = SpeciesBook.builtin()
    encoder = FormulationEncoder(book, [s.name for s in book.salts], [s.name for s in book.solvents])
    X = encoder.encode(formulations).numpy()
    salts = X[:, encoder.salt_slice]
    molality = salts.sum(axis=1, keepdims=True)
    rows = np.hstack([salts / np.maximum(molality, 1e-9), X[:, encoder.solvent_slice], molality])
    varies = np.ptp(rows, axis=0) > 0
    names = [*encoder.columns[:-1], "molality"]
    return rows[:, varies], [name for name, is_kept in zip(names, varies, strict=True) if is_kept]


def split(formulations: Formulations, measured: Measured) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Features of all, positions and values of what is measured, positions of the rest."""
    known = np.array(list(measured), dtype=int)
    rest = np.setdiff1d(np.arange(len(formulations)), known)
    return features(formulations)[0], known, values(measured), rest


def values(measured: Measured) -> np.ndarray:
    """Conductivities, mS/cm."""
    return np.array([one.value for one in measured.values()])


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


@dataclass(frozen=True)
class BayBE:
    """BayBE's campaign over the pool as a discrete search space, with its default recommender (GP, qLogEI)."""

    def choose(self, formulations: Formulations, measured: Measured, *, n: int, seed: int) -> list[int]:
        import pandas
        from baybe import Campaign
        from baybe.objectives import SingleTargetObjective
        from baybe.targets import NumericalTarget
        from baybe.utils.random import set_random_seed

        set_random_seed(seed)
        X, names = features(formulations)
        table = pandas.DataFrame(X, columns=names)
        campaign = Campaign(
            _baybe_space(tuple(formulations)),
            SingleTargetObjective(NumericalTarget("k")),
            allow_recommending_already_measured=False,
        )
        answers = table.loc[list(measured)].assign(k=values(measured))
        # They are rows of the space; to check each against all values of each parameter takes seconds.
        campaign.add_measurements(answers, numerical_measurements_must_be_within_tolerance=False)
        return [int(i) for i in campaign.recommend(batch_size=n).index]


@lru_cache(maxsize=1)
def _baybe_space(formulations: tuple[Formulation, ...]) -> Any:
    import pandas
    from baybe.parameters import NumericalDiscreteParameter
    from baybe.searchspace import SearchSpace

    X, names = features(formulations)
    table = pandas.DataFrame(X, columns=names)
    parameters = [NumericalDiscreteParameter(name, sorted(set(table[name]))) for name in table]
    return SearchSpace.from_dataframe(table, parameters=parameters)


@dataclass(frozen=True)
class Ax:
    """Ax's modular BoTorch generator with its default model and acquisition (qLogNEI).

    Ax has no pool of candidates in its search space. Its ``Acquisition.select_from_candidate_set`` is meant for that:
    a subclass hands it the unmeasured liquids in place of the continuous optimisation.
    """

    def choose(self, formulations: Formulations, measured: Measured, *, n: int, seed: int) -> list[int]:
        import torch
        from ax.adapter.registry import Generators
        from ax.core.observation import ObservationFeatures
        from ax.generators.torch.botorch_modular.acquisition import Acquisition

        torch.manual_seed(seed)
        X, names = features(formulations)
        rest = np.setdiff1d(np.arange(len(X)), list(measured))
        candidates: list[torch.Tensor] = []

        class PoolAcquisition(Acquisition):
            def optimize(self, n: int, *_: Any, **__: Any) -> Any:
                return self.select_from_candidate_set(n, candidates[0])

        experiment = _ax_experiment(X, names, measured)
        adapter = Generators.BOTORCH_MODULAR(
            experiment=experiment, data=experiment.lookup_data(), acquisition_class=PoolAcquisition
        )
        pool = [ObservationFeatures(_parameters(names, X[i])) for i in rest]
        candidates.append(torch.as_tensor(adapter.transform_observation_features(pool)))
        run = adapter.gen(n)
        return positions(np.array([[arm.parameters[name] for name in names] for arm in run.arms]), X, rest)


def _ax_experiment(X: np.ndarray, names: Sequence[str], measured: Measured) -> Any:
    import pandas
    from ax.core.arm import Arm
    from ax.core.data import Data
    from ax.core.experiment import Experiment
    from ax.core.metric import Metric
    from ax.core.objective import Objective
    from ax.core.optimization_config import OptimizationConfig
    from ax.core.parameter import ParameterType, RangeParameter
    from ax.core.search_space import SearchSpace

    low, high = X.min(axis=0), X.max(axis=0)
    experiment = Experiment(
        name="pool",
        search_space=SearchSpace(
            [
                RangeParameter(name, ParameterType.FLOAT, lower=float(a), upper=float(b))
                for name, a, b in zip(names, low, high, strict=True)
            ]
        ),
        optimization_config=OptimizationConfig(Objective(metric=Metric("k"), minimize=False)),
    )
    rows = []
    for position, value in zip(measured, values(measured), strict=True):
        trial = experiment.new_trial().add_arm(Arm(_parameters(names, X[position])))
        trial.mark_running(no_runner_required=True)
        rows.append(
            {
                "trial_index": trial.index,
                "arm_name": trial.arm.name,
                "metric_name": "k",
                "metric_signature": "k",
                "mean": float(value),
                "sem": None,
            }
        )
    experiment.attach_data(Data(df=pandas.DataFrame(rows)))
    for trial in experiment.trials.values():
        trial.mark_completed()
    return experiment


def _parameters(names: Sequence[str], row: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, row, strict=True)}


def positions(picked: np.ndarray, rows: np.ndarray, rest: np.ndarray) -> list[int]:
    """Which of the rows at ``rest`` were picked, each once (two liquids may share their features)."""
    found: list[int] = []
    for one in picked:
        distance = np.abs(rows[rest] - one).max(axis=1)
        distance[np.isin(rest, found)] = np.inf
        found.append(int(rest[distance.argmin()]))
    return found


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
