"""Samples of a running simulation, kept until a checkpoint writes them.

On disk a frame of production takes 12 bytes a molecule (centres of mass), a sample of the structure 12 bytes a site
(lithium and donor atoms; ``structure_sites``): in all about 1 MB for ``demo``, 3 MB for ``quick``, 65 MB for 20 ns of
``production``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from saltloop.simulators.analysis.structure_sites import sites_of
from saltloop.simulators.contents import BoxContents

ENERGY_EVERY_FRAMES = 10
GAS_CONSTANT_KJ_MOL_K = 8.31446261815324e-3


class Recorder:
    """Samples of one piece: densities at constant pressure; centres of mass, structure, temperature in production."""

    def __init__(
        self,
        context: Any,
        starts: np.ndarray,
        masses: np.ndarray,
        contents: BoxContents,
        degrees: int,
        *,
        structure_every: int,
        n_frames_before: int = 0,
    ) -> None:
        """``structure_every`` frames, counted from the start of production (``n_frames_before`` are done)."""
        self._context, self._starts, self._masses = context, starts, masses[:, None]
        self._molecule_masses = np.add.reduceat(masses, starts)[:, None]
        self._contents, self._degrees = contents, degrees
        self._sites = sites_of(contents).atoms
        self._structure_every, self._n_frames = structure_every, n_frames_before
        self.density = 0.0
        self.temperatures: list[float] = []
        self.take()

    def record(self, stage: str, *, is_last: bool) -> None:
        wants_energy = is_last or len(self._densities) % ENERGY_EVERY_FRAMES == 0
        state = self._context.getState(positions=stage == "produce", energy=wants_energy)
        if stage in ("npt", "produce"):
            self.density = self._contents.density_g_cm3(state.getPeriodicBoxVolume()._value)
        self._densities.append(self.density)
        if wants_energy:
            kinetic = state.getKineticEnergy()._value
            self.temperatures.append(2 * kinetic / (self._degrees * GAS_CONSTANT_KJ_MOL_K))
            self._potentials.append(state.getPotentialEnergy()._value)
        if stage == "produce":
            positions = state.getPositions(asNumpy=True)._value
            weighted = np.add.reduceat(positions * self._masses, self._starts)
            self._frames.append(weighted / self._molecule_masses)
            self._n_frames += 1
            if self._n_frames % self._structure_every == 0:
                self._structure.append(positions[self._sites])

    def take(self) -> dict[str, np.ndarray]:
        """The samples since the last call."""
        samples = {}
        if getattr(self, "_densities", None):
            samples = {
                "density": np.array(self._densities),
                "temperature": np.array(self.temperatures),
                "potential": np.array(self._potentials),
            }
            if self._frames:
                samples["positions"] = np.array(self._frames, dtype=np.float32)
                shape = (len(self._structure), len(self._sites), 3)
                samples["structure"] = np.array(self._structure, dtype=np.float32).reshape(shape)
        self._densities: list[float] = []
        self._potentials: list[float] = []
        self._frames: list[np.ndarray] = []
        self._structure: list[np.ndarray] = []
        self.temperatures = []
        return samples
