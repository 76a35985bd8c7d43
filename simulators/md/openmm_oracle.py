"""The ``openmm`` oracle: molecular dynamics with the classical force field."""

from __future__ import annotations

from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.forces.forcefield import ClassicalForceField

from .md_oracle import MDOracle
from .platforms import PlatformName
from .protocols import Protocol


class OpenMMOracle(MDOracle):
    """Simulates formulations of the species that have parameter files."""

    def __init__(
        self, protocol: Protocol, species: SpeciesBook, *, platform: PlatformName = "auto", threads: int = 1
    ) -> None:
        forces = ClassicalForceField(protocol.force_field)
        super().__init__(protocol, species, forces, name="openmm", source="openmm", platform=platform, threads=threads)
