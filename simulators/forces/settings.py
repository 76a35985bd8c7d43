"""How parameters become forces, and which masses atoms have."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from saltloop.simulators.settings import Settings


class ForceFieldSettings(Settings):
    """How the parameters in the files become forces."""

    ion_charge_scale: float = Field(0.8, gt=0, le=1)
    """Electronic continuum correction: 1/sqrt(n^2) of an organic liquid is about 0.7-0.75; 0.8 is commonly used."""
    solvent_charge_scale: float = Field(1.0, gt=0, le=1)
    solvent_sigma_scale: float = Field(1.0, gt=0.9, lt=1.1)
    """Size of all atoms of solvents."""
    solvent_epsilon_scale: float = Field(1.0, gt=0.5, lt=1.5)
    """Depth of the Lennard-Jones wells of all atoms of solvents."""
    carbonate_charge_scale: float = Field(0.95, gt=0, le=1)
    """This and the next two are for solvents with a carbonate group, in place of the three above: as filed these
    evaporate too hard and flow too slowly (docs/benchmarks.md)."""
    carbonate_sigma_scale: float = Field(0.965, gt=0.9, lt=1.1)
    carbonate_epsilon_scale: float = Field(0.8, gt=0.5, lt=1.5)
    mixing_rule: Literal["lorentz-berthelot"] = "lorentz-berthelot"
    """That of the solvents' force field, for all pairs; Canongia Lopes and Padua combine their ions geometrically."""
    cutoff_nm: float = Field(0.9, gt=0.3, le=2.0)
    switch_nm: float = Field(0.1, ge=0)
    """Width over which the Lennard-Jones energy is switched off below the cutoff."""
    ewald_tolerance: float = Field(5e-4, gt=0, lt=0.01)
    dispersion_correction: bool = True
    constrain_hydrogens: bool = True
    hydrogen_mass_u: float | None = Field(3.0, ge=1.0, le=4.0)

    @classmethod
    def as_filed(cls) -> ForceFieldSettings:
        """The parameters of the files as they stand: nothing scaled, no constraints, natural masses."""
        return cls(
            ion_charge_scale=1.0,
            solvent_charge_scale=1.0,
            solvent_sigma_scale=1.0,
            solvent_epsilon_scale=1.0,
            carbonate_charge_scale=1.0,
            carbonate_sigma_scale=1.0,
            carbonate_epsilon_scale=1.0,
            constrain_hydrogens=False,
            hydrogen_mass_u=None,
        )


class Hydrogens(Settings):
    """Masses that allow longer steps; where molecules stand, and so any equilibrium, does not depend on masses."""

    mass_u: float = Field(ge=1.0, le=4.0)
    is_taken_from_neighbour: bool = True
    """The molecule keeps its mass; False makes an isotope, such as tritium at 3.016 u."""
