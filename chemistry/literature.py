"""The built-in literature set: published correlations evaluated inside their ranges, and single published values.

The rows are computed when the set is loaded; ``docs/data.md`` lists sources, ranges and what is uncertain about each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from .dataset import Dataset
from .formulation import Basis, ConcentrationUnit, Formulation
from .measurement import Measurement
from .species import read_table

LANDESFEIND = "10.1149/2.0571912jes"
VALOEN = "10.1149/1.1872737"
NYMAN = "10.1016/j.electacta.2008.04.023"
ECKER = "10.1149/2.0551509jes"
CAPIGLIA = "10.1016/S0378-7753(98)00237-7"
XU = "10.1021/cr030203g"

CORRELATION = "evaluated from a published correlation"
TABULATED = "published value"
COMPILED = "published value, as compiled in CALiSol-23 (10.11583/DTU.24559960, CC BY 4.0)"


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """A published fit of conductivity in mS/cm as a function of salt concentration (mol/L) and temperature (K)."""

    name: str
    doi: str
    salt: str
    solvents: dict[str, float]
    basis: Basis
    conductivity: Callable[[float, float], float]
    concentration_range_mol_L: tuple[float, float]
    temperature_range_K: tuple[float, float]
    relative_uncertainty: float
    concentrations_mol_L: tuple[float, ...]
    """The grid at which the built-in set takes it."""
    temperatures_K: tuple[float, ...]

    def evaluate(self, concentration_mol_L: float, temperature_K: float) -> float:
        """Conductivity in mS/cm.

        Raises:
            ValueError: outside the range in which it was fitted.
        """
        for value, (low, high), unit in (
            (concentration_mol_L, self.concentration_range_mol_L, "mol/L"),
            (temperature_K, self.temperature_range_K, "K"),
        ):
            if not low <= value <= high:
                raise ValueError(f"{self.name} holds from {low:g} to {high:g} {unit}, not at {value:g} {unit}.")
        return self.conductivity(concentration_mol_L, temperature_K)

    def measurements(self) -> Iterator[Measurement]:
        """One measurement for each point of the grid."""
        for temperature_K in self.temperatures_K:
            for concentration in self.concentrations_mol_L:
                value = self.evaluate(concentration, temperature_K)
                yield _measurement(
                    value,
                    {self.salt: concentration},
                    self.solvents,
                    basis=self.basis,
                    temperature_K=temperature_K,
                    relative_uncertainty=self.relative_uncertainty,
                    method=f"{CORRELATION}: {self.name}",
                    doi=self.doi,
                )


def landesfeind(p1: float, p2: float, p3: float, p4: float, p5: float, p6: float) -> Callable[[float, float], float]:
    """The form of Landesfeind and Gasteiger (2019), mS/cm, with one solvent's six parameters."""

    def conductivity(c: float, T: float) -> float:
        warm = math.exp(1000.0 / T)
        factor = p1 * (1.0 + (T - p2)) * c
        return factor * (1.0 + p3 * math.sqrt(c) + p4 * (1.0 + p5 * warm) * c) / (1.0 + c**4 * p6 * warm)

    return conductivity


def valoen(c: float, T: float) -> float:
    """Valøen and Reimers (2005), mS/cm."""
    root = (-10.5 + 0.0740 * T - 6.96e-5 * T**2) + c * (0.668 - 0.0178 * T + 2.80e-5 * T**2)
    return c * (root + c**2 * (0.494 - 8.86e-4 * T)) ** 2


def nyman(c: float, T: float) -> float:
    """Nyman, Behm and Lindbergh (2008), mS/cm, at 298.15 K."""
    return 10.0 * (0.1297 * c**3 - 2.51 * c**1.5 + 3.329 * c)


def ecker(c: float, T: float) -> float:
    """Ecker et al. (2015), mS/cm, at 296.15 K."""
    return 10.0 * (0.2667 * c**3 - 1.2983 * c**2 + 1.7919 * c + 0.1726)


def capiglia(c: float, T: float) -> float:
    """Capiglia et al. (1999) as fitted in Dualfoil, mS/cm, at 298.15 K."""
    return 10.0 * (0.0911 + 1.9101 * c - 1.052 * c**2 + 0.1554 * c**3)


_WIDE = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
_TEMPERATURES = (263.15, 273.15, 283.15, 293.15, 298.15, 303.15, 313.15, 323.15)
_FROM_0_2 = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0)
_FROM_0_4 = _FROM_0_2[1:]


def _landesfeind(solvents: dict[str, float], *parameters: float, from_mol_L: float = 0.1) -> Correlation:
    return Correlation(
        name=f"Landesfeind and Gasteiger 2019, {':'.join(solvents)}",
        doi=LANDESFEIND,
        salt="LiPF6",
        solvents=solvents,
        basis="mass",
        conductivity=landesfeind(*parameters),
        concentration_range_mol_L=(from_mol_L, 3.0),
        temperature_range_K=(263.15, 323.15),
        relative_uncertainty=0.04,
        concentrations_mol_L=tuple(c for c in _WIDE if c >= from_mol_L),
        temperatures_K=_TEMPERATURES,
    )


CORRELATIONS: tuple[Correlation, ...] = (
    _landesfeind({"EC": 0.5, "DMC": 0.5}, 0.798, 228, -1.22, 0.509, -0.0040, 0.00379),
    _landesfeind({"EC": 0.3, "EMC": 0.7}, 0.521, 228, -1.06, 0.353, -0.00359, 0.00148),
    # Below 0.5 mol/L this fit is three to six times above the values it was made from.
    _landesfeind({"EMC": 0.95, "FEC": 0.05}, 0.0251, 175, 1.23, 0.205, -0.0881, 0.00283, from_mol_L=0.5),
    Correlation(
        name="Valoen and Reimers 2005",
        doi=VALOEN,
        salt="LiPF6",
        solvents={"PC": 0.10, "EC": 0.27, "DMC": 0.63},
        basis="volume",
        conductivity=valoen,
        concentration_range_mol_L=(0.1, 3.3),
        temperature_range_K=(263.15, 333.15),
        relative_uncertainty=0.05,
        concentrations_mol_L=_WIDE,
        temperatures_K=(*_TEMPERATURES, 333.15),
    ),
    Correlation(
        name="Nyman, Behm and Lindbergh 2008",
        doi=NYMAN,
        salt="LiPF6",
        solvents={"EC": 0.3, "EMC": 0.7},
        basis="mass",
        conductivity=nyman,
        concentration_range_mol_L=(0.2, 2.0),
        temperature_range_K=(298.15, 298.15),
        relative_uncertainty=0.03,
        concentrations_mol_L=_FROM_0_2,
        temperatures_K=(298.15,),
    ),
    Correlation(
        name="Ecker et al. 2015",
        doi=ECKER,
        salt="LiPF6",
        solvents={"EC": 0.5, "EMC": 0.5},
        basis="mass",
        conductivity=ecker,
        concentration_range_mol_L=(0.3, 2.0),
        temperature_range_K=(296.15, 296.15),
        relative_uncertainty=0.10,
        concentrations_mol_L=_FROM_0_4,
        temperatures_K=(296.15,),
    ),
    Correlation(
        name="Capiglia et al. 1999, as fitted in Dualfoil",
        doi=CAPIGLIA,
        salt="LiPF6",
        solvents={"EC": 0.5, "DMC": 0.5},
        basis="volume",
        conductivity=capiglia,
        concentration_range_mol_L=(0.3, 2.0),
        temperature_range_K=(298.15, 298.15),
        relative_uncertainty=0.15,
        concentrations_mol_L=_FROM_0_4,
        temperatures_K=(298.15,),
    ),
)

# Xu 2004, table of lithium salts: conductivity in mS/cm at 1.0 mol/L and 25 °C, in PC and in EC:DMC.
_XU_TABLE = (
    ("LiBF4", 3.4, 4.9),
    ("LiPF6", 5.8, 10.7),
    ("LiAsF6", 5.7, 11.1),
    ("LiClO4", 5.6, 8.4),
    ("LiCF3SO3", 1.7, None),
    ("LiTFSI", 5.1, 9.0),
)


@cache
def load_literature() -> Dataset:
    """The built-in literature set: LiPF6 correlations on a grid, and single values for ten salts."""
    return Dataset(name="literature", measurements=(*_correlations(), *_xu_table(), *_points()))


def _correlations() -> Iterator[Measurement]:
    for correlation in CORRELATIONS:
        yield from correlation.measurements()


def _xu_table() -> Iterator[Measurement]:
    # The review gives one digit after the point and, for EC:DMC, no ratio; it is taken as 1:1 by mass, hence 8 %.
    for salt, in_pc, in_ec_dmc in _XU_TABLE:
        for value, solvents, relative in ((in_pc, {"PC": 1.0}, 0.05), (in_ec_dmc, {"EC": 0.5, "DMC": 0.5}, 0.08)):
            if value is not None:
                yield _measurement(
                    value, {salt: 1.0}, solvents, relative_uncertainty=relative, method=TABULATED, doi=XU
                )


def _points() -> Iterator[Measurement]:
    # Digitised or tabulated in the compilation; 4 % is how far laboratories lie apart.
    for row in read_table("literature_points.csv"):
        formulation = Formulation.parse(row["formulation"])
        value = float(row["conductivity_mS_cm"])
        yield Measurement(
            formulation=formulation,
            value=value,
            unit="mS/cm",
            standard_uncertainty=0.04 * value,
            source="experiment",
            method=COMPILED,
            reference=row["doi"],
        )


def _measurement(
    value: float,
    salts: dict[str, float],
    solvents: dict[str, float],
    *,
    relative_uncertainty: float,
    method: str,
    doi: str,
    basis: Basis = "mass",
    concentration_unit: ConcentrationUnit = "mol/L",
    temperature_K: float = 298.15,
) -> Measurement:
    formulation = Formulation.create(
        salts, solvents, concentration_unit=concentration_unit, basis=basis, temperature_K=temperature_K
    )
    return Measurement(
        formulation=formulation,
        value=value,
        unit="mS/cm",
        standard_uncertainty=relative_uncertainty * value,
        source="experiment",
        method=method,
        reference=doi,
    )
