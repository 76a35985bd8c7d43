"""Dispersion that a semilocal functional lacks, as a potential of its own: DFT-D3 with Becke-Johnson damping."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np
from saltloop.simulators.oracle import OracleSpecError

from .interface import Array

KJ_MOL_PER_HARTREE = 2625.4996394799
NM_PER_BOHR = 0.0529177210903


class D3BJ:
    """DFT-D3(BJ), two-body terms, by the library ``s-dftd3``; computed on the CPU in double precision.

    Grimme, Antony, Ehrlich and Krieg, J. Chem. Phys. 132 (2010) 154104; Grimme, Ehrlich and Goerigk, J. Comput. Chem.
    32 (2011) 1456. Periodic images within the cutoff are summed, so that the cutoff may exceed half the box. The energy
    of a pair is switched off over the last ``width_nm`` below ``cutoff_nm``.

    Raises:
        OracleSpecError: the package ``dftd3`` is not installed, or does not know the functional.
    """

    def __init__(
        self,
        atomic_numbers: tuple[int, ...],
        *,
        functional: str = "pbe",
        cutoff_nm: float = 2.0,
        width_nm: float = 0.2,
        coordination_cutoff_nm: float = 1.2,
    ) -> None:
        try:
            from dftd3.interface import RationalDampingParam
        except ImportError as error:
            raise OracleSpecError(f"D3 needs the package 'dftd3' ({error}); pip install 'saltloop[mlff]'.") from None
        self.atomic_numbers = atomic_numbers
        self.cutoff_nm = cutoff_nm
        self._settings = {
            "functional": functional,
            "cutoff_nm": cutoff_nm,
            "width_nm": width_nm,
            "coordination_cutoff_nm": coordination_cutoff_nm,
        }
        try:
            self._damping = RationalDampingParam(method=functional, atm=False)
        except RuntimeError as error:
            raise OracleSpecError(f"D3(BJ) has no parameters for the functional {functional!r}: {error}") from None
        self._models: dict[bool, Any] = {}

    def energy_and_forces(self, positions_nm: Array, edge_nm: float | None) -> tuple[float, Array]:
        """As ``Potential``."""
        found = self._evaluate(positions_nm, edge_nm)
        return float(found["energy"]) * KJ_MOL_PER_HARTREE, found["gradient"] * (-KJ_MOL_PER_HARTREE / NM_PER_BOHR)

    def virial(self, positions_nm: Array, edge_nm: float) -> Array:
        """As ``HasVirial``."""
        return np.asarray(self._evaluate(positions_nm, edge_nm)["virial"] * -KJ_MOL_PER_HARTREE)

    def describe(self) -> dict[str, Any]:
        """Name, settings, version."""
        return {"potential": "D3(BJ), two-body", **self._settings, "dftd3": version("dftd3")}

    def _evaluate(self, positions_nm: Array, edge_nm: float | None) -> dict[str, Any]:
        from dftd3.interface import DispersionModel

        positions = positions_nm / NM_PER_BOHR
        lattice = None if edge_nm is None else np.eye(3) * (edge_nm / NM_PER_BOHR)
        model = self._models.get(edge_nm is None)
        if model is None:
            periodic = None if edge_nm is None else np.array([True, True, True])
            model = DispersionModel(np.array(self.atomic_numbers), positions, lattice, periodic)
            pairs, width, coordination = (
                self._settings[name] / NM_PER_BOHR  # type: ignore[operator]
                for name in ("cutoff_nm", "width_nm", "coordination_cutoff_nm")
            )
            model.set_realspace_cutoff(pairs, pairs, coordination, width)
            self._models[edge_nm is None] = model
        else:
            model.update(positions, lattice)
        found: dict[str, Any] = model.get_dispersion(self._damping, grad=True)
        return found
