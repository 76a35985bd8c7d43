"""A finished job's trajectories through today's analysis, whatever version of saltloop simulated them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.analysis.results import analyse
from saltloop.simulators.analysis.trajectory import Trajectory
from saltloop.simulators.checkpoints import read_checkpoint
from saltloop.simulators.forces.forcefield import ClassicalForceField
from saltloop.simulators.job import read_outcome
from saltloop.simulators.md.boxes import contents_of
from saltloop.simulators.md.engine import Simulation
from saltloop.simulators.md.platforms import ChosenPlatform
from saltloop.simulators.md.protocols import Protocol
from saltloop.simulators.oracle import OracleOutcome

NOTHING_RUNS = ChosenPlatform("Reference", {}, "trajectories of an earlier run")


def reanalysed(job_dir: Path, analysis: dict[str, Any]) -> OracleOutcome:
    """The outcome in a job's folder with the measurements that today's analysis, so set, makes of its trajectories.

    Nothing in the folder is changed.

    Raises:
        ValueError: the job did not finish well, or its box would hold other molecules today.
    """
    outcome, protocol, trajectories = trajectories_of(job_dir, analysis)
    one = outcome.measurements[0]
    results = analyse(trajectories, protocol.analysis, one.source, one.reference, protocol=protocol.name)
    provenance = {**outcome.provenance, "results": results.details, "protocol": protocol.model_dump(mode="json")}
    return outcome.model_copy(update={"measurements": results.measurements, "provenance": provenance})


def trajectories_of(job_dir: Path, analysis: dict[str, Any]) -> tuple[OracleOutcome, Protocol, list[Trajectory]]:
    """What is in a job's folder, its protocol with other settings of the analysis, and what each replica recorded.

    Hotter temperatures are left out.

    Raises:
        ValueError: as ``reanalysed``.
    """
    outcome = read_outcome(job_dir)
    if outcome is None or outcome.failure:
        raise ValueError(f"{job_dir} holds no finished simulation")
    protocol = Protocol.model_validate(outcome.provenance["protocol"] | {"analysis": analysis})
    contents = contents_of(outcome.measurements[0].formulation, protocol.box, SpeciesBook.builtin())
    if dict(contents.counts) != outcome.provenance["composition"]["molecules"]:
        raise ValueError(f"{job_dir} holds {outcome.provenance['composition']['molecules']}, not {contents.counts}")
    trajectories = []
    for folder in sorted(one for one in job_dir.glob("md*") if re.fullmatch(r"md(-\d+)?", one.name) and one.is_dir()):
        checkpoint = read_checkpoint(folder)
        if checkpoint is None:
            raise ValueError(f"{folder} holds no checkpoint")
        simulation = Simulation(
            contents=contents,
            protocol=protocol,
            forces=ClassicalForceField(protocol.force_field),
            folder=folder,
            seed=0,
            platform=NOTHING_RUNS,
            fingerprint=checkpoint.fingerprint,
            progress=lambda fraction, message: None,
        )
        # Production is as long already: this reads the checkpoint and returns.
        simulation.run(production_ps=protocol.frame_ps)
        trajectories.append(simulation.trajectory())
    return outcome, protocol, trajectories
