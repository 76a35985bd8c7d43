"""What an oracle is: something that turns one formulation into measurements, or into a failure that says why."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, field_serializer, model_validator
from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook

Progress = Callable[[float, str], None]
"""Called with the fraction done (0 to 1) and a few words."""


class UnsupportedFormulationError(SaltloopError, ValueError):
    """The oracle cannot treat this formulation; nothing was started."""


class OracleSpecError(SaltloopError, ValueError):
    """An oracle's settings that cannot be used."""


class Failure(BaseModel):
    """Why there is no result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str
    """For a person."""
    kind: str
    """For a program: ``packing``, ``blow_up``, ``absurd_density``, ``exception``, ..."""
    is_retryable: bool = False
    """Whether the same job may succeed when it is run again."""


class OracleOutcome(BaseModel):
    """Measurements, or a failure; never both, never neither."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    measurements: tuple[Measurement, ...] = ()
    """The first is what the campaign asked for: the conductivity, where there are ions."""
    failure: Failure | None = None
    provenance: dict[str, Any] = Field(default_factory=dict)
    """Plain JSON: protocol, platform, versions, force field, composition, ``wall_s``, ``warnings``."""
    artifacts: tuple[str, ...] = ()
    """Names of files in the job's folder worth keeping."""

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> OracleOutcome:
        if bool(self.measurements) == (self.failure is not None):
            raise ValueError("an outcome has measurements or a failure, one of the two")
        return self

    @field_serializer("measurements")
    def _plain_measurements(self, measurements: tuple[Measurement, ...]) -> list[dict[str, Any]]:
        return [measurement.to_dict() for measurement in measurements]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], species: SpeciesBook | None = None) -> OracleOutcome:
        """The inverse of ``model_dump(mode="json")``."""
        measurements = tuple(Measurement.from_dict(one, species) for one in data.get("measurements", ()))
        return cls.model_validate({**data, "measurements": measurements})


@runtime_checkable
class Oracle(Protocol):
    """The interface; ``saltloop.simulators.testing`` checks that an object keeps its promises."""

    name: str
    source: str
    """What its measurements name as their source: ``openmm``, ``mlff``, ``experiment``, or your own word."""

    def check(self, formulation: Formulation) -> None:
        """Raise UnsupportedFormulationError if it cannot treat the formulation. Quick, and without side effects."""

    def run(
        self, formulation: Formulation, job_dir: Path, *, seed: int, progress: Progress | None = None
    ) -> OracleOutcome:
        """Measure; what goes wrong is a ``Failure`` in the outcome. Goes on from what it finds in ``job_dir``."""


class OpenMMSpec(BaseModel):
    """``oracle: {kind: openmm, ...}`` in a campaign file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["openmm"] = "openmm"
    protocol: str | dict[str, Any] = "quick"
    platform: Literal["auto", "CUDA", "OpenCL", "CPU", "Reference"] = "auto"
    threads: int = Field(1, ge=1)
    """Of the CPU platform, per job."""


class PythonSpec(BaseModel):
    """``oracle: {kind: python, factory: "package.module:Class", options: {...}}`` in a campaign file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["python"]
    factory: str = Field(pattern=r"^[\w.]+:[\w.]+$")
    options: dict[str, Any] = Field(default_factory=dict)


def build_oracle(spec: Mapping[str, Any], species: SpeciesBook) -> Oracle:
    """The oracle that a specification describes.

    Raises:
        OracleSpecError: an unknown kind, protocol, setting, or a factory that cannot be imported.
    """
    kind = spec.get("kind")
    try:
        if kind == "openmm":
            from saltloop.simulators.md.openmm_oracle import OpenMMOracle
            from saltloop.simulators.md.protocols import resolve_protocol

            settings = OpenMMSpec.model_validate(dict(spec))
            protocol = resolve_protocol(settings.protocol)
            return OpenMMOracle(protocol, species, platform=settings.platform, threads=settings.threads)
        if kind == "mlff":
            from saltloop.simulators.mlff.oracle import MLFFOracle
            from saltloop.simulators.mlff.settings import MLFFSpec

            return MLFFOracle(MLFFSpec.model_validate(dict(spec)), species)
        if kind == "python":
            return _user_oracle(PythonSpec.model_validate(dict(spec)))
    except OracleSpecError:
        raise
    except ValueError as error:
        raise OracleSpecError(f"The oracle's settings are wrong: {error}") from None
    raise OracleSpecError(f"Oracle kind {kind!r} is unknown; use 'openmm', 'mlff' or 'python'.")


def _user_oracle(spec: PythonSpec) -> Oracle:
    module_name, _, attribute = spec.factory.partition(":")
    try:
        factory: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            factory = getattr(factory, part)
    except (ImportError, AttributeError) as error:
        raise OracleSpecError(
            f"The oracle's factory {spec.factory!r} cannot be imported: {error}. Is its package installed, or on "
            "PYTHONPATH?"
        ) from None
    try:
        oracle = factory(**spec.options)
    except TypeError as error:
        raise OracleSpecError(f"{spec.factory!r} does not take the options {sorted(spec.options)}: {error}") from None
    missing = [name for name in ("name", "source", "check", "run") if not hasattr(oracle, name)]
    if missing:
        raise OracleSpecError(f"{spec.factory!r} gives no oracle: it lacks {', '.join(missing)}.")
    found: Oracle = oracle
    return found
