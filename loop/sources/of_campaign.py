"""The choice between a campaign's oracles: what each costs, what may be asked of it, and what it was worth."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.campaign import Campaign
from saltloop.loop.sources.choose import PROSPECTS_PER_PICK, Assignment, Option, Prospect, choose_sources

if TYPE_CHECKING:
    from saltloop.loop.acquisition.choose import Chosen, Decision
    from saltloop.loop.sources.discrepancy import Discrepancy

#: Hours of a call that nobody has stated and no call has shown.
UNKNOWN_HOURS = 1.0


@dataclass(frozen=True)
class Price:
    """What one call of an oracle costs."""

    hours: float
    money: float
    n_learned: int | None
    """From how many ended calls the hours were learned; None where the campaign file states them."""
    total: float
    """In the unit of money: hours at ``hour_price``, and the money."""

    def describe(self) -> str:
        """For a person."""
        if self.n_learned is None:
            origin = "as stated"
        elif self.n_learned:
            origin = f"learned from {self.n_learned} call(s)"
        else:
            origin = "assumed until a call has ended"
        return f"{self.hours:.3g} h ({origin})" + (f" and {self.money:g} in money" if self.money else "")


def prices(campaign: Campaign) -> dict[str, Price]:
    """What one call of each oracle costs, from the campaign file and the calls that have ended."""
    walls: dict[str, list[float]] = defaultdict(list)
    for job in campaign.record.jobs.values():
        if job.status in ("finished", "failed") and job.wall_s > 0:
            walls[job.oracle].append(job.wall_s / 3600)
    found = {}
    for name, oracle in campaign.settings.named_oracles().items():
        learned = sorted(walls[name])
        hours, n_learned = oracle.cost.hours, None
        if hours is None and oracle.kind == "lab":
            hours = 0.0
        elif hours is None:
            hours, n_learned = (sum(learned) / len(learned) if learned else UNKNOWN_HOURS), len(learned)
        total = hours * campaign.settings.hour_price + oracle.cost.money
        found[name] = Price(hours, oracle.cost.money, n_learned, total)
    return found


def options(campaign: Campaign, *, is_for_lab: bool) -> list[Option]:
    """The oracles that may be asked: all, or the lab alone. Empty where a lab was asked that the file does not name."""
    price = prices(campaign)
    return [
        Option(name, oracle.yields or name, price[name].total)
        for name, oracle in campaign.settings.named_oracles().items()
        if oracle.kind == "lab" or not is_for_lab
    ]


def n_prospects(campaign: Campaign, n: int, *, is_for_lab: bool) -> int:
    """How many liquids the acquisition shall offer for a batch of ``n``."""
    return n if len(options(campaign, is_for_lab=is_for_lab)) < 2 else n * PROSPECTS_PER_PICK


def assign_sources(
    campaign: Campaign,
    decision: Decision,
    model: Any,
    encoder: Any,
    discrepancy: Discrepancy,
    *,
    n: int,
    known: Sequence[Measurement],
    baseline: Sequence[Formulation],
    is_for_lab: bool,
) -> tuple[list[tuple[Chosen, dict[str, Any]]], list[Chosen]]:
    """The batch, each liquid with what its event says of its source, and what the acquisition chose beside it.

    Args:
        known: every conductivity that the model knows, raw: which liquids have an experiment.
        baseline: the best measured liquids of the space.
    """
    offered = options(campaign, is_for_lab=is_for_lab)
    if len(offered) < 2:
        name = offered[0].name if offered else "oracle"
        return [(chosen, {"source": name}) for chosen in decision.chosen], []
    asked = _asked(campaign)
    by_experiment = frozenset(option.name for option in offered if option.source == "experiment")
    others = frozenset(option.name for option in offered) - by_experiment if by_experiment else frozenset()
    told = {m.formulation.formulation_id for m in known if m.source == "experiment"}

    def prospects(liquids: Sequence[Formulation]) -> list[Prospect]:
        if not liquids:
            return []
        mean, std = (values.tolist() for values in model.predict_encoded(encoder.encode(liquids)))
        found = []
        for liquid, m, s in zip(liquids, mean, std, strict=True):
            key = liquid.formulation_id
            found.append(Prospect(liquid, m, s, asked[key] | (by_experiment if key in told else frozenset())))
        return found

    fresh = []
    for c in decision.chosen:
        is_replicate = c.formulation.formulation_id in told
        barred = others if is_replicate else asked[c.formulation.formulation_id]
        fresh.append(Prospect(c.formulation, c.mean, c.standard_deviation, barred, is_replicate))
    chosen_ids = {c.formulation.formulation_id for c in decision.chosen}
    answered = [
        prospect
        for prospect in prospects(_answered(campaign))
        if not prospect.asked & by_experiment and prospect.formulation.formulation_id not in chosen_ids
    ]
    measured = prospects([liquid for liquid in baseline if liquid.formulation_id in told])
    best = max((p.mean for p in measured or answered or fresh), default=0.0)
    assigned = choose_sources([*fresh, *answered], offered, discrepancy, n=n, best=best, measured=measured)
    by_id = {c.formulation.formulation_id: c for c in decision.chosen}
    batch = [
        (by_id.get(one.prospect.formulation.formulation_id) or _as_chosen(one), _entry(campaign, one))
        for one in assigned
    ]
    taken = {chosen.formulation.formulation_id for chosen, _ in batch}
    return batch, [c for c in decision.chosen if c.formulation.formulation_id not in taken]


def describe_prices(campaign: Campaign) -> list[str]:
    """One sentence for each of several oracles; none for a single one."""
    found = prices(campaign)
    return [f"{name}: a call costs {price.describe()}" for name, price in found.items()] if len(found) > 1 else []


def _asked(campaign: Campaign) -> dict[str, frozenset[str]]:
    """Names of the oracles that a liquid was given to, but for those that failed by no fault of the liquid."""
    asked: dict[str, frozenset[str]] = defaultdict(frozenset)
    for candidate in campaign.record.candidates.values():
        if not candidate.may_come_again:
            asked[candidate.formulation_id] |= {candidate.oracle}
    return asked


def _answered(campaign: Campaign) -> list[Formulation]:
    """Liquids of the space that an oracle has answered for, and on which nothing is open, rejected or infeasible."""
    from saltloop.loop.space.candidate_space import CandidateSpace

    record = campaign.record
    space = CandidateSpace(campaign.settings.space, campaign.species)
    barred = {c.formulation_id for c in record.candidates.values() if c.status not in ("completed", "failed")}
    found = {
        c.formulation_id: campaign.formulation(c.candidate_id)
        for c in record.candidates.values()
        if c.status == "completed" and c.formulation_id not in barred and c.formulation_id not in record.infeasible
    }
    return [liquid for liquid in found.values() if space.contains(liquid)]


def _as_chosen(one: Assignment) -> Chosen:
    """A liquid that the acquisition did not offer; its acquisition value is the logarithm of its expected gain."""
    from saltloop.loop.acquisition.choose import Chosen

    prospect = one.prospect
    value = math.log(max(one.gain, 1e-300))
    return Chosen(prospect.formulation, prospect.mean, prospect.standard_deviation, value, rank=0, is_refined=False)


def _entry(campaign: Campaign, one: Assignment) -> dict[str, Any]:
    is_lab = campaign.settings.named_oracles()[one.name].kind == "lab"
    return {
        "source": one.name,
        "assigned_to": "lab" if is_lab else "oracle",
        "purpose": one.purpose,
        "expected_gain_mS_cm": one.gain,
        "expected_cost": one.cost,
        "why_source": one.why,
    }
