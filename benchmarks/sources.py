"""Several sources: what it costs to reach the best that experiments alone reach, with a cheap biased source there.

Pool: the liquids of CALiSol-23 at 298.15 K (``saltloop.loop.backtest.pool``). An experiment gives the pool's value and
costs 1. The simulated source costs 0.1 and gives ``k exp(bias + noise)``: a bias of 26 % (root mean square; half of its
variance one constant, half a smooth function of salt, solvents and molality), and a noise of 15 %, which it states.
Both arms start from the same 20 random liquids, measured, with the same Gaussian process, expected improvement and
batches of 4; the second may ask either source (``saltloop.loop.sources.choose``), and knows nothing of the bias. The
goal is the best that 60 experiments find. A start that they do not improve on leaves nothing to compare: the next one
counts.

    python benchmarks/sources.py --seeds 20            # the full pool
    python benchmarks/sources.py --seeds 20 --design   # the half on which choices of design were made
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import gpytorch
import numpy as np
import torch
from saltloop.chemistry.dataset import load_dataset
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.backtest.pool import Pool, isothermal_pool
from saltloop.loop.sources.choose import PROSPECTS_PER_PICK, Option, Prospect, choose_sources
from saltloop.loop.sources.discrepancy import Discrepancy
from saltloop.surrogates.encoding import FormulationEncoder

BIAS, NOISE, SIMULATION_COST = math.log(1.26), 0.15, 0.1
EXPERIMENT_NOISE = 0.03
N_START, BATCH, EXPERIMENTS = 20, 4, 60
COST_LIMIT = 120.0
OPTIONS = (Option("experiment", "experiment", 1.0), Option("simulation", "simulation", SIMULATION_COST))


@dataclass
class Knowledge:
    """What an arm has been told: measurements, and the pool's positions they belong to."""

    measurements: list[Measurement]
    positions: list[int]

    def asked(self, position: int) -> frozenset[str]:
        return frozenset(m.source for m, p in zip(self.measurements, self.positions, strict=True) if p == position)


class World:
    """The pool, its rows, and for one seed the simulated source's answers."""

    def __init__(self, pool: Pool, seed: int) -> None:
        self.pool, self.seed = pool, seed
        book = SpeciesBook.builtin()
        encoder = FormulationEncoder(book, [s.name for s in book.salts], [s.name for s in book.solvents])
        self.rows = encoder.encode(pool.formulations)
        self.salts, self.solvents = encoder.salt_slice, encoder.solvent_slice
        draw = np.random.default_rng([seed, 7])
        self.simulated = pool.values * np.exp(self._bias(draw) + NOISE * draw.standard_normal(len(pool)))
        self.start = np.random.default_rng([seed, 3]).choice(len(pool), N_START, replace=False).tolist()

    def _bias(self, draw: np.random.Generator) -> np.ndarray:
        """ln(k_simulated / k): a constant, and offsets of species and a slope in molality that mix linearly."""
        salts, solvents = self.rows[:, self.salts].numpy(), self.rows[:, self.solvents].numpy()
        total = salts.sum(1)
        smooth = salts @ draw.standard_normal(salts.shape[1]) / total + solvents @ draw.standard_normal(
            solvents.shape[1]
        )
        smooth += draw.standard_normal() * (total - total.mean()) / total.std()
        smooth = (smooth - smooth.mean()) / smooth.std()
        return BIAS * math.sqrt(0.5) * (draw.choice([-1.0, 1.0]) + smooth)

    def ask(self, source: str, position: int) -> Measurement:
        """One answer of a source."""
        is_experiment = source == "experiment"
        value = float((self.pool.values if is_experiment else self.simulated)[position])
        return Measurement(
            formulation=self.pool.formulations[position],
            value=value,
            unit="mS/cm",
            standard_uncertainty=value * (EXPERIMENT_NOISE if is_experiment else NOISE),
            source=source,
            external_id=f"{source}-{position}",
        )


class LightGP:
    """A Gaussian process of ln k over salts, solvents and concentration; marginal likelihood under priors."""

    def __init__(self, world: World) -> None:
        salts, solvents = world.rows[:, world.salts], world.rows[:, world.solvents]
        total = salts.sum(-1, keepdim=True)
        self.X = torch.cat([total, salts / total, solvents], -1)
        n_salts, n = salts.shape[1], self.X.shape[1]
        groups = [((0,), 1.0), (tuple(range(1, 1 + n_salts)), 1.0), (tuple(range(1 + n_salts, n)), 0.7)]
        kernel = None
        for columns, scale in groups:
            prior = gpytorch.priors.LogNormalPrior(math.log(scale), 0.7)
            part = gpytorch.kernels.MaternKernel(nu=2.5, active_dims=columns, lengthscale_prior=prior).double()
            part.lengthscale = scale
            kernel = part if kernel is None else kernel * part
        self.kernel = gpytorch.kernels.ScaleKernel(
            kernel, outputscale_prior=gpytorch.priors.LogNormalPrior(0.0, 1.0)
        ).double()
        self.kernel.outputscale = 1.0
        self.mean, self.extra = 0.0, 0.05**2

    def fit(self, positions: list[int], values: np.ndarray, noise: np.ndarray) -> None:
        """ln k at positions of the pool, with standard deviations."""
        X, y = self.X[positions], torch.tensor(values)
        variance = torch.tensor(noise) ** 2 + self.extra
        weights = 1 / (variance + self.kernel.outputscale.detach())
        self.mean = float((weights * y).sum() / weights.sum())
        optimizer = torch.optim.LBFGS(self.kernel.parameters(), max_iter=15, line_search_fn="strong_wolfe")

        def loss() -> torch.Tensor:
            optimizer.zero_grad()
            K = self.kernel(X).to_dense() + torch.diag(variance)
            normal = gpytorch.distributions.MultivariateNormal(torch.full_like(y, self.mean), K)
            value = -normal.log_prob(y)
            value = value - sum(
                prior.log_prob(read(module)).sum() for _, module, prior, read, _ in self.kernel.named_priors()
            )
            value.backward()
            return value

        optimizer.step(loss)
        with torch.no_grad():
            L = torch.linalg.cholesky(self.kernel(X).to_dense() + torch.diag(variance))
            cross = self.kernel(self.X, X).to_dense()
            half = torch.linalg.solve_triangular(L, cross.T, upper=False)
            self.mu = self.mean + (cross @ torch.cholesky_solve((y - self.mean).unsqueeze(-1), L)).squeeze(-1)
            self.half = half
            self.var = (self.kernel.outputscale - (half**2).sum(0)).clamp_min(1e-8)

    def covariance_with(self, position: int) -> torch.Tensor:
        """Posterior covariance of every liquid with one."""
        with torch.no_grad():
            prior = self.kernel(self.X, self.X[[position]]).to_dense().squeeze(-1)
            return prior - self.half.T @ self.half[:, position]


def expected_improvement(mu: torch.Tensor, var: torch.Tensor, best: float) -> torch.Tensor:
    s = var.sqrt()
    z = (mu - best) / s
    normal = torch.distributions.Normal(0.0, 1.0)
    return s * (z * normal.cdf(z) + normal.log_prob(z).exp())


def greedy(gp: LightGP, best: float, taken: set[int], n: int) -> list[int]:
    """n positions by expected improvement in ln k, the variance conditioned on those picked before."""
    var, columns, picks = gp.var.clone(), [], []
    for _ in range(n):
        value = expected_improvement(gp.mu, var, best)
        value[list(taken | set(picks))] = -1.0
        pick = int(value.argmax())
        picks.append(pick)
        column = gp.covariance_with(pick)
        for earlier in columns:
            column = column - earlier * earlier[pick]
        column = column / (column[pick].clamp_min(1e-8) + EXPERIMENT_NOISE**2).sqrt()
        columns.append(column)
        var = (var - column**2).clamp_min(1e-8)
    return picks


def campaign(world: World, *, has_simulation: bool, goal: float | None) -> list[tuple[float, float]]:
    """(cost, best experiment so far) after each result beyond the start; ends at the goal or the limit."""
    told = Knowledge([world.ask("experiment", p) for p in world.start], list(world.start))
    gp, cost, path = LightGP(world), 0.0, []
    best = max(m.value for m in told.measurements)
    limit = EXPERIMENTS if goal is None else COST_LIMIT
    while cost < limit - 1e-9 and not (goal is not None and best >= goal):
        discrepancy = Discrepancy.fit(told.measurements)
        rows = discrepancy.as_experiments(told.measurements)
        values = np.log([m.value for m in rows])
        gp.fit(told.positions, values, np.array([m.standard_uncertainty / m.value for m in rows]))
        known = set(told.positions)
        picks = greedy(gp, math.log(best), known, PROSPECTS_PER_PICK * BATCH if has_simulation else BATCH)
        if has_simulation:
            asks = with_sources(world, gp, told, picks, discrepancy, best)
        else:
            asks = [("experiment", p) for p in picks]
        for source, position in asks:
            cost += 1.0 if source == "experiment" else SIMULATION_COST
            told.measurements.append(world.ask(source, position))
            told.positions.append(position)
            if source == "experiment":
                best = max(best, told.measurements[-1].value)
            path.append((cost, best))
    return path


def with_sources(
    world: World, gp: LightGP, told: Knowledge, picks: list[int], discrepancy: Discrepancy, best: float
) -> list[tuple[str, int]]:
    """The picks and the liquids that are simulated and not measured, each with the source that is worth its cost."""
    simulated = [p for p in dict.fromkeys(told.positions) if "experiment" not in told.asked(p)]
    positions = [*picks, *simulated]
    prospects = [
        Prospect(
            world.pool.formulations[p], float(gp.mu[p].exp()), float(gp.mu[p].exp() * gp.var[p].sqrt()), told.asked(p)
        )
        for p in positions
    ]
    places = {world.pool.formulations[p].formulation_id: p for p in range(len(world.pool))}
    measured = [
        Prospect(world.pool.formulations[p], float(gp.mu[p].exp()), float(gp.var[p].sqrt()), told.asked(p))
        for p in dict.fromkeys(told.positions)
        if "experiment" in told.asked(p)
    ]
    chosen = choose_sources(prospects, OPTIONS, discrepancy, n=BATCH, best=best, measured=measured)
    return [(one.name, places[one.prospect.formulation.formulation_id]) for one in chosen]


def cost_to_reach(path: list[tuple[float, float]], goal: float) -> float:
    return next((cost for cost, best in path if best >= goal), math.inf)


def one_seed(work: tuple[Pool, int]) -> dict[str, float] | None:
    pool, seed = work
    torch.set_num_threads(1)
    world = World(pool, seed)
    alone = campaign(world, has_simulation=False, goal=None)
    goal = alone[-1][1]
    if goal <= max(world.pool.values[world.start]):
        return None
    both = campaign(world, has_simulation=True, goal=goal)
    n_experiments = sum(1 for a, b in zip([(0.0, 0.0), *both], both, strict=False) if b[0] - a[0] > 0.5)
    return {
        "seed": seed,
        "goal": goal,
        "alone": cost_to_reach(alone, goal),
        "both": cost_to_reach(both, goal),
        "experiments": n_experiments,
        "simulations": len(both) - n_experiments,
    }


def half(pool: Pool) -> Pool:
    """The liquids whose id has an even SHA-256."""
    even = [
        k for k, f in enumerate(pool.formulations) if hashlib.sha256(f.formulation_id.encode()).digest()[-1] % 2 == 0
    ]
    return pool.select(even)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--design", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    pool = isothermal_pool(load_dataset("calisol23").measurements)
    if arguments.design:
        pool = half(pool)
    started = time.monotonic()
    rows = []
    seed = arguments.first_seed
    with ProcessPoolExecutor(arguments.workers) as workers:
        while len(rows) < arguments.seeds:
            work = [(pool, seed + k) for k in range(arguments.seeds - len(rows))]
            seed += len(work)
            for row in workers.map(one_seed, work):
                if row is not None:
                    rows.append(row)
                    print(json.dumps(row), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows, len(pool), time.monotonic() - started))


def table(rows: list[dict[str, float]], n_pool: int, seconds: float) -> str:
    """The figures in Markdown."""
    alone, both = (np.array([row[name] for row in rows]) for name in ("alone", "both"))
    ratio = both / alone
    draws = np.random.default_rng(0).integers(len(rows), size=(10_000, len(rows)))
    medians = np.sort(np.median(ratio[draws], 1))
    low, high = medians[249], medians[9749]
    arrived = np.isfinite(both)
    return "\n".join(
        [
            f"| {n_pool} liquids, {len(rows)} seeds | |",
            "|---|---|",
            f"| cost with both sources / with experiments alone, median (95 %, bootstrap over seeds) | "
            f"{np.median(ratio):.2f} ({low:.2f}-{high:.2f}) |",
            f"| seeds that reached the best of experiments alone | {arrived.sum()} of {len(rows)} |",
            f"| seeds in which it was cheaper | {(ratio < 1).sum()} of {len(rows)} |",
            f"| total cost over seeds, both / alone | {np.where(arrived, both, COST_LIMIT).sum() / alone.sum():.2f} |",
            f"| cost, alone / both, medians | {np.median(alone):.0f} / {np.median(both):.1f} |",
            f"| experiments and simulations of the second arm, medians | "
            f"{np.median([row['experiments'] for row in rows]):.0f} and "
            f"{np.median([row['simulations'] for row in rows]):.0f} |",
            f"| wall time | {seconds / 60:.0f} min |",
        ]
    )


if __name__ == "__main__":
    main()
