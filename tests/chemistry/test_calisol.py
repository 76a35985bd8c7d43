from __future__ import annotations

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from saltloop.chemistry import DataError, Dataset, load_calisol, load_dataset
from saltloop.chemistry.audit_verdicts import Finding, calisol_verdicts
from saltloop.chemistry.calisol import COLUMNS, standard_uncertainty

load = partial(load_calisol, verdicts=False)

HEADER = [*COLUMNS, "EC", "DMC", "DEC", "g-Butyrolactone"]
GOOD = {"doi": "10.1/a", "k": "5.0", "T": "298.15", "c": "1.0", "salt": "LiPF6", "c units": "mol/kg"} | {
    "solvent ratio type": "w",
    "EC": "0.5",
    "DMC": "0.5",
    "DEC": "0",
    "g-Butyrolactone": "0",
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a small file in the columns of CALiSol-23; each argument changes one good row."""

    def _write(*changes: dict[str, str]) -> Path:
        path = tmp_path / "small.csv"
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, HEADER)
            writer.writeheader()
            writer.writerows(GOOD | change for change in changes)
        return path

    return _write


def notes(dataset: Dataset) -> list[tuple[int, str]]:
    return [(note.row, note.action) for note in dataset.notes]


def test_a_good_row_is_taken_as_it_stands(write: Write) -> None:
    dataset = load(write({}))
    (one,) = dataset.measurements
    assert one.formulation.text() == "1 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 298.15 K"
    assert (one.value, one.unit, one.source, one.reference) == (5.0, "mS/cm", "experiment", "10.1/a")
    assert dataset.notes == ()


def test_a_row_without_conductivity_is_dropped_and_reported(write: Write) -> None:
    dataset = load(write({}, {"k": ""}))
    assert len(dataset) == 1
    assert [note.model_dump() for note in dataset.notes] == [
        {"row": 3, "action": "dropped", "reason": "no conductivity"}
    ]


@pytest.mark.parametrize("change", [{"k": "-0.1"}, {"k": "0"}, {"k": "1e-16"}, {"c": "-0.005"}])
def test_what_cannot_be_is_dropped_when_clean_and_set_to_zero_when_not(write: Write, change: dict[str, str]) -> None:
    path = write({}, {**change, "doi": "10.1/b"})
    assert notes(load(path)) == [(3, "dropped")]
    one = load(path, clean=False).measurements[1]
    assert one.value >= 0
    assert sum(one.formulation.molality.values()) >= 0


@pytest.mark.parametrize(("written", "name"), [("LiN(CF3SO2)2", "LiTFSI"), (" LiBPFPB", "LiBPFPB")])
def test_a_salts_other_name_is_merged_and_reported(write: Write, written: str, name: str) -> None:
    dataset = load(write({"salt": written}))
    assert list(dataset.measurements[0].formulation.molality) == [name]
    assert dataset.notes[0].reason == f"salt {written!r} is {name!r}"


def test_fractions_of_a_third_are_scaled_and_reported(write: Write) -> None:
    dataset = load(write({"EC": "0.33", "DMC": "0.33", "DEC": "0.33"}))
    assert dataset.measurements[0].formulation.mass_fractions["DEC"] == pytest.approx(1 / 3)
    assert dataset.notes[0].reason == "solvent fractions sum to 0.99; scaled to 1"


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the audit have said something about rows of a small file, whose checksum is not asked for."""

    def _judged(*found: Finding) -> None:
        verdicts = {one.row: tuple(other for other in found if other.row == one.row) for one in found}
        monkeypatch.setattr("saltloop.chemistry.calisol.calisol_verdicts", lambda: verdicts)
        monkeypatch.setattr("saltloop.chemistry.calisol.check_version", lambda path: None)

    return _judged


def finding(row: int, verdict: str, check: str = "off_isotherm", **more: object) -> Finding:
    return Finding.model_validate({"row": row, "check": check, "verdict": verdict, "evidence": "so it is", **more})


def test_a_row_that_the_audit_excludes_is_dropped_and_reported(write: Write, judged: Callable[..., None]) -> None:
    judged(finding(3, "exclude"))
    path = write({}, {"k": "0.1"})
    dataset = load_calisol(path)
    assert [one.value for one in dataset.measurements] == [5.0]
    assert [note.model_dump() for note in dataset.notes] == [
        {"row": 3, "action": "dropped", "reason": "does not belong to the isotherm it stands in"}
    ]
    assert len(load(path)) == len(load_calisol(path, clean=False)) == 2


def test_a_row_that_the_audit_doubts_has_the_larger_uncertainty(write: Write, judged: Callable[..., None]) -> None:
    judged(finding(2, "downweight", relative_uncertainty=0.5), finding(2, "downweight", relative_uncertainty=0.2))
    path = write({})
    dataset = load_calisol(path)
    assert dataset.measurements[0].standard_uncertainty == pytest.approx(2.5)
    assert notes(dataset)[0] == (2, "downweighted")
    assert load(path).measurements[0].standard_uncertainty == pytest.approx(0.2)


def test_a_row_that_the_audit_corrects_is_corrected(write: Write, judged: Callable[..., None]) -> None:
    judged(finding(2, "correct", "other_salt", corrected={"salt": "LiBF4"}))
    path = write({})
    dataset = load_calisol(path)
    assert list(dataset.measurements[0].formulation.molality) == ["LiBF4"]
    assert notes(dataset) == [(2, "corrected")]
    assert list(load(path).measurements[0].formulation.molality) == ["LiPF6"]


def test_a_changed_copy_is_refused_since_verdicts_go_by_line(write: Write) -> None:
    with pytest.raises(DataError, match=r"small\.csv is a changed copy of CALiSol-23 .*verdicts=False"):
        load_calisol(write({}))


def test_uncertainties_are_4_percent_with_a_floor() -> None:
    assert standard_uncertainty(10.0) == pytest.approx(0.4)
    assert standard_uncertainty(0.1) == pytest.approx(0.03)
    assert standard_uncertainty(4.0, 0.15) == pytest.approx(0.6)


@pytest.mark.parametrize("change", [{"T": "warm"}, {"c units": "M"}, {"salt": "LiXYZ"}, {"EC": "nan"}, {"EC": "0.3"}])
def test_a_row_that_is_not_calisol_is_an_error_that_names_its_line(write: Write, change: dict[str, str]) -> None:
    with pytest.raises(DataError, match="Line 3"):
        load(write({}, change))


@pytest.mark.parametrize("kept", ["10.1/b", "10.1/b,5.0", "10.1/b,5.0,298.15,1.0,LiPF6,mol/kg,w,0.5"])
def test_a_file_that_was_cut_short_is_an_error_that_names_its_last_line(write: Write, kept: str) -> None:
    path = write({})
    with path.open("a") as file:
        file.write(kept)
    with pytest.raises(DataError, match="Line 3 ends before the row of CALiSol-23 does; fetch the file again"):
        load(path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="is not CALiSol-23: it has no column doi"):
        load(other)
    other.write_bytes(b"\x89PNG\r\n\xff\xfe\x00")
    with pytest.raises(DataError, match="is not CALiSol-23"):
        load(other)


def test_an_absent_data_set_names_the_command_that_fetches_it(cache: Path) -> None:
    with pytest.raises(DataError, match=r"`saltloop data fetch calisol23`, or with `--from FILE`"):
        load_dataset("calisol23")


def test_an_unknown_data_set_names_those_there_are() -> None:
    with pytest.raises(DataError, match=r"'calisol24' is neither a data set \(.*, 'calisol23:unaltered'\)"):
        load_dataset("calisol24")


@pytest.fixture(scope="module")
def calisol(shared_data: Path) -> Dataset:
    return load_calisol(shared_data / "calisol23.csv")


def test_the_real_file_loses_no_row_without_a_note(calisol: Dataset) -> None:
    dropped = [note for note in calisol.notes if note.action == "dropped"]
    assert len(calisol) + len(dropped) == 13_825
    assert calisol.note_counts()["dropped", "no conductivity"] == 523
    assert calisol.note_counts()["dropped", "negative concentration"] == 1


def test_the_verdicts_reach_the_real_file(calisol: Dataset, shared_data: Path) -> None:
    plain = load_calisol(shared_data / "calisol23.csv", verdicts=False)
    excluded = {row for row, found in calisol_verdicts().items() if any(one.verdict == "exclude" for one in found)}
    lines = {int(one.external_id.split(":")[1]): one for one in calisol.measurements}
    assert len(plain) == 13_266
    assert not excluded & set(lines)
    assert len(calisol) == 13_825 - len(excluded)
    assert lines[555].formulation.molality.keys() == {"LiBF4"}
    assert lines[2].standard_uncertainty > 5
    assert {one.standard_uncertainty / max(0.04 * one.value, 0.03) for one in plain.measurements} == {1.0}


@pytest.mark.parametrize("name", ["calisol23", "calisol23:unaltered"])
def test_each_way_to_load_it_says_which_it_is(name: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALTLOOP_DATA", str(shared_data))
    dataset = load_dataset(name)
    assert dataset.name == name
    assert len(dataset) == 13_302 if name.endswith("unaltered") else len(dataset) < 13_266
    assert "verdicts" in dataset.summary()["treatment"]


def test_the_real_file_has_12_salts_38_solvents_and_27_papers(calisol: Dataset) -> None:
    assert len({name for one in calisol.measurements for name in one.formulation.molality}) == 12
    assert len({name for one in calisol.measurements for name in one.formulation.mole_fractions}) == 38
    assert len({one.reference for one in calisol.measurements}) == 27


def test_unaltered_the_real_file_is_13302_rows_in_file_order(shared_data: Path) -> None:
    dataset = load_calisol(shared_data / "calisol23.csv", clean=False)
    with (shared_data / "calisol23.csv").open(encoding="utf-8") as file:
        expected = [max(float(row["k"]), 0.0) for row in csv.DictReader(file) if row["k"] != "NaN"]
    assert len(expected) == 13_302
    assert [one.value for one in dataset.measurements] == expected


def test_each_row_of_the_real_file_has_its_own_id(calisol: Dataset) -> None:
    assert len({one.measurement_id for one in calisol.measurements}) == len(calisol)


def test_several_papers_agree_on_the_common_electrolyte(calisol: Dataset) -> None:
    values = [
        one.value
        for one in calisol.measurements
        if set(one.formulation.mass_fractions) == {"EC", "EMC"}
        and one.formulation.mass_fractions["EC"] == pytest.approx(0.33, abs=0.04)
        and one.formulation.molality.get("LiPF6", 0) == pytest.approx(1.0, abs=0.05)
        and one.formulation.temperature_K == pytest.approx(298.15, abs=0.4)
    ]
    assert len(values) >= 2
    assert values == pytest.approx([9.4] * len(values), rel=0.08)


def test_a_frame_has_one_row_a_measurement(calisol: Dataset) -> None:
    frame = calisol.frame()
    assert len(frame) == len(calisol)
    assert frame["value"].sum() == pytest.approx(sum(one.value for one in calisol.measurements))
    assert frame["measurement_id"].is_unique
