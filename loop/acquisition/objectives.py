"""Several things wanted of one liquid: a BoTorch model for each, their signs and limits, and the measured front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from botorch.models.deterministic import GenericDeterministicModel
from botorch.models.model import Model, ModelList
from botorch.utils.multi_objective.pareto import is_non_dominated
from saltloop.chemistry.units import CANONICAL_UNITS
from saltloop.loop.acquisition.settings import ObjectiveSettings
from saltloop.loop.acquisition.table import rows_of, table_of, transforms_of
from torch import Tensor

#: Unit of what has no canonical one.
OTHER_UNITS = {"oxidation_potential": "eV"}


@dataclass(frozen=True)
class Scale:
    """Between a quantity and what its model predicts: ``(g(y) - centre) / width`` with ``g`` the logarithm or none."""

    centre: float = 0.0
    width: float = 1.0
    is_log: bool = False

    def to_model(self, value: float) -> float:
        """A value in the model's scale. A logarithm's limit of zero or less is no limit at all."""
        if self.is_log:
            value = torch.tensor(value).log().item() if value > 0 else -torch.inf
        return (value - self.centre) / self.width

    def from_model(self, mean: float, std: float) -> tuple[float, float]:
        """Mean (of a logarithm: median) and standard deviation in the quantity's unit."""
        mean, std = mean * self.width + self.centre, std * self.width
        if not self.is_log:
            return mean, std
        value = float(torch.tensor(mean).exp())
        return value, value * std


@dataclass(frozen=True)
class Objective:
    """One objective: what the user wants, the model that tells it (one output), and the scale of that model."""

    settings: ObjectiveSettings
    model: Any
    scale: Scale = Scale()

    @property
    def sign(self) -> float:
        return 1.0 if self.settings.goal == "maximise" else -1.0

    @property
    def unit(self) -> str:
        """The quantity's unit; of a column, its own."""
        if self.settings.column is not None:
            return ""
        return CANONICAL_UNITS.get(self.settings.name) or OTHER_UNITS[self.settings.name]

    def predict(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (n each) of encoded rows, in the model's scale."""
        if hasattr(self.model, "predict_encoded"):
            mean, std = self.model.predict_encoded(X)
            return mean, std
        with torch.no_grad():
            posterior = self.model.posterior(X.unsqueeze(-2))
            mean = posterior.mean.reshape(len(X))
            if isinstance(self.model, GenericDeterministicModel):
                return mean, torch.zeros_like(mean)
            return mean, posterior.variance.reshape(len(X)).clamp_min(0).sqrt()

    def limits(self, index: int) -> list[Callable[[Tensor], Tensor]]:
        """BoTorch constraints on samples (... x m), below zero where they hold; ``index``: of this objective."""
        found: list[Callable[[Tensor], Tensor]] = []
        if self.settings.at_least is not None:
            low = self.scale.to_model(self.settings.at_least)
            found.append(lambda Y: low - Y[..., index])
        if self.settings.at_most is not None:
            high = self.scale.to_model(self.settings.at_most)
            found.append(lambda Y: Y[..., index] - high)
        return found


@dataclass(frozen=True)
class Objectives:
    """All objectives of a campaign; conductivity alone where the file names none."""

    items: tuple[Objective, ...]
    #: Model of the conductivity (mS/cm), which is told of every candidate whether or not it is an objective.
    conductivity: Any
    notes: tuple[str, ...] = ()
    #: Names in the order of the outputs.
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(one.settings.name for one in self.items))

    @classmethod
    def conductivity_alone(cls, model: Any) -> Objectives:
        """Maximise the conductivity that a model with ``predict_encoded`` tells."""
        return cls((Objective(ObjectiveSettings(quantity="conductivity", reference=0.0), model),), model)

    @property
    def is_single(self) -> bool:
        return len(self.items) == 1

    @property
    def signs(self) -> Tensor:
        return torch.tensor([one.sign for one in self.items], dtype=torch.double)

    @property
    def reference(self) -> Tensor:
        """The reference point, signed so that more is better, in the models' scales."""
        values = [one.sign * one.scale.to_model(one.settings.reference) for one in self.items]
        return torch.tensor(values, dtype=torch.double)

    @property
    def constraints(self) -> list[Callable[[Tensor], Tensor]]:
        return [limit for index, one in enumerate(self.items) for limit in one.limits(index)]

    def model(self, example: Tensor) -> Model:
        """All models as one over encoded rows; ``example``: one row, 1 x dim."""
        models = [rows_of(one.model, example) for one in self.items]
        return models[0] if self.is_single else ModelList(*models)

    def table(self, X: Tensor) -> Model:
        """The same over the positions of rows (n x dim)."""
        tables = [table_of(one.model, X) for one in self.items]
        return tables[0] if self.is_single else ModelList(*tables)

    def of_draws(self, model: Model) -> Callable[[Tensor], Tensor]:
        """What turns draws of ``model`` (... x m) into draws of the quantities, in their models' scales."""
        transforms = transforms_of(model)

        def told(Y: Tensor) -> Tensor:
            if not any(transforms):
                return Y
            columns = [Y[..., k] if t is None else t(Y[..., k]) for k, t in enumerate(transforms)]
            return torch.stack(columns, dim=-1)

        return told

    def predict(self, X: Tensor) -> tuple[Tensor, Tensor]:
        """Mean, signed so that more is better, and standard deviation of rows, each n x m, in the models' scales."""
        told = [one.predict(X) for one in self.items]
        return torch.stack([mean for mean, _ in told], dim=-1) * self.signs, torch.stack([s for _, s in told], dim=-1)

    def allowed(self, mean: Tensor, std: Tensor, doubt: float) -> Tensor:
        """Rows (n, bool) of ``predict`` whose values may lie within the limits, ``doubt`` deviations granted."""
        allowed = torch.ones(len(mean), dtype=torch.bool)
        for one, value, width in zip(self.items, (mean * self.signs).T, std.T, strict=True):
            if one.settings.at_least is not None:
                allowed &= value + doubt * width >= one.scale.to_model(one.settings.at_least)
            if one.settings.at_most is not None:
                allowed &= value - doubt * width <= one.scale.to_model(one.settings.at_most)
        return allowed

    def describe(self, X: Tensor) -> list[dict[str, Any]]:
        """What is predicted of each row, by objective: value, standard deviation, unit, goal."""
        mean, std = self.predict(X)
        return [
            {
                one.settings.name: dict(
                    zip(
                        ("value", "standard_deviation"),
                        one.scale.from_model(float(m * one.sign), float(s)),
                        strict=True,
                    )
                )
                | {"unit": one.unit, "goal": one.settings.goal}
                for one, m, s in zip(self.items, means, stds, strict=True)
            }
            for means, stds in zip(mean, std, strict=True)
        ]

    def front(self, X: Tensor) -> list[int]:
        """Which rows no other row beats in every objective, among those within the limits (by predicted means)."""
        if not len(X):
            return []
        mean, std = self.predict(X)
        inside = self.allowed(mean, std, 0.0).nonzero().flatten()
        best: list[int] = inside[is_non_dominated(mean[inside])].tolist()
        return best


def scalarisations(objectives: Objectives) -> Sequence[Tensor]:
    """Weights under which rankings are taken: 1 of one objective; of several each alone, all alike, and between."""
    m = len(objectives.items)
    if m == 1:
        return [torch.ones(1, dtype=torch.double)]
    alike = torch.full((m,), 1 / m, dtype=torch.double)
    alone = list(torch.eye(m, dtype=torch.double))
    return [alike, *alone, *((0.5 * (alike + one)) for one in alone)]
