"""Samples of a running simulation, kept until a checkpoint writes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .boxes import BoxContents

ENERGY_EVERY_FRAMES = 10
GAS_CONSTANT_KJ_MOL_K = 8.31446261815324e-3


class Recorder:
    """Samples of one piece: densities at constant pressure; centres of mass, temperature, energy in production."""

    def __init__(
        self, context: Any, starts: np.ndarray, masses: np.ndarray, contents: BoxContents, degrees: int
    ) -> None:
        self._context, self._starts, self._masses = context, starts, masses[:, None]
        self._molecule_masses = np.add.reduceat(masses, starts)[:, None]
        self._contents, self._degrees = contents, degrees
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
            weighted = np.add.reduceat(state.getPositions(asNumpy=True)._value * self._masses, self._starts)
            self._frames.append(weighted / self._molecule_masses)

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
        self._densities: list[float] = []
        self._potentials: list[float] = []
        self._frames: list[np.ndarray] = []
        self.temperatures = []
        return samples
