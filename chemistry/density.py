"""Density models of solvents, their mixtures and their solutions, each with the error it is good to.

Liquids are mixed at room temperature: fractions by volume and concentrations in mol/L mean volumes at
``PREPARATION_TEMPERATURE_K``, whatever the temperature of the measurement. Solvent volumes add up; a salt adds its
apparent molar volume, taken as constant.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .errors import FormulationError
from .species import Species

PREPARATION_TEMPERATURE_K = 298.15

DEFAULT_THERMAL_EXPANSION_PER_K = 1.0e-3
"""Organic liquids lie between 0.7e-3 and 1.4e-3 per K."""
THERMAL_EXPANSION_ERROR_PER_K = 0.3e-3
PURE_DENSITY_RELATIVE_ERROR = 0.005
MIXING_RELATIVE_ERROR = 0.01
"""Excess volumes of these mixtures are below 1 %."""
APPARENT_VOLUME_RELATIVE_ERROR = 0.3


class DensityEstimate(NamedTuple):
    """A density in g/cm3 and its relative standard error."""

    value: float
    relative_standard_error: float


def solvent_density(solvent: Species, temperature_K: float = PREPARATION_TEMPERATURE_K) -> DensityEstimate:
    """Density of one pure liquid solvent: rho(T) = rho(T0) (1 - alpha (T - T0)), T0 the temperature of the table value.

    Below its melting point this is the supercooled liquid. Error: 0.5 % for the table value and 0.3e-3 per K away
    from T0.

    Raises:
        FormulationError: no density is known for the solvent.
    """
    known = solvent.properties.get("density")
    if known is None:
        raise FormulationError(
            f"No density is known for {solvent.name!r}, so fractions by volume and concentrations in mol/L cannot be "
            "converted; give fractions by mass or mole and mol/kg, or define a solvent with 'density' under 'species:'."
        )
    warmer_K = temperature_K - (known.temperature_K or PREPARATION_TEMPERATURE_K)
    alpha = solvent.value("thermal_expansion") or DEFAULT_THERMAL_EXPANSION_PER_K
    error = math.hypot(PURE_DENSITY_RELATIVE_ERROR, THERMAL_EXPANSION_ERROR_PER_K * warmer_K)
    return DensityEstimate(known.value * (1.0 - alpha * warmer_K), error)


def mixture_density(
    mass_fractions: Iterable[tuple[Species, float]], temperature_K: float = PREPARATION_TEMPERATURE_K
) -> DensityEstimate:
    """Density of a solvent mixture from its mass fractions, volumes taken as additive; 1 % besides the pure errors."""
    volume = error = 0.0
    n_solvents = 0
    for solvent, share in mass_fractions:
        pure = solvent_density(solvent, temperature_K)
        volume += share / pure.value
        error += share / pure.value * pure.relative_standard_error
        n_solvents += 1
    mixing = MIXING_RELATIVE_ERROR if n_solvents > 1 else 0.0
    return DensityEstimate(1.0 / volume, math.hypot(error / volume, mixing))


def solution_density(
    mass_fractions: Iterable[tuple[Species, float]],
    molalities: Iterable[tuple[Species, float]],
    temperature_K: float = PREPARATION_TEMPERATURE_K,
) -> DensityEstimate:
    """Density of a solution: mass of solvent and salt over the solvent's volume plus the salts' apparent volumes.

    ``molalities`` in mol per kg of solvent. The salts' volumes are good to about 30 %, the solvent's as in
    ``mixture_density``.
    """
    solvent = mixture_density(mass_fractions, temperature_K)
    litres, kilograms, salt_litres = 1.0 / solvent.value, 1.0, 0.0
    for salt, molality in molalities:
        salt_litres += molality * salt_volume_L_per_mol(salt)
        kilograms += molality * salt.molar_mass / 1e3
    total = litres + salt_litres
    error = math.hypot(litres * solvent.relative_standard_error, salt_litres * APPARENT_VOLUME_RELATIVE_ERROR) / total
    return DensityEstimate(kilograms / total, error)


def molarities_from_molalities(
    molalities: Mapping[Species, float], solvent_density_g_cm3: float
) -> dict[Species, float]:
    """mol per litre of solution from mol per kg of solvent."""
    litres = 1.0 / solvent_density_g_cm3 + sum(m * salt_volume_L_per_mol(salt) for salt, m in molalities.items())
    return {salt: molality / litres for salt, molality in molalities.items()}


def molalities_from_molarities(
    molarities: Mapping[Species, float], solvent_density_g_cm3: float
) -> dict[Species, float]:
    """mol per kg of solvent from mol per litre of solution: the exact inverse of ``molarities_from_molalities``.

    Raises:
        FormulationError: the salts alone would fill the litre.
    """
    free = 1.0 - sum(c * salt_volume_L_per_mol(salt) for salt, c in molarities.items())
    if free < 0.05:
        listed = " + ".join(f"{c:g} mol/L {salt.name}" for salt, c in molarities.items())
        raise FormulationError(f"{listed} leaves no room for solvent in a litre; lower the concentration.")
    return {salt: c / (free * solvent_density_g_cm3) for salt, c in molarities.items()}


def salt_volume_L_per_mol(salt: Species) -> float:
    """Apparent molar volume of a salt in L/mol."""
    volume = salt.value("apparent_molar_volume")
    if volume is None:
        raise FormulationError(
            f"No apparent molar volume is known for {salt.name!r}; give concentrations in mol/kg, or "
            "'apparent_molar_volume' (cm3/mol) under 'species:'."
        )
    return volume / 1e3
