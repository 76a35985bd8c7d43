"""Which formulations to measure next: BoTorch acquisition over the streamed pool, then gradient refinement."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.optim import optimize_acqf, optimize_acqf_discrete
from botorch.sampling.normal import SobolQMCNormalSampler
from saltloop.chemistry.formulation import Formulation
from saltloop.loop.errors import CampaignError
from saltloop.loop.settings import AcquisitionSettings
from saltloop.loop.space import CandidateSpace
from torch import Tensor

if TYPE_CHECKING:
    from saltloop.surrogates.encoding import FormulationEncoder

#: Confidence width of the bound that shortlists the pool: optimistic enough to keep what is merely uncertain.
SHORTLIST_BETA = 2.0
N_ALTERNATIVES = 5


@dataclass(frozen=True)
class Chosen:
    """One chosen formulation and the figures that spoke for it (mS/cm)."""

    formulation: Formulation
    mean: float
    standard_deviation: float
    acquisition_value: float
    rank: int
    is_refined: bool


@dataclass(frozen=True)
class Decision:
    """A batch, what it was chosen from, and what it was preferred to."""

    chosen: tuple[Chosen, ...]
    alternatives: tuple[Chosen, ...]
    n_screened: int
    n_baseline: int
    notes: tuple[str, ...] = ()


def choose_batch(
    model: Any,
    encoder: FormulationEncoder,
    space: CandidateSpace,
    settings: AcquisitionSettings,
    *,
    n: int,
    baseline: Sequence[Formulation],
    pending: Sequence[Formulation],
    known_ids: frozenset[str],
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Decision:
    """Choose ``n`` formulations by q-log noisy expected improvement.

    Args:
        model: BoTorch model of the conductivity (mS/cm) over encoded rows, with ``predict_encoded`` for marginals.
        baseline: measured formulations of this space; improvement is counted over the best of them.
        pending: proposed formulations without a result.
        known_ids: formulations that must not be proposed again.
        seed: of the quasi-Monte-Carlo base samples.

    Raises:
        CampaignError: fewer than ``n`` formulations of the space are still unknown.
    """
    rows, n_screened = _shortlist(model, encoder, space, settings.shortlist + len(known_ids), progress)
    shortlist = _without_known(rows, encoder, space, known_ids)[: settings.shortlist]
    if len(shortlist) < n:
        raise CampaignError(
            f"Only {len(shortlist)} formulations of the space are left to propose, {n} were asked for. "
            "Widen the space in a new campaign, or ask for fewer."
        )
    X = encoder.encode(shortlist)
    X_pending = encoder.encode(pending) if pending else None
    acquisition = qLogNoisyExpectedImprovement(
        model,
        X_baseline=encoder.encode(baseline) if baseline else X[:1],
        sampler=SobolQMCNormalSampler(torch.Size([settings.mc_samples]), seed=seed),
        X_pending=X_pending,
        prune_baseline=False,
        cache_root=False,
    )
    ranking = _evaluate(acquisition, X).argsort(descending=True, stable=True).tolist()
    picked, _ = optimize_acqf_discrete(acquisition, q=n, choices=X, unique=True, max_batch_size=256)
    picks = [int((X - row).abs().sum(-1).argmin()) for row in picked]
    chosen = [shortlist[i] for i in picks]
    if settings.refine:
        chosen = _refine_all(acquisition, encoder, space, chosen, pending, known_ids)
    acquisition.set_X_pending(X_pending)
    passed = [i for i in ranking if i not in picks][:N_ALTERNATIVES]

    shown = [*chosen, *(shortlist[i] for i in passed)]
    X_shown = encoder.encode(shown)
    mean, std = model.predict_encoded(X_shown)
    values = _evaluate(acquisition, X_shown)
    summaries = [
        Chosen(
            formulation,
            mean=float(mean[k]),
            standard_deviation=float(std[k]),
            acquisition_value=float(values[k]),
            rank=ranking.index(index) + 1,
            is_refined=formulation is not shortlist[index],
        )
        for k, (formulation, index) in enumerate(zip(shown, [*picks, *passed], strict=True))
    ]
    notes = () if baseline else ("nothing in this space is measured yet; the best prediction is the one to beat",)
    return Decision(tuple(summaries[:n]), tuple(summaries[n:]), n_screened, len(baseline), notes)


def _shortlist(
    model: Any,
    encoder: FormulationEncoder,
    space: CandidateSpace,
    size: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[Tensor, int]:
    """The ``size`` rows of the pool with the highest upper confidence bound, best first, and the pool's size."""
    best = torch.empty(0, encoder.dim, dtype=torch.double)
    bounds = torch.empty(0, dtype=torch.double)
    n_screened = 0
    for chunk in space.stream(encoder):
        rows = torch.from_numpy(chunk)
        mean, std = model.predict_encoded(rows)
        bounds = torch.cat([bounds, mean + SHORTLIST_BETA * std])
        best = torch.cat([best, rows])
        order = bounds.argsort(descending=True, stable=True)[:size]
        best, bounds = best[order], bounds[order]
        n_screened += len(rows)
        if progress:
            progress(n_screened, len(space))
    return best, n_screened


def _without_known(
    rows: Tensor, encoder: FormulationEncoder, space: CandidateSpace, known_ids: frozenset[str]
) -> list[Formulation]:
    formulations: dict[str, Formulation] = {}
    for row in rows:
        formulation = _as_weighed(row, encoder, space, digits=4)
        if formulation.formulation_id not in known_ids:
            formulations.setdefault(formulation.formulation_id, formulation)
    return list(formulations.values())


def _as_weighed(row: Tensor, encoder: FormulationEncoder, space: CandidateSpace, *, digits: int) -> Formulation:
    formulation = encoder.decode(row)
    ((salt, molality),) = formulation.molality.items()
    return space.formulation(salt, molality, formulation.mass_fractions, digits=digits)


def _evaluate(acquisition: Any, X: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([acquisition(part.unsqueeze(-2)) for part in X.split(256)])


def _refine_all(
    acquisition: Any,
    encoder: FormulationEncoder,
    space: CandidateSpace,
    chosen: Sequence[Formulation],
    pending: Sequence[Formulation],
    known_ids: frozenset[str],
) -> list[Formulation]:
    """Refine one after the other, each aware of those refined before it; what is no better or known stays as it was."""
    refined: list[Formulation] = []
    for original in chosen:
        others = [*pending, *refined]
        acquisition.set_X_pending(encoder.encode(others) if others else None)
        better = _refine(acquisition, encoder, space, original)
        taken = known_ids | {formulation.formulation_id for formulation in refined}
        refined.append(original if better is None or better.formulation_id in taken else better)
    return refined


def _refine(
    acquisition: Any, encoder: FormulationEncoder, space: CandidateSpace, start: Formulation
) -> Formulation | None:
    """Move fractions and concentration uphill by gradient; the result rounded to 0.01, or None if it is no better."""
    x0 = encoder.encode([start])
    free = (x0[0] > 0).nonzero().flatten().tolist()
    free.remove(encoder.temperature_index)
    columns = list(encoder.columns)
    solvents = [i for i in free if columns[i] in start.mole_fractions]
    bounds = torch.stack([x0[0], x0[0]])
    for index in free:
        if index in solvents:
            bounds[:, index] = torch.tensor(_mole_fraction_range(space, start, columns[index]))
        else:
            molality = space.settings.molality
            bounds[:, index] = torch.tensor([molality.min, molality.max])
    fixed = {i: float(x0[0, i]) for i in range(encoder.dim) if i not in free or (len(solvents) == 1 and i in solvents)}
    constraints = [(torch.tensor(solvents), torch.ones(len(solvents), dtype=torch.double), 1.0)]
    best, _ = optimize_acqf(
        acquisition,
        bounds=bounds,
        q=1,
        num_restarts=1,
        batch_initial_conditions=x0.unsqueeze(0),
        fixed_features=fixed,
        equality_constraints=constraints if len(solvents) > 1 else None,
        options={"maxiter": 30},
    )
    refined = _as_weighed(best[0], encoder, space, digits=2)
    if not space.contains(refined):
        return None
    before, after = _evaluate(acquisition, torch.cat([x0, encoder.encode([refined])]))
    return refined if after > before else None


def _mole_fraction_range(space: CandidateSpace, start: Formulation, solvent: str) -> tuple[float, float]:
    """The mole fractions that the smallest mass fraction allows this solvent beside the others of ``start``."""
    others = {name: share for name, share in start.mass_fractions.items() if name != solvent}
    if not others:
        return 1.0, 1.0
    low = space.settings.min_fraction
    total = sum(others.values())
    ends = []
    for own in (low, 1 - low):
        mixture = {solvent: own, **{name: share / total * (1 - own) for name, share in others.items()}}
        moles = {
            name: share / float(space.species.solvent(name).value("molar_mass") or 0) for name, share in mixture.items()
        }
        ends.append(moles[solvent] / sum(moles.values()))
    return min(ends), max(ends)
