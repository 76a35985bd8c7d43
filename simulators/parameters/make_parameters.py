"""Makes the parameter files beside it. Run by a maintainer; users never need it.

    pip install -c constraints.txt -e '.[forcefield]'
    python -m saltloop.simulators.parameters.make_parameters            # all of them
    python -m saltloop.simulators.parameters.make_parameters BOB- EC    # these

Solvents: ``parametrise`` (OpenFF Sage, NAGL charges), as for a user's own molecules. Most ions: Canongia Lopes and
Padua, typed in in ``ions.py``. The rest, TEOS among them: our own, ``own.py``. What cannot be made is named.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.forces.one_molecule import relaxed
from saltloop.simulators.forces.parametrise import parametrise
from saltloop.simulators.forces.species_parameters import SpeciesParameters, as_text
from saltloop.simulators.parameters.ions import IONS
from saltloop.simulators.parameters.own import OWN_SPECIES, own_parameters

HERE = Path(__file__).parent


def main(names: Sequence[str]) -> int:
    """Write a file for each species (of ``names``, where there are any); 1 if one could not be made."""
    made = recipes()
    if unknown := [name for name in names if name not in made]:
        print(f"Unknown: {', '.join(unknown)}. There are {', '.join(made)}.")
        return 1
    missing = []
    for name in names or made:
        try:
            write(made[name]())
        except Exception as error:
            missing.append(name)
            print(f"{name}: left out, {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    print(f"Left out: {', '.join(missing) or 'none'}")
    return 1 if missing else 0


def recipes() -> dict[str, Callable[[], SpeciesParameters]]:
    """How each species that ships is made."""
    book = SpeciesBook.builtin()
    own = {one.name: partial(own_parameters, one) for one in OWN_SPECIES}
    return {
        **{one.name: partial(parametrise, one.name, one.smiles, (one.inchikey,)) for one in book.solvents},
        **{ion.name: partial(relaxed, ion) for ion in IONS},
        **own,
    }


def file_name(parameters: SpeciesParameters) -> str:
    """A name without signs and blanks: ``PF6_minus``, ``2_MeTHF``."""
    stem = parameters.name.rstrip("+-") if parameters.formal_charge else parameters.name
    sign = {1: "_plus", -1: "_minus", 0: ""}[parameters.formal_charge]
    return stem.replace("-", "_").replace(" ", "_") + sign


def write(parameters: SpeciesParameters) -> None:
    """One JSON file."""
    path = HERE / (file_name(parameters) + ".json")
    path.write_text(as_text(parameters), encoding="utf-8")
    print(f"{parameters.name}: {path.name}, {parameters.n_atoms} atoms", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
