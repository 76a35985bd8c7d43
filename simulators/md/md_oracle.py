"""Molecular dynamics of a formulation, from packing to conductivity, whatever the forces come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.forces.force_model import ForceModel
from saltloop.simulators.forces.parametrise import ParametrisationError, ensure_parameters, refusal
from saltloop.simulators.forces.species_parameters import parameters_of
from saltloop.simulators.oracle import Failure, OracleOutcome, Progress, UnsupportedFormulationError

from .platforms import PlatformName
from .protocols import Protocol

if TYPE_CHECKING:
    from saltloop.simulators.contents import BoxContents

TEMPERATURES_K = (200.0, 500.0)


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
        self.platform: PlatformName = platform
        """``auto`` may end on the CPU, from the start or when a device is lost; a name may not."""
        self.threads = threads

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
        density, _ = self.density(contents)
        edge = contents.edge_nm(density or estimated_density_g_cm3(contents.formulation)[0] * 1.1)
        if edge < self.forces.min_edge_nm:
            raise UnsupportedFormulationError(
                f"{formulation}: {contents.n_atoms} atoms make a box of {edge:.2f} nm, too small for a cutoff "
                f"of {self.forces.min_edge_nm / 2:g} nm; raise 'box.target_atoms' in the protocol (now "
                f"{self.protocol.box.target_atoms})."
            )

    def run(
        self, formulation: Formulation, job_dir: Path, *, seed: int, progress: Progress | None = None
    ) -> OracleOutcome:
        """Simulate, from the last checkpoints in ``job_dir`` if there are any (``md_job``).

        Species without parameters are parametrised first (``parametrise.ensure_parameters``).

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
        if failure := self.before(formulation, job_dir, seed, progress):
            return OracleOutcome(failure=failure)
        from .md_job import MDJob

        return MDJob(self, formulation, job_dir, seed, progress).run()

    def before(self, formulation: Formulation, job_dir: Path, seed: int, progress: Progress | None) -> Failure | None:
        """What a subclass does, or finds out, before the simulation; a failure ends the job. Called in each session."""
        del formulation, job_dir, seed, progress
        return None

    def density(self, contents: BoxContents) -> tuple[float | None, str]:
        """The fixed density (g/cm3) or None, and in words.

        Raises:
            UnsupportedFormulationError: as ``given_density``.
        """
        if self.protocol.density == "simulated":
            return None, "simulated at constant pressure"
        if self.protocol.density_g_cm3 is not None:
            return self.protocol.density_g_cm3, "given in the protocol"
        return self.given_density(contents.formulation)
