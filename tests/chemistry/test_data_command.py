from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from saltloop.chemistry import DataError, UnknownSpeciesError
from saltloop.loop.commands.data import data

RUNNER = CliRunner()


def run(*arguments: str) -> str:
    result = RUNNER.invoke(data, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_says_what_there_is_and_where(cache: Path) -> None:
    output = run("list")
    assert "literature" in output
    assert "not here yet: saltloop data fetch calisol23" in output
    assert [row["name"] for row in json.loads(run("list", "--json"))] == ["literature", "calisol23"]


def test_describe_prints_and_plots(tmp_path: Path) -> None:
    picture = tmp_path / "coverage.png"
    output = run("describe", "literature", "--plot", str(picture))
    assert "by salt" in output
    assert "LiPF6" in output
    assert str(picture) in output
    assert picture.stat().st_size > 0


def test_describe_gives_json_for_scripts() -> None:
    summary = json.loads(run("describe", "literature", "--json"))
    assert summary["name"] == "literature"
    assert summary["by_salt"]["LiPF6"] > 300


def test_describe_of_an_absent_data_set_says_how_to_get_it(cache: Path) -> None:
    with pytest.raises(DataError, match="saltloop data fetch calisol23"):
        run("describe", "calisol23")


def test_fetch_takes_a_copy_at_hand(cache: Path, shared_data: Path) -> None:
    output = run("fetch", "calisol23", "--from", str(shared_data / "calisol23.csv"))
    assert "CC BY 4.0" in output
    assert (cache / "calisol23.csv").is_file()


def test_fetch_refuses_a_wrong_copy(cache: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("no")
    with pytest.raises(DataError, match="is not calisol23: its SHA-256"):
        run("fetch", "calisol23", "--from", str(wrong))


def test_fetch_offline_names_the_remedy(cache: Path) -> None:
    with pytest.raises(DataError, match="--from FILE"):
        run("fetch", "calisol23", "--api", "http://127.0.0.1:9/v2")


def test_species_are_listed_and_shown_with_their_sources() -> None:
    assert "Ethylene carbonate" in run("species")
    shown = run("species", "g-Butyrolactone")
    assert shown.startswith("GBL: gamma-Butyrolactone (solvent)")
    assert "Xu, Chem. Rev. 104 (2004) 4303" in shown
    assert json.loads(run("species", "LiPF6", "--json"))["smiles"] == "[Li+].F[P-](F)(F)(F)(F)F"


def test_an_unknown_species_is_suggested() -> None:
    with pytest.raises(UnknownSpeciesError, match="did you mean 'LiPF6'"):
        run("species", "LiPF7")
