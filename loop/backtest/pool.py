"""The pool of a backtest: liquids at one temperature, each with the conductivity that was measured on it.

A pool of raw rows would flatter every method: rows of one liquid at 333 K crowd the top. So each liquid counts once, at
the pool's temperature, by interpolation of ln k in 1/T within its own series.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement

#: Rows within this many kelvin are taken as measured at the temperature itself.
SAME_TEMPERATURE_K = 0.5
#: Largest gap between the two temperatures of a series that the value is interpolated between.
WIDEST_BRACKET_K = 25.0
#: Decimals of a concentration (in its own unit) within which rows belong to one series: digitised values scatter.
SERIES_DIGITS = 2


@dataclass(frozen=True)
class Pool:
    """Formulations at one temperature and their conductivities (mS/cm)."""

    formulations: tuple[Formulation, ...]
    values: np.ndarray
    uncertainties: np.ndarray
    """Standard uncertainties, mS/cm."""

    def __len__(self) -> int:
        return len(self.formulations)

    def top(self, share: float) -> np.ndarray:
        """Positions of the best ``share`` of the pool (at least one), the best first."""
        n = max(1, round(share * len(self)))
        return np.argsort(-self.values, kind="stable")[:n]

    def select(self, positions: Sequence[int]) -> Pool:
        """Some of the liquids."""
        some = list(positions)
        return Pool(tuple(self.formulations[i] for i in some), self.values[some], self.uncertainties[some])

    def measure(self, position: int) -> Measurement:
        """What the oracle of a backtest answers for one liquid."""
        return Measurement(
            formulation=self.formulations[position],
            value=float(self.values[position]),
            unit="mS/cm",
            standard_uncertainty=float(self.uncertainties[position]),
            source="replay",
        )


def isothermal_pool(measurements: Iterable[Measurement], temperature_K: float = 298.15) -> Pool:
    """The liquids whose series reach ``temperature_K``, sorted by formulation id; conductivities must be positive.

    A series is one liquid (salts, solvents, fractions and concentration as they were listed) at several temperatures;
    several values at one temperature count as their mean.
    """
    series: dict[tuple[object, ...], list[Measurement]] = defaultdict(list)
    for one in measurements:
        if one.quantity == "conductivity" and one.value > 0:
            series[_liquid(one.formulation)].append(one.in_unit("mS/cm"))
    found: dict[str, tuple[Formulation, float, float]] = {}
    for rows in series.values():
        answer = _at(rows, temperature_K)
        if answer is not None:
            formulation = _formulation(rows, temperature_K)
            found.setdefault(formulation.formulation_id, (formulation, *answer))
    ordered = [found[key] for key in sorted(found)]
    values, uncertainties = (np.array([one[i] for one in ordered]) for i in (1, 2))
    return Pool(tuple(formulation for formulation, _, _ in ordered), values, uncertainties)


def _liquid(formulation: Formulation) -> tuple[object, ...]:
    salts = tuple((salt.name, round(amount, SERIES_DIGITS)) for salt, amount in formulation.salts)
    solvents = tuple((solvent.name, round(share, 4)) for solvent, share in formulation.solvents)
    return salts, solvents, formulation.basis, formulation.concentration_unit


def _at(rows: Sequence[Measurement], temperature_K: float) -> tuple[float, float] | None:
    """Conductivity (mS/cm) of a series at a temperature and its uncertainty; None where no bracket is narrow enough."""
    found: dict[float, list[Measurement]] = defaultdict(list)
    for row in rows:
        found[row.formulation.temperature_K].append(row)
    T = np.array(sorted(found))
    ln_k = np.log([statistics.fmean(row.value for row in found[t]) for t in T])
    relative = np.array([statistics.fmean(row.standard_uncertainty / row.value for row in found[t]) for t in T])
    nearest = int(np.abs(T - temperature_K).argmin())
    if abs(T[nearest] - temperature_K) <= SAME_TEMPERATURE_K:
        value = float(np.exp(ln_k[nearest]))
        return value, value * float(relative[nearest])
    above = int(np.searchsorted(T, temperature_K))
    if above in (0, len(T)) or T[above] - T[above - 1] > WIDEST_BRACKET_K:
        return None
    ends = [above, above - 1]
    value = float(np.exp(np.interp(1 / temperature_K, 1 / T[ends], ln_k[ends])))
    return value, value * float(np.interp(1 / temperature_K, 1 / T[ends], relative[ends]))


def _formulation(rows: Sequence[Measurement], temperature_K: float) -> Formulation:
    """The liquid of a series at a temperature, its concentrations rounded as the series was told by."""
    one = rows[0].formulation
    salts = tuple((salt, round(amount, SERIES_DIGITS)) for salt, amount in one.salts)
    return Formulation(salts, one.solvents, one.concentration_unit, one.basis, temperature_K)
