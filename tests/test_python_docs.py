"""docs/python.md and docs/notebook.ipynb say what there is, and the notebook runs."""

import inspect
import re
from pathlib import Path

import nbformat
import pytest
from saltloop import Campaign

DOCS = Path(__file__).parents[1] / "docs"
NOTEBOOK = DOCS / "notebook.ipynb"


def outputs(book):
    return [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]


def shown(book):
    """What each cell ends with: a frame, a picture, ... How its lines of text are cut into pieces is left to chance."""
    return [sorted(output.data) for output in outputs(book) if output.output_type == "execute_result"]


def test_every_method_is_in_the_table_and_the_table_has_no_other():
    table = (DOCS / "python.md").read_text(encoding="utf-8").partition("## Results")[0]
    named = set(re.findall(r"(?:Campaign)?\.([a-z_]+)\(", table))
    public = {name for name, _ in inspect.getmembers(Campaign, inspect.isroutine) if not name.startswith("_")}
    assert named == public


def test_the_notebook_has_its_outputs_and_is_small():
    book = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(book)
    assert NOTEBOOK.stat().st_size < 400_000
    assert all(cell.execution_count for cell in book.cells if cell.cell_type == "code")
    assert not [output for output in outputs(book) if output.output_type == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs(book)) == 5
    assert "/tmp" not in NOTEBOOK.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    from nbclient import NotebookClient

    book = nbformat.read(NOTEBOOK, as_version=4)
    kept = shown(book)
    client = NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    assert shown(book) == kept
    assert (tmp_path / "carbonates" / "state.jsonl").exists()
    campaign = Campaign.open(tmp_path / "carbonates")
    assert campaign.status()["state"] == "stopped: 12 of 12 oracle calls are used"
