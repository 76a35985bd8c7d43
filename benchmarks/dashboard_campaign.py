"""A made-up campaign of any size, with everything that a page has to show. Its values mean nothing.

python benchmarks/dashboard_campaign.py FOLDER [--results 5000] [--jobs 12]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.campaign import Campaign
from saltloop.loop.lab.result_entries import result_entry
from saltloop.loop.space.candidate_space import CandidateSpace

FILE = """
name: {name}
seed: 7
space:
  salts: [LiPF6, LiFSI, LiTFSI, LiBOB]
  solvents: [EC, PC, DMC, EMC, DEC, DME, FEC, GBL]
  max_solvents: 3
  concentration: {{min: 0.4, max: 2.0, step: 0.1}}
oracles:
  md: {{kind: openmm, protocol: quick}}
  robot: {{kind: lab, cost: {{hours: 0.1, money: 5}}}}
budget: {{rounds: 2000}}
approval: manual
"""
BATCH = 8
BOOST = {"LiPF6": 1.0, "LiFSI": 1.15, "LiTFSI": 0.9, "LiBOB": 0.6}
FLUID = {"EC": 0.9, "PC": 0.6, "DMC": 1.4, "EMC": 0.9, "DEC": 0.7, "DME": 1.9, "FEC": 0.8, "GBL": 1.1}


def true_value(liquid: Formulation) -> float:
    """A smooth made-up conductivity (mS/cm)."""
    (salt, molality), *_ = liquid.molality.items()
    fluid = sum(share * FLUID[name] for name, share in liquid.mole_fractions.items())
    cyclic = sum(share for name, share in liquid.mole_fractions.items() if name in ("EC", "PC", "GBL", "FEC"))
    return 24 * BOOST[salt] * fluid * molality * np.exp(-molality / 1.05) * (0.35 + cyclic * (1.25 - cyclic))


class Maker:
    """Appends batches and what came of them to a campaign."""

    def __init__(self, campaign: Campaign, seed: int = 0) -> None:
        self.campaign, self.random = campaign, np.random.default_rng(seed)
        self.space = CandidateSpace(campaign.settings.space, campaign.species)
        self.n_results = 0

    def propose(self, n: int = BATCH, *, oracle: str = "robot") -> list[str]:
        """A batch whose predictions get better with every result; returns its candidates' ids."""
        record = self.campaign.record
        error = 0.08 + 0.5 / np.sqrt(1 + self.n_results / 12)
        number = len(record.batches)
        drawn = self.space.allowed(self.random.integers(len(self.space), size=6 * n)).index
        liquids = {f.formulation_id: f for f in map(self.space.formulation, map(int, drawn))}
        fresh = [f for key, f in liquids.items() if key not in record.spent()] if number < 300 else [*liquids.values()]
        believed = {f.formulation_id: true_value(f) * np.exp(error * self.random.normal()) for f in fresh}
        ranked = sorted(fresh, key=lambda f: -believed[f.formulation_id])
        explores = self.random.permutation(len(ranked))[: n // 2]
        chosen = [*(ranked[k] for k in explores), *(f for k, f in enumerate(ranked) if k not in explores)][:n]
        entries = [entry_of(f, believed[f.formulation_id], error, k + 1) for k, f in enumerate(chosen)]
        ids = [f"c{number + 1:03d}-{k + 1}-{f.formulation_id[:6]}" for k, f in enumerate(chosen)]
        for entry, candidate_id in zip(entries, ids, strict=True):
            entry |= {
                "candidate_id": candidate_id,
                "source": oracle,
                "assigned_to": "lab" if oracle == "robot" else "oracle",
            }
        self.campaign.append(
            "batch_proposed",
            {
                "iteration": number,
                "is_round": True,
                "assigned_to": "lab" if oracle == "robot" else "oracle",
                "candidates": entries,
                "alternatives": [entry_of(f, believed[f.formulation_id], error, n + 1) for f in ranked[-3:]],
                "n_screened": len(self.space),
                "n_baseline": 0,
                "notes": ["made up for a benchmark: no model was asked"],
                "seed": number,
                "acquisition": {"kind": "qlognei"},
                "hashes": {},
            },
        )
        return ids

    def answer(self, ids: Sequence[str], *, actor: str = "robot-1") -> None:
        """The lab's results for candidates, in one event."""
        entries = [result_entry(self.measure(self.campaign.formulation(one), one), one, None) for one in ids]
        self.campaign.append("result_ingested", {"results": entries}, actor=actor)
        self.n_results += len(ids)

    def measure(
        self, liquid: Formulation, name: str, *, source: str = "experiment", factor: float = 1.0
    ) -> Measurement:
        """A made-up value with 2 % of noise (a simulation: 15 %, and off by a factor)."""
        noise = 0.02 if source == "experiment" else 0.15
        bias = 1.0 if source == "experiment" else 0.75
        value = factor * bias * true_value(liquid) * np.exp(noise * self.random.normal())
        return Measurement(
            formulation=liquid, quantity="conductivity", value=float(value), unit="mS/cm",
            standard_uncertainty=float(noise * value), source=source, method="made up", external_id=f"{source}-{name}",
        )  # fmt: skip

    def learn(self, ids: Sequence[str]) -> None:
        """What the model says of a batch afterwards."""
        learned = [
            {"candidate_id": one, "mean": true_value(self.campaign.formulation(one)), "standard_deviation": 0.4}
            for one in ids
        ]
        n = len(self.campaign.record.batches)
        self.campaign.append(
            "stop_evaluated", {"learned": learned, "n_batches": n, "reasons": [], "should_stop": False}
        )

    def simulate(self, candidate_id: str, *, fails: bool = False, ends: bool = True) -> None:
        """A job with its folder: input, log, tables of its plots."""
        append, key = self.campaign.append, f"j{len(self.campaign.record.jobs):015x}"
        append("candidate_approved", {"candidate_ids": [candidate_id]}, actor="ana")
        named = {"job_key": key, "candidate_id": candidate_id}
        append("job_intended", {**named, "attempt": 1, "oracle_name": "md", "seed": 1, "folder": f"jobs/{key}"})
        append("job_submitted", {"job_key": key, "attempt": 1, "host": "node-3"})
        folder = self.campaign.folder / "jobs" / key
        folder.mkdir(parents=True)
        log = "".join(f"2026-11-21T10:{m:02d}:00+00:00 pid 4711 step {m * 5000}\n" for m in range(40))
        if not ends:
            (folder / "progress.json").write_text('{"fraction": 0.42, "message": "production, 4.2 of 10 ns"}')
            (folder / "log.txt").write_text(log)
            return
        if fails:
            reason = "Li+ has not reached diffusion within 10 ns"
            (folder / "log.txt").write_text(f"{log}2026-11-21T10:40:00+00:00 pid 4711 end: failed: {reason}\n")
            told = {"attempt": 1, "kind": "not_diffusive", "reason": reason, "is_retryable": False, "will_retry": False}
            append("job_failed", {**named, **told, "wall_s": 5000.0})
            return
        (folder / "log.txt").write_text(f"{log}2026-11-21T10:40:00+00:00 pid 4711 end: done\n")
        write_tables(folder, self.random)
        provenance = {
            "results": {"fit_ps": {"Li+": [100, 4000], "PF6-": [100, 4000], "EC": [50, 4000]}},
            "warnings": ["only 12 ion pairs; the error bars do not cover what so small a box leaves out"],
        }
        append("job_finished", {**named, "outcome_sha256": "", "wall_s": 7300.0, "provenance": provenance})
        measurement = self.measure(self.campaign.formulation(candidate_id), key, source="openmm")
        append("result_ingested", {"results": [result_entry(measurement, candidate_id, key)]})


def write_tables(folder: Path, random: np.random.Generator) -> None:
    """Tables in the form of a simulation's: displacements, structure, running conductivity, density."""
    lag = np.geomspace(1, 1e4, 400)
    msd = {f"{name} (nm2)": d * (lag + 20 * lag**0.4) * 1e-3 for name, d in (("Li+", 1.0), ("PF6-", 1.6), ("EC", 3.0))}
    _write(folder / "msd.csv", {"lag_ps": lag, **msd})
    r = np.linspace(0.1, 1.0, 300)
    shells = {"EC carbonyl": (0.2, 3.1), "PF6- F": (0.19, 0.8)}
    table = {"r_nm": r}
    for name, (at, height) in shells.items():
        table[f"g {name}"] = 8 * height * np.exp(-(((r - at) / 0.012) ** 2)) + 1 / (1 + np.exp(-(r - 0.5) / 0.04))
        table[f"coordination {name}"] = height / (1 + np.exp(-(r - at) / 0.012)) + 12 * np.maximum(0, r - 0.4) ** 2
    _write(folder / "rdf.csv", table)
    running = 9 + 3 / np.sqrt(lag) + random.normal(size=400) * lag / 2e4
    _write(
        folder / "conductivity.csv",
        {
            "lag_ps": lag,
            "nernst_einstein_in_box (mS/cm)": 1.3 * running,
            "nernst_einstein_error (mS/cm)": 0.2 + lag / 4e3,
            "collective (mS/cm)": running,
            "collective_error (mS/cm)": 0.4 + lag / 2e3,
        },
    )
    time_ps = np.arange(1, 500)
    density = 1.25 + 0.1 * np.exp(-time_ps / 60) + 0.004 * random.normal(size=499)
    ones = np.ones(499)
    _write(folder / "density.csv", {"run": ones, "time_ps": time_ps, "density (g/cm3)": density, "averaged": ones})


def make_campaign(folder: Path, n_results: int, *, n_jobs: int = 0, is_tidy: bool = False) -> Path:
    """Write the campaign; returns its folder. ``is_tidy``: nothing failed, waits, or is in quarantine."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "made-up.yaml"
    file.write_text(FILE.format(name="made-up"))
    with Campaign.start_or_resume(file) as campaign:
        maker = Maker(campaign)
        while maker.n_results < n_results:
            ids = maker.propose(min(BATCH, n_results - maker.n_results))
            maker.answer(ids)
            maker.learn(ids)
        if n_jobs:
            ids = maker.propose(n_jobs, oracle="md")
            for k, candidate_id in enumerate(ids):
                maker.simulate(candidate_id, fails=k == 1 and not is_tidy, ends=k != 2 or is_tidy)
        if not is_tidy:
            _untidy(maker)
        return campaign.folder


def _untidy(maker: Maker) -> None:
    """What also happens: results that nobody asked for, limits, surprises, rejections, a retraction."""
    campaign, append = maker.campaign, maker.campaign.append
    ids = maker.propose(6)
    append(
        "candidate_rejected",
        {"candidate_ids": ids[:1], "reason": "FEC is out of stock", "is_infeasible": False},
        actor="ana",
    )
    liquid = campaign.formulation(ids[1])
    failure: dict[str, Any] = {
        "candidate_id": ids[1], "formulation": liquid.to_dict(), "formulation_id": liquid.formulation_id,
        "text": str(liquid), "status": "crystallised", "reason": "solid at room temperature", "report_id": "",
    }  # fmt: skip
    append("candidates_failed", {"failures": [failure]}, actor="robot-1")
    far = maker.measure(campaign.formulation(ids[2]), "far", factor=3.0)
    held = {**result_entry(far, ids[2], None), "stage": "surprise", "reason": "far above what the model expects"}
    append("result_quarantined", {"results": [held], "reason": held["reason"]}, actor="robot-2")
    number = int(maker.random.integers(len(maker.space)))
    unasked = [maker.measure(maker.space.formulation(number + 7 * k), f"extra-{k}") for k in range(3)]
    entries = [result_entry(one, None, None) for one in unasked]
    entries[2] |= {"status": "censored", "limit": "below"}
    expected = {"mean": 1.1 * unasked[0].value, "standard_deviation": 0.6, "deviations": -0.2, "weights_sha256": ""}
    entries[0]["expected"] = expected
    append("result_ingested", {"results": entries}, actor="robot-3")
    data = {"measurement_ids": [unasked[1].measurement_id], "reason": "leaking cell", "frees_candidates": True}
    append("result_retracted", data, actor="ana")


def _write(path: Path, columns: dict[str, np.ndarray]) -> None:
    rows = "\n".join(",".join(f"{value:.6g}" for value in row) for row in zip(*columns.values(), strict=True))
    path.write_text(f"{','.join(columns)}\n{rows}\n")


def entry_of(liquid: Formulation, mean: float, error: float, rank: int) -> dict[str, Any]:
    near = {"text": "1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K", "conductivity_mS_cm": 9.5, "distance": 0.8}
    return {
        "formulation": liquid.to_dict(),
        "formulation_id": liquid.formulation_id,
        "text": str(liquid),
        "predicted": {"mean": float(mean), "standard_deviation": float(error * mean), "unit": "mS/cm"},
        "acquisition_value": float(0.3 - 0.01 * rank),
        "rank": rank,
        "is_refined": rank == 1,
        "nearest_known": [{**near, "reference": "10.1149/2.0571912jes"}],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=int, default=5000)
    parser.add_argument("--jobs", type=int, default=12)
    asked = parser.parse_args()
    print(make_campaign(asked.folder, asked.results, n_jobs=asked.jobs))
