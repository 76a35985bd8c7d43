"""Which measured liquids are most like a formulation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement

N_NEAREST = 3


class Neighbours:
    """Distances among formulations: half the mole fractions exchanged, plus molality / 2 and temperature / 100 K."""

    def __init__(self, encoder: Any, known: Sequence[Measurement]) -> None:
        latest = {m.formulation.formulation_id: m for m in known}
        self._encoder, self._known = encoder, list(latest.values())
        self._X = encoder.encode([m.formulation for m in self._known])

    def of(self, formulation: Formulation) -> list[dict[str, Any]]:
        gap = (self._X - self._encoder.encode([formulation])).abs()
        distance = (
            0.5 * gap[:, self._encoder.solvent_slice].sum(-1)
            + 0.5 * gap[:, self._encoder.salt_slice].sum(-1)
            + gap[:, self._encoder.temperature_index] / 100
        )
        return [
            {
                "text": _readable(self._known[i].formulation),
                "conductivity_mS_cm": self._known[i].value,
                "reference": self._known[i].reference,
                "distance": round(float(distance[i]), 4),
            }
            for i in distance.argsort(stable=True)[:N_NEAREST].tolist()
        ]


def _readable(formulation: Formulation) -> str:
    """The text form with amounts rounded to what a person takes in; for display only."""
    salts = {salt.name: float(f"{amount:.3g}") for salt, amount in formulation.salts}
    solvents = {solvent.name: round(share, 2) for solvent, share in formulation.solvents}
    if not all(solvents.values()) or abs(sum(solvents.values()) - 1) > 1e-3:
        return str(formulation)
    rounded = Formulation(
        tuple((salt, salts[salt.name]) for salt, _ in formulation.salts),
        tuple((solvent, solvents[solvent.name]) for solvent, _ in formulation.solvents),
        formulation.concentration_unit,
        formulation.basis,
        formulation.temperature_K,
    )
    return str(rounded)
