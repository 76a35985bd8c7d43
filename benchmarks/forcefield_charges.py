"""Are the solvents' charges near the electrostatic potential? NAGL's beside B3LYP/6-31+G* on Merz-Kollman shells.

    python benchmarks/forcefield_charges.py             # ten solvents, a few minutes
    python benchmarks/forcefield_charges.py EC DMC      # these

``factor`` is the one number by which all charges of a molecule have to be multiplied to fit the potential best; the
deviations are relative root mean squares before and after. One geometry each: that of the parameter file.
"""

from __future__ import annotations

import sys

import numpy as np
from forcefield_quantum import BOHR_NM, kohn_sham, potential_outside
from saltloop.simulators.forces.species_parameters import all_parameters

SOLVENTS = ("EC", "PC", "DMC", "EMC", "DEC", "DME", "DOL", "2-Glyme", "AN", "DMSO")


def main(names: tuple[str, ...]) -> int:
    """Print the table."""
    from rdkit.Chem import GetPeriodicTable

    print("| solvent | factor | deviation as filed | after |\n|---|---|---|---|", flush=True)
    for name in names:
        species = all_parameters()[name]
        elements = tuple(atom.element for atom in species.atoms)
        numbers = np.array([GetPeriodicTable().GetAtomicNumber(one) for one in elements])
        field = kohn_sham(numbers, np.array(species.coordinates) / BOHR_NM, 0, "6-31+G*", "B3LYP")
        field.kernel()
        if not field.converged:
            raise RuntimeError(f"the field of {name} did not become self-consistent")
        design, potential = potential_outside(field, elements)
        filed = design @ np.array([atom.charge for atom in species.atoms])
        factor = float(filed @ potential / (filed @ filed))
        size = np.sqrt(np.mean(potential**2))
        before, after = (np.sqrt(np.mean((scale * filed - potential) ** 2)) / size for scale in (1.0, factor))
        print(f"| {name} | {factor:.3f} | {100 * before:.0f} % | {100 * after:.0f} % |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or SOLVENTS))
