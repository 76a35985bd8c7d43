"""What ``pip install .`` installs: every module, table and parameter file of the four packages."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("chemistry", "surrogates", "simulators", "loop")


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_table(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        str(ROOT),
        "--no-deps",
        "--no-build-isolation",
        "-q",
        "-w",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("saltloop-*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        f"saltloop/{path.relative_to(ROOT).as_posix()}"
        for package in PACKAGES
        for pattern in ("*.py", "*.csv", "*.json")
        for path in (ROOT / package).rglob(pattern)
    }
    assert len(wanted) > 100
    assert {"saltloop/__init__.py", *wanted} <= packed
    assert not any(name.startswith(("tests/", "saltloop/tests")) for name in packed)
