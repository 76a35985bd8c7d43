"""The conformance suite: what every oracle promises, ours or yours, as functions that raise ``AssertionError``.

In your own tests::

    import pytest
    from saltloop.simulators.testing import CHECKS, OracleCase

    CASE = OracleCase(
        spec={"kind": "python", "factory": "mylab.oracles:MyOracle"},
        supported=Formulation.parse("1 mol/kg LiPF6 in EC:EMC 3:7 (w/w)"),
        unsupported=Formulation.parse("1 mol/kg LiPF6 in DMSO"),
    )

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_oracle_conforms(check, tmp_path):
        check(CASE, tmp_path)
"""

from __future__ import annotations

import json
import math
import multiprocessing
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook

from .job import PROGRESS, RESULT, read_outcome, run_job, write_job
from .oracle import Oracle, OracleOutcome, UnsupportedFormulationError, build_oracle

KILL_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class OracleCase:
    """An oracle as a campaign file names it, with formulations to try it on."""

    spec: Mapping[str, Any]
    supported: Formulation
    unsupported: Formulation | None = None
    """One that it refuses; None for an oracle that refuses nothing."""
    failing: Formulation | None = None
    """One that it accepts and whose run fails, where there is such a one."""
    seed: int = 1
    kill_at: float = 0.5
    """Fraction done at which ``goes_on_after_a_kill`` kills it."""

    def oracle(self) -> Oracle:
        """A new instance, as a worker process makes it."""
        return build_oracle(self.spec, SpeciesBook.builtin())

    def write(self, folder: Path, formulation: Formulation) -> Path:
        """A job folder for a formulation."""
        write_job(folder, job_key=folder.name, oracle_spec=self.spec, formulation=formulation, seed=self.seed)
        return folder


def names_itself(case: OracleCase, folder: Path) -> None:
    """It has a name and a source."""
    oracle = case.oracle()
    assert oracle.name, "the oracle has no name"
    assert oracle.source, "the oracle has no source"


def checks_without_side_effects(case: OracleCase, folder: Path) -> None:
    """``check`` accepts what is supported, refuses what is not with the same words each time, and writes nothing."""
    before = sorted(folder.iterdir())
    oracle = case.oracle()
    for _ in range(2):
        oracle.check(case.supported)
    if case.unsupported is not None:
        reasons = {_refusal(oracle, case.unsupported), _refusal(case.oracle(), case.unsupported)}
        assert len(reasons) == 1, f"check gives different reasons: {reasons}"
        assert "" not in reasons, "check does not say why it refuses"
    assert sorted(folder.iterdir()) == before, "check wrote files"


def refuses_before_it_starts(case: OracleCase, folder: Path) -> None:
    """A job of an unsupported formulation ends as a failure with the reason, and ``run`` refuses it as well."""
    if case.unsupported is None:
        return
    job = case.write(folder / "refused", case.unsupported)
    outcome = run_job(job)
    assert outcome.failure is not None, "an unsupported formulation gave a result"
    assert outcome.failure.reason == _refusal(case.oracle(), case.unsupported)
    assert not outcome.failure.is_retryable, "a refusal cannot be retried"


def gives_units_and_uncertainties(case: OracleCase, folder: Path) -> None:
    """Every measurement has a unit, a finite value, an uncertainty above zero, the oracle's source, a method."""
    outcome = _finished(case, folder / "units")
    for one in outcome.measurements:
        assert one.unit, f"{one.quantity} has no unit"
        assert math.isfinite(one.value), f"{one.quantity} is {one.value}"
        assert one.standard_uncertainty > 0, f"{one.quantity} has no uncertainty"
        assert one.source == case.oracle().source, f"{one.quantity} names the source {one.source!r}"
        assert one.method, f"{one.quantity} does not say how it was obtained"
        assert one.formulation.temperature_K == case.supported.temperature_K
    quantities = [one.quantity for one in outcome.measurements]
    assert len(set(quantities)) == len(quantities), f"a quantity comes twice: {quantities}"
    if case.supported.salts:
        assert quantities[0] == "conductivity", f"the first measurement is {quantities[0]!r}, not the conductivity"


def leaves_a_readable_result(case: OracleCase, folder: Path) -> None:
    """``result.json`` holds the outcome exactly, ``artifacts`` exist, and no temporary file is left."""
    job = folder / "readable"
    outcome = _finished(case, job)
    assert read_outcome(job) == outcome, "result.json does not give back the outcome"
    json.dumps(outcome.model_dump(mode="json"), allow_nan=False)
    for name in outcome.artifacts:
        assert (job / name).is_file(), f"the artifact {name} is missing"
    left = [path.name for path in job.rglob("*.tmp")]
    assert not left, f"temporary files are left: {left}"


def does_a_finished_job_once(case: OracleCase, folder: Path) -> None:
    """Running a finished job again returns the same outcome and touches nothing."""
    job = folder / "once"
    outcome = _finished(case, job)
    before = (job / RESULT).stat().st_mtime_ns, (job / RESULT).read_bytes()
    assert run_job(job) == outcome
    assert ((job / RESULT).stat().st_mtime_ns, (job / RESULT).read_bytes()) == before, "a finished job was done again"


def reports_progress(case: OracleCase, folder: Path) -> None:
    """``run`` works without a callback, and with one calls it with fractions from 0 to 1 that never fall."""
    said: list[tuple[float, str]] = []
    job = folder / "progress"
    job.mkdir()
    case.oracle().run(case.supported, job, seed=case.seed, progress=lambda *what: said.append(what))
    fractions = [fraction for fraction, _ in said]
    assert all(0 <= fraction <= 1 for fraction in fractions), f"fractions outside 0..1: {fractions}"
    assert fractions == sorted(fractions), f"progress goes back: {fractions}"
    (folder / "silent").mkdir()
    case.oracle().run(case.supported, folder / "silent", seed=case.seed)


def makes_failures_visible(case: OracleCase, folder: Path) -> None:
    """What goes wrong in ``run`` is a ``Failure`` with a reason and a kind, kept in ``result.json``, never raised."""
    if case.failing is None:
        return
    job = case.write(folder / "failing", case.failing)
    outcome = run_job(job)
    assert outcome.failure is not None, "the run that should fail gave a result"
    assert outcome.failure.reason, "the failure has no reason"
    assert outcome.failure.kind, "the failure has no kind"
    assert read_outcome(job) == outcome


def goes_on_after_a_kill(case: OracleCase, folder: Path) -> None:
    """Killed (SIGKILL) on the way, the job ends with what was asked for, of the same liquid as one never killed.

    Beside the first quantity an oracle may leave out what it does not know well enough, which is up to chance.
    """
    whole = _finished(case, folder / "whole")
    job = case.write(folder / "killed", case.supported)
    process = multiprocessing.get_context("spawn").Process(target=run_job, args=(job,))
    process.start()
    deadline = time.monotonic() + KILL_TIMEOUT_S
    while process.is_alive() and _fraction(job) < case.kill_at:
        assert time.monotonic() < deadline, f"no progress beyond {_fraction(job):g} within {KILL_TIMEOUT_S:g} s"
        time.sleep(0.005)
    process.kill()
    process.join()
    resumed = run_job(job)
    assert resumed.failure is None, f"the resumed job failed: {resumed.failure}"
    assert resumed.measurements[0].quantity == whole.measurements[0].quantity
    units = {one.quantity: one.unit for one in whole.measurements}
    assert all(units.get(one.quantity, one.unit) == one.unit for one in resumed.measurements)
    assert {one.formulation for one in resumed.measurements} == {one.formulation for one in whole.measurements}


CHECKS: tuple[Callable[[OracleCase, Path], None], ...] = (
    names_itself,
    checks_without_side_effects,
    refuses_before_it_starts,
    gives_units_and_uncertainties,
    leaves_a_readable_result,
    does_a_finished_job_once,
    reports_progress,
    makes_failures_visible,
    goes_on_after_a_kill,
)
"""Each takes a case and an empty folder."""


def _finished(case: OracleCase, folder: Path) -> OracleOutcome:
    outcome = run_job(case.write(folder, case.supported))
    assert outcome.failure is None, f"the run failed: {outcome.failure}"
    return outcome


def _refusal(oracle: Oracle, formulation: Formulation) -> str:
    try:
        oracle.check(formulation)
    except UnsupportedFormulationError as error:
        return str(error)
    raise AssertionError(f"check accepts {formulation}, which is not supported")


def _fraction(job: Path) -> float:
    try:
        return float(json.loads((job / PROGRESS).read_text())["fraction"])
    except FileNotFoundError:
        return 0.0
