"""Extrapolation over temperature (simulators/analysis/extrapolation.py) tried on measured conductivities.

    python benchmarks/md_extrapolation.py

Series of one liquid in one paper of CALiSol-23, audited, at five temperatures over 40 K or more. The three hottest
that lie at least 8 K apart are known, each with a random error added that is also stated; predicted are the temperature
nearest to 298 K among the colder ones, and the coldest. The prior on T0 comes from the series of all other papers.
CALiSol-23 is found through SALTLOOP_SHARED (../shared).
"""

from __future__ import annotations

import argparse
import json
import os
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from saltloop.chemistry.calisol import load_calisol
from saltloop.simulators.analysis.extrapolation import TemperaturePoint, extrapolate
from saltloop.simulators.analysis.temperature_laws import Law, T0Prior

MIN_TEMPERATURES, MIN_SPAN_K, APART_K = 5, 40.0, 8.0
MAX_UNCERTAINTY = 0.1
"""Rows that the audit gives a larger relative uncertainty are left out."""
SCATTER = 0.01
"""Of the measurements around a VFT law within a series, relative (0.8 % found); stated beside what is drawn."""
ROOM_K, ROOM_WITHIN_K = 298.15, 8.0
T0_FIXED_K = 40.0
WIDENED = 25.0 / 20.0
"""The prior's standard deviation over that of the series, as in ``temperature_laws.ELECTROLYTES``."""
LAWS: tuple[Law, ...] = ("arrhenius", "vft", "auto")


@dataclass(frozen=True)
class Series:
    """Conductivity of one liquid in one paper, hottest first."""

    paper: str
    temperature_K: np.ndarray
    value: np.ndarray

    @property
    def hottest(self) -> list[int]:
        """Indices of the three hottest temperatures that are far enough apart."""
        chosen = [0]
        for index, temperature in enumerate(self.temperature_K):
            if self.temperature_K[chosen[-1]] - temperature >= APART_K:
                chosen.append(index)
        return chosen[:3]

    @property
    def targets(self) -> dict[str, int]:
        """Index of the temperature near 298 K, if there is one colder than the known ones, and of the coldest."""
        colder = range(self.hottest[-1] + 1, len(self.value))
        near = [index for index in colder if abs(self.temperature_K[index] - ROOM_K) <= ROOM_WITHIN_K]
        found = {"coldest": len(self.value) - 1} if colder else {}
        if near:
            found["298 K"] = min(near, key=lambda index: abs(self.temperature_K[index] - ROOM_K))
        return found

    @cached_property
    def vft(self) -> tuple[float, float, float]:
        """T0 of a VFT fit to all of the series, the width of the T0 that fit nearly as well, relative scatter."""
        t0 = np.arange(0.0, self.temperature_K.min() - 8, 2.0)
        squares = np.empty_like(t0)
        for index, one in enumerate(t0):
            x, y = 1 / (self.temperature_K - one), np.log(self.value)
            squares[index] = np.sum((y - np.polyval(np.polyfit(x, y, 1), x)) ** 2)
        degrees = max(1, len(self.value) - 3)
        allowed = t0[squares <= squares.min() * (1 + 1 / degrees)]
        return float(t0[squares.argmin()]), float(np.ptp(allowed)), float(np.sqrt(squares.min() / degrees))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noise", type=float, nargs="*", default=[0.0, 0.05, 0.15], help="relative error drawn")
    arguments = parser.parse_args()
    series = load(Path(os.environ.get("SALTLOOP_SHARED", "../shared")) / "data" / "calisol23.csv")
    print(f"{len(series)} series of {len({one.paper for one in series})} papers")
    prior = prior_without(series, "")
    n_fixed = sum(one.vft[1] < T0_FIXED_K for one in series)
    cold = np.mean([one.vft[0] < 50 for one in series])
    scatter = np.median([one.vft[2] for one in series])
    print(f"T0 of the {n_fixed} that fix it: {prior.mean_K:.0f} +- {prior.standard_deviation_K / WIDENED:.0f} K")
    print(f"T0 below 50 K in {cold:.1%} of all; median scatter around VFT {scatter:.1%}\n")
    print("| known to | predicted | law | series | 95 % interval holds | median error | median stated error |")
    print("|---|---|---|---|---|---|---|")
    for noise in arguments.noise:
        for target in ("298 K", "coldest"):
            for law in LAWS:
                print(row(series, target, law, noise), flush=True)


def load(path: Path) -> list[Series]:
    """Temperature series, audited; several values of one paper at one temperature are averaged."""
    found: dict[tuple[str, str], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for one in load_calisol(path).measurements:
        if one.standard_uncertainty > MAX_UNCERTAINTY * one.value:
            continue
        liquid = one.formulation.to_dict()
        temperature_K = round(liquid.pop("temperature_K"), 1)
        found[one.reference, json.dumps(liquid, sort_keys=True)][temperature_K].append(one.value)
    series = []
    for (paper, _), values in found.items():
        temperatures = sorted(values, reverse=True)
        if len(temperatures) >= MIN_TEMPERATURES and temperatures[0] - temperatures[-1] >= MIN_SPAN_K:
            means = np.array([np.mean(values[one]) for one in temperatures])
            series.append(Series(paper, np.array(temperatures), means))
    return series


def prior_without(series: list[Series], paper: str) -> T0Prior:
    """T0 of all series but one paper's that fix it."""
    t0 = [one.vft[0] for one in series if one.paper != paper and one.vft[1] < T0_FIXED_K]
    return T0Prior(float(np.mean(t0)), WIDENED * float(np.std(t0)))


def row(series: list[Series], target: str, law: Law, noise: float) -> str:
    """One line of the table: every series that has this target."""
    rng = np.random.default_rng(17)
    priors = {paper: prior_without(series, paper) for paper in {one.paper for one in series}}
    holds, errors, stated = [], [], []
    for one in series:
        known = one.hottest
        if len(known) < 3 or target not in one.targets:
            continue
        relative = float(np.hypot(noise, SCATTER))
        factors = np.exp(noise * rng.normal(size=len(known)))
        points = [
            TemperaturePoint(one.temperature_K[index], value, relative * value)
            for index, value in zip(known, one.value[known] * factors, strict=True)
        ]
        index = one.targets[target]
        truth = one.value[index]
        found = extrapolate(points, float(one.temperature_K[index]), law, prior=priors[one.paper])
        holds.append(found.interval[0] <= truth <= found.interval[1])
        errors.append(abs(found.value / truth - 1))
        stated.append(found.standard_error / found.value)
    return (
        f"| {np.hypot(noise, SCATTER):.1%} | {target} | {law} | {len(holds)} | {np.mean(holds):.1%} | "
        f"{np.median(errors):.1%} | {np.median(stated):.1%} |"
    )


if __name__ == "__main__":
    main()
