"""Training of an ensemble of MFNets, all members in one batched pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from saltloop.surrogates.mfnet import MFNetEnsemble
from saltloop.surrogates.scan import ScanEnsemble
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.threads import one_torch_thread
from torch import Tensor, nn
from torch.nn import functional

EnsembleNetwork = MFNetEnsemble | ScanEnsemble

HUBER_BETA_MS_CM = 0.3
#: Added to k before the logarithm in the relative loss, and where that loss becomes absolute.
LN_OFFSET_MS_CM, LN_HUBER_BETA = 0.1, 0.1
#: A row whose standard uncertainty is this much (mS/cm, and a share of its conductivity) has half the weight of an
#: exact one: a good measurement's few per cent do not count against the tail.
HALF_WEIGHT_MS_CM, HALF_WEIGHT_SHARE = 0.3, 0.1
#: Epoch length of small data sets: a few hundred rows are seen this many steps an epoch at least.
MIN_STEPS_PER_EPOCH = 8
#: Largest norm of one member's gradient in one step.
LARGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class TrainingRows:
    """Encoded formulations and what was measured on them."""

    X: Tensor
    """n x dim."""
    y: Tensor
    """n, mS/cm."""
    std: Tensor
    """n, standard uncertainty in mS/cm."""

    def select(self, index: Tensor) -> TrainingRows:
        """Some of the rows, by index or mask."""
        return TrainingRows(self.X[index], self.y[index], self.std[index])


@one_torch_thread()
def train(
    network: EnsembleNetwork,
    rows: TrainingRows,
    settings: SurrogateSettings,
    *,
    held_out: Tensor,
    generator: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Train the network in place; ``held_out`` (members x n, bool) says which rows each member does not see.

    Each member has its own order of rows and its own initial weights. A row counts by its uncertainty u against what
    is usual at its conductivity k: ``w = t^2 / (t^2 + u^2)`` with ``t = 0.3 mS/cm + 0.1 k``.
    """
    n, members = len(rows.y), network.n_members
    network.mark_seen(rows.X, held_out)
    usual = HALF_WEIGHT_MS_CM + HALF_WEIGHT_SHARE * rows.y
    weights = (usual**2 / (usual**2 + rows.std**2)).float()
    weights = torch.where(held_out, 0.0, weights)
    X, y = rows.X.float(), rows.y.float()
    batch = min(settings.batch_size, n)
    steps = steps_per_epoch(n, settings)
    parameters = list(network.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    schedule = None
    if settings.schedule == "one_cycle":
        total = settings.epochs * steps
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.learning_rate, total_steps=total, pct_start=0.15
        )
    member = torch.arange(members).unsqueeze(-1)
    for epoch in range(settings.epochs):
        order = _orders(members, n, steps * batch, generator)
        for step in range(steps):
            index = order[:, step * batch : (step + 1) * batch]
            predicted = network(X[index], generator)
            loss = (weights[member, index] * _loss(predicted, y[index], settings)).mean(dim=-1).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            _clip_by_member(parameters)
            optimiser.step()
            if schedule is not None:
                schedule.step()
        if progress:
            progress(epoch + 1, settings.epochs)
    for parameter in parameters:
        parameter.requires_grad_(False)


def steps_per_epoch(n: int, settings: SurrogateSettings) -> int:
    """Optimiser steps in an epoch over n rows."""
    return max(n // min(settings.batch_size, n), MIN_STEPS_PER_EPOCH)


def random_held_out(members: int, n: int, share: float, generator: torch.Generator) -> Tensor:
    """Each member's own held-out rows, members x n (bool); of a few rows, one each."""
    held_out = torch.rand(members, n, generator=generator) < share
    if not held_out.any():
        member = torch.arange(members)
        held_out[member, member % n] = True
    return held_out


def _clip_by_member(parameters: list[nn.Parameter]) -> None:
    """Limit each member's gradient by its own norm, so that members stay independent of each other."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0).sqrt()
    factor = (LARGEST_GRADIENT / norm.clamp_min(1e-12)).clamp_max(1.0)
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))


def _orders(members: int, n: int, length: int, generator: torch.Generator) -> Tensor:
    """An order of rows for each member, members x length; short data sets are gone through several times."""
    repeats = -(-length // n)
    orders = [
        torch.cat([torch.randperm(n, generator=generator) for _ in range(repeats)])[:length] for _ in range(members)
    ]
    return torch.stack(orders)


def _loss(predicted: Tensor, y: Tensor, settings: SurrogateSettings) -> Tensor:
    if settings.loss == "squared":
        return (predicted - y) ** 2
    absolute = functional.smooth_l1_loss(predicted, y, beta=HUBER_BETA_MS_CM, reduction="none")
    if not settings.relative_loss:
        return absolute
    ln_predicted, ln_y = torch.log(predicted + LN_OFFSET_MS_CM), torch.log(y + LN_OFFSET_MS_CM)
    relative = functional.smooth_l1_loss(ln_predicted, ln_y, beta=LN_HUBER_BETA, reduction="none")
    return absolute + settings.relative_loss * relative
