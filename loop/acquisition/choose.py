"""Which formulations to measure next: a shortlist of the streamed pool, BoTorch acquisition, and a mixed optimiser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from saltloop.chemistry.formulation import Formulation
from saltloop.loop.acquisition.field import Field
from saltloop.loop.acquisition.functions import SMOOTH_KINDS, Feasibility
from saltloop.loop.acquisition.kinds import Improve, Picks, pick
from saltloop.loop.acquisition.objectives import Objectives
from saltloop.loop.acquisition.outlook import outlook
from saltloop.loop.acquisition.rankings import Pool
from saltloop.loop.acquisition.refine import climb
from saltloop.loop.acquisition.replicates import Replicate, replicates
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.acquisition.shortlist import screen
from saltloop.loop.errors import CampaignError

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder

N_ALTERNATIVES = 5
#: The mixed optimiser starts from the best of so many different families.
N_STARTS = 2


@dataclass(frozen=True)
class Chosen:
    """One chosen formulation and the figures that spoke for it (mS/cm)."""

    formulation: Formulation
    mean: float
    standard_deviation: float
    #: Of a replicate: the rise of the best known value that it is expected to bring.
    acquisition_value: float
    #: Among all that was looked at; 0 of a replicate.
    rank: int
    is_refined: bool
    is_replicate: bool = False
    #: Why a measured formulation is measured again.
    reason: str = ""
    #: Of several objectives: name -> value, standard_deviation, unit, goal.
    objectives: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """A batch, what it was chosen from, and what it was preferred to."""

    chosen: tuple[Chosen, ...]
    alternatives: tuple[Chosen, ...]
    n_screened: int
    n_baseline: int
    notes: tuple[str, ...] = ()
    #: Whether anything better is left (``acquisition_outlook``).
    outlook: dict[str, Any] = field(default_factory=dict)
    #: Of several objectives: the measured formulations that none other beats in all of them, with predicted values.
    front: tuple[dict[str, Any], ...] = ()


def choose_batch(
    model: Any,
    encoder: FormulationEncoder,
    space: Pool,
    settings: AcquisitionSettings,
    *,
    n: int,
    baseline: Sequence[Formulation],
    pending: Sequence[Formulation],
    known_ids: frozenset[str],
    seed: int,
    feasibility: Feasibility | None = None,
    objectives: Objectives | None = None,
    noise: Mapping[str, float] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Decision:
    """Choose ``n`` formulations of a space, or of a list.

    Args:
        model: BoTorch model of the conductivity (mS/cm) over encoded rows, with ``predict_encoded`` for marginals.
        baseline: measured formulations of this space; improvement is counted over the best of them.
        pending: proposed formulations without a result.
        known_ids: formulations that must not be proposed again.
        seed: of every draw; the same seed and inputs give the same decision.
        feasibility: weighs the acquisition by the probability of a result.
        objectives: what is wanted, where it is more than conductivity.
        noise: standard deviation (mS/cm) of one more measurement of each formulation that may be measured again, by
            id. Without it there are no replicates.

    Raises:
        CampaignError: fewer than ``n`` formulations of the space are still unknown.
    """
    wanted = objectives or Objectives.conductivity_alone(model)
    taken = known_ids | {formulation.formulation_id for formulation in (*baseline, *pending)}
    shortlist = screen(
        wanted,
        encoder,
        space,
        settings,
        n=n,
        known_ids=taken,
        feasibility=feasibility,
        seed=seed,
        progress=progress,
    )
    if len(shortlist.formulations) < n:
        raise CampaignError(
            f"Only {len(shortlist.formulations)} formulations of the space are left to propose, {n} were asked for. "
            "Widen the space in a new campaign, or ask for fewer."
        )
    everything = [*baseline, *pending, *shortlist.formulations]
    on = Field(wanted, encoder, settings, everything, len(baseline), len(pending), seed, feasibility)
    n_listed = len(everything)
    improve = _improver(space, taken) if settings.refine and not space.is_listed else None
    picks = pick(on, n, n_passed=N_ALTERNATIVES, uniform=shortlist.uniform, improve=improve)
    again = _replicates(on, picks, noise or {}, n)
    notes = (*wanted.notes, *(() if baseline else ("nothing in this space is measured yet",)))
    return Decision(
        *_summaries(on, picks, again, n_listed),
        n_screened=shortlist.n_screened,
        n_baseline=len(baseline),
        notes=notes,
        outlook=outlook(on),
        front=_front(on),
    )


def _improver(space: Any, taken: frozenset[str]) -> Improve:
    """The mixed optimiser as a step of the greedy choice: from the best of some families, the best that it finds."""

    def improve(on: Field, order: Sequence[int], chosen: Sequence[int]) -> int:
        acquisition = on.acquisition_over_rows(chosen)
        busy = taken | {on.formulations[i].formulation_id for i in chosen}
        starts: dict[frozenset[str], int] = {}
        for index in order:
            liquid = on.formulations[index]
            starts.setdefault(frozenset(liquid.molality) | frozenset(liquid.mole_fractions), index)
            if len(starts) == N_STARTS:
                break
        ends = [(*climb(acquisition, on.encoder, space, on.formulations[i], busy), i) for i in starts.values()]
        best, _, start = max(ends, key=lambda end: end[1])
        known = {formulation.formulation_id: i for i, formulation in enumerate(on.formulations)}
        if best is on.formulations[start]:
            return start
        return known[best.formulation_id] if best.formulation_id in known else on.add(best)

    return improve


def _replicates(on: Field, picks: Picks, noise: Mapping[str, float], n: int) -> dict[int, Replicate]:
    """Replicates by the place in the batch that they take."""
    may = on.settings.replicates and on.objectives.is_single and on.settings.kind in {*SMOOTH_KINDS, "thompson"}
    found = replicates(on, picks.chosen, noise, n_most=max(1, n // 2)) if may else []
    return {one.replaces: one for one in found}


def _summaries(
    on: Field, picks: Picks, again: Mapping[int, Replicate], n_listed: int
) -> tuple[tuple[Chosen, ...], tuple[Chosen, ...]]:
    """Chosen and alternatives with their predictions; what a replicate displaced is the first alternative."""
    worth = list(zip(picks.chosen, picks.values, picks.ranks, strict=True))
    displaced = [worth[place] for place in sorted(again)]
    kept = [(again[k].index, again[k].gain, 0) if k in again else entry for k, entry in enumerate(worth)]
    listed = [*kept, *[*displaced, *picks.passed][:N_ALTERNATIVES]]
    X = on.X[[index for index, _, _ in listed]]
    told = [{}] * len(listed) if on.objectives.is_single else on.objectives.describe(X)
    summaries = []
    mean, std = on.objectives.conductivity.predict_encoded(X)
    for k, (index, value, rank) in enumerate(listed):
        replicate = again.get(k) if k < len(kept) else None
        summaries.append(
            Chosen(
                on.formulations[index],
                mean=float(mean[k]),
                standard_deviation=float(std[k]),
                acquisition_value=value,
                rank=rank,
                is_refined=index >= n_listed,
                is_replicate=replicate is not None,
                reason=replicate.reason if replicate else "",
                objectives=told[k],
            )
        )
    return tuple(summaries[: len(kept)]), tuple(summaries[len(kept) :])


def _front(on: Field) -> tuple[dict[str, Any], ...]:
    if on.objectives.is_single:
        return ()
    X = on.X[: on.n_baseline]
    told = on.objectives.describe(X)
    return tuple(
        {
            "formulation_id": on.formulations[i].formulation_id,
            "text": str(on.formulations[i]),
            "objectives": told[i],
        }
        for i in on.objectives.front(X)
    )
