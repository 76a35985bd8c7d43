"""Where the training set lies: how far a formulation is from any measured liquid, and what in it was never measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from saltloop.surrogates.encoding import ABSENT, FormulationEncoder
from torch import Tensor

#: Liquids that agree in every share to this are one.
SAME_SHARE = 0.005
#: A formulation is unlike anything known when more than this much of the nearest measured liquid has to be exchanged.
FAR = 0.5
#: Concentrations and temperatures this far beyond the measured range count as outside.
MOLALITY_MARGIN, TEMPERATURE_MARGIN_K = 0.1, 5.0


@dataclass(frozen=True)
class TrainingDomain:
    """The measured liquids (salt shares and solvent mole fractions) and the ranges in which they were measured."""

    liquids: Tensor
    """n_liquids x (salts + solvents), shares of salts and mole fractions of solvents."""
    low: Tensor
    """Least molality and temperature (K), 2."""
    high: Tensor
    """Largest molality and temperature (K), 2."""
    n_salts: int

    @classmethod
    def of(cls, X: Tensor, n_salts: int) -> TrainingDomain:
        """The domain of encoded rows (n x dim)."""
        shares, molality = _shares(X, n_salts)
        rounded = torch.round(shares / SAME_SHARE) * SAME_SHARE
        conditions = torch.stack([molality, X[:, -1]], dim=-1)
        return cls(torch.unique(rounded, dim=0).float(), conditions.amin(0), conditions.amax(0), n_salts)

    def distance(self, X: Tensor) -> Tensor:
        """How much of the nearest measured liquid has to be exchanged to get each row's: n, 0 (measured) to about 1.4.

        ``sqrt((|x - x'|^2 + |s - s'|^2) / 2)`` with mole fractions x of solvents and shares s of salts: 1 is another
        solvent altogether, or another salt in the same solvent.
        """
        shares = _shares(X, self.n_salts)[0].float()
        squared = (shares**2).sum(-1, keepdim=True) + (self.liquids**2).sum(-1) - 2 * shares @ self.liquids.T
        nearest = squared.amin(dim=-1) / 2
        # The root has no gradient at zero: a measured liquid is told apart, so that ascents may start from it.
        return torch.where(nearest > 0, nearest.clamp_min(1e-12).sqrt(), 0.0)

    def contains(self, X: Tensor) -> Tensor:
        """Whether each row is like something known: n, bool. What ``reasons`` says in words."""
        shares, molality = _shares(X, self.n_salts)
        measured = (self.liquids > SAME_SHARE / 2).any(dim=0)
        is_known = ~((shares > ABSENT) & ~measured).any(dim=-1) & (self.distance(X) <= FAR)
        low_K, high_K = self.low[1] - TEMPERATURE_MARGIN_K, self.high[1] + TEMPERATURE_MARGIN_K
        is_known &= (X[:, -1] >= low_K) & (X[:, -1] <= high_K)
        return is_known & (molality <= self.high[0] * (1 + MOLALITY_MARGIN))

    def reasons(self, X: Tensor, encoder: FormulationEncoder) -> list[tuple[str, ...]]:
        """For each row, why it is unlike anything known; empty where it is not."""
        measured = (self.liquids > SAME_SHARE / 2).any(dim=0)
        distance = self.distance(X).tolist()
        return [self._reasons(row, d, measured, encoder) for row, d in zip(X, distance, strict=True)]

    def _reasons(self, row: Tensor, distance: float, measured: Tensor, encoder: FormulationEncoder) -> tuple[str, ...]:
        found = []
        for index, species in enumerate((*encoder.salts, *encoder.solvents)):
            if row[index] > ABSENT and not measured[index]:
                found.append(f"{species.kind} {species.name!r} was never measured")
        if distance > FAR and not found:
            found.append(f"the nearest measured liquid differs by {min(distance, 1.0):.0%}")
        molality, temperature = float(row[: self.n_salts].sum()), float(row[-1])
        T_low, (m_high, T_high) = float(self.low[1]), self.high.tolist()
        if molality > m_high * (1 + MOLALITY_MARGIN):
            found.append(f"{molality:.3g} mol/kg is above the {m_high:.3g} mol/kg that were measured")
        if not T_low - TEMPERATURE_MARGIN_K <= temperature <= T_high + TEMPERATURE_MARGIN_K:
            found.append(f"{temperature:.4g} K is outside the measured {T_low:.4g} to {T_high:.4g} K")
        return tuple(found)


def _shares(X: Tensor, n_salts: int) -> tuple[Tensor, Tensor]:
    """Salt shares beside solvent mole fractions (n x species), and the molality (n)."""
    molality = X[..., :n_salts].sum(-1)
    salts = X[..., :n_salts] / molality.clamp_min(ABSENT).unsqueeze(-1)
    return torch.cat([salts, X[..., n_salts:-1]], dim=-1), molality
