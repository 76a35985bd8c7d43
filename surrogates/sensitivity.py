"""What a small change to one formulation does, in terms a chemist would use at the bench, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.surrogates.encoding import FormulationEncoder
from saltloop.surrogates.posterior import SurrogateModel

EXCHANGE = 0.05
CONCENTRATION_STEP = 0.1
TEMPERATURE_STEP_K = 10.0

Kind = Literal["conditions", "exchange", "addition", "other salt"]
_BASIS_WORD = {"mass": "by mass", "volume": "by volume", "mole": "by mole"}


@dataclass(frozen=True)
class Change:
    """One change to a formulation and the conductivity it is predicted to bring."""

    kind: Kind
    text: str
    formulation: Formulation
    difference_mS_cm: float
    standard_deviation_mS_cm: float
    """Of the difference: what is uncertain about both liquids alike cancels."""


def sensitivities(
    model: SurrogateModel,
    encoder: FormulationEncoder,
    liquid: Formulation,
    species: SpeciesBook,
    *,
    known_salts: Sequence[str],
    known_solvents: Sequence[str],
) -> list[Change]:
    """Finite differences around a liquid: conditions, exchanges of its solvents, additions, other salts.

    Additions and other salts are those of ``known_salts`` and ``known_solvents``: what the model has seen. Molality
    stays as it is wherever solvents or salts are exchanged.
    """
    own = liquid.in_terms_of(liquid.basis, "mol/kg")
    steps: list[tuple[Kind, str, Formulation]] = []
    for kind, text, build in _candidates(own, known_salts, known_solvents):
        try:
            changed = Formulation.create(**build, basis=own.basis, species=species)
        except FormulationError:  # Colder, more dilute or more concentrated than a liquid can be: no such neighbour.
            continue
        steps.append((kind, text, changed))
    X = encoder.encode([own, *(changed for _, _, changed in steps)])
    with torch.no_grad():
        joint = model.posterior(X).distribution
        mean, covariance = joint.mean.numpy(), joint.covariance_matrix.numpy()
    variance = covariance[0, 0] + np.diag(covariance) - 2 * covariance[0]
    spread = np.sqrt(np.clip(variance, 0.0, None))
    return [
        Change(kind, text, changed, float(mean[i] - mean[0]), float(spread[i]))
        for i, (kind, text, changed) in enumerate(steps, start=1)
    ]


def _candidates(own: Formulation, known_salts: Sequence[str], known_solvents: Sequence[str]):  # type: ignore[no-untyped-def]
    salts = {salt.name: value for salt, value in own.salts}
    solvents = {solvent.name: share for solvent, share in own.solvents}
    T, total = own.temperature_K, sum(salts.values())
    for step in (TEMPERATURE_STEP_K, -TEMPERATURE_STEP_K):
        text = f"{step:+g} K".replace("-", "−")
        yield "conditions", text, {"salts": salts, "solvents": solvents, "temperature_K": T + step}
    for step in (CONCENTRATION_STEP, -CONCENTRATION_STEP):
        if total > 0 and total + step > 0:
            scaled = {name: value * (total + step) / total for name, value in salts.items()}
            text = f"{step:+g} mol/kg salt".replace("-", "−")
            yield "conditions", text, {"salts": scaled, "solvents": solvents, "temperature_K": T}
    word = _BASIS_WORD[own.basis]
    for out in solvents:
        for into in solvents:
            if into != out:
                text = f"{100 * min(EXCHANGE, solvents[out]):.3g} % {out} replaced by {into} ({word})"
                yield "exchange", text, {"salts": salts, "solvents": _moved(solvents, out, into), "temperature_K": T}
    for new in known_solvents:
        if new not in solvents:
            added = {**{name: share * (1 - EXCHANGE) for name, share in solvents.items()}, new: EXCHANGE}
            text = f"add {100 * EXCHANGE:g} % {new} ({word})"
            yield "addition", text, {"salts": salts, "solvents": added, "temperature_K": T}
    for new in known_salts:
        if total > 0 and new not in salts:
            yield "other salt", f"{new} instead", {"salts": {new: total}, "solvents": solvents, "temperature_K": T}


def _moved(solvents: dict[str, float], out: str, into: str) -> dict[str, float]:
    share = min(EXCHANGE, solvents[out])
    return {**solvents, out: solvents[out] - share, into: solvents[into] + share}
