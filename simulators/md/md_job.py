"""One job of an MD oracle: replicas at the liquid's temperature, hotter ones where it is too slow, one outcome."""

from __future__ import annotations

import hashlib
import json
import platform as python_platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.contents import BoxContents
from saltloop.simulators.failures import KINDS_THAT_RESUME, SimulationFailureError
from saltloop.simulators.forces.force_model import physics_of
from saltloop.simulators.oracle import Failure, OracleOutcome, Progress
from saltloop.simulators.progress import Rising, part

from .boxes import contents_of, estimated_density_g_cm3
from .hotter import HotterResults, extrapolated, temperatures_K, too_slow
from .platforms import ChosenPlatform, choose_platform
from .replicas import Replicas, Sampled, Setup

if TYPE_CHECKING:
    from .md_oracle import MDOracle

MD_FOLDER = "md"
FORMAT = 3
"""Raised when checkpoints of older versions can no longer be continued."""
NOT_OF_THE_LIQUID = frozenset({"damaged_checkpoint", *KINDS_THAT_RESUME})
"""Failures at a hotter temperature that end the job; others leave that temperature out."""


class MDJob:
    """``run`` starts or goes on, whichever the job's folder says."""

    def __init__(
        self, oracle: MDOracle, formulation: Formulation, job_dir: Path, seed: int, progress: Progress | None
    ) -> None:
        self._oracle, self._formulation, self._job_dir, self._seed = oracle, formulation, job_dir, seed
        self._protocol = oracle.protocol
        self._progress = Rising(progress)
        self._contents = contents_of(formulation, oracle.protocol.box, oracle.species)
        self._density = oracle.density(self._contents)
        self._ran: list[Replicas] = []
        """At each temperature, the liquid's own first."""
        self._notes: list[str] = []
        self._artifacts: tuple[str, ...] = ()

    def run(self) -> OracleOutcome:
        """Measurements, or the failure that ended it."""
        try:
            platform = choose_platform(self._oracle.platform, self._oracle.threads)
            return self._outcome(platform)
        except SimulationFailureError as failure:
            return OracleOutcome(
                failure=Failure(reason=failure.reason, kind=failure.kind, is_retryable=failure.is_retryable),
                provenance=self._provenance(),
                artifacts=self._artifacts,
            )

    def _outcome(self, platform: ChosenPlatform) -> OracleOutcome:
        from saltloop.simulators.analysis.plots import plot

        from .hotter_plot import plot_temperatures

        slow = self._protocol.slow
        hotter_K = temperatures_K(self._formulation.temperature_K, slow) if slow and slow.hotter else ()
        n_parts = 1 + len(hotter_K)
        target = self._sampled(self._contents, platform, MD_FOLDER, part(self._progress, 0, 0.98 / n_parts))
        title = f"{self._contents.formulation}\n{self._protocol.name} protocol"
        self._artifacts = plot(target.results, self._job_dir, title)
        found: HotterResults | None = None
        if slow and target.slow:
            if not hotter_K:
                few = "fewer than two hotter temperatures are left"
                why = few if slow.hotter else "no hotter temperature is allowed"
                raise too_slow(target, f"{why} ('slow' in the protocol)")
            found = extrapolated(target, self._hotter(hotter_K, platform, target), slow)
        provenance = self._provenance()
        warnings = found.warnings if found else target.results.warnings
        provenance["warnings"] = [*provenance["warnings"], *warnings]
        provenance["results"] = target.results.details
        provenance["stopped"] = target.decisions[-1].why
        if found and slow:
            provenance["extrapolated"] = found.details
            self._artifacts += plot_temperatures(found, slow.law, self._job_dir, title)
        self._progress(1.0, "done")
        measurements = found.measurements if found else target.results.measurements
        return OracleOutcome(measurements=measurements, provenance=provenance, artifacts=self._artifacts)

    def _hotter(self, hotter_K: tuple[float, ...], platform: ChosenPlatform, target: Sampled) -> list[Sampled]:
        """The liquid at the hotter temperatures; one that fails there is left out and said."""
        found = []
        for index, temperature_K in enumerate(hotter_K, start=1):
            n_parts = 1 + len(hotter_K)
            share = part(
                self._progress, 0.98 * index / n_parts, 0.98 * (index + 1) / n_parts, f"at {temperature_K:g} K"
            )
            contents = replace(self._contents, formulation=self._contents.formulation.at(temperature_K))
            try:
                found.append(self._sampled(contents, platform, f"{MD_FOLDER}-T{temperature_K:g}", share))
            except SimulationFailureError as failure:
                if failure.kind in NOT_OF_THE_LIQUID:
                    raise
                self._notes.append(f"{temperature_K:g} K is left out: {failure.reason}")
        if len(found) < 2:
            raise too_slow(target, f"of the hotter temperatures {len(found)} could be simulated, two are needed")
        return found

    def _sampled(self, contents: BoxContents, platform: ChosenPlatform, name: str, progress: Progress) -> Sampled:
        density = self._density[0]
        if density is not None and contents is not self._contents:
            # The liquid expands: as much as it is estimated to.
            here, hot = (estimated_density_g_cm3(one.formulation)[0] for one in (self._contents, contents))
            density *= hot / here
        oracle = self._oracle
        setup = Setup(
            contents=contents,
            protocol=self._protocol,
            forces=oracle.forces,
            fixed_density_g_cm3=density,
            platform=platform,
            fallback=self._cpu if oracle.platform == "auto" and platform.name != "CPU" else None,
            fingerprint=self._fingerprint(contents, density),
            seed=self._seed,
            source=oracle.source,
        )
        self._ran.append(Replicas(setup, self._job_dir, name, progress))
        return self._ran[-1].run()

    def _cpu(self) -> ChosenPlatform:
        return choose_platform("CPU", self._oracle.threads)

    def _fingerprint(self, contents: BoxContents, density: float | None) -> str:
        content = [
            FORMAT,
            contents.formulation.temperature_K,
            [[species.physics(), count] for species, count in contents.molecules],
            self._protocol.model_dump(mode="json"),
            physics_of(self._oracle.forces.describe(contents.molecules)),
            density,
            self._seed,
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def _provenance(self) -> dict[str, Any]:
        contents, (density, words) = self._contents, self._density
        attempts = [one for ran in self._ran for one in ran.attempts]
        simulations = [one.simulation for one in attempts if one.simulation]
        return {
            "protocol": self._protocol.model_dump(mode="json"),
            "force_field": self._oracle.forces.describe(contents.molecules),
            "composition": {
                "asked": str(self._formulation),
                "simulated": str(contents.formulation),
                "molecules": dict(contents.counts),
                "n_atoms": contents.n_atoms,
            },
            "platform": ", ".join(dict.fromkeys(one.platform.description for one in attempts)) or "none",
            "density": {"fixed_g_cm3": density, "how": words},
            "runs": {ran.name: ran.describe() for ran in self._ran},
            "versions": {
                "saltloop": version("saltloop"),
                "openmm": version("openmm"),
                "python": python_platform.python_version(),
            },
            "wall_s": round(sum(ran.wall_s for ran in self._ran), 2),
            "n_sessions": max((one.store.n_sessions for one in simulations), default=0),
            "warnings": list(dict.fromkeys([*self._notes, *(note for ran in self._ran for note in ran.notes)])),
        }
