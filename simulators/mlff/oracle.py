"""The ``mlff`` oracle: the classical protocol with a machine-learned potential. See ``docs/mlff.md``."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.checkpoints import write_json_durably
from saltloop.simulators.contents import BoxContents
from saltloop.simulators.forces.force_model import Molecules
from saltloop.simulators.md.boxes import contents_of, estimated_density_g_cm3
from saltloop.simulators.md.md_oracle import MDOracle
from saltloop.simulators.md.openmm_oracle import OpenMMOracle
from saltloop.simulators.md.protocols import Protocol, resolve_protocol
from saltloop.simulators.oracle import Failure, OracleOutcome, OracleSpecError, Progress
from saltloop.simulators.potentials.interface import Potential, Sum, atomic_numbers_of
from saltloop.simulators.potentials.sevennet import CUTOFF_NM, MODELS
from saltloop.simulators.progress import part

from .budget import Estimate, estimate
from .forces import MLForceModel
from .limits import known_limits
from .settings import MLFFSpec
from .start import ClassicalStart

CLASSICAL_FOLDER = "classical-density"
ESTIMATE = "estimate.json"


class MLFFOracle(MDOracle):
    """Simulates formulations with a machine-learned potential, at a fixed density unless told otherwise.

    Raises:
        OracleSpecError: the model is unknown, or its package is missing.
    """

    def __init__(self, spec: MLFFSpec, species: SpeciesBook) -> None:
        _check_model(spec)
        self.spec = spec
        self._density_found: tuple[float, str] | None = None
        protocol, classical = spec.resolved_protocol(), spec.classical_protocol()
        self._ml_forces = MLForceModel(
            lambda molecules: potential_of(spec, molecules),
            cutoff_nm=None if spec.is_own_model else CUTOFF_NM,
            start=ClassicalStart(classical) if classical else None,
        )
        super().__init__(
            protocol,
            species,
            self._ml_forces,
            name="mlff",
            source="mlff",
            platform=spec.platform,
            threads=spec.threads,
        )

    def given_density(self, formulation: Formulation) -> tuple[float, str]:
        """As ``MDOracle``; with ``density: classical`` what the classical run has found, once it has."""
        return self._density_found or super().given_density(formulation)

    def run(
        self, formulation: Formulation, job_dir: Path, *, seed: int, progress: Progress | None = None
    ) -> OracleOutcome:
        """As ``MDOracle``; what is known of the model's errors is among the warnings."""
        self._density_found = None  # that was another liquid's
        outcome = super().run(formulation, job_dir, seed=seed, progress=progress)
        if outcome.failure is not None:
            return outcome
        limits = known_limits(self.spec, formulation, self.protocol)
        provenance = {
            **outcome.provenance,
            "warnings": [*outcome.provenance["warnings"], *limits],
            "estimate": json.loads((job_dir / ESTIMATE).read_bytes()),
        }
        return outcome.model_copy(update={"provenance": provenance})

    def before(self, formulation: Formulation, job_dir: Path, seed: int, progress: Progress | None) -> Failure | None:
        """``over_budget`` where the run would take longer than ``budget_s``; then the classical density, if asked for.

        A job that was accepted once is not refused when it goes on: ``estimate.json`` in its folder says so.
        """
        if not (job_dir / ESTIMATE).exists():
            found = self.estimate(contents_of(formulation, self.protocol.box, self.species))
            if found.seconds > self.spec.budget_s:
                reason = _too_long(found, self.spec, self.protocol)
                return Failure(reason=reason, kind="over_budget", is_retryable=False)
            write_json_durably(job_dir / ESTIMATE, {**found.describe(), "budget_s": self.spec.budget_s})
        return self._find_density(formulation, job_dir, seed, progress) if self.spec.density == "classical" else None

    def estimate(self, contents: BoxContents) -> Estimate:
        """What a job of these molecules needs at most."""
        fixed, _ = self.density(contents)
        return estimate(
            self._ml_forces.potential(contents.molecules),
            contents,
            self.protocol,
            fixed or estimated_density_g_cm3(contents.formulation)[0],
            is_density_fixed=fixed is not None,
        )

    def _find_density(
        self, formulation: Formulation, job_dir: Path, seed: int, progress: Progress | None
    ) -> Failure | None:
        """Simulate classically at constant pressure in a folder of its own."""
        classical = resolve_protocol(self.spec.start or "demo")
        classical = classical.model_copy(update={"density": "simulated", "density_g_cm3": None})
        oracle = OpenMMOracle(classical, self.species, platform=self.platform, threads=self.threads)
        oracle.check(formulation)
        folder = job_dir / CLASSICAL_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        say = part(progress or _silent, 0.0, 0.01, "for the density")
        outcome = oracle.run(formulation, folder, seed=seed, progress=say)
        if outcome.failure is not None:
            reason = f"the classical run for the density failed: {outcome.failure.reason}"
            return outcome.failure.model_copy(update={"reason": reason})
        found = next(one for one in outcome.measurements if one.quantity == "density")
        self._density_found = (
            float(f"{found.value:.5g}"),
            f"classical force field at constant pressure ({classical.name} protocol, {found.value:.4f} ± "
            f"{found.standard_uncertainty:.4f} g/cm3)",
        )
        return None


def potential_of(spec: MLFFSpec, molecules: Molecules) -> Potential:
    """The potential that the settings describe, with its dispersion.

    Raises:
        OracleSpecError: it cannot be made.
    """
    own: Potential
    if spec.is_own_model:
        own = _factory(spec.model)(molecules, device=spec.device, **spec.options)
    else:
        from saltloop.simulators.potentials.sevennet import SevenNet

        settings = {"model": spec.model, "device": spec.device, "threads": spec.threads, **spec.options}
        own = SevenNet(atomic_numbers_of(molecules), **settings)
    if spec.d3 is None:
        return own
    from saltloop.simulators.potentials.dispersion import D3BJ

    return Sum((own, D3BJ(own.atomic_numbers, **spec.d3.model_dump())))


def _check_model(spec: MLFFSpec) -> None:
    """Whether there is such a model here, without loading it."""
    if spec.is_own_model:
        _factory(spec.model)
    elif spec.model not in MODELS:
        raise OracleSpecError(
            f"The model {spec.model!r} is unknown; use one of {', '.join(MODELS)}, or 'package.module:factory'."
        )
    needed = [] if spec.is_own_model else ["sevenn", "matscipy"]
    missing = [name for name in [*needed, *(["dftd3"] if spec.d3 else [])] if importlib.util.find_spec(name) is None]
    if missing:
        raise OracleSpecError(
            f"The mlff oracle needs the package(s) {', '.join(missing)}; install them with: pip install "
            "'saltloop[mlff]'."
        )


def _factory(path: str) -> Any:
    module_name, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise OracleSpecError(
            f"The model's factory {path!r} cannot be imported: {error}. Is its package installed, or on PYTHONPATH?"
        ) from None


def _too_long(found: Estimate, spec: MLFFSpec, protocol: Protocol) -> str:
    return (
        f"{found.n_atoms} atoms take {found.seconds_per_call:.3g} s a step with {spec.model} here, and the "
        f"{protocol.name} protocol up to {found.n_calls:,} steps: {_in_words(found.seconds)}, more than the budget of "
        f"{_in_words(spec.budget_s)}; raise 'budget_s', shorten 'protocol' (produce.duration_ps, replicas), lower "
        "box.target_atoms, or use a GPU"
    )


def _in_words(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


def _silent(fraction: float, message: str) -> None:
    del fraction, message
