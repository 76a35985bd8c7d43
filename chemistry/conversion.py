"""Conversion among fractions by mass, volume and mole, among mol/kg and mol/L, and the identity of a liquid.

Volumes come from the density models of ``saltloop.chemistry.density``, which state their errors.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from typing import Literal

from . import density
from .species import Species

ConcentrationUnit = Literal["mol/kg", "mol/L"]
Basis = Literal["mass", "volume", "mole"]
Shares = tuple[tuple[Species, float], ...]
"""Species with their fractions, or with their concentrations."""


def normalised(shares: Iterable[tuple[Species, float]]) -> Shares:
    """The same shares, scaled to sum to 1."""
    listed = tuple(shares)
    total = math.fsum(share for _, share in listed)
    return tuple((species, share / total) for species, share in listed)


def mole_shares(solvents: Shares, basis: Basis) -> Shares:
    """Mole fractions of solvents whose fractions are given in a basis."""
    if basis == "mole":
        return solvents
    if len(solvents) == 1:
        return ((solvents[0][0], 1.0),)
    if basis == "mass":
        return normalised((solvent, share / solvent.molar_mass) for solvent, share in solvents)
    return normalised(
        (solvent, share * density.solvent_density(solvent).value / solvent.molar_mass) for solvent, share in solvents
    )


def mass_shares(moles: Shares) -> Shares:
    """Mass fractions from mole fractions."""
    return normalised((solvent, share * solvent.molar_mass) for solvent, share in moles)


def volume_shares(masses: Shares) -> Shares:
    """Volume fractions, of pure liquids at 298.15 K, from mass fractions."""
    return normalised((solvent, share / density.solvent_density(solvent).value) for solvent, share in masses)


def molalities_of(molarities: Shares, masses: Shares) -> Shares:
    """mol per kg of solvent from mol per litre of solution, in a solvent of these mass fractions."""
    if not molarities:
        return ()
    solvent = density.mixture_density(masses)
    return tuple(density.molalities_from_molarities(dict(molarities), solvent.value).items())


def molarities_of(molalities: Shares, masses: Shares) -> Shares:
    """mol per litre of solution from mol per kg of solvent: the inverse of ``molalities_of``."""
    if not molalities:
        return ()
    solvent = density.mixture_density(masses)
    return tuple(density.molarities_from_molalities(dict(molalities), solvent.value).items())


def identity(moles: Shares, molalities: Shares, temperature_K: float) -> str:
    """The id of a liquid: ``f`` and 15 hexadecimal digits of a hash over its canonical numbers."""
    parts = sorted(f"{one.inchikey}={_micro(share)}" for one, share in moles if _micro(share))
    salts = sorted(f"{one.inchikey}={_micro(value)}" for one, value in molalities if _micro(value))
    content = ";".join((*parts, "|", *salts, "|", str(round(round(temperature_K, 6) * 1e3))))
    return "f" + hashlib.sha256(content.encode()).hexdigest()[:15]


def _micro(value: float) -> int:
    # Rounding twice keeps a value that sits on the half of a millionth, give or take a rounding error, on one side.
    return round(round(value, 9) * 1e6)
