"""Settings of the box and of the stages: lengths, steps, temperatures, and when a stage has been long enough."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from saltloop.simulators.forces.settings import Hydrogens
from saltloop.simulators.settings import Settings


class BoxSettings(Settings):
    """Size of the box and how it is packed."""

    target_atoms: int = Field(900, ge=50, le=200_000)
    min_ion_pairs: int = Field(4, ge=1)
    """More atoms than the target are taken where a dilute solution needs them for this many ion pairs."""
    max_atoms: int = Field(20_000, ge=100)
    packing_density_factor: float = Field(0.92, gt=0.3, le=1.0)
    """Density at packing relative to the estimate for the liquid."""
    packing_tolerance_nm: float = Field(0.18, gt=0.05, lt=0.4)
    packing_timeout_s: float = Field(120, gt=0)


class Minimise(Settings):
    max_iterations: int = Field(500, ge=1)


class Nvt(Settings):
    """Constant volume. Langevin dynamics (middle scheme); a friction of 0.2/ps slows diffusion by about 1 %."""

    duration_ps: float = Field(gt=0)
    timestep_fs: float = Field(4.0, gt=0, le=5)
    friction_per_ps: float = Field(1.0, gt=0)
    hydrogens: Hydrogens | None = None
    """Other masses than the force field's during this stage."""


class Anneal(Settings):
    """Heating at constant volume, before the pressure is let in, so that a slow liquid forgets how it was packed.

    A quarter of the time to heat, a half at the peak, a quarter to cool.
    """

    when: Literal["auto", "always", "never"] = "auto"
    """``auto``: where any of the three limits below says that the liquid is slow, or a solvent chelates lithium."""
    rise_K: float = Field(150.0, gt=0, le=500)
    """The peak above the liquid's own temperature."""
    duration_ps: float = Field(100.0, gt=0)
    exchange_ps: float = Field(400.0, ge=0)
    """At least this long where a solvent chelates lithium: a glyme keeps it for a nanosecond at 298 K, so that a run
    would keep the ion pairs of its packing."""
    timestep_fs: float = Field(2.0, gt=0, le=5)
    friction_per_ps: float = Field(5.0, gt=0)
    above_mPa_s: float = Field(1.5, gt=0)
    """Viscosity of the solvents at their table's temperature, ln(eta) averaged by mole fraction; an unknown one counts
    as above."""
    above_mol_kg: float = Field(2.0, gt=0)
    """Salt per kg of solvent."""
    below_K: float = Field(273.15, gt=0)
    """Temperature of the liquid."""
    hydrogens: Hydrogens | None = None
    """Other masses than the force field's during this stage."""


class Converge(Settings):
    """A constant-pressure stage goes on until its density has converged, or to the longest time."""

    relative_error: float = Field(0.003, gt=0, lt=0.1)
    """Standard error of the mean density; the two halves must agree within their errors as well."""
    max_stretch: float = Field(4.0, ge=1)
    """The longest time as a multiple of ``duration_ps``, which is the shortest."""


class Npt(Settings):
    """Constant pressure, Monte Carlo barostat. What the density's equilibration takes is found and not averaged."""

    duration_ps: float = Field(gt=0)
    timestep_fs: float = Field(4.0, gt=0, le=5)
    friction_per_ps: float = Field(1.0, gt=0)
    pressure_bar: float = Field(1.01325, gt=0)
    barostat_interval_steps: int = Field(25, ge=1)
    converge: Converge | None = Converge()
    """None: ``duration_ps`` and no longer, the last ``averaging_fraction`` of it averaged."""
    averaging_fraction: float = Field(0.5, gt=0, le=1)
    """Used with ``converge: null`` only."""
    sample_ps: float = Field(0.2, gt=0)
    hydrogens: Hydrogens | None = None
    """Other masses than the force field's during this stage."""

    @property
    def max_duration_ps(self) -> float:
        return self.duration_ps * (self.converge.max_stretch if self.converge else 1.0)
