"""What the network misses of liquids it knows: a robust Gaussian-process regression on its errors, near the data.

The network is smooth and leaves structure in its errors on the training rows. A Gaussian process over composition,
molality and temperature (Matérn 3/2) takes it up. Its noise is Student's t (iteratively reweighted, compare Gelman et
al., Bayesian Data Analysis, ch. 17), so that points that do not belong to their isotherm do not bend their neighbours.
Away from the data it says nothing, and the network's law stands alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from saltloop.surrogates.ensemble import TrainingRows
from torch import Tensor

#: Lengthscales: mole fraction and salt share, mol/kg, K. Chosen on a validation part of training rows of CALiSol-23.
SHARE_SCALE, MOLALITY_SCALE, TEMPERATURE_SCALE_K = 0.1, 0.3, 30.0
#: Prior standard deviation of the error and noise of a row, mS/cm.
AMPLITUDE_MS_CM, NOISE_MS_CM = 1.0, 0.1
#: Uncertainty of a row beyond this share of its conductivity adds to its noise.
USUAL_SHARE = 0.05
N_REWEIGHTS = 3
#: Noise of the first pass as a share of the network's error.
FIRST_DOUBT = 0.5
#: Formulations with more than this to exchange (``TrainingDomain.distance``) are left to the network.
REACH = 0.3
CHUNK = 2048


@dataclass(frozen=True)
class LocalCorrection:
    """Correction of the ensemble's mean (mS/cm) near the training rows, by main salt."""

    coordinates: Tensor
    """n x (salts + solvents + 2), scaled."""
    weights: Tensor
    """n."""
    salt: Tensor
    """n, main salt of each training row."""
    n_salts: int

    @classmethod
    def fit(cls, mean: Tensor, rows: TrainingRows, n_salts: int) -> tuple[LocalCorrection, Tensor]:
        """The correction for an ensemble's mean (n) on its training rows, and its leave-one-out value at each row."""
        coordinates, salt = _coordinates(rows.X, n_salts)
        residual = rows.y - mean.double()
        excess = (rows.std - USUAL_SHARE * rows.y).clamp_min(0)
        base = NOISE_MS_CM**2 + excess**2
        weights, left_out = torch.zeros_like(residual), torch.zeros_like(residual)
        for block in _blocks(salt):
            K = _kernel(coordinates[block], coordinates[block])
            error = residual[block]
            # The first pass must not follow a wrong point, or it would never be seen as wrong.
            noise = base[block] + (FIRST_DOUBT * error) ** 2
            for _ in range(N_REWEIGHTS):
                fitted = K @ torch.cholesky_solve(error.unsqueeze(-1), _factor(K, noise)).squeeze(-1)
                noise = base[block] + (error - fitted) ** 2
            factor = _factor(K, noise)
            solved = torch.cholesky_solve(error.unsqueeze(-1), factor).squeeze(-1)
            weights[block] = solved
            left_out[block] = error - solved / torch.cholesky_inverse(factor).diagonal()
        return cls(coordinates.float(), weights.float(), salt, n_salts), left_out

    def __call__(self, X: Tensor, distance: Tensor) -> Tensor:
        """Correction (mS/cm) of encoded rows (n x dim) at their distances from the training set (n)."""
        coordinates, salt = _coordinates(X, self.n_salts)
        near = distance < REACH
        total = torch.zeros(len(X), dtype=torch.double)
        for block in _blocks(self.salt):
            inside = (near & (salt == self.salt[block[0]])).nonzero().squeeze(-1)
            theirs, weights = self.coordinates[block], self.weights[block]
            for part in inside.split(CHUNK):
                if len(part):
                    values = _kernel(coordinates[part].float(), theirs) @ weights
                    total = total.index_add(0, part, values.double())
        return total


def _coordinates(X: Tensor, n_salts: int) -> tuple[Tensor, Tensor]:
    """Scaled coordinates (n x (salts + solvents + 2)) and the index of the main salt (n)."""
    salts = X[:, :n_salts]
    molality = salts.sum(-1, keepdim=True)
    shares = torch.cat([salts / molality.clamp_min(1e-6), X[:, n_salts:-1]], dim=-1) / SHARE_SCALE
    conditions = [molality / MOLALITY_SCALE, X[:, -1:] / TEMPERATURE_SCALE_K]
    return torch.cat([shares, *conditions], dim=-1), salts.argmax(dim=-1)


def _blocks(salt: Tensor) -> list[Tensor]:
    return [(salt == one).nonzero().squeeze(-1) for one in salt.unique()]


def _kernel(a: Tensor, b: Tensor) -> Tensor:
    """Matérn 3/2 covariance, n x m."""
    # Distances through the product of matrices lose digits against large coordinates; those of one origin do not.
    origin = b.mean(0)
    a, b = a - origin, b - origin
    squared = (a**2).sum(-1, keepdim=True) + (b**2).sum(-1) - 2 * a @ b.T
    scaled = (3 * squared.clamp_min(1e-12)).sqrt()
    return AMPLITUDE_MS_CM**2 * (1 + scaled) * torch.exp(-scaled)


def _factor(K: Tensor, noise: Tensor) -> Tensor:
    return torch.linalg.cholesky(K + torch.diag(noise))
