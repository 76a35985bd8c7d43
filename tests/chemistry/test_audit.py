from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from saltloop.chemistry import DataError
from saltloop.chemistry.audit import Audit, audit_calisol, audit_text
from saltloop.chemistry.audit_verdicts import CHECKS, Finding, calisol_verdicts, read_csv, write_csv, write_table
from saltloop.chemistry.calisol import COLUMNS
from saltloop.loop.commands.data import data

HEADER = [*COLUMNS, "EC", "PC", "DMC", "DEC"]
GOOD = {"doi": "10.1/a", "salt": "LiPF6", "c units": "mol/kg", "solvent ratio type": "w"} | {
    "EC": "0.5",
    "PC": "0",
    "DMC": "0.5",
    "DEC": "0",
}
TEMPERATURES_K = (273.15, 283.15, 293.15, 303.15, 313.15, 323.15)
Row = dict[str, str]


def conductivity(c: float, temperature_K: float, factor: float = 1.0) -> float:
    return factor * 14 * c * math.exp(-c) * math.exp(-1700 * (1 / temperature_K - 1 / 298.15))


def grid(factor: float = 1.0, **more: str) -> list[Row]:
    """Ten concentrations, read off a figure, at six temperatures each."""
    found = []
    for step in range(10):
        c = 0.4001234 + 0.12 * step
        for temperature_K in TEMPERATURES_K:
            k = conductivity(c, temperature_K, factor)
            found.append(GOOD | {"c": f"{c:.7f}", "T": f"{temperature_K}", "k": f"{k:.9f}"} | more)
    return found


@pytest.fixture
def audited(tmp_path: Path) -> Callable[[list[Row]], Audit]:
    def _audited(rows: list[Row]) -> Audit:
        path = tmp_path / "small.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, HEADER)
            writer.writeheader()
            writer.writerows(rows)
        return audit_calisol(path)

    return _audited


def of(audit: Audit, check: str) -> list[Finding]:
    assert check in CHECKS
    return [one for one in audit.findings if one.check == check]


def test_a_smooth_grid_has_nothing_odd(audited: Callable[[list[Row]], Audit]) -> None:
    audit = audited(grid())
    assert [one for one in audit.findings if one.row is not None] == []
    assert audit.summary()["n_tested_against_neighbours"] >= 50


def test_a_point_off_its_isotherm_is_excluded_with_what_was_expected(audited: Callable[[list[Row]], Audit]) -> None:
    rows = grid()
    rows[27]["k"] = f"{float(rows[27]['k']) / 5:.6f}"
    (found,) = of(audited(rows), "off_isotherm")
    assert (found.row, found.verdict, found.doi) == (29, "exclude", "10.1/a")
    expected = conductivity(float(rows[27]["c"]), 303.15)
    assert float(found.evidence.split("reported, ")[1].split(" expected")[0]) == pytest.approx(expected, rel=0.03)
    assert "neighbours (rows " in found.evidence


def test_a_point_that_is_off_by_less_only_weighs_less(audited: Callable[[list[Row]], Audit]) -> None:
    rows = grid()
    rows[27]["k"] = f"{float(rows[27]['k']) * 0.75:.6f}"
    (found,) = of(audited(rows), "off_isotherm")
    assert found.verdict == "downweight"
    assert found.relative_uncertainty == pytest.approx(1 / 3, abs=0.04)


def test_one_point_at_two_temperatures_is_excluded_where_it_does_not_fit(
    audited: Callable[[list[Row]], Audit],
) -> None:
    rows = grid()
    rows[29] |= {"k": rows[25]["k"], "c": rows[25]["c"]}
    (found,) = of(audited(rows), "copied_point")
    assert (found.row, found.verdict) == (31, "exclude")
    assert "equal those of row 27 at 283.1 K" in found.evidence


def test_a_paper_far_below_all_others_weighs_next_to_nothing(audited: Callable[[list[Row]], Audit]) -> None:
    audit = audited(grid() + grid(factor=0.05, doi="10.1/low"))
    found = of(audit, "far_below_comparable_papers")
    assert {one.doi for one in found} >= {"10.1/low"}
    low = [one for one in found if one.doi == "10.1/low"]
    assert len(low) == 60
    assert {one.verdict for one in low} == {"downweight"}
    assert low[30].relative_uncertainty == pytest.approx(20, rel=0.2)
    assert "comparable rows" in low[30].evidence


def test_papers_that_disagree_and_papers_that_repeat_each_other(audited: Callable[[list[Row]], Audit]) -> None:
    other = grid(doi="10.1/b")
    other[27]["k"] = f"{float(other[27]['k']) * 1.4:.6f}"
    audit = audited(grid() + other)
    assert len([one for one in of(audit, "repeated_by_another_paper") if one.row]) == 59
    assert "10.1/a" in of(audit, "repeated_by_another_paper")[0].evidence
    assert {one.row for one in of(audit, "conflict") + of(audit, "off_isotherm")} >= {89}


def test_a_block_under_the_wrong_salt_is_corrected(audited: Callable[[list[Row]], Audit]) -> None:
    right = grid(factor=0.4, salt="LiBF4")
    wrong = grid(factor=0.4, doi="10.1/b")
    found = of(audited(grid() + grid(doi="10.1/c") + right + wrong), "other_salt")
    assert len(found) == 60
    assert {one.doi for one in found} == {"10.1/b"}
    assert {one.verdict for one in found} == {"correct"}
    assert found[0].corrected == {"salt": "LiBF4"}


def test_two_series_for_one_liquid_both_weigh_less(audited: Callable[[list[Row]], Audit]) -> None:
    def series(factor: float) -> list[Row]:
        return [
            GOOD | {"c": "1.0", "T": f"{temperature_K}", "k": f"{conductivity(1.0, temperature_K, factor)}"}
            for temperature_K in TEMPERATURES_K[::-1]
        ]

    found = of(audited(series(1.0) + series(0.7)), "two_series")
    assert [one.row for one in found] == list(range(2, 14))
    assert {one.verdict for one in found} == {"downweight"}
    assert found[0].relative_uncertainty == pytest.approx(-math.log(0.7), abs=0.01)


def test_impossible_and_missing_values_are_found(audited: Callable[[list[Row]], Audit]) -> None:
    rows = grid()
    rows[0]["k"], rows[1]["k"], rows[2]["c"], rows[3]["c"] = "", "-0.1", "-0.01", "0"
    audit = audited(rows)
    for check, row in (("missing_conductivity", 2), ("not_above_zero", 3), ("negative_concentration", 4)):
        (found,) = of(audit, check)
        assert (found.row, found.verdict) == (row, "exclude")
    assert of(audit, "no_salt")[0].row == 5


def test_names_and_fractions_are_noted(audited: Callable[[list[Row]], Audit]) -> None:
    rows = grid()
    rows[0]["salt"] = " LiPF6"
    rows[1] |= {"EC": "0.33", "DMC": "0.33", "DEC": "0.33"}
    audit = audited(rows)
    assert [(one.row, one.verdict) for one in of(audit, "two_names")] == [(2, "note")]
    assert [(one.row, one.verdict) for one in of(audit, "fractions")] == [(3, "note")]


def test_findings_survive_the_table() -> None:
    found = (
        Finding(check="constant", verdict="note", evidence="a, b"),
        Finding(
            row=3, doi="10.1/a", check="off_isotherm", verdict="downweight", relative_uncertainty=0.5, evidence="c"
        ),
        Finding(row=4, check="other_salt", verdict="correct", corrected={"salt": "LiBF4", "PC": "0.3"}, evidence="d"),
    )
    assert read_csv(write_csv(found)) == found


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n", "has the columns row, doi"), ("3,x,none,note,,,y\n", "'none'"), ("3,x,no_salt,burn,,,y\n", "Line 2")],
)
def test_a_damaged_table_is_refused(text: str, message: str) -> None:
    header = write_csv(())
    with pytest.raises(DataError, match=message):
        read_csv(text if text.startswith("a,") else header + text)


def test_a_table_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Cannot write the findings"):
        write_table((), tmp_path / "file" / "out.csv")


def test_the_command_prints_a_summary_and_writes_table_and_picture(
    tmp_path: Path, audited: Callable[[list[Row]], Audit]
) -> None:
    rows = grid()
    rows[27]["k"] = "0.5"
    audited(rows)
    out, picture = tmp_path / "out.csv", tmp_path / "out.png"
    arguments = ["audit", "calisol23", "--from", str(tmp_path / "small.csv"), "--out", str(out), "--plot", str(picture)]
    result = CliRunner().invoke(data, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "does not belong to the isotherm it stands in (exclude 1)" in result.output
    assert f"findings: {out}" in result.output
    assert read_csv(out.read_text())[-1].row == 29
    assert picture.stat().st_size > 10_000


def test_the_command_gives_json(tmp_path: Path, audited: Callable[[list[Row]], Audit]) -> None:
    audited(grid())
    arguments = ["audit", "calisol23", "--from", str(tmp_path / "small.csv"), "--json"]
    summary = json.loads(CliRunner().invoke(data, arguments, catch_exceptions=False).output)
    assert summary["n_rows"] == 60
    assert summary["rows_by_verdict"]["exclude"] == 0


@pytest.mark.parametrize("option", [[], ["--write-verdicts"]])
def test_the_command_refuses_what_is_not_the_data_set(tmp_path: Path, option: list[str]) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"is not CALiSol-23|is a changed copy"):
        CliRunner().invoke(data, ["audit", "calisol23", "--from", str(wrong), *option], catch_exceptions=False)
    arguments = ["audit", "calisol23", "--from", str(tmp_path / "no.csv"), *option]
    with pytest.raises(DataError, match="There is no file"):
        CliRunner().invoke(data, arguments, catch_exceptions=False)


def test_a_file_with_nothing_but_a_header_is_refused(audited: Callable[[list[Row]], Audit]) -> None:
    with pytest.raises(DataError, match="has no row with a conductivity"):
        audited([])


def test_the_shipped_table_has_evidence_on_every_line_and_a_width_for_every_doubt() -> None:
    for found in (one for several in calisol_verdicts().values() for one in several):
        assert found.evidence
        assert (found.relative_uncertainty is not None) or found.verdict != "downweight"
        assert bool(found.corrected) == (found.verdict == "correct")


@pytest.fixture(scope="module")
def calisol_audit(shared_data: Path) -> Audit:
    return audit_calisol(shared_data / "calisol23.csv")


@pytest.mark.slow
def test_the_shipped_verdicts_are_what_the_audit_finds(calisol_audit: Audit) -> None:
    from importlib.resources import files

    shipped = files("saltloop.chemistry.tables").joinpath("calisol23_verdicts.csv").read_text(encoding="utf-8")
    assert write_csv(calisol_audit.findings) == shipped


@pytest.mark.slow
def test_the_known_defects_of_calisol_are_found(calisol_audit: Audit) -> None:
    far = {one.doi for one in of(calisol_audit, "far_below_comparable_papers")}
    assert far == {"10.1007/s10008-002-0300-9", "10.1016/S0378-7753(01)00697-8"}
    rows = {one.row for one in of(calisol_audit, "off_isotherm") if one.doi == "10.1021/je0498863"}
    assert {2872} <= rows
    assert len(rows) > 130
    assert len(of(calisol_audit, "missing_conductivity")) == 523
    assert [one.row for one in of(calisol_audit, "other_salt")] == list(range(555, 587))
    assert any(one.doi == "10.1149/1.1566019" for one in of(calisol_audit, "repeated_by_another_paper"))
    assert "saltloop" not in audit_text(calisol_audit.summary())
