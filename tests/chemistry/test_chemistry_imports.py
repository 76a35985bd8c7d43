from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import saltloop.chemistry as chemistry

HEAVY = {"numpy", "pandas", "rdkit", "torch", "scipy", "matplotlib", "requests", "openmm"}
USE = """
import sys, time
start = time.process_time()
from saltloop.chemistry import Formulation, Measurement, SpeciesBook, load_dataset, read_results
liquid = Formulation.parse("1 mol/L LiPF6 in EC:EMC 3:7 (v/v) at 298.15 K")
Measurement(formulation=liquid, value=9.5, unit="mS/cm", standard_uncertainty=0.1, source="experiment")
print(" ".join(name for name in sys.argv[1:] if name in sys.modules))
"""


def test_formulations_measurements_and_files_need_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", USE, *sorted(HEAVY)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_public_name_is_there() -> None:
    for name in chemistry.__all__:
        assert getattr(chemistry, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Formulae'"):
        _ = chemistry.Formulae


@pytest.mark.parametrize("module", sorted(Path(chemistry.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_chemistry_imports_nothing_of_ours(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        assert not [name for name in names if name.startswith("saltloop") and not name.startswith("saltloop.chemistry")]
