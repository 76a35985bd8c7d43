"""``saltloop backtest`` on the command line."""

import json
import re

import pytest
from click.testing import CliRunner
from saltloop.loop.cli import cli
from saltloop.loop.commands.backtest import chosen_settings
from saltloop.loop.errors import BacktestError

SMALL = "surrogate: {n_members: 2, hidden: 8, token: 4, n_routes: 2, epochs: 2}\nacquisition: {mc_samples: 16}\n"


@pytest.fixture
def run(tmp_path):
    def with_(*arguments):
        return CliRunner().invoke(cli, ["backtest", *map(str, arguments), "-o", str(tmp_path / "out"), "-q"])

    return with_


@pytest.fixture
def data(tmp_path):
    lines = ["formulation,value,unit,standard_uncertainty"]
    for salt in ("LiPF6", "LiBF4"):
        for share in (0.2, 0.4, 0.6, 0.8):
            for molality in (0.5, 1.0, 1.5):
                value = 5 * molality - 2 * molality**2 + 4 * share
                lines.append(
                    f'"{molality} mol/kg {salt} in EC:DMC {1 - share:.1f}:{share} (w/w) at 298.15 K",{value},mS/cm,0.1'
                )
    path = tmp_path / "own.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def campaign(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text("space: {salts: [LiPF6], solvents: [EC, DMC]}\n" + SMALL)
    return path


def test_random_search_on_ones_own_data(run, data, tmp_path):
    found = run(
        data,
        "--acquisition",
        "random",
        "--seeds",
        3,
        "--queries",
        15,
        "--batch",
        5,
        "--start-points",
        4,
        "--workers",
        1,
    )
    assert found.exit_code == 0, found.output
    assert "24 liquids. Top 1 %: 1, from" in found.output
    assert "of 3 seeds arrived" in found.output
    assert (tmp_path / "out" / "traces.parquet").exists()
    assert (tmp_path / "out" / "backtest.png").stat().st_size > 10_000


def test_a_campaign_file_says_how_to_learn_and_choose(run, data, campaign):
    arguments = (data, "-c", campaign, "--seeds", 1, "--queries", 4, "--batch", 4, "--start-points", 10, "--workers", 1)
    found = run(*arguments, "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["n_seeds"] == 1
    other = run(*arguments, "--acquisition", "qucb")
    assert isinstance(other.exception, BacktestError)
    assert "differs in acquisition" in str(other.exception)


def test_options_take_the_place_of_what_the_campaign_file_says(campaign):
    surrogate, acquisition, _ = chosen_settings(campaign, None, "thompson")
    assert (surrogate.n_members, acquisition.kind, acquisition.mc_samples) == (2, "thompson", 16)
    surrogate, acquisition, _ = chosen_settings(campaign, "scan", "random")
    assert (surrogate.preset, acquisition) == ("scan", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.csv"], "'nowhere.csv' is neither a data set"),
        (["DATA", "--start-points", "20"], "has 24 liquids .* need 30"),
        (["DATA", "--temperature", "340"], "has 0 liquids with a conductivity at 340 K"),
        (["DATA", "--surrogate", "fysics"], "no surrogate 'fysics'; did you mean 'physics'"),
        (["DATA", "--acquisition", "qlognie"], "no acquisition 'qlognie'; did you mean 'qlognei'"),
        (["DATA", "--acquisition", "qlognehvi"], "no acquisition 'qlognehvi'"),
        (["DATA", "-c", "none.yaml"], "no campaign file none.yaml"),
        (
            ["DATA", "--acquisition", "random", "--start-points", "4", "--start-data", "literature"],
            "Random search learns nothing",
        ),
        (
            ["DATA", "--start-points", "14", "--start", "bottom", "--acquisition", "random"],
            "bottom half has 12 liquids",
        ),
    ],
)
def test_what_cannot_be_done_is_said(run, data, arguments, message):
    found = run(*[data if one == "DATA" else one for one in arguments], "--seeds", 1, "--workers", 1)
    assert found.exit_code == 1
    assert re.search(message, str(found.exception)), found.exception
