"""Liquids that a simulation and an experiment have both answered, and what of a liquid the bias may follow."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from torch import Tensor

EXPERIMENT = "experiment"
SAME_MOLE_FRACTION = 0.02
SAME_MOLALITY = 0.05  # relative
SAME_TEMPERATURE_K = 1.0

#: Classes of solvents, in the order in which they are tried (SMARTS); what fits none is "other".
SOLVENT_CLASSES = {
    "cyclic carbonate": "[#8;r][#6;r](=O)[#8;r]",
    "linear carbonate": "[#8][#6](=O)[#8]",
    "sulfur or phosphorus": "[#16,#15]",
    "amide": "[#6](=O)[#7]",
    "ester": "[#6](=O)[#8]",
    "nitrile": "C#N",
    "ether": "[#6][#8][#6]",
}
CLASS_NAMES = (*SOLVENT_CLASSES, "other")


@dataclass(frozen=True)
class Pairs:
    """n results of one source on liquids that an experiment has measured as well, sorted by measurement id."""

    results: tuple[Measurement, ...]
    liquids: tuple[int, ...]
    """Which of the results are replicates: a number for each liquid, counted from 0."""
    gaps: Tensor
    """ln(k_experiment) - ln(k_source), n values."""
    own_variances: Tensor
    """Of ln(k_source) as the source states it, n values."""
    experiment_variances: Tensor
    """Of ln(k_experiment), n values."""

    @property
    def n_liquids(self) -> int:
        return len(set(self.liquids))


def find_pairs(simulations: Sequence[Measurement], experiments: Iterable[Measurement]) -> Pairs:
    """The pairs of one source; several experiments on one liquid count as their mean.

    A simulated box holds whole molecules, so its composition is near the measured one, not equal: liquids count as one
    within ``SAME_MOLE_FRACTION``, ``SAME_MOLALITY`` and ``SAME_TEMPERATURE_K``.
    """
    wanted = {_species(simulation.formulation) for simulation in simulations}
    measured: dict[frozenset[str], list[Measurement]] = defaultdict(list)
    for one in experiments:
        species = _species(one.formulation)
        if species in wanted and one.value > 0:
            measured[species].append(one)
    found, gaps, own, other = [], [], [], []
    for simulation in sorted(simulations, key=lambda m: m.measurement_id):
        liquid = simulation.formulation
        partners = [m for m in measured[_species(liquid)] if is_same_liquid(m.formulation, liquid)]
        if partners:
            partners.sort(key=lambda m: m.measurement_id)
            found.append(simulation)
            gaps.append(sum(math.log(p.value) for p in partners) / len(partners) - math.log(simulation.value))
            own.append(relative_variance(simulation))
            other.append(sum(map(relative_variance, partners)) / len(partners) ** 2)
    tensors = [torch.tensor(values, dtype=torch.double) for values in (gaps, own, other)]
    return Pairs(tuple(found), tuple(liquid_numbers(found)), *tensors)


def liquid_numbers(results: Sequence[Measurement]) -> list[int]:
    """For each result the number of its liquid, counted in order of appearance: replicates have one number."""
    firsts: list[Formulation] = []
    numbers = []
    for result in results:
        liquid = result.formulation
        same = (k for k, first in enumerate(firsts) if is_same_liquid(first, liquid))
        number = next(same, len(firsts))
        if number == len(firsts):
            firsts.append(liquid)
        numbers.append(number)
    return numbers


def is_same_liquid(a: Formulation, b: Formulation) -> bool:
    """Whether two liquids are one for the purpose of comparing methods."""
    return (
        abs(a.temperature_K - b.temperature_K) <= SAME_TEMPERATURE_K
        and _species(a) == _species(b)
        and all(abs(a.mole_fractions[s] - x) <= SAME_MOLE_FRACTION for s, x in b.mole_fractions.items())
        and all(abs(a.molality[s] - m) <= SAME_MOLALITY * m for s, m in b.molality.items())
    )


def relative_variance(measurement: Measurement) -> float:
    """Variance of the logarithm of a measured value, to first order."""
    return (measurement.standard_uncertainty / measurement.value) ** 2


class LiquidFeatures:
    """Rows ``[molality, mol/kg][temperature, K][share of each solvent class][share of each salt]`` for liquids.

    The salts are those that it was made for; a liquid of another salt has zeros there.
    """

    def __init__(self, liquids: Iterable[Formulation]) -> None:
        self.salts = tuple(sorted({salt.name for liquid in liquids for salt, _ in liquid.salts}))
        n_classes = len(CLASS_NAMES)
        self.molality = (0,)
        self.temperature = (1,)
        self.solvents = tuple(range(2, 2 + n_classes))
        self.anions = tuple(range(2 + n_classes, 2 + n_classes + len(self.salts)))

    def rows(self, liquids: Sequence[Formulation]) -> Tensor:
        """``n x (2 + classes + salts)`` in double precision."""
        X = torch.zeros(len(liquids), 2 + len(CLASS_NAMES) + len(self.salts), dtype=torch.double)
        for row, liquid in zip(X, liquids, strict=True):
            total = sum(liquid.molality.values())
            row[0], row[1] = total, liquid.temperature_K
            shares = liquid.mole_fractions
            for solvent, _ in liquid.solvents:
                row[2 + CLASS_NAMES.index(solvent_class(solvent.smiles))] += shares[solvent.name]
            for name, molality in liquid.molality.items():
                if name in self.salts:
                    row[self.anions[self.salts.index(name)]] = molality / total
        return X


@cache
def solvent_class(smiles: str) -> str:
    """The first of ``SOLVENT_CLASSES`` that a solvent belongs to."""
    from rdkit import Chem

    molecule = Chem.MolFromSmiles(smiles)
    return next(
        (name for name, smarts in SOLVENT_CLASSES.items() if molecule.HasSubstructMatch(_pattern(smarts))),
        CLASS_NAMES[-1],
    )


@cache
def _pattern(smarts: str) -> Any:
    from rdkit import Chem

    return Chem.MolFromSmarts(smarts)


def _species(liquid: Formulation) -> frozenset[str]:
    return frozenset(species.name for species, _ in (*liquid.salts, *liquid.solvents))
