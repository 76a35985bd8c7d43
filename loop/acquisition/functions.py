"""BoTorch's acquisition functions by the names of the campaign file, over encoded rows or positions in a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.acquisition.monte_carlo import qUpperConfidenceBound
from botorch.acquisition.multi_objective import logei
from botorch.acquisition.multi_objective.logei import (
    qLogExpectedHypervolumeImprovement,
    qLogNoisyExpectedHypervolumeImprovement,
)
from botorch.acquisition.multi_objective.objective import GenericMCMultiOutputObjective
from botorch.acquisition.multi_objective.utils import prune_inferior_points_multi_objective
from botorch.acquisition.objective import GenericMCObjective
from botorch.acquisition.prior_guided import PriorGuidedAcquisitionFunction
from botorch.acquisition.utils import prune_inferior_points
from botorch.models.model import Model
from botorch.posteriors.posterior_list import PosteriorList
from botorch.sampling.get_sampler import get_sampler
from botorch.sampling.list_sampler import ListSampler
from botorch.sampling.normal import SobolQMCNormalSampler
from botorch.utils.multi_objective.box_decompositions.non_dominated import FastNondominatedPartitioning
from botorch.utils.sampling import manual_seed
from saltloop.loop.acquisition.objectives import Objectives
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.acquisition.table import transforms_of
from saltloop.loop.errors import CampaignError
from torch import Tensor

#: Kinds with a gradient to climb.
SMOOTH_KINDS = frozenset({"qlognei", "qucb", "qlogehvi", "qlognehvi"})
#: ``qlogehvi`` sums over all subsets of a batch and what is pending.
MOST_JOINT = 6
ROWS_AT_ONCE = 512
#: Draws by which baseline points are found that cannot be best.
PRUNING_SAMPLES = 512
#: Most draws behind a hypervolume, by the number of objectives: each draw has its own front to be cut into boxes.
MOST_DRAWS = {2: 128, 3: 64}
MOST_DRAWS_BEYOND = 32


class Feasibility(Protocol):
    """What is known of whether a formulation gives a result at all."""

    def log_probability(self, X: Tensor) -> Tensor:
        """Natural logarithm of the probability for each encoded row: n x dim to n, differentiable."""


LogProbability = Callable[[Tensor], Tensor]


class WeighedByFeasibility(AcquisitionFunction):
    """A logarithmic acquisition function plus the log probability that its one point gives a result."""

    def __init__(self, base: AcquisitionFunction, log_probability: LogProbability) -> None:
        super().__init__(model=base.model)
        self.base, self.log_probability = base, log_probability

    def forward(self, X: Tensor) -> Tensor:
        """Values of ``n x 1 x d``."""
        value: Tensor = self.base(X) + self.log_probability(X.squeeze(-2))
        return value

    def set_X_pending(self, X_pending: Tensor | None = None) -> None:
        self.base.set_X_pending(X_pending)


class _Probability(torch.nn.Module):
    def __init__(self, log_probability: LogProbability) -> None:
        super().__init__()
        self._log_probability = log_probability

    def forward(self, X: Tensor) -> Tensor:
        return self._log_probability(X.reshape(-1, X.shape[-1])).exp().reshape(X.shape[:-1])


def acquisition_function(
    settings: AcquisitionSettings,
    objectives: Objectives,
    model: Model,
    *,
    baseline: Tensor,
    pending: Tensor | None,
    seed: int,
    log_probability: LogProbability | None = None,
) -> AcquisitionFunction:
    """The acquisition function of a smooth kind, aware of what is pending.

    Args:
        model: of the objectives, over the same inputs as ``baseline`` and ``pending`` (n x d): rows or positions.
        seed: of the base samples; the same seed and shapes, the same values.
        log_probability: of a result, for inputs n x d; weighs the values.

    Raises:
        CampaignError: too many points at once for ``qlogehvi``.
    """
    sampler = _sampler(objectives, model, baseline[:1], settings.mc_samples, seed)
    if settings.kind == "qucb":
        bound = qUpperConfidenceBound(model, settings.width**2, sampler, _one_quantity(objectives, model))
        if log_probability is not None:
            return PriorGuidedAcquisitionFunction(bound, _Probability(log_probability), X_pending=pending)
        bound.set_X_pending(pending)
        return bound
    if settings.kind == "qlognei":
        found: AcquisitionFunction = qLogNoisyExpectedImprovement(
            model, baseline, sampler, _one_quantity(objectives, model), X_pending=pending, prune_baseline=False
        )
    else:
        found = _hypervolume(settings, objectives, model, baseline, pending, sampler)
    return found if log_probability is None else WeighedByFeasibility(found, log_probability)


def _hypervolume(
    settings: AcquisitionSettings,
    objectives: Objectives,
    model: Model,
    baseline: Tensor,
    pending: Tensor | None,
    sampler: Any,
) -> AcquisitionFunction:
    _without_compiler()
    wanted, limits = _several_quantities(objectives, model)
    if settings.kind == "qlognehvi":
        return qLogNoisyExpectedHypervolumeImprovement(
            model,
            objectives.reference,
            baseline,
            sampler,
            objective=wanted,
            constraints=limits or None,
            X_pending=pending,
            prune_baseline=False,
            cache_root=False,
        )
    n_joint = 1 + (0 if pending is None else len(pending))
    if n_joint > MOST_JOINT:
        raise CampaignError(
            f"acquisition.kind qlogehvi weighs at most {MOST_JOINT} formulations together, here are {n_joint} pending "
            "or in one batch. Use qlognehvi, or smaller batches."
        )
    with torch.no_grad():
        central: Any = model.posterior(baseline)
        inside = torch.ones(len(baseline), dtype=torch.bool)
        for limit in limits:
            inside &= limit(central.mean) <= 0
        partitioning: Any = FastNondominatedPartitioning(objectives.reference, Y=wanted(central.mean)[inside])
    return qLogExpectedHypervolumeImprovement(
        model,
        objectives.reference,
        partitioning,
        sampler,
        objective=wanted,
        constraints=limits or None,
        X_pending=pending,
    )


def _several_quantities(
    objectives: Objectives, model: Model
) -> tuple[GenericMCMultiOutputObjective, list[Callable[[Tensor], Tensor]]]:
    """The objectives, signed so that more is better, and their limits, on draws of ``model``."""
    of_draws, signs = objectives.of_draws(model), objectives.signs

    def more_is_better(Y: Tensor, X: Tensor | None = None) -> Tensor:
        return of_draws(Y) * signs

    def within(limit: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda Y: limit(of_draws(Y))

    return GenericMCMultiOutputObjective(more_is_better), [within(limit) for limit in objectives.constraints]


def _without_compiler() -> None:
    """Keep BoTorch from compiling C++ when a hypervolume is first asked for: it takes most of a minute, and where there
    is no compiler the last digits would be others."""
    logei._load_attempted = True


def _one_quantity(objectives: Objectives, model: Model) -> GenericMCObjective | None:
    """The objective of one output, where its draws are not yet those of the quantity."""
    if not any(transforms_of(model)):
        return None
    of_draws = objectives.of_draws(model)

    def quantity(Y: Tensor, X: Tensor | None = None) -> Tensor:
        return of_draws(Y)[..., 0]

    return GenericMCObjective(quantity)


def competitive(objectives: Objectives, model: Model, baseline: Tensor, seed: int) -> Tensor:
    """The baseline without the points that are almost surely not the best (of several objectives: not on the front)."""
    if len(baseline) < 2:
        return baseline
    with torch.no_grad():
        if objectives.is_single:
            sampler = SobolQMCNormalSampler(torch.Size([PRUNING_SAMPLES]), seed=seed)
            return prune_inferior_points(model, baseline, _one_quantity(objectives, model), sampler=sampler)
        wanted, limits = _several_quantities(objectives, model)
        with manual_seed(seed):
            kept = prune_inferior_points_multi_objective(
                model, baseline, objectives.reference, wanted, limits or None, num_samples=PRUNING_SAMPLES
            )
    return kept if len(kept) else baseline[:1]


def values(acquisition: AcquisitionFunction, X: Tensor) -> Tensor:
    """Values (n) of inputs n x d, each alone."""
    with torch.no_grad():
        return torch.cat([acquisition(part.unsqueeze(-2)) for part in X.split(ROWS_AT_ONCE)])


def _sampler(objectives: Objectives, model: Model, X: Tensor, mc_samples: int, seed: int) -> Any:
    """Quasi-random base samples; each objective has its own, or they would be drawn alike."""
    if objectives.is_single:
        return SobolQMCNormalSampler(torch.Size([mc_samples]), seed=seed)
    shape = torch.Size([min(mc_samples, MOST_DRAWS.get(len(objectives.items), MOST_DRAWS_BEYOND))])
    with torch.no_grad():
        posterior: Any = model.posterior(X)
    assert isinstance(posterior, PosteriorList)
    parts = [get_sampler(one, shape, seed=seed + k) for k, one in enumerate(posterior.posteriors)]  # type: ignore[arg-type]
    return ListSampler(*parts)
