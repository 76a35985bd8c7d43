"""BayBE and Ax as strategies of the backtest, each as its documentation advises for a list of candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from backtest_features import Formulations, Measured, features, positions, values
from saltloop.chemistry import Formulation


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
