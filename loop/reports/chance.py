"""Best so far, and what random draws would have found: exact, by order statistics, without simulation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from saltloop.loop.reports.known import Known
from saltloop.loop.reports.view_types import Best, Pool, ResultRow
from saltloop.loop.reports.words import some

#: Draws at which the curves of random search are worked out.
N_DRAWS = 80
#: Share of random orders between ``low`` and ``high``.
MIDDLE = 0.9


def best_so_far(results: Sequence[ResultRow], known: Known) -> list[Best]:
    """One entry a source, the one with most experiments first: different sources are not compared with each other."""
    rows = [k for k, one in enumerate(results) if one["counts"]]
    sources = sorted({results[k]["source"] for k in rows}, key=lambda name: (name != "experiment", name))
    return [
        _of_source(results, [k for k in rows if results[k]["source"] == name], name, known.pool) for name in sources
    ]


def random_best(values: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, and ends of the middle 90 %, of the best of k values drawn without replacement, for each k of ``draws``.

    Of n values in rising order, the best of k is at most the i-th with probability C(i, k) / C(n, k).
    """
    ranked = np.sort(values)
    n, i, k = len(ranked), np.arange(1, len(ranked) + 1), draws[:, None]
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    log_p = log_factorial[i] - log_factorial[np.maximum(i - k, 0)] - (log_factorial[n] - log_factorial[n - k])
    at_most = np.where(i >= k, np.exp(log_p), 0.0)
    at_most[:, -1] = 1.0
    exactly = np.diff(at_most, axis=1, prepend=0.0)
    low, high = (ranked[np.minimum((at_most < q).sum(axis=1), n - 1)] for q in ((1 - MIDDLE) / 2, 1 - (1 - MIDDLE) / 2))
    return exactly @ ranked, low, high


def _of_source(results: Sequence[ResultRow], rows: list[int], source: str, pool: np.ndarray) -> Best:
    values = np.array([results[k]["value"] for k in rows])
    running = np.maximum.accumulate(values)
    rises = [0, *(np.flatnonzero(np.diff(running) > 0) + 1).tolist()]
    first = int(values.argmax())
    pools = []
    if source == "experiment" and len(pool) > 1:
        pools.append(
            _pool(
                "known",
                pool,
                len(values),
                f"the {len(pool)} liquids of the data sets that are made of the space's species at its temperatures",
            )
        )
    if len(values) > 1:
        pools.append(
            _pool("measured", values, len(values), f"the campaign's own {len(values)} values, in random order")
        )
    why_not = "" if len(values) > 1 else "One value has no order; random draws are compared from the second value on."
    return {
        "source": source,
        "n": len(values),
        "steps": [(k + 1, float(running[k])) for k in rises],
        "best_result": rows[first],
        "pools": pools,
        "best_known": float(pool.max()) if source == "experiment" and len(pool) else None,
        "words": _words(source, values, first, pools, pool),
        "why_not": why_not,
    }


def _pool(key: str, values: np.ndarray, n_results: int, words: str) -> Pool:
    most = min(len(values), n_results) if key == "measured" else min(len(values), max(n_results, 10))
    draws = np.unique(np.round(np.geomspace(1, most, N_DRAWS)).astype(int))
    mean, low, high = random_best(values, draws)
    return {
        "key": "known" if key == "known" else "measured",
        "words": words,
        "n": len(values),
        "draws": draws.tolist(),
        "expected": mean.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
    }


def _words(source: str, values: np.ndarray, first: int, pools: Sequence[Pool], known: np.ndarray) -> str:
    n = len(values)
    said = f"Best so far ({source}): {values[first]:.2f} mS/cm, result {first + 1} of {n}."
    if n > 1:
        n_best = int((values == values[first]).sum())
        chance = (n + 1) / (n_best + 1)  # the first of n_best equal ones, each as likely to come at any place
        said += f" In random order, the best of these {n} would have come as result {chance:.4g} on average."
    for pool in pools:
        if pool["key"] == "known":
            said += f" The best of the {pool['n']} known liquids has {known.max():.2f}"
            if n < pool["n"]:
                (mean,), _, _ = random_best(known, np.array([n]))
                said += f"; {some(n, 'random draw')} from them reach{'es' * (n == 1)} {mean:.2f} on average"
            said += "."
    if source != "experiment":
        said += " These are simulated values as they came, not made experiment-equivalent, so that they are not "
        said += "compared with known experiments."
    return said
