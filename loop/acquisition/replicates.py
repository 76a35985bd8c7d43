"""When to measure one of the best again instead of something new.

The rule, in order:

1. Among the formulations that the campaign has measured, the incumbent has the highest posterior mean; its rival is the
   one with the best chance of being better.
2. They cannot be told apart: their means differ by less than ``DISTINCT`` standard deviations of their difference
   (from the joint posterior, so that what they share does not count).
3. Measuring the incumbent or the rival once more gains more than the new formulation whose place it would take. The
   gain of a measurement is the knowledge gradient (Frazier, Powell and Dayanik, INFORMS J. Comput. 21 (2009) 599): by
   how much the best posterior mean among all measured formulations is expected to rise. A new formulation is reckoned
   with the median noise of the campaign's measurements.

At most half of a batch are replicates (one of a batch of one), each of another formulation.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

import torch
from botorch.utils.sampling import draw_sobol_normal_samples
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.acquisition.field import Field
from saltloop.loop.acquisition.kinds import conditioned
from torch import Tensor

DISTINCT = 1.0
N_OUTCOMES = 128


@dataclass(frozen=True)
class Replicate:
    """A measured formulation to measure again (its position in the field), the pick it replaces, and why."""

    index: int
    replaces: int
    gain: float
    reason: str


def replicates(field: Field, chosen: Sequence[int], noise: Mapping[str, float], *, n_most: int) -> list[Replicate]:
    """The replicates that this batch should hold in place of its last picks.

    Args:
        chosen: positions of the picks, the first choice first.
        noise: of one more measurement of each formulation that the campaign has measured, by id, mS/cm.
    """
    busy = {field.formulations[i].formulation_id for i in field.pending}
    own = {i: noise[key] for i in range(field.n_baseline) if (key := field.formulations[i].formulation_id) in noise}
    found: list[Replicate] = []
    mean, covariance = field.joint().mean, field.joint().covariance
    usual = median(noise.values()) if noise else 0.0
    for place in reversed(range(len(chosen))):
        free = [i for i in own if field.formulations[i].formulation_id not in busy]
        if len(found) == n_most or len(own) < 2 or not free:
            break
        measured = list(own)
        incumbent, rival, gap, deviation = _closest(mean, covariance, measured)
        if gap >= DISTINCT * deviation:
            break
        new = _gain(mean, covariance, measured, chosen[place], usual)
        gains = {i: _gain(mean, covariance, measured, i, own[i]) for i in (incumbent, rival) if i in free}
        if not gains or max(gains.values()) <= new:
            break
        best = max(gains, key=lambda i: gains[i])
        reason = _reason(field, mean, covariance, (incumbent, rival), best, (gap, deviation), (gains[best], new))
        found.append(Replicate(best, place, gains[best], reason))
        busy.add(field.formulations[best].formulation_id)
        covariance = conditioned(covariance, best, own[best] ** 2)
    return found


def noise_of_one_more(results: Sequence[Measurement], equivalents: Sequence[Measurement]) -> dict[str, float]:
    """Standard deviation (mS/cm) that one more measurement of each measured formulation would have, by id.

    Args:
        results: as they arrived.
        equivalents: the same as if experiments had given them, in the same order. What their uncertainty holds beyond
            the result's own is the source's bias, which a replicate shares and does not reduce.
    """
    pairs: dict[str, list[tuple[Measurement, Measurement]]] = defaultdict(list)
    for raw, equivalent in zip(results, equivalents, strict=True):
        pairs[raw.formulation.formulation_id].append((raw, equivalent))
    noise = {}
    for formulation_id, both in pairs.items():
        k = len(both)
        total = fmean(equivalent.standard_uncertainty**2 for _, equivalent in both)
        own = fmean((raw.standard_uncertainty / raw.value * equivalent.value) ** 2 for raw, equivalent in both)
        bias = max(total - own, 0.0) / k
        known, then = bias + own / k, bias + own / (k + 1)
        noise[formulation_id] = (1 / then - 1 / known) ** -0.5
    return noise


def _closest(mean: Tensor, covariance: Tensor, measured: Sequence[int]) -> tuple[int, int, float, float]:
    """Incumbent, rival, the difference of their means and its standard deviation."""
    incumbent = max(measured, key=lambda i: float(mean[i]))

    def apart(i: int) -> tuple[float, float]:
        variance = covariance[incumbent, incumbent] + covariance[i, i] - 2 * covariance[incumbent, i]
        return float(mean[incumbent] - mean[i]), math.sqrt(max(float(variance), 1e-12))

    rival = min((i for i in measured if i != incumbent), key=lambda i: apart(i)[0] / apart(i)[1])
    return (incumbent, rival, *apart(rival))


def _gain(mean: Tensor, covariance: Tensor, measured: Sequence[int], at: int, noise: float) -> float:
    """Expected rise of the best mean among the measured, ``at`` among them then, when ``at`` is measured (mS/cm)."""
    variance = float(covariance[at, at]) + noise**2
    if variance <= 1e-12:
        return max(0.0, float(mean[at] - mean[list(measured)].max()))
    then = list(dict.fromkeys([*measured, at]))
    shift = covariance[then, at] / math.sqrt(variance)
    outcomes = draw_sobol_normal_samples(d=1, n=N_OUTCOMES, seed=0, dtype=torch.double)
    after = (mean[then] + outcomes * shift).amax(-1).mean()
    return max(0.0, float(after - mean[list(measured)].max()))


def _reason(
    field: Field,
    mean: Tensor,
    covariance: Tensor,
    pair: tuple[int, int],
    best: int,
    apart: tuple[float, float],
    gains: tuple[float, float],
) -> str:
    def tell(i: int) -> str:
        return f"{field.formulations[i]} ({float(mean[i]):.2f} ± {math.sqrt(float(covariance[i, i])):.2f} mS/cm)"

    incumbent, rival = pair
    which = "the first" if best == incumbent else "the second"
    return (
        f"the best measured, {tell(incumbent)}, cannot be told from {tell(rival)}: they differ by {apart[0]:.2f} ± "
        f"{apart[1]:.2f}. Measuring {which} again is expected to raise the best known value by {gains[0]:.2g} mS/cm, "
        f"a new formulation by {gains[1]:.2g}"
    )
