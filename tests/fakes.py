"""A strategy and an oracle that answer in a millisecond, so that the loop is tested without training or dynamics."""

from __future__ import annotations

import threading
from concurrent.futures import Executor, Future
from pathlib import Path

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.events import content_hash
from saltloop.loop.space.candidate_space import CandidateSpace


class FakeStrategy:
    """Chooses by a random draw whose seed holds everything learned so far: another history, another choice."""

    def has_model(self, campaign):
        return bool(campaign.record.fits)

    def fit(self, campaign, *, iteration, progress=None):
        rows = [(m.measurement_id, m.value) for m in campaign.measurements()]
        seed = campaign.seed(iteration, "surrogate")
        return {
            "iteration": iteration,
            "seed": seed,
            "n_rows": len(rows),
            "measurement_ids": sorted(row[0] for row in rows),
            "training_set_sha256": content_hash(rows),
            "weights_sha256": content_hash([seed, rows]),
        }

    def refit(self, campaign, fit, progress=None):
        return self.fit(campaign, iteration=fit["iteration"])

    def propose(self, campaign, *, iteration, n, is_for_lab=False, progress=None):
        space = CandidateSpace(campaign.settings.space, campaign.species)
        learned = [(r.measurement_id, r.measurement["value"]) for r in campaign.record.valid_results()]
        seed = campaign.seed(iteration, "acquisition")
        generator = np.random.default_rng([seed, int(content_hash([learned, campaign.record.fits])[:8], 16)])
        taken = set(campaign.record.spent())
        entries = []
        while len(entries) < n:
            index = int(generator.integers(len(space)))
            formulation = space.formulation(index)
            if not len(space.allowed(np.array([index]))) or formulation.formulation_id in taken:
                continue
            taken.add(formulation.formulation_id)
            entries.append(
                {
                    "formulation": formulation.to_dict(),
                    "formulation_id": formulation.formulation_id,
                    "text": str(formulation),
                    "predicted": {"mean": 5.0, "standard_deviation": 2.0, "unit": "mS/cm"},
                    "acquisition_value": float(generator.random()),
                    "rank": len(entries) + 1,
                    "is_refined": False,
                    "nearest_known": [
                        {"text": "nothing", "conductivity_mS_cm": 1.0, "reference": "none", "distance": 1.0}
                    ],
                }
            )
        return {
            "candidates": entries,
            "alternatives": [],
            "n_screened": len(space),
            "n_baseline": 0,
            "notes": [],
            "seed": seed,
            "acquisition": {},
            "hashes": {},
        }

    def predict(self, campaign, formulations):
        return [{"mean": 5.0, "standard_deviation": 1.0} for _ in formulations]


class ToyOracle:
    """A smooth made-up conductivity with noise from the seed. ``fail_above`` mol/kg it fails for good, and
    ``fail_once`` makes the first attempt of each job fail in a way that may be tried again."""

    name = "toy"

    def __init__(
        self, fail_above: float = 99.0, fail_once: bool = False, negative: bool = False, source: str = "openmm"
    ) -> None:
        self.fail_above, self.fail_once, self.negative, self.source = fail_above, fail_once, negative, source

    def check(self, formulation: Formulation) -> None:
        from saltloop.simulators.oracle import UnsupportedFormulationError

        for name in formulation.mole_fractions:
            if name == "TEOS":
                raise UnsupportedFormulationError(f"The toy oracle has no parameters for solvent {name!r}.")

    def run(self, formulation: Formulation, job_dir: Path, *, seed: int, progress=None):
        from saltloop.simulators.oracle import Failure, OracleOutcome

        molality = sum(formulation.molality.values())
        marker = job_dir / "tried"
        if self.fail_once and not marker.exists():
            marker.touch()
            return OracleOutcome(failure=Failure(reason="the box blew up", kind="blow_up", is_retryable=True))
        if molality > self.fail_above:
            return OracleOutcome(failure=Failure(reason="too viscous", kind="not_diffusive", is_retryable=False))
        noise = np.random.default_rng(seed).normal(0, 0.3)
        value = 8 * molality * np.exp(-molality) + 0.01 * len(formulation.mole_fractions) + noise
        measurement = Measurement(
            formulation=formulation,
            quantity="conductivity",
            value=float(-value if self.negative else value),
            unit="mS/cm",
            standard_uncertainty=0.3,
            source=self.source,
            method="toy",
            reference=job_dir.name,
            external_id=f"{job_dir.name}-conductivity",
        )
        return OracleOutcome(measurements=(measurement,), provenance={"wall_s": 0.001})


class InlineExecutor(Executor):
    """Runs each call in a thread of this process at once: no start-up time, the same interface."""

    def submit(self, fn, /, *args, **kwargs):
        future: Future = Future()

        def work():
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=work).start()
        return future
