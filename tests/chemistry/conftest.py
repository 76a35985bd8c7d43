"""What the chemistry tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with reference data outside the repository; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("SALTLOOP_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no reference data in {folder}; set SALTLOOP_SHARED to the shared folder")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of our own, and no other place to find data in."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SALTLOOP_CACHE", str(folder))
    monkeypatch.delenv("SALTLOOP_DATA", raising=False)
    return folder
