"""Oracles that answer in milliseconds, named by ``{"kind": "python", "factory": "toy_oracles:StepOracle"}``."""

import json
import time

import numpy as np
from saltloop.chemistry.measurement import Measurement
from saltloop.simulators.checkpoints import write_json_durably
from saltloop.simulators.oracle import Failure, OracleOutcome, UnsupportedFormulationError


class StepOracle:
    """Adds up one number a step, with a checkpoint after each, so that a killed run ends in the same sum."""

    name = "toy"
    source = "toy"

    def __init__(self, n_steps: int = 20, step_s: float = 0.0, fail_above: float = 5.0) -> None:
        self.n_steps, self.step_s, self.fail_above = n_steps, step_s, fail_above

    def check(self, formulation):
        if "DMSO" in formulation.mole_fractions:
            raise UnsupportedFormulationError("The toy oracle does not know DMSO.")

    def run(self, formulation, job_dir, *, seed, progress=None):
        self.check(formulation)
        path = job_dir / "steps.json"
        values = json.loads(path.read_text()) if path.exists() else []
        draws = np.random.default_rng(seed).normal(8.0, 1.0, self.n_steps)
        while len(values) < self.n_steps:
            values.append(float(draws[len(values)]))
            write_json_durably(path, values)
            time.sleep(self.step_s)
            if progress:
                progress(len(values) / self.n_steps, f"step {len(values)}")
        if sum(formulation.molality.values()) > self.fail_above:
            return OracleOutcome(failure=Failure(reason="too concentrated", kind="toy"))
        measurement = Measurement(
            formulation=formulation,
            value=float(np.mean(values)),
            unit="mS/cm",
            standard_uncertainty=0.2,
            source=self.source,
            method="toy",
        )
        return OracleOutcome(measurements=(measurement,), provenance={"n_steps": len(values)})


class RaisingOracle(StepOracle):
    """Breaks in ``run``, as code under development does."""

    def run(self, formulation, job_dir, *, seed, progress=None):
        raise ZeroDivisionError("a bug in the oracle")


class WrongOracle(StepOracle):
    """Breaks promises: no uncertainty check, another source, progress that goes back, files from ``check``."""

    source = "toy"

    def check(self, formulation):
        pass

    def run(self, formulation, job_dir, *, seed, progress=None):
        if progress:
            progress(0.8, "late")
            progress(0.2, "early")
        outcome = super().run(formulation, job_dir, seed=seed)
        return outcome.model_copy(
            update={"measurements": tuple(m.model_copy(update={"source": "experiment"}) for m in outcome.measurements)}
        )


NOT_AN_ORACLE = object
