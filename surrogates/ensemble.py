"""Training of an ensemble of MFNets, all members in one batched pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from saltloop.surrogates.mfnet import MFNetEnsemble
from saltloop.surrogates.settings import SurrogateSettings
from torch import Tensor
from torch.nn import functional

HUBER_BETA_MS_CM = 0.3
#: A row with this standard uncertainty has half the weight of an exact one (mS/cm).
HALF_WEIGHT_UNCERTAINTY_MS_CM = 0.5
#: Epoch length of small data sets: a few hundred rows are seen this many steps an epoch at least.
MIN_STEPS_PER_EPOCH = 8


@dataclass(frozen=True)
class TrainingRows:
    """Encoded formulations and what was measured on them."""

    X: Tensor
    """n x dim."""
    y: Tensor
    """n, mS/cm."""
    std: Tensor
    """n, standard uncertainty in mS/cm."""


@contextmanager
def _one_thread() -> Iterator[None]:
    """Train on one thread: the matrices are too small for more to help, on a shared core several wait for each other,
    and the weights do not depend on how many cores a machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@_one_thread()
def train(
    network: MFNetEnsemble,
    rows: TrainingRows,
    settings: SurrogateSettings,
    *,
    generator: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Train the network in place; returns which rows each member did not see, members x n (bool).

    Each member has its own held-out rows, its own order and its own initial weights. A row counts by its uncertainty:
    ``w = s0^2 / (s0^2 + std^2)`` with ``s0`` = 0.5 mS/cm.
    """
    n, members = len(rows.y), network.n_members
    held_out = torch.rand(members, n, generator=generator) < settings.held_out
    weights = HALF_WEIGHT_UNCERTAINTY_MS_CM**2 / (HALF_WEIGHT_UNCERTAINTY_MS_CM**2 + rows.std.float() ** 2)
    weights = torch.where(held_out, 0.0, weights)
    X, y = rows.X.float(), rows.y.float()
    batch = min(settings.batch_size, n)
    steps = max(n // batch, MIN_STEPS_PER_EPOCH)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
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
            predicted = network(X[index])
            loss = (weights[member, index] * _loss(predicted, y[index], settings)).mean(dim=-1).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            if schedule is not None:
                schedule.step()
        if progress:
            progress(epoch + 1, settings.epochs)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return held_out


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
    return functional.smooth_l1_loss(predicted, y, beta=HUBER_BETA_MS_CM, reduction="none")
