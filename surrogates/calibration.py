"""How far the ensemble is off, near what was measured and far from it: fitted on rows that members did not see.

Two sets of errors: *near*, on rows that some members of the ensemble left out while they saw the rest of the same
paper; and *far*, from a smaller ensemble trained five times without a fifth of the papers. A scale is fitted to both
by likelihood; conformal quantiles (Vovk, Gammerman, Shafer 2005) then make intervals hold what they promise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from saltloop.surrogates.domain import TrainingDomain
from saltloop.surrogates.ensemble import EnsembleNetwork, TrainingRows, steps_per_epoch, train
from saltloop.surrogates.settings import SurrogateSettings
from scipy.optimize import minimize
from scipy.stats import norm
from torch import Tensor

N_FOLDS, N_REPLICAS = 5, 2
#: Rows and optimiser steps of the smaller ensemble.
N_CROSS_ROWS, N_CROSS_STEPS = 2500, 800
#: Exchange of this much of a liquid makes it far (see ``TrainingDomain.distance``).
FAR_DISTANCE = 0.25
#: The error far away is a share of this plus the conductivity, mS/cm.
FAR_OFFSET_MS_CM = 0.5
#: mS/cm and share of the conductivity below which no error is believed to be.
SMALLEST_FLOOR_MS_CM, SMALLEST_SHARE = 0.02, 0.005
LEVELS = (*np.round(np.arange(0.05, 0.96, 0.05), 2).tolist(), 0.975, 0.99)


@dataclass(frozen=True)
class ErrorScale:
    """``variance = (floor + share k)^2 + (spread_factor * spread)^2 + (far (k + 0.5) f)^2``.

    k: predicted conductivity (mS/cm); spread: the members'; ``f = 1 - exp(-(d / 0.25)^2)`` with the distance d from the
    nearest measured liquid.
    """

    floor: float
    """mS/cm."""
    share: float
    spread_factor: float
    far: float

    def local_std(self, mean: Tensor, distance: Tensor) -> Tensor:
        """The part that the members' spread does not hold, mS/cm."""
        positive = mean.clamp_min(0)
        near = self.floor + self.share * positive
        far = self.far * (positive + FAR_OFFSET_MS_CM) * farness(distance)
        return torch.sqrt(near**2 + far**2)


@dataclass(frozen=True)
class ConformalQuantiles:
    """Half-widths of central intervals in standard deviations, at ``LEVELS``, for near and for far formulations."""

    near: Tensor
    far: Tensor

    @classmethod
    def normal(cls) -> ConformalQuantiles:
        """Those of a normal distribution."""
        quantiles = torch.from_numpy(norm.ppf(0.5 + np.asarray(LEVELS) / 2))
        return cls(quantiles, quantiles)

    def half_width(self, level: float, distance: np.ndarray) -> np.ndarray:
        """Standard deviations on either side for each formulation.

        Raises:
            ValueError: a level outside 0.05 to 0.99.
        """
        if not LEVELS[0] <= level <= LEVELS[-1]:
            raise ValueError(f"An interval of {level:.0%} cannot be told; levels run from 5 % to 99 %.")
        near, far = (float(np.interp(level, LEVELS, q.numpy())) for q in (self.near, self.far))
        weight: np.ndarray = farness(torch.as_tensor(distance)).numpy()
        return near + (far - near) * weight


@dataclass(frozen=True)
class BlindErrors:
    """Predictions by members that had not seen the row, with what the scale depends on; n each."""

    mean: Tensor
    variance: Tensor
    distance: Tensor
    y: Tensor
    std: Tensor

    def scale(self, scale: ErrorScale) -> Tensor:
        """Predicted standard deviation of the difference to the measured value, mS/cm."""
        local = scale.local_std(self.mean, self.distance)
        return torch.sqrt(local**2 + scale.spread_factor**2 * self.variance + self.std**2)


def farness(distance: Tensor) -> Tensor:
    """0 at a measured liquid, towards 1 far from all."""
    return 1 - torch.exp(-((distance / FAR_DISTANCE) ** 2))


def near_errors(members: Tensor, rows: TrainingRows, held_out: Tensor, correction: Tensor) -> BlindErrors:
    """Errors of the members that left a row out, for each row that at least one did.

    ``members``: their predictions, members x n; ``correction``: what other rows would add to each row's mean (n).
    """
    used = held_out.any(dim=0)
    some, members = rows.select(used), members[:, used].double()
    blind = held_out[:, used].double()
    mean = (members * blind).sum(0) / blind.sum(0) + correction[used]
    return BlindErrors(mean, members.var(0), torch.zeros_like(mean), some.y, some.std)


def far_errors(
    build: Callable[[SurrogateSettings], EnsembleNetwork],
    rows: TrainingRows,
    groups: Sequence[str],
    settings: SurrogateSettings,
    n_salts: int,
    generator: torch.Generator,
) -> BlindErrors | None:
    """Errors on whole groups (papers) that two members of a smaller ensemble had not seen; None where all rows that it
    is trained on are of one group.

    ``groups``: one name a row; ``build`` makes an untrained network of given settings.
    """
    fold = _folds(groups)
    if fold is None:
        return None
    chosen = torch.randperm(len(rows.y), generator=generator)[:N_CROSS_ROWS]
    some, fold = rows.select(chosen), fold[chosen]
    if (fold == fold[0]).all():  # Small groups can be missing from what was drawn; nothing would be left to train on.
        return None
    epochs = min(settings.epochs, max(N_CROSS_STEPS // steps_per_epoch(len(chosen), settings), 1))
    quick = settings.model_copy(update={"n_members": N_FOLDS * N_REPLICAS, "epochs": epochs})
    network = build(quick)
    of_member = torch.arange(N_FOLDS).repeat_interleave(N_REPLICAS)
    train(network, some, quick, held_out=of_member[:, None] == fold, generator=generator)
    with torch.no_grad():
        members = network(some.X.float()).double().unflatten(0, (N_FOLDS, N_REPLICAS))
    row = torch.arange(len(fold))
    blind = members.transpose(0, 1)[:, fold, row]
    distance = torch.empty(len(fold))
    for one in range(N_FOLDS):
        out = fold == one
        if out.any() and not out.all():
            distance[out] = TrainingDomain.of(some.X[~out], n_salts).distance(some.X[out])
    return BlindErrors(blind.mean(0), blind.var(0), distance, some.y, some.std)


def fit_scale(near: BlindErrors, far: BlindErrors | None) -> ErrorScale:
    """The scale of largest likelihood, near and far counting the same.

    The likelihood is Laplace's, which a few wrong rows do not inflate.
    """
    sets = [near] if far is None else [near, far]

    def loss(parameters: np.ndarray) -> float:
        scale = _scale(parameters)
        total = 0.0
        for errors in sets:
            width = errors.scale(scale) / 2**0.5
            total += float(((errors.mean - errors.y).abs() / width + torch.log(width)).mean())
        return total

    start = np.log([0.05, 0.02, 1.0, 0.3])
    best = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 400, "xatol": 0.02, "fatol": 1e-4})
    return _scale(best.x)


def conformal_quantiles(near: BlindErrors, far: BlindErrors | None, scale: ErrorScale) -> ConformalQuantiles:
    """Quantiles of the standardised errors, with the finite-sample correction of split conformal prediction.

    Not quite a split: the scale's four numbers were fitted to the same errors. The rank taken is one above
    ``ceil((n + 1) level)``, on the safe side; where that is above n, the largest error.
    """
    near_quantiles = _quantiles(near, scale)
    return ConformalQuantiles(near_quantiles, near_quantiles if far is None else _quantiles(far, scale))


def _quantiles(errors: BlindErrors, scale: ErrorScale) -> Tensor:
    standardised = ((errors.mean - errors.y).abs() / errors.scale(scale)).numpy()
    n = len(standardised)
    levels = np.minimum(np.ceil((n + 1) * np.asarray(LEVELS)) / n, 1.0)
    return torch.from_numpy(np.quantile(standardised, levels, method="higher"))


def _scale(parameters: np.ndarray) -> ErrorScale:
    floor, share, spread, far = np.exp(np.clip(parameters, -8, 3)).tolist()
    return ErrorScale(max(floor, SMALLEST_FLOOR_MS_CM), max(share, SMALLEST_SHARE), spread, far)


def _folds(groups: Sequence[str]) -> Tensor | None:
    """Fold of each row: groups whole, the largest first into the smallest fold. None when there is but one group."""
    names, index, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    if len(names) < 2:
        return None
    fold_of, load = np.empty(len(names), dtype=int), np.zeros(N_FOLDS)
    for group in sorted(range(len(names)), key=lambda g: (-counts[g], names[g])):
        fold_of[group] = int(load.argmin())
        load[fold_of[group]] += counts[group]
    return torch.from_numpy(fold_of[index])
