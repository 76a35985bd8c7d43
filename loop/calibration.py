"""Simulated conductivities as experiment-equivalent ones, with the wider uncertainty that they deserve."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement

#: Prior standard deviation of a source's mean bias in ln(k): a factor of 1.6 either way. Classical force fields give
#: carbonates about a factor of 2 too slow and acetonitrile 25 % too fast (docs/md.md).
PRIOR_BIAS_STD = 0.5
#: How much the bias differs from liquid to liquid, in ln(k).
LIQUID_SCATTER_STD = 0.35
SAME_MOLE_FRACTION = 0.02
SAME_MOLALITY = 0.05  # relative
SAME_TEMPERATURE_K = 1.0


@dataclass(frozen=True)
class SourceBias:
    """What is known of ``ln(k_experiment) - ln(k_source)`` for one source: mean, std, and from how many pairs."""

    source: str
    mean: float
    std: float
    n_pairs: int

    def describe(self) -> str:
        if not self.n_pairs:
            return (
                f"{self.source}: no liquid has both a simulated and a measured value yet; a prior bias of a factor "
                f"{math.exp(PRIOR_BIAS_STD):.1f} either way is assumed"
            )
        return f"{self.source}: experiment / {self.source} = {math.exp(self.mean):.2f} from {self.n_pairs} liquid(s)"


def learn_biases(simulated: Iterable[Measurement], measured: Iterable[Measurement]) -> dict[str, SourceBias]:
    """Fit each source's bias from liquids that have both values (conductivities in one unit).

    A simulated box holds whole molecules, so its composition is near the measured one, not equal: liquids count as one
    within ``SAME_MOLE_FRACTION``, ``SAME_MOLALITY`` and ``SAME_TEMPERATURE_K``.

    Conjugate normal update of a constant discrepancy in ln(k), the one-parameter Gaussian process, with the noise of
    both values and a liquid-to-liquid scatter of ``LIQUID_SCATTER_STD``.
    """
    experiment: dict[frozenset[str], list[Measurement]] = defaultdict(list)
    for measurement in measured:
        if measurement.source == "experiment" and measurement.quantity == "conductivity" and measurement.value > 0:
            experiment[_species(measurement.formulation)].append(measurement)
    precision: dict[str, float] = defaultdict(lambda: 1 / PRIOR_BIAS_STD**2)
    weighted: dict[str, float] = defaultdict(float)
    pairs: dict[str, int] = defaultdict(int)
    for simulation in sorted(simulated, key=lambda m: m.measurement_id):
        if simulation.source == "experiment":
            continue
        pairs[simulation.source] += 0
        liquid = simulation.formulation
        partners = [m for m in experiment[_species(liquid)] if _is_same_liquid(m.formulation, liquid)]
        if not partners:
            continue
        gap = sum(math.log(p.value) for p in partners) / len(partners) - math.log(simulation.value)
        noise = sum(_relative(p) ** 2 for p in partners) / len(partners) ** 2 + _relative(simulation) ** 2
        weight = 1 / (noise + LIQUID_SCATTER_STD**2)
        precision[simulation.source] += weight
        weighted[simulation.source] += weight * gap
        pairs[simulation.source] += 1
    return {
        source: SourceBias(source, weighted[source] / precision[source], precision[source] ** -0.5, n_pairs)
        for source, n_pairs in pairs.items()
    }


def experiment_equivalent(results: Sequence[Measurement], biases: dict[str, SourceBias]) -> list[Measurement]:
    """Each result as if an experiment had given it; experiments pass unchanged, the raw values stay in the state."""
    equivalents = []
    for result in results:
        bias = biases.get(result.source)
        if bias is None:
            equivalents.append(result)
            continue
        value = result.value * math.exp(bias.mean)
        spread = math.sqrt(_relative(result) ** 2 + bias.std**2 + LIQUID_SCATTER_STD**2)
        equivalents.append(result.model_copy(update={"value": value, "standard_uncertainty": value * spread}))
    return equivalents


def _species(liquid: Formulation) -> frozenset[str]:
    return frozenset((*liquid.molality, *liquid.mole_fractions))


def _is_same_liquid(a: Formulation, b: Formulation) -> bool:
    """Whether two liquids of the same species are one for the purpose of comparing methods."""
    return (
        abs(a.temperature_K - b.temperature_K) <= SAME_TEMPERATURE_K
        and all(abs(a.mole_fractions[s] - x) <= SAME_MOLE_FRACTION for s, x in b.mole_fractions.items())
        and all(abs(a.molality[s] - m) <= SAME_MOLALITY * m for s, m in b.molality.items())
    )


def _relative(measurement: Measurement) -> float:
    return measurement.standard_uncertainty / measurement.value
