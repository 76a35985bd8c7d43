"""The arrows of the design: chemistry <- surrogates, chemistry <- simulators, all <- loop."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "chemistry": {"chemistry"},
    "surrogates": {"chemistry", "surrogates"},
    "simulators": {"chemistry", "simulators"},
    "loop": {"chemistry", "surrogates", "simulators", "loop"},
}


def imported_packages(file):
    """Our packages that a module imports, relative imports included."""
    own = file.relative_to(ROOT).parts[0]
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
            if node.module == "saltloop":
                names = [f"saltloop.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            yield own
        yield from (name.split(".")[1] for name in names if name.startswith("saltloop."))


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_the_design_allows(package):
    files = sorted((ROOT / package).rglob("*.py"))
    assert len(files) > 3
    for file in files:
        assert set(imported_packages(file)) <= ALLOWED[package], file


def test_the_project_holds_none_of_the_shared_data():
    names = {path.name for path in ROOT.rglob("*.csv") if ".venv" not in path.parts}
    assert not names & {"calisol23.csv", "calisol23_smiles.csv", "kit_pc_ec_emc_lipf6.csv", "md_reference.csv"}
