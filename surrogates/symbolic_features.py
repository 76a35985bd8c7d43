"""Features for symbolic regression: few, in natural units, each with a meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import Species

Target = Literal["k", "ln(k/m)"]
LITHIUM_MOLAR_MASS = 6.94


@dataclass(frozen=True)
class FeatureSet:
    """What a formula may use. Every set has temperature and molality; the rest belongs to the composition."""

    name: str
    title: str
    target: Target
    """What the search fits: the conductivity in mS/cm, or the logarithm of conductivity over molality."""
    composition: Mapping[str, str]
    """Symbol: meaning with unit."""
    conditions: Mapping[str, str]
    of_composition: Callable[[Formulation], Sequence[float | None]]
    of_conditions: Callable[[np.ndarray, np.ndarray], Sequence[np.ndarray]]
    """Temperatures in K and molalities in mol/kg to columns."""

    @property
    def symbols(self) -> tuple[str, ...]:
        return (*self.composition, *self.conditions)

    def to_conductivity(self, fitted: np.ndarray, molality: np.ndarray) -> np.ndarray:
        """Conductivity in mS/cm from values of the target."""
        if self.target == "k":
            return fitted
        with np.errstate(over="ignore"):
            conductivity: np.ndarray = molality * np.exp(fitted)
        return conductivity

    def to_target(self, conductivity_mS_cm: np.ndarray, molality: np.ndarray) -> np.ndarray:
        """The inverse of ``to_conductivity``."""
        return conductivity_mS_cm if self.target == "k" else np.log(conductivity_mS_cm / molality)


def _scan_composition(liquid: Formulation) -> list[float | None]:
    salts, solvents = liquid.salt_concentrations("mol/kg"), liquid.solvent_shares("mole")
    return [
        _mean(salts, lambda s: _rdkit(s.smiles)["MolLogP"]),
        _mean(salts, lambda s: _rdkit(s.smiles)["NHOHCount"]),
        _mean(solvents, lambda s: _rdkit(s.smiles)["NumRotatableBonds"]),
        _mean(solvents, lambda s: _rdkit(s.smiles)["HeavyAtomMolWt"]),
    ]


def _physical_composition(liquid: Formulation) -> list[float | None]:
    try:
        by_volume = liquid.solvent_shares("volume")
    except FormulationError:  # A solvent without a density has no volume fraction.
        by_volume = ()
    return [
        _mean(liquid.salt_concentrations("mol/kg"), lambda s: s.molar_mass - LITHIUM_MOLAR_MASS),
        _mean(liquid.solvent_shares("mole"), lambda s: _log(s.value("viscosity"))),
        _mean(by_volume, lambda s: s.value("relative_permittivity")),
    ]


SCAN = FeatureSet(
    name="scan",
    title="SCAN's six features",
    target="k",
    composition={
        "LogP": "octanol-water logP of the salt (RDKit)",
        "NHOH": "NH and OH groups of the salt",
        "RB": "rotatable bonds of the solvents, mole-fraction mean",
        "HMW": "molar mass of the solvents' heavy atoms, mole-fraction mean, g/mol",
    },
    conditions={"T": "temperature, K", "m": "molality of the salt, mol/kg"},
    of_composition=_scan_composition,
    of_conditions=lambda T, m: [T, m],
)

PHYSICAL = FeatureSet(
    name="physical",
    title="physical features",
    target="ln(k/m)",
    composition={
        "Ma": "molar mass of the anion, g/mol",
        "lneta": "ln of the solvents' viscosity in mPa s near 298 K, mole-fraction mean",
        "eps": "relative permittivity of the solvents, volume-fraction mean",
    },
    conditions={"u": "1000 K / temperature", "m": "molality of the salt, mol/kg"},
    of_composition=_physical_composition,
    of_conditions=lambda T, m: [1000 / T, m],
)

FEATURE_SETS = (SCAN, PHYSICAL)


def mixture_group(liquid: Formulation) -> str:
    """The formulation group of a liquid: its salts and its solvent ratio, whatever temperature and concentration."""
    total = sum(liquid.molality.values()) or 1.0
    salts = sorted(f"{name} {amount / total:.2f}" for name, amount in liquid.molality.items())
    solvents = sorted(f"{name} {share:.2f}" for name, share in liquid.mole_fractions.items())
    return f"{' + '.join(salts)} in {' : '.join(solvents)}"


def _mean(shares: Sequence[tuple[Species, float]], of: Callable[[Species], float | None]) -> float | None:
    """Share-weighted mean; None where it is not known for one of them."""
    values = [of(species) for species, _ in shares]
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    weights = np.array([share for _, share in shares])
    return float(np.dot(known, weights) / weights.sum())


def _log(value: float | None) -> float | None:
    return None if value is None else float(np.log(value))


@cache
def _rdkit(smiles: str) -> dict[str, float]:
    from rdkit import Chem
    from rdkit.Chem import Descriptors

    molecule, functions = Chem.MolFromSmiles(smiles), dict(Descriptors.descList)
    names = ("MolLogP", "NHOHCount", "NumRotatableBonds", "HeavyAtomMolWt")
    return {name: float(functions[name](molecule)) for name in names}
