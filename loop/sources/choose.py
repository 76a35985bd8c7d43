"""Which source answers which liquid: what a result is expected to gain, for what it costs.

A result of a source with effective noise n (its own and what is not known of its bias) on a liquid predicted m ± s
will move the prediction by a normal amount of standard deviation

    t = s^2 / sqrt(s^2 + n^2)

so that the expected gain over the best b is ``t h((m - b) / t)`` with ``h(z) = z Phi(z) + phi(z)`` (Frazier, Powell and
Dayanik, INFORMS J. Comput. 21 (2009) 599). What a noisy source finds must still be confirmed, with the probability
``Phi((m - b) / t)`` that it finds something: that share of the price of a confirmation is added to its cost. Gain per
cost chooses the source, and the liquids that fill the batch. A cheap source thus explores where success is unlikely or
far from sure, and a good one answers where it is likely: confirmation needs no rule of its own. (BoTorch's
``InverseCostWeightedUtility`` divides a gain by a cost that is known beforehand; here it depends on what is found.)

A source of unknown bias is worth little until it has answered on measured liquids. It is calibrated on them where the
gain per cost that it will then have, over the price of one batch of confirmations, repays the calibration.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from saltloop.chemistry.formulation import Formulation

if TYPE_CHECKING:
    from saltloop.loop.sources.discrepancy import Discrepancy

#: A result with less effective noise than this (in ln k) needs no confirmation.
CONFIRMING_NOISE = 0.06
#: The acquisition offers this many times the batch's size, so that a cheap source has liquids to explore.
PROSPECTS_PER_PICK = 4
#: A calibration takes up a round, so that gain per cost has to rise by this factor.
CALIBRATION_RAISES = 1.1
#: Most calls that a calibration is planned for at once.
LONGEST_CALIBRATION = 8


Purpose = Literal["explore", "confirm", "replicate", "calibrate"]


@dataclass(frozen=True)
class Option:
    """One oracle that may be asked."""

    name: str
    """As in the campaign file."""
    source: str
    """``Measurement.source`` of its results."""
    cost: float
    """Of one call, above zero; in one unit for all options."""


@dataclass(frozen=True)
class Prospect:
    """One liquid that may be asked about."""

    formulation: Formulation
    mean: float
    """mS/cm, like ``standard_deviation``: the posterior after everything known."""
    standard_deviation: float
    asked: frozenset[str] = frozenset()
    """Names of the oracles that have answered for it, have failed on it, are asked already, or shall not be."""
    is_replicate: bool = False
    """Measured already, and worth measuring again."""


@dataclass(frozen=True)
class Assignment:
    """A liquid, the oracle that shall answer, and why."""

    prospect: Prospect
    name: str
    purpose: Purpose
    gain: float
    """Expected, mS/cm."""
    cost: float
    """Of the call, and the expected share of a confirmation."""
    why: str = ""

    @property
    def rate(self) -> float:
        """Gain per cost."""
        return self.gain / self.cost


def choose_sources(
    prospects: Sequence[Prospect],
    options: Sequence[Option],
    discrepancy: Discrepancy,
    *,
    n: int,
    best: float,
    measured: Sequence[Prospect] = (),
) -> list[Assignment]:
    """The ``n`` liquids, each with its source, that promise the most gain per cost; calibrations first.

    ``best``: the conductivity (mS/cm) to beat; ``measured``: liquids with an experiment, on which a source may be
    calibrated. Ties go to the prospect, then the option, that comes first. Fewer than
    ``n`` where nothing is left to ask.
    """
    liquids = [prospect.formulation for prospect in prospects]
    noises = {option.name: discrepancy.effective_noise(option.source, liquids) for option in options}
    ranked = _ranked(prospects, options, noises, best)
    calibrations = _calibrations(prospects, options, discrepancy, noises, ranked, n=n, best=best, measured=measured)
    called = {one.prospect.formulation.formulation_id for one in calibrations}
    others = [one for one in ranked if one.prospect.formulation.formulation_id not in called]
    return [*calibrations, *others][:n]


def _ranked(
    prospects: Sequence[Prospect], options: Sequence[Option], noises: Mapping[str, Sequence[float]], best: float
) -> list[Assignment]:
    """Each prospect with the option of the highest rate, the best first."""
    chosen = []
    for k, prospect in enumerate(prospects):
        offers = _offers(prospect, options, {name: values[k] for name, values in noises.items()}, best)
        if offers:
            chosen.append(_explained(max(offers, key=lambda offer: offer.rate), offers))
    return sorted(chosen, key=lambda one: -one.rate)


def _offers(
    prospect: Prospect, options: Sequence[Option], noises: Mapping[str, float], best: float
) -> list[Assignment]:
    """What each option that has not been asked would gain, and cost."""
    quietest = min(options, key=lambda option: (noises[option.name], option.cost))
    offers = []
    for option in options:
        if option.name in prospect.asked:
            continue
        spread = _movement(prospect, noises[option.name])
        z = (prospect.mean - best) / spread
        confirms = option == quietest or noises[option.name] <= CONFIRMING_NOISE
        cost = option.cost + (0.0 if confirms else _normal_cdf(z) * quietest.cost)
        purpose: Purpose = "confirm" if confirms and prospect.asked else "explore"
        if prospect.is_replicate:
            purpose = "replicate"
        offers.append(Assignment(prospect, option.name, purpose, spread * _expected_excess(z), cost))
    return offers


def _calibrations(
    prospects: Sequence[Prospect],
    options: Sequence[Option],
    discrepancy: Discrepancy,
    noises: Mapping[str, Sequence[float]],
    ranked: Sequence[Assignment],
    *,
    n: int,
    best: float,
    measured: Sequence[Prospect],
) -> list[Assignment]:
    """Calls of one option on measured liquids, where they pay; the option that they pay most for."""
    if len(options) == 1 or not ranked:
        return []
    now = _mean_rate(ranked, n)
    horizon = n * max(option.cost for option in options)
    plans: list[tuple[float, list[Assignment]]] = []
    for option in options:
        free = [prospect for prospect in measured if option.name not in prospect.asked]
        if option.source == "experiment" or not free:
            continue
        liquids = [prospect.formulation for prospect in prospects]
        plan = discrepancy.plan_pairs(option.source, [one.formulation for one in free], liquids, n=LONGEST_CALIBRATION)
        for length, (_, after) in enumerate(plan, start=1):
            then = _mean_rate(_ranked(prospects, options, {**noises, option.name: after}, best), n)
            price = length * option.cost
            profit = (then - now) * (horizon - price) - now * price if then > CALIBRATION_RAISES * now else 0.0
            why = (
                f"{option.name}: calibrated on {length} measured liquid(s) for {price:.3g}, after which a cost of 1 "
                f"gains {then:.3g} mS/cm instead of {now:.3g}"
            )
            calls = [
                Assignment(free[position], option.name, "calibrate", profit / length, option.cost, why)
                for position, _ in plan[:length]
            ]
            plans.append((profit, calls))
    profit, calls = max(plans, key=lambda one: one[0], default=(0.0, []))
    return calls if profit > 0 else []


def _mean_rate(ranked: Sequence[Assignment], n: int) -> float:
    """Gain per cost of the ``n`` best together."""
    return sum(one.gain for one in ranked[:n]) / sum(one.cost for one in ranked[:n])


def _movement(prospect: Prospect, noise: float) -> float:
    """Standard deviation (mS/cm) of how far a result with a relative noise will move the prediction."""
    s, n = prospect.standard_deviation, noise * abs(prospect.mean)
    return max(s * s / math.hypot(s, n), 1e-12) if s > 0 else 1e-12


def _explained(best: Assignment, offers: Sequence[Assignment]) -> Assignment:
    """An assignment with its reason in words."""
    asked = " and ".join(sorted(best.prospect.asked))
    words = {"confirm": f"to confirm what {asked} found", "replicate": "to measure again", "explore": "to explore"}
    purpose = words[best.purpose]
    why = f"{best.name}, {purpose}: gains {_figure(best.gain)} mS/cm for a cost of {best.cost:.3g}"
    others = "".join(
        f"; {other.name} would gain {_figure(other.gain)} for {other.cost:.3g}" for other in offers if other is not best
    )
    return Assignment(best.prospect, best.name, best.purpose, best.gain, best.cost, why + others)


def _figure(gain: float) -> str:
    return f"{gain:.3g}" if gain >= 1e-4 else "less than 0.0001"


def _expected_excess(z: float) -> float:
    """E[max(0, z + a standard normal number)]."""
    density = math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    # Far below zero the two terms cancel; their difference is then density / z^2.
    return density / (z * z) if z < -6 else z * _normal_cdf(z) + density


def _normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))
