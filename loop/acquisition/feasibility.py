"""Which formulations give a result at all: a probit Gaussian process taught by results and by liquids that failed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from saltloop.chemistry.formulation import Formulation
from saltloop.loop.campaign import Campaign
from torch import Tensor

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder

#: Distances at which liquids cease to be alike: mol/kg of all salts, and of one salt in place of another; mole fraction
#: of a solvent; kelvin.
CONCENTRATION_SCALE, SALT_SCALE, SOLVENT_SCALE, TEMPERATURE_SCALE = 0.5, 1.0, 0.25, 20.0
#: Standard deviation of the latent function: how surely a liquid just like a failed one fails.
LATENT_STD = 2.5
#: Multiples of the distances above among which the evidence chooses, and how far it is trusted (s.d. of the logarithm).
SCALE_FACTORS, SCALE_PRIOR_STD = (0.5, 1.0, 2.0, 4.0), 0.7
N_NEWTON, TOLERANCE, JITTER = 100, 1e-10, 1e-8
LOG_SQRT_2PI = 0.5 * math.log(2 * math.pi)


class Feasibility:
    """Probability that a formulation gives a result, from rows that did and rows that failed for good.

    A Gaussian process with a Matérn-5/2 kernel under a probit likelihood, by Laplace's approximation (Rasmussen and
    Williams, Gaussian Processes for Machine Learning, 2006, algorithms 3.1 and 3.2). Its constant mean makes the
    probability far from everything tried equal ``prior``. The length scale is the one of ``SCALE_FACTORS`` with the
    greatest evidence. No random number is drawn: the same rows give the same model.
    """

    def __init__(self, X: Tensor, is_feasible: Sequence[bool], to_features: Tensor, *, prior: float) -> None:
        """
        Args:
            X: encoded formulations, ``n x dim``.
            is_feasible: for each row.
            to_features: ``dim x k``; liquids whose ``X @ to_features`` are closer than about 1 are alike.
        """
        self._to_features = to_features
        self._known = X @ to_features
        self._y = torch.tensor([1.0 if one else -1.0 for one in is_feasible], dtype=torch.double)
        self._mean = float(torch.special.ndtri(torch.tensor(prior, dtype=torch.double))) * math.sqrt(1 + LATENT_STD**2)
        self.n_feasible, self.n_failed = sum(is_feasible), len(is_feasible) - sum(is_feasible)
        best = -math.inf
        for factor in SCALE_FACTORS:
            K = _matern(self._known, self._known, factor)
            evidence, gradient, root_W, L = self._laplace(K)
            evidence -= 0.5 * (math.log(factor) / SCALE_PRIOR_STD) ** 2
            if evidence > best:
                best, self._factor = evidence, factor
                self._gradient = gradient
                self._whiten = torch.linalg.solve_triangular(L, root_W.diag(), upper=False).mT

    @classmethod
    def learn(cls, campaign: Campaign, encoder: FormulationEncoder) -> Feasibility | None:
        """From the campaign's own record; None while nothing has failed for good, or when it is switched off."""
        settings, record = campaign.settings.feasibility, campaign.record
        if not settings.enabled or not record.infeasible:
            return None
        good = {f.formulation_id: f for f in (campaign.formulation_of(r) for r in record.valid_results())}
        bad = [
            Formulation.from_dict(entry["formulation"], species=campaign.species)
            for key, entry in sorted(record.infeasible.items())
        ]
        rows = [*(good[key] for key in sorted(good)), *bad]
        answers = [True] * len(good) + [False] * len(bad)
        return cls(encoder.encode(rows), answers, _features(encoder), prior=settings.prior)

    def log_probability(self, X: Tensor) -> Tensor:
        """Natural logarithm of the probability of a result for rows ``... x dim``; shape ``...``, differentiable."""
        k = _matern(X @ self._to_features, self._known, self._factor)
        mean = self._mean + k @ self._gradient
        variance = (LATENT_STD**2 - (k @ self._whiten).square().sum(-1)).clamp_min(0.0)
        return torch.special.log_ndtr(mean / (1 + variance).sqrt())

    def probability(self, X: Tensor) -> list[float]:
        """Probability of a result for rows ``n x dim``."""
        with torch.no_grad():
            return [float(p) for p in self.log_probability(X).exp()]

    def describe(self) -> str:
        """One line for a person."""
        return (
            f"feasibility learned from {self.n_failed} liquid(s) that failed for good and {self.n_feasible} that gave "
            "a result"
        )

    def _laplace(self, K: Tensor) -> tuple[float, Tensor, Tensor, Tensor]:
        """Newton's method: log evidence, gradient of the log likelihood, root of W, Cholesky factor of B."""
        n = len(self._y)
        eye = torch.eye(n, dtype=torch.double)
        K = K + JITTER * LATENT_STD**2 * eye
        a = torch.zeros(n, dtype=torch.double)
        f, objective = torch.full((n,), self._mean, dtype=torch.double), -math.inf
        for _ in range(N_NEWTON):
            gradient, W = self._derivatives(f)
            root_W = W.sqrt()
            L = torch.linalg.cholesky(eye + root_W.unsqueeze(-1) * K * root_W)
            b = W * (f - self._mean) + gradient
            solved = torch.cholesky_solve((root_W * (K @ b)).unsqueeze(-1), L).squeeze(-1)
            a = b - root_W * solved
            f = self._mean + K @ a
            before, objective = objective, float(-0.5 * a @ (K @ a) + torch.special.log_ndtr(self._y * f).sum())
            if abs(objective - before) < TOLERANCE:
                break
        gradient, W = self._derivatives(f)
        root_W = W.sqrt()
        L = torch.linalg.cholesky(eye + root_W.unsqueeze(-1) * K * root_W)
        return objective - float(L.diagonal().log().sum()), gradient, root_W, L

    def _derivatives(self, f: Tensor) -> tuple[Tensor, Tensor]:
        """First derivative of ``sum log Phi(y f)`` and minus the second, elementwise."""
        z = self._y * f
        ratio = torch.exp(-0.5 * z.square() - LOG_SQRT_2PI - torch.special.log_ndtr(z))
        return self._y * ratio, ratio.square() + z * ratio


def _features(encoder: FormulationEncoder) -> Tensor:
    """Each column in units of its scale, and the total of the salts; ``dim x (dim + 1)``."""
    scales = torch.full((encoder.dim,), SOLVENT_SCALE, dtype=torch.double)
    scales[encoder.salt_slice] = SALT_SCALE
    scales[encoder.temperature_index] = TEMPERATURE_SCALE
    total = torch.zeros(encoder.dim, 1, dtype=torch.double)
    total[encoder.salt_slice] = 1 / CONCENTRATION_SCALE
    return torch.cat([(1 / scales).diag(), total], dim=1)


def _matern(A: Tensor, B: Tensor, scale: float) -> Tensor:
    """Covariance of the latent function (Matern 5/2) between rows ``... x k`` and ``m x k``."""
    d = math.sqrt(5) / scale * torch.cdist(A, B)
    return LATENT_STD**2 * (1 + d + d.square() / 3) * (-d).exp()
