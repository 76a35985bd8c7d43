"""From a streamed pool to a few hundred formulations of many kinds, in one pass and little memory.

Several rankings are kept while the pool goes by: optimistic values (posterior mean plus 0, 1, 2 and 4 standard
deviations; of several objectives, under several weights). In each, a family, that is one set of salts and solvents, has
a limited number of places, so that the best liquid does not bring its 255 twins along. Among all that was kept, joint
draws from the posterior then put their own best on the list.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from botorch.sampling.normal import IIDNormalSampler
from saltloop.chemistry.formulation import Formulation
from saltloop.loop.acquisition.objectives import Objectives, scalarisations
from saltloop.loop.acquisition.rankings import Candidates, Pool, Ranking
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.acquisition.table import TableModel, table_of
from saltloop.surrogates.encoding import FormulationEncoder
from saltloop.surrogates.threads import one_torch_thread
from torch import Tensor

if TYPE_CHECKING:
    from saltloop.loop.acquisition.functions import Feasibility

#: Widths of the confidence bounds, in posterior standard deviations.
WIDTHS = (0.0, 1.0, 2.0, 4.0)
#: Deviations granted to a value that seems to break a limit.
DOUBT = 2.0
#: Share of the shortlist that joint draws may fill, and how many draws are made for each place.
DRAWN_SHARE, DRAWS_A_PLACE = 0.25, 4
#: Chunks of the pool that are predicted side by side.
MOST_THREADS = 4
#: A listed pool up to this size is kept whole.
LARGEST_WHOLE = 2048
#: A liquid that breaks a limit beyond doubt ranks this much lower, in units of the spread.
BARRED = 1e6


@dataclass(frozen=True)
class Shortlist:
    """The formulations to choose among, none of them known."""

    formulations: tuple[Formulation, ...]
    X: Tensor
    """n x dim."""
    n_screened: int
    uniform: tuple[int, ...] = ()
    """Positions of those drawn uniformly over the pool, in the order drawn."""


def screen(
    objectives: Objectives,
    encoder: FormulationEncoder,
    pool: Pool,
    settings: AcquisitionSettings,
    *,
    n: int,
    known_ids: frozenset[str],
    feasibility: Feasibility | None,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Shortlist:
    """Stream the pool once and keep what an acquisition function should look at."""
    candidates = Candidates(pool, encoder, known_ids)
    # However little the settings leave, a batch must find its formulations, be they all of one family.
    size, per_family = max(settings.shortlist, 2 * n), max(settings.per_family, n)
    is_whole = pool.is_listed and len(pool) <= LARGEST_WHOLE
    whole = Ranking(LARGEST_WHOLE, LARGEST_WHOLE, candidates)
    rankings: list[tuple[Score, Ranking]] = []
    uniform = Ranking(n, n, candidates)
    generator = np.random.default_rng(seed)
    n_screened = 0
    chunks = pool.stream(encoder)
    told = ((chunk, None) for chunk in chunks) if is_whole else _told(chunks, objectives, feasibility)
    for chunk, prediction in told:
        if prediction is None:
            whole.offer(chunk, np.zeros(len(chunk)))
        else:
            mean, std, log_p = prediction
            if not rankings:
                spread = mean.std(0, correction=0) + std.mean(0)
                scores = _scores(objectives, spread.clamp_min(1e-9))
                rankings = [(s, Ranking(size, per_family, candidates)) for s in scores]
            for score, ranking in rankings:
                ranking.offer(chunk, score(mean, std, log_p).numpy())
        if settings.kind == "uniform":
            uniform.offer(chunk, generator.random(len(chunk)))
        n_screened += len(chunk)
        if progress:
            progress(n_screened, len(pool))
    kept = whole.rows if is_whole else _mix(objectives, [r.rows for _, r in rankings], size, seed)
    drawn = candidates.formulations(uniform.rows)
    listed = {one.formulation_id: one for one in (*drawn, *candidates.formulations(kept))}
    place = {key: index for index, key in enumerate(listed)}
    return Shortlist(
        tuple(listed.values()),
        encoder.encode(list(listed.values())),
        n_screened,
        tuple(dict.fromkeys(place[one.formulation_id] for one in drawn)),
    )


def _told(
    chunks: Iterator[np.ndarray], objectives: Objectives, feasibility: Feasibility | None
) -> Iterator[tuple[np.ndarray, tuple[Tensor, Tensor, Tensor]]]:
    """Each chunk with its predictions (each n x m) and log feasibility (n), in order; worked out ahead in threads."""

    def tell(chunk: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        rows = torch.from_numpy(chunk)
        with torch.no_grad():
            log_p = torch.zeros(len(rows)) if feasibility is None else feasibility.log_probability(rows)
        return (*objectives.predict(rows), log_p)

    first = next(chunks, None)
    if first is None:
        return
    # The first by itself: it fills what the models keep for later.
    yield first, tell(first)
    n_workers = min(MOST_THREADS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    with one_torch_thread(), ThreadPoolExecutor(n_workers) as executor:
        ahead: deque[tuple[np.ndarray, Future[tuple[Tensor, Tensor, Tensor]]]] = deque()
        for chunk in chunks:
            ahead.append((chunk, executor.submit(tell, chunk)))
            if len(ahead) > n_workers:
                done, prediction = ahead.popleft()
                yield done, prediction.result()
        for done, prediction in ahead:
            yield done, prediction.result()


Score = Callable[[Tensor, Tensor, Tensor], Tensor]


def _scores(objectives: Objectives, spread: Tensor) -> list[Score]:
    """Rankings by optimistic values: of predictions (each n x m) and log feasibility (n) to a number for each row.

    ``spread`` (m): by how much each objective varies; what several objectives gain is compared in these units.
    """
    reference = objectives.reference

    def under(weights: Tensor, width: float) -> Score:
        def score(mean: Tensor, std: Tensor, log_p: Tensor) -> Tensor:
            gain = (mean + width * std - reference) / spread
            # The least gain counts, an objective of more weight sooner (Chebyshev's scalarisation).
            value = torch.where(weights > 0, gain / weights.clamp_min(1e-9), torch.inf).amin(-1)
            value = torch.where(value > 0, value * log_p.exp(), value)
            return torch.where(objectives.allowed(mean, std, DOUBT), value, value - BARRED)

        return score

    return [under(weights, width) for width in WIDTHS for weights in scalarisations(objectives)]


def _mix(objectives: Objectives, rankings: Sequence[np.ndarray], size: int, seed: int) -> np.ndarray:
    """``size`` different rows: first those that joint draws call best, then the heads of all rankings in turn."""
    turns = [row for row in itertools.chain(*itertools.zip_longest(*rankings)) if row is not None]
    wide = np.unique(np.array(turns), axis=0, return_index=True)[1]
    rows = np.array(turns)[np.sort(wide)]
    if len(rows) <= size:
        return rows
    n_drawn = int(DRAWN_SHARE * size)
    best = _best_of_draws(objectives, torch.from_numpy(rows[:LARGEST_WHOLE]), n_drawn * DRAWS_A_PLACE, seed)[:n_drawn]
    order = list(dict.fromkeys([*best, *range(len(rows))]))[:size]
    return rows[order]


def _best_of_draws(objectives: Objectives, X: Tensor, n_draws: int, seed: int) -> list[int]:
    """Rows (n x dim) that are best in a joint draw of the first objective, in the order drawn."""
    first = objectives.items[0]
    table = table_of(first.model, X)
    if not isinstance(table, TableModel):
        return []
    draws = table.draws(range(len(X)), IIDNormalSampler(torch.Size([n_draws]), seed=seed))
    return list(dict.fromkeys((draws * first.sign).argmax(-1).tolist()))
