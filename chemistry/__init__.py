"""What a formulation is: species, formulations, units, measurements and data sets. Imports nothing of ours."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calisol import load_calisol as load_calisol
    from .dataset import Dataset as Dataset
    from .dataset import RowNote as RowNote
    from .dataset import load_dataset as load_dataset
    from .errors import DataError as DataError
    from .errors import FormulationError as FormulationError
    from .errors import SaltloopError as SaltloopError
    from .errors import UnitError as UnitError
    from .errors import UnknownSpeciesError as UnknownSpeciesError
    from .formulation import Formulation as Formulation
    from .literature import load_literature as load_literature
    from .measurement import Measurement as Measurement
    from .result_files import Row as Row
    from .result_files import read_file as read_file
    from .result_files import read_results as read_results
    from .result_files import read_rows as read_rows
    from .result_schema import Component as Component
    from .result_schema import LabResult as LabResult
    from .result_schema import lab_result as lab_result
    from .results_csv import read_measurements_csv as read_measurements_csv
    from .species import PropertyValue as PropertyValue
    from .species import Species as Species
    from .species import SpeciesBook as SpeciesBook
    from .species import SpeciesDefinition as SpeciesDefinition
    from .units import CANONICAL_UNITS as CANONICAL_UNITS
    from .units import convert as convert

_MODULES = {
    "calisol": ("load_calisol",),
    "dataset": ("Dataset", "RowNote", "load_dataset"),
    "errors": ("DataError", "FormulationError", "SaltloopError", "UnitError", "UnknownSpeciesError"),
    "formulation": ("Formulation",),
    "literature": ("load_literature",),
    "measurement": ("Measurement",),
    "result_files": ("Row", "read_file", "read_results", "read_rows"),
    "result_schema": ("Component", "LabResult", "lab_result"),
    "results_csv": ("read_measurements_csv",),
    "species": ("PropertyValue", "Species", "SpeciesBook", "SpeciesDefinition"),
    "units": ("CANONICAL_UNITS", "convert"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
