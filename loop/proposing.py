"""How a batch is chosen with a surrogate: BoTorch acquisition over the space, then a source for each liquid."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.acquisition.neighbours import Neighbours
from saltloop.loop.campaign import Campaign
from saltloop.loop.events import content_hash
from saltloop.loop.knowledge import Knowledge, rows_hash

if TYPE_CHECKING:
    from saltloop.loop.acquisition.choose import Chosen
    from saltloop.loop.acquisition.feasibility import Feasibility
    from saltloop.loop.space.candidate_space import CandidateSpace
    from saltloop.loop.strategy import Progress
    from saltloop.surrogates.encoding import FormulationEncoder
    from saltloop.surrogates.factory import ConductivityModel, Surrogate

#: Measured formulations within this many kelvin of the campaign's temperature count as measured in its space.
SAME_TEMPERATURE_K = 2.0
N_BASELINE = 20
N_ALTERNATIVES = 5


def propose(
    campaign: Campaign,
    knowledge: Knowledge,
    surrogate: Surrogate,
    *,
    iteration: int,
    n: int,
    is_for_lab: bool,
    progress: Progress | None,
) -> dict[str, Any]:
    """Choose ``n`` formulations; the data of a ``batch_proposed`` event without ids."""
    from saltloop.loop.acquisition.choose import choose_batch
    from saltloop.loop.acquisition.feasibility import Feasibility
    from saltloop.loop.acquisition.objective_models import objectives_of
    from saltloop.loop.acquisition.replicates import noise_of_one_more
    from saltloop.loop.sources.of_campaign import assign_sources, describe_prices, n_prospects
    from saltloop.loop.space.candidate_space import CandidateSpace

    space = CandidateSpace(campaign.settings.space, campaign.species)
    known, results = knowledge.measurements(), knowledge.results(campaign)
    everything = (*known, *results)
    discrepancy = knowledge.discrepancy(results)
    observations = discrepancy.as_experiments(results)
    model = surrogate.model(observations)
    record = campaign.record
    pending = [campaign.formulation(candidate.candidate_id) for candidate in record.open_candidates()]
    feasibility = Feasibility.learn(campaign, surrogate.encoder)
    measured = frozenset(m.formulation.formulation_id for m in (*observations, *known))
    seed = campaign.seed(iteration, "acquisition")
    baseline = _baseline(space, known, observations, all_own=bool(campaign.settings.objectives))
    decision = choose_batch(
        model,
        surrogate.encoder,
        space,
        campaign.settings.acquisition,
        n=n_prospects(campaign, n, is_for_lab=is_for_lab),
        baseline=baseline,
        pending=pending,
        known_ids=record.spent() | measured,
        seed=seed,
        feasibility=feasibility,
        objectives=objectives_of(
            campaign.settings, model, surrogate.encoder, space, lambda name: knowledge.of(campaign, name)
        ),
        noise=noise_of_one_more(results, observations),
        progress=progress,
    )
    batch, passed = assign_sources(
        campaign,
        decision,
        model,
        surrogate.encoder,
        discrepancy,
        n=n,
        known=everything,
        baseline=baseline,
        is_for_lab=is_for_lab,
    )
    neighbours = Neighbours(surrogate.encoder, everything)
    fit = record.fits[-1]

    def entry(one: Chosen) -> dict[str, Any]:
        return _entry(one, neighbours, model, surrogate.encoder, feasibility)

    return {
        "acquisition": campaign.settings.acquisition.model_dump(mode="json"),
        "candidates": [{**entry(one), **source} for one, source in batch],
        "alternatives": [entry(one) for one in (*passed, *decision.alternatives)[:N_ALTERNATIVES]],
        "n_screened": decision.n_screened,
        "n_baseline": decision.n_baseline,
        "outlook": decision.outlook,
        "sources": [dataclasses.asdict(summary) for summary in discrepancy.summaries()],
        "front": list(decision.front),
        "notes": [
            *decision.notes,
            *discrepancy.describe(),
            *describe_prices(campaign),
            *([feasibility.describe()] if feasibility else []),
        ],
        "seed": seed,
        "hashes": {
            "training_set": rows_hash(everything),
            "model": fit["weights_sha256"],
            "settings": content_hash(record.settings),
        },
    }


def _baseline(
    space: CandidateSpace, known: Sequence[Measurement], observations: Sequence[Measurement], *, all_own: bool
) -> list[Formulation]:
    """The best measured formulations made of the space's species at its temperature; ``all_own``: and all others
    that the campaign has measured."""
    salts = {salt.name for salt in space.salts}
    solvents = {solvent.name for solvent in space.solvents}
    best: dict[str, tuple[float, Formulation]] = {}
    for measurement in (*known, *observations):
        liquid = measurement.formulation
        if (
            set(liquid.molality) <= salts
            and set(liquid.mole_fractions) <= solvents
            and liquid.molality
            and min(abs(space.temperatures_K - liquid.temperature_K)) <= SAME_TEMPERATURE_K
        ):
            best[liquid.formulation_id] = (measurement.value, liquid)
    ranked = sorted(best.values(), key=lambda pair: (-pair[0], pair[1].formulation_id))
    own = {m.formulation.formulation_id for m in observations} if all_own else set()
    return [liquid for k, (_, liquid) in enumerate(ranked) if k < N_BASELINE or liquid.formulation_id in own]


def _entry(
    chosen: Chosen,
    neighbours: Neighbours,
    model: ConductivityModel,
    encoder: FormulationEncoder,
    feasibility: Feasibility | None,
) -> dict[str, Any]:
    formulation = chosen.formulation
    row = encoder.encode([formulation])
    (unfamiliar,) = model.domain.reasons(row, encoder)
    return {
        "formulation": formulation.to_dict(),
        "formulation_id": formulation.formulation_id,
        "text": str(formulation),
        "predicted": {"mean": chosen.mean, "standard_deviation": chosen.standard_deviation, "unit": "mS/cm"},
        "acquisition_value": chosen.acquisition_value,
        "rank": chosen.rank,
        "is_refined": chosen.is_refined,
        "is_replicate": chosen.is_replicate,
        "reason": chosen.reason,
        "objectives": chosen.objectives,
        "nearest_known": neighbours.of(formulation),
        "unfamiliar": list(unfamiliar),
        "probability_feasible": None if feasibility is None else feasibility.probability(row)[0],
    }
