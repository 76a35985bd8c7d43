"""Molecular dynamics of a formulation, from packing to conductivity, whatever the forces come from."""

from __future__ import annotations

import hashlib
import json
import platform as python_platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook

from .failures import SimulationFailureError
from .force_model import ForceModel
from .oracle import Failure, OracleOutcome, Progress, UnsupportedFormulationError
from .parametrise import ParametrisationError, ensure_parameters, refusal
from .platforms import PlatformName
from .protocols import Protocol
from .species_parameters import parameters_of

if TYPE_CHECKING:
    from .boxes import BoxContents
    from .engine import Simulation

TEMPERATURES_K = (200.0, 500.0)
MD_FOLDER = "md"
FORMAT = 2
"""Raised when checkpoints of older versions can no longer be continued."""


class MDOracle:
    """Simulates formulations with any ``ForceModel``. See ``docs/md.md``.

    A subclass names the forces; it may refuse more in ``check`` and choose another ``density_g_cm3``.
    """

    def __init__(
        self,
        protocol: Protocol,
        species: SpeciesBook,
        forces: ForceModel,
        *,
        name: str,
        source: str,
        platform: PlatformName = "auto",
        threads: int = 1,
    ) -> None:
        self.name = name
        self.source = source
        self.protocol = protocol
        self.forces = forces
        self.species = species
        self._platform: PlatformName = platform
        self._threads = threads

    def given_density(self, formulation: Formulation) -> tuple[float, str]:
        """Density (g/cm3) of a box at constant volume where the protocol gives no number, and where it comes from.

        Raises:
            UnsupportedFormulationError: it cannot be known.
        """
        from .boxes import estimated_density_g_cm3

        density, is_known = estimated_density_g_cm3(formulation)
        if not is_known:
            raise UnsupportedFormulationError(
                f"The density of {formulation} cannot be estimated; give 'density_g_cm3' in the protocol, or use "
                "'density: simulated'."
            )
        return density, "estimated from the densities of the solvents"

    def check(self, formulation: Formulation) -> None:
        """Raise UnsupportedFormulationError for a species without parameters, a temperature or a box out of range."""
        missing = [one for one, _ in (*formulation.salts, *formulation.solvents) if parameters_of(one) is None]
        if reasons := [reason for one in missing if (reason := refusal(one))]:
            raise UnsupportedFormulationError(
                f"The {self.name} oracle has no force-field parameters for "
                f"{', '.join(one.name for one in missing)}: {'; '.join(reasons)}."
            )
        low, high = TEMPERATURES_K
        if not low <= formulation.temperature_K <= high:
            raise UnsupportedFormulationError(
                f"The {self.name} oracle simulates liquids from {low:g} to {high:g} K, not at "
                f"{formulation.temperature_K:g} K."
            )
        if missing:
            return  # how large the box is shows once they have parameters, when it runs
        from .boxes import contents_of, estimated_density_g_cm3

        try:
            contents = contents_of(formulation, self.protocol.box, self.species)
        except FormulationError as error:
            raise UnsupportedFormulationError(str(error)) from None
        edge = contents.edge_nm(estimated_density_g_cm3(contents.formulation)[0] * 1.1)
        if edge < self.forces.min_edge_nm:
            raise UnsupportedFormulationError(
                f"{formulation}: {contents.n_atoms} atoms make a box of {edge:.2f} nm, too small for a cutoff "
                f"of {self.forces.min_edge_nm / 2:g} nm; raise 'box.target_atoms' in the protocol (now "
                f"{self.protocol.box.target_atoms})."
            )
        self._density(contents)

    def run(
        self, formulation: Formulation, job_dir: Path, *, seed: int, progress: Progress | None = None
    ) -> OracleOutcome:
        """Simulate, from the last checkpoint in ``job_dir/md`` if there is one.

        Species without parameters are parametrised first (``parametrise.ensure_parameters``).

        A failed simulation leaves its folder as ``md.failed-1``, ``-2``, ...; the next attempt starts afresh from
        another packing, after a blow-up with half the time step.

        Raises:
            UnsupportedFormulationError: as ``check``.
        """
        self.check(formulation)
        try:
            members = [one for one, _ in (*formulation.salts, *formulation.solvents)]
            if ensure_parameters(members, progress):
                self.check(formulation)
        except ParametrisationError as error:
            return OracleOutcome(failure=Failure(reason=str(error), kind="parameters", is_retryable=False))
        from .boxes import contents_of
        from .engine import Simulation
        from .platforms import choose_platform

        contents = contents_of(formulation, self.protocol.box, self.species)
        earlier = sorted(job_dir.glob(f"{MD_FOLDER}.failed-*"))
        simulation = None
        density, _ = self._density(contents)
        try:
            platform = choose_platform(self._platform, self._threads)
            simulation = Simulation(
                contents=contents,
                protocol=self.protocol,
                forces=self.forces,
                fixed_density_g_cm3=density,
                folder=job_dir / MD_FOLDER,
                seed=seed + 7919 * len(earlier),
                platform=platform,
                fingerprint=self._fingerprint(contents, density, seed),
                progress=progress or _silent,
                is_gentle=any((folder / "blow_up").exists() for folder in earlier),
            )
            if simulation.is_gentle:
                simulation.notes.append("half the time step, because an earlier attempt blew up")
            simulation.run()
            return self._outcome(formulation, simulation, job_dir, progress or _silent)
        except SimulationFailureError as failure:
            if failure.kind != "foreign_checkpoint":
                _put_aside(job_dir, failure.kind, len(earlier) + 1)
            provenance = self._provenance(formulation, contents, simulation)
            return OracleOutcome(
                failure=Failure(reason=failure.reason, kind=failure.kind, is_retryable=failure.is_retryable),
                provenance=provenance,
            )

    def _outcome(
        self, formulation: Formulation, simulation: Simulation, job_dir: Path, progress: Progress
    ) -> OracleOutcome:
        from .results import analyse, plot

        progress(0.99, "analysing")
        results = analyse([simulation.trajectory()], self.protocol, self.source, reference=job_dir.name)
        artifacts = plot(results, job_dir, f"{simulation.contents.formulation}\n{self.protocol.name} protocol")
        provenance = self._provenance(formulation, simulation.contents, simulation)
        provenance["warnings"] = [*provenance["warnings"], *results.warnings]
        provenance["results"] = results.details
        progress(1.0, "done")
        return OracleOutcome(measurements=results.measurements, provenance=provenance, artifacts=artifacts)

    def _density(self, contents: BoxContents) -> tuple[float | None, str]:
        """The fixed density (g/cm3) or None, and in words."""
        if self.protocol.density == "simulated":
            return None, "simulated at constant pressure"
        if self.protocol.density_g_cm3 is not None:
            return self.protocol.density_g_cm3, "given in the protocol"
        return self.given_density(contents.formulation)

    def _fingerprint(self, contents: BoxContents, density: float | None, seed: int) -> str:
        molecules = [[species.physics(), count] for species, count in contents.molecules]
        return _sha256(
            [
                FORMAT,
                contents.formulation.temperature_K,
                molecules,
                self.protocol.model_dump(mode="json"),
                self.forces.describe(contents.molecules),
                density,
                seed,
            ]
        )

    def _provenance(
        self, formulation: Formulation, contents: BoxContents, simulation: Simulation | None
    ) -> dict[str, Any]:
        density, words = self._density(contents)
        return {
            "protocol": self.protocol.model_dump(mode="json"),
            "force_field": self.forces.describe(contents.molecules),
            "composition": {
                "asked": str(formulation),
                "simulated": str(contents.formulation),
                "molecules": dict(contents.counts),
                "n_atoms": contents.n_atoms,
            },
            "platform": simulation.platform.description if simulation else "none",
            "density": {"fixed_g_cm3": density, "how": words},
            "versions": {
                "saltloop": version("saltloop"),
                "openmm": version("openmm"),
                "python": python_platform.python_version(),
            },
            "wall_s": round(simulation.elapsed_s, 2) if simulation else 0.0,
            "n_sessions": simulation.n_sessions if simulation else 0,
            "warnings": list(simulation.notes) if simulation else [],
        }


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _put_aside(job_dir: Path, kind: str, attempt: int) -> None:
    folder = job_dir / MD_FOLDER
    if folder.exists():
        (folder / kind).touch()
        folder.rename(job_dir / f"{MD_FOLDER}.failed-{attempt}")


def _silent(fraction: float, message: str) -> None:
    del fraction, message
