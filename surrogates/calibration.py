"""How far the ensemble is off where it has not looked: two numbers, fitted on rows that members did not see."""

from __future__ import annotations

import torch
from saltloop.surrogates.ensemble import TrainingRows
from saltloop.surrogates.mfnet import MFNetEnsemble
from saltloop.surrogates.posterior import ResidualScale, side_by_side
from torch import Tensor

#: Lengthscale of the residual: this fraction of the median distance among training rows in latent space.
LENGTHSCALE_FRACTION = 0.5
N_DISTANCE_ROWS = 512
SPREAD_FACTORS = torch.linspace(0.5, 4.0, 36, dtype=torch.double)
#: mS/cm. Not below 0.1: laboratories differ by 3-5 % on one liquid, however smooth a data set is.
RESIDUAL_STDS = torch.logspace(-1, 1, 41, dtype=torch.double)


def fit_residual_scale(
    network: MFNetEnsemble, rows: TrainingRows, held_out: Tensor, generator: torch.Generator
) -> tuple[ResidualScale, Tensor, Tensor]:
    """Fit the residual scale by likelihood; returns it with the centre and spread of the latent features.

    For each row that at least one member has not seen, the error of those members' mean is compared with
    ``s^2 * (spread of all members)^2 + a^2``, under a Laplace likelihood of that scale, which a few wrong rows do not
    inflate. Held-out rows have near neighbours in training, so this is the error of interpolation.
    """
    with torch.no_grad():
        members = _in_chunks(network, rows.X).double()
    seen_by_none = held_out.double()
    n_blind = seen_by_none.sum(0)
    used = n_blind > 0
    blind = (members * seen_by_none).sum(0)[used] / n_blind[used]
    error = (blind - rows.y[used]).abs()
    spread = members.var(0)[used]
    scale = torch.sqrt(
        SPREAD_FACTORS[:, None, None] ** 2 * spread + RESIDUAL_STDS[None, :, None] ** 2 + rows.std[used] ** 2
    )
    width = scale / 2**0.5
    loss = (error / width + torch.log(width)).mean(-1)
    best = int(loss.argmin())
    row, column = divmod(best, len(RESIDUAL_STDS))
    some = torch.randperm(len(rows.y), generator=generator)[:N_DISTANCE_ROWS]
    with torch.no_grad():
        latent = side_by_side(network.with_latent(rows.X[some].float())[1])
    centre, width_of_latent = latent.mean(0), latent.std(0).clamp_min(1e-3)
    standard = (latent - centre) / width_of_latent
    # Where most rows are one liquid the median distance is zero; any lengthscale above zero does.
    median = float(torch.pdist(standard).median()) / standard.shape[-1] ** 0.5 or 1.0
    return (
        ResidualScale(float(SPREAD_FACTORS[row]), float(RESIDUAL_STDS[column]), LENGTHSCALE_FRACTION * median),
        centre,
        width_of_latent,
    )


def _in_chunks(network: MFNetEnsemble, X: Tensor, size: int = 4096) -> Tensor:
    return torch.cat([network(part.float()) for part in X.split(size)], dim=-1)
