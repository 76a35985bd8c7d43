"""How each source differs from experiment, learned from liquids that have both values; what that makes of a result."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.sources.pairs import (
    EXPERIMENT,
    LiquidFeatures,
    find_pairs,
    liquid_numbers,
    relative_variance,
)
from saltloop.loop.sources.process import LIQUID_STD, PRIOR_BIAS_STD, DiscrepancyProcess
from torch import Tensor

#: Relative standard uncertainty of a result to come while the source has given none.
UNKNOWN_NOISE, UNKNOWN_EXPERIMENT_NOISE = 0.3, 0.03


@dataclass(frozen=True)
class SourceSummary:
    """What is known of one source beside experiment; all figures are of ln(k)."""

    source: str
    n_results: int
    n_liquids: int
    """Liquids with both values."""
    bias: float
    bias_std: float
    smooth_std: float
    scatter_std: float
    stated_std: float
    """Median of what the source states."""
    n_replicates: int

    def describe(self) -> str:
        """For a person."""
        if not self.n_liquids:
            return (
                f"{self.source}: no liquid has both a simulated and a measured value yet; a prior bias of a factor "
                f"{math.exp(PRIOR_BIAS_STD):.1f} either way is assumed, and a factor of {math.exp(LIQUID_STD):.1f} "
                "from liquid to liquid" + (f"; {self._scatter()}" if self.n_replicates else "")
            )
        low, high = math.exp(self.bias - self.bias_std), math.exp(self.bias + self.bias_std)
        return (
            f"{self.source}: experiment / {self.source} = {math.exp(self.bias):.2f} ({low:.2f} to {high:.2f}) from "
            f"{self.n_liquids} liquid(s), and differs by a factor of {math.exp(self.smooth_std):.2f} from liquid to "
            f"liquid; {self._scatter()}"
        )

    def _scatter(self) -> str:
        total = math.hypot(self.stated_std, self.scatter_std)
        stated = f"{100 * self.stated_std:.0f} %"
        if self.n_liquids + self.n_replicates < 5:
            return f"too few values yet to judge its stated error of {stated}"
        if total > 1.5 * self.stated_std:
            return f"its stated error of {stated} is too small: values scatter by {100 * total:.0f} %"
        return f"its stated error of {stated} fits how its values scatter"


class Discrepancy:
    """Each source's difference from experiment. Immutable; ``Discrepancy.fit`` makes it."""

    def __init__(self, sources: dict[str, _SourceModel], experiment_noise: float) -> None:
        self._sources = sources
        self._experiment_noise = experiment_noise

    @classmethod
    def fit(cls, results: Sequence[Measurement], known: Iterable[Measurement] = ()) -> Discrepancy:
        """Learn from a campaign's own results and what was known before it (conductivities in one unit)."""
        conductivities = sorted((m for m in results if m.quantity == "conductivity"), key=lambda m: m.measurement_id)
        by_source: dict[str, list[Measurement]] = defaultdict(list)
        for one in conductivities:
            by_source[one.source].append(one)
        own = by_source.pop(EXPERIMENT, [])
        measured = [m for m in known if m.source == EXPERIMENT and m.quantity == "conductivity"] if by_source else []
        sources = {name: _SourceModel(name, by_source[name], [*measured, *own]) for name in sorted(by_source)}
        return cls(sources, _median_noise(own, UNKNOWN_EXPERIMENT_NOISE))

    def as_experiments(self, results: Sequence[Measurement]) -> list[Measurement]:
        """Each result as if an experiment had given it; experiments pass unchanged, in the order given.

        The raw values stay in the state. A liquid's own experiment does not calibrate its own simulation, else it would
        count twice; m replicates of one liquid share its bias, whose variance counts m times for each.
        """
        equivalents = list(results)
        for name, model in self._sources.items():
            places = [k for k, m in enumerate(results) if m.source == name and m.quantity == "conductivity"]
            mean, variance = model.shifts([results[k] for k in places])
            for k, shift, spread in zip(places, mean.tolist(), variance.sqrt().tolist(), strict=True):
                value = results[k].value * math.exp(shift)
                equivalents[k] = results[k].model_copy(update={"value": value, "standard_uncertainty": value * spread})
        return equivalents

    def effective_noise(self, source: str, liquids: Sequence[Formulation]) -> list[float]:
        """Standard deviation of ln k about experiment that one more result of a source on each liquid would have."""
        if source == EXPERIMENT:
            return [self._experiment_noise] * len(liquids)
        model = self._sources.get(source) or _SourceModel(source, [], [])
        return model.effective_noise(liquids)

    def plan_pairs(
        self, source: str, measured: Sequence[Formulation], liquids: Sequence[Formulation], *, n: int
    ) -> list[tuple[int, list[float]]]:
        """Up to ``n`` measured liquids (positions) whose simulation would calibrate a source best for ``liquids``.

        With each, the ``effective_noise`` on ``liquids`` after it and those before it.
        """
        model = self._sources.get(source) or _SourceModel(source, [], [])
        return model.plan_pairs(measured, liquids, n=n, experiment_noise=self._experiment_noise)

    def summaries(self) -> list[SourceSummary]:
        """One for each source other than experiment that has given results."""
        return [model.summary() for model in self._sources.values()]

    def describe(self) -> list[str]:
        """One sentence for each source other than experiment."""
        return [summary.describe() for summary in self.summaries()]


class _SourceModel:
    """One source's Gaussian process, fitted."""

    def __init__(self, source: str, results: Sequence[Measurement], experiments: Sequence[Measurement]) -> None:
        self.source, self.results = source, results
        self.pairs = find_pairs(results, experiments)
        self.features = LiquidFeatures(m.formulation for m in self.pairs.results)
        self.process = DiscrepancyProcess(self.features)
        self.replicates = _replicates(results, {m.measurement_id for m in self.pairs.results})
        X = self.features.rows([m.formulation for m in self.pairs.results])
        if len(X) or self.replicates:
            self.process.fit(X, self.pairs, self.replicates)
        self.process.condition(X, self.pairs)

    def shifts(self, results: Sequence[Measurement]) -> tuple[Tensor, Tensor]:
        """Mean and variance of what to add to each result's ln k; its own noise is in the variance."""
        liquids = [m.formulation for m in results]
        mean, latent = self.process.predict(self.features.rows(liquids))
        own = torch.tensor([relative_variance(m) for m in results], dtype=torch.double) + self.process.scatter_variance
        n_same = torch.tensor(liquid_numbers(results), dtype=torch.long).bincount(minlength=1)
        if results:
            latent = latent * n_same[torch.tensor(liquid_numbers(results))]
        paired = {m.measurement_id: k for k, m in enumerate(self.pairs.results)}
        places = [k for k, m in enumerate(results) if m.measurement_id in paired]
        if places:
            rows = torch.tensor([paired[results[k].measurement_id] for k in places])
            without_mean, without = self.process.without_own_liquid(self.pairs)
            counts = torch.tensor(self.pairs.liquids).bincount()[torch.tensor(self.pairs.liquids)]
            mean[places], latent[places] = without_mean[rows], (without * counts)[rows]
        return mean, latent + own

    def effective_noise(self, liquids: Sequence[Formulation]) -> list[float]:
        _, latent = self.process.predict(self.features.rows(liquids))
        own = _median_noise(self.results, UNKNOWN_NOISE) ** 2 + self.process.scatter_variance
        return (latent + own).sqrt().tolist()

    def plan_pairs(
        self, measured: Sequence[Formulation], liquids: Sequence[Formulation], *, n: int, experiment_noise: float
    ) -> list[tuple[int, list[float]]]:
        own = _median_noise(self.results, UNKNOWN_NOISE) ** 2 + self.process.scatter_variance
        left = len(measured)
        covariance = self.process.covariance(self.features.rows([*measured, *liquids]))
        plan: list[tuple[int, list[float]]] = []
        for _ in range(min(n, left)):
            removed = covariance[left:, :left] ** 2 / (covariance.diagonal()[:left] + own + experiment_noise**2)
            gains = removed.sum(0)
            gains[[position for position, _ in plan]] = -1.0
            best = int(gains.argmax())
            column = covariance[:, best] / (covariance[best, best] + own + experiment_noise**2).sqrt()
            covariance = covariance - torch.outer(column, column)
            latent = covariance.diagonal()[left:].clamp_min(1e-8)
            plan.append((best, (latent + own).sqrt().tolist()))
        return plan

    def summary(self) -> SourceSummary:
        bias, bias_std = self.process.constant()
        return SourceSummary(
            source=self.source,
            n_results=len(self.results),
            n_liquids=self.pairs.n_liquids,
            bias=bias,
            bias_std=bias_std,
            smooth_std=float(self.process.smooth.outputscale.detach().sqrt()),
            scatter_std=math.sqrt(float(self.process.scatter_variance)),
            stated_std=_median_noise(self.results, UNKNOWN_NOISE),
            n_replicates=sum(len(values) for values, _ in self.replicates),
        )


def _replicates(results: Sequence[Measurement], paired_ids: set[str]) -> list[tuple[Tensor, Tensor]]:
    """ln k and stated variances of each liquid that has several results of the source and no experiment."""
    unpaired = [m for m in results if m.measurement_id not in paired_ids and m.value > 0]
    groups: dict[int, list[Measurement]] = defaultdict(list)
    for number, one in zip(liquid_numbers(unpaired), unpaired, strict=True):
        groups[number].append(one)
    return [
        (
            torch.tensor([math.log(m.value) for m in group], dtype=torch.double),
            torch.tensor([relative_variance(m) for m in group], dtype=torch.double),
        )
        for group in groups.values()
        if len(group) > 1
    ]


def _median_noise(results: Sequence[Measurement], otherwise: float) -> float:
    """Median of the stated relative standard uncertainties."""
    stated = sorted(math.sqrt(relative_variance(m)) for m in results)
    return stated[len(stated) // 2] if stated else otherwise
