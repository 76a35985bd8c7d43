"""A small liquid box for the speed benchmarks, equilibrated by the engine itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.forces.forcefield import ClassicalForceField
from saltloop.simulators.md.boxes import contents_of
from saltloop.simulators.md.engine import Simulation
from saltloop.simulators.md.platforms import ChosenPlatform, choose_platform
from saltloop.simulators.md.protocols import resolve_protocol

LIQUID = "1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K"


def simulation(folder: Path, *, base: str, atoms: int, platform: Any, threads: int, **overrides: Any) -> Simulation:
    """One box of ``atoms`` with the frames and checkpoints of a named protocol, and a short equilibration."""
    protocol = resolve_protocol(
        {
            "base": base,
            "box": {"target_atoms": atoms, "min_ion_pairs": 2},
            "equilibrate_nvt": {"duration_ps": 1.0},
            "equilibrate_npt": {"duration_ps": 5.0, "converge": None},
            "anneal": None,
            **overrides,
        }
    )
    chosen: ChosenPlatform = choose_platform(platform, threads)
    book = SpeciesBook.builtin()
    return Simulation(
        contents=contents_of(Formulation.parse(LIQUID), protocol.box, book),
        protocol=protocol,
        forces=ClassicalForceField(protocol.force_field),
        folder=folder / "md",
        seed=1,
        platform=chosen,
        fingerprint=f"{base} {atoms} {overrides}",
        progress=lambda share, words: None,
    )
