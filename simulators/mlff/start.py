"""Boxes for machine-learned forces start from a classical simulation: such forces are too costly to mend a packing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from saltloop.simulators.checkpoints import read_checkpoint
from saltloop.simulators.forces.force_model import physics_of
from saltloop.simulators.md.protocols import Protocol
from saltloop.simulators.potentials.interface import Array

from .conformers import carbonate_conformers

if TYPE_CHECKING:
    from saltloop.simulators.md.start import Start

CUTOFF_SHARE = 0.49
"""Of the box's edge: the classical cutoff in a box that is smaller than the protocol's cutoff needs."""


@dataclass(frozen=True)
class ClassicalStart:
    """A classical simulation of the same molecules in the same box at constant volume; its last configuration."""

    protocol: Protocol

    def describe(self) -> dict[str, Any]:
        """Plain JSON: forces, protocol, simulated time."""
        return {
            "forces": "the classical force field, at the same density",
            "protocol": self.protocol.name,
            "length_ps": self._at_constant_volume().length_ps,
            "force_field": self.protocol.force_field.model_dump(mode="json"),
        }

    def arranged(
        self, start: Start, seed: int, say: Callable[[float, str], None], notes: list[str]
    ) -> tuple[Array, float]:
        """As ``ArrangesBoxes``. Goes on from its own checkpoints, in a folder beside packmol's."""
        import openmm
        from saltloop.simulators.forces.forcefield import ClassicalForceField
        from saltloop.simulators.md.boxes import estimated_density_g_cm3
        from saltloop.simulators.md.engine import Simulation

        density = start.fixed_density_g_cm3 or estimated_density_g_cm3(start.contents.formulation)[0]
        edge = start.contents.edge_nm(density)
        protocol = self._fitting(edge)
        forces = ClassicalForceField(protocol.force_field)
        simulation = Simulation(
            contents=start.contents,
            protocol=protocol,
            forces=forces,
            folder=start.folder.with_name(f"{start.folder.name.replace('packing', 'classical', 1)}-seed{seed}"),
            seed=seed,
            platform=start.platform,
            fingerprint=_fingerprint(start, protocol, forces.describe(start.contents.molecules), density, seed),
            progress=lambda share, words: say(0.01 * share, f"classical start: {words}"),
            fixed_density_g_cm3=density,
        )
        simulation.run()
        notes += [f"classical start: {note}" for note in simulation.notes]
        checkpoint = read_checkpoint(simulation.folder)
        assert checkpoint is not None
        state = openmm.XmlSerializer.deserialize((simulation.folder / checkpoint.state_file).read_text())
        positions = np.asarray(state.getPositions(asNumpy=True)._value)
        notes.append(
            f"started from {protocol.length_ps / protocol.replicas:g} ps of classical dynamics at {density:.4f} g/cm3, "
            f"cutoff {protocol.force_field.cutoff_nm:.3g} nm"
        )
        notes += carbonate_conformers(start.contents.molecules, positions)
        return positions, edge

    def _at_constant_volume(self) -> Protocol:
        """With production as long as ``produce.duration_ps``, whatever its error."""
        return self.protocol.model_copy(update={"density": "given", "density_g_cm3": None, "stop": None})

    def _fitting(self, edge_nm: float) -> Protocol:
        """With a cutoff that fits into the box."""
        settings = self.protocol.force_field
        cutoff_nm = min(settings.cutoff_nm, CUTOFF_SHARE * edge_nm)
        switch_nm = min(settings.switch_nm, 0.2 * cutoff_nm)
        force_field = settings.model_copy(update={"cutoff_nm": cutoff_nm, "switch_nm": switch_nm})
        return self._at_constant_volume().model_copy(update={"force_field": force_field})


def _fingerprint(
    start: Start, protocol: Protocol, force_field: Mapping[str, Any], density_g_cm3: float, seed: int
) -> str:
    content = [
        physics_of(force_field),
        start.contents.formulation.temperature_K,
        dict(start.contents.counts),
        protocol.model_dump(mode="json"),
        density_g_cm3,
        seed,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
