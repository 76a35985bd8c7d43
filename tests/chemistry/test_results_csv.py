from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from saltloop.chemistry import DataError, load_dataset, read_measurements_csv, read_results

HEADER = "formulation,value,unit,standard_uncertainty,external_id"
LIQUID = "1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K"
GOOD = f"{LIQUID},9.5,mS/cm,0.2,a"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(*lines: str, header: str = HEADER) -> Path:
        path = tmp_path / "results.csv"
        path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
        return path

    return _write


def test_a_file_of_measurements_is_read(write: Write) -> None:
    (one,) = read_measurements_csv(write(GOOD))
    assert str(one.formulation) == LIQUID
    assert (one.value, one.unit, one.standard_uncertainty) == (9.5, "mS/cm", 0.2)
    assert (one.source, one.external_id, one.quantity) == ("experiment", "a", "conductivity")


def test_it_is_a_data_set_by_its_path(write: Write) -> None:
    dataset = load_dataset(write(GOOD))
    assert (dataset.name, len(dataset)) == ("results", 1)


def test_every_optional_column_is_kept(write: Write) -> None:
    header = (
        "candidate_id,formulation,quantity,value,unit,standard_uncertainty,source,external_id,method,reference,note"
    )
    (row,) = read_results(write(f"c1,{LIQUID},density,1.2,g/cm3,0.01,openmm,x,NPT,doi,hm", header=header))
    assert (row.candidate_id, row.quantity, row.source, row.method, row.reference, row.note) == (
        "c1",
        "density",
        "openmm",
        "NPT",
        "doi",
        "hm",
    )
    assert row.unit == "g/cm3"


def test_a_row_may_name_only_its_candidate(write: Write) -> None:
    (row,) = read_results(write("c1,9.5,mS/cm,0.2", header="candidate_id,value,unit,standard_uncertainty"))
    assert (row.candidate_id, row.formulation) == ("c1", "")


def test_a_data_set_needs_a_formulation_on_each_row(write: Write) -> None:
    with pytest.raises(DataError, match="line 2: no formulation; a data set needs one"):
        read_measurements_csv(write("c1,9.5,mS/cm,0.2", header="candidate_id,value,unit,standard_uncertainty"))


def test_a_worklist_comes_back_with_its_predictions_ignored(write: Write) -> None:
    header = (
        "candidate_id,formulation,predicted_mS_cm,predicted_std_mS_cm,quantity,value,unit,standard_uncertainty,source"
    )
    (row,) = read_results(write(f"c1,{LIQUID},9.1,0.5,conductivity,9.5,mS/cm,0.2,experiment", header=header))
    assert row.value == 9.5


def test_blank_lines_and_a_spreadsheets_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_bytes(f"\ufeff{HEADER}\r\n{GOOD}\r\n,,,,\r\n\r\n".encode())
    assert len(read_results(path)) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{LIQUID},9.5,,0.2,b", "line 3: no unit; write one beside the value, such as 'mS/cm'"),
        (f"{LIQUID},9.5,mho,0.2,b", "line 3: Unit 'mho' is unknown"),
        (f"{LIQUID},9.5,g/cm3,0.2,b", "line 3: 'g/cm3' is a unit of density"),
        ("1 mol/kg LiPF6 in EC:EMCC 3:7,9.5,mS/cm,0.2,b", "line 3: Solvent 'EMCC' is unknown; did you mean 'EMC'"),
        ("1 mol/kg LiPF6 in EC:EMC 3:7 at 25 K,9.5,mS/cm,0.2,b", "line 3: Temperature 25 K .* it is 298.15 K"),
        ("1 mol/kg LiPF6 in EC:EMC,9.5,mS/cm,0.2,b", "line 3: .* has no ratio"),
        (f"{LIQUID},,mS/cm,0.2,b", "line 3: no value; remove the row if it was not measured"),
        (f"{LIQUID},nine,mS/cm,0.2,b", "line 3: value 'nine' is not a number"),
        (f'{LIQUID},"9,5",mS/cm,0.2,b', "line 3: value '9,5' is not a number .write the decimal point as"),
        (f"{LIQUID},9_41,mS/cm,0.2,b", "line 3: value '9_41' is not a number"),
        (f"{LIQUID},nan,mS/cm,0.2,b", "line 3: value is nan; it must be a finite number"),
        (f"{LIQUID},9.5,mS/cm,inf,b", "line 3: standard_uncertainty is inf"),
        (f"{LIQUID},9.5,mS/cm,0,b", "line 3: standard_uncertainty is 0; it must be above zero"),
        (f"{LIQUID},9.5,mS/cm,,b", "line 3: no standard_uncertainty"),
        (",9.5,mS/cm,0.2,b", "line 3: neither candidate_id nor formulation"),
        (f"{LIQUID},9.5,mS/cm,0.2,a", "line 3: line 2 already has the external_id 'a'"),
        (f"{LIQUID},9.5,mS/cm,0.2,b,c", "line 3: more fields than the header"),
        (f"{LIQUID},9.5,mS/cm", "line 3: fewer fields than the header"),
    ],
)
def test_one_bad_row_refuses_the_whole_file_with_its_line_and_the_remedy(write: Write, line: str, message: str) -> None:
    with pytest.raises(DataError, match="1 bad row, nothing was taken"):
        read_measurements_csv(write(GOOD, line))
    with pytest.raises(DataError, match=message):
        read_measurements_csv(write(GOOD, line))


def test_fractions_that_do_not_sum_to_one_cannot_be_written_but_ratios_of_the_wrong_length_are_caught(
    write: Write,
) -> None:
    with pytest.raises(DataError, match=r"2 solvents .* but 3 numbers"):
        read_measurements_csv(write("1 mol/kg LiPF6 in EC:EMC 0.3:0.3:0.3,9.5,mS/cm,0.2,b"))


def test_every_bad_row_is_listed(write: Write) -> None:
    with pytest.raises(DataError, match=r"(?s)2 bad rows.*line 2: .*line 4: "):
        read_measurements_csv(write(f"{LIQUID},x,mS/cm,0.2,b", GOOD, f"{LIQUID},9.5,,0.2,c"))


def test_the_same_result_twice_is_taken_for_a_mistake_unless_it_has_its_own_id(write: Write) -> None:
    with pytest.raises(
        DataError, match="line 2 already has this result; if it is a replicate, give both an external_id"
    ):
        read_results(write(f"{LIQUID},9.5,mS/cm,0.2,", f"{LIQUID},9.5,mS/cm,0.2,"))
    assert len(read_results(write(f"{LIQUID},9.5,mS/cm,0.2,a", f"{LIQUID},9.5,mS/cm,0.2,b"))) == 2


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("formulation,value,standard_uncertainty", "has no column unit"),
        ("value,unit,standard_uncertainty", r"has no column formulation \(or candidate_id\)"),
        (HEADER + ",value", "has two columns value"),
        (HEADER + ",colour", "has the unknown column 'colour'; known are"),
        (HEADER.replace(",", ";"), "not separated by commas"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(write: Write, header: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_results(write(GOOD, header=header))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty. A results file starts with a header: candidate_id,formulation"),
        (b" \n\n", "is empty"),
        (b"PK\x03\x04\x00\x00", "is a binary file, not CSV; from a spreadsheet, save it as CSV"),
        (b"formulation,value\xff\xfe", "is not UTF-8 text"),
        (HEADER.encode() + b"\n", "has a header but no rows"),
        (HEADER.encode() + b'\n"1 mol/kg', "not CSV .* check the quotes"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "results.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_results(path)


def test_a_file_that_is_not_there_or_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Cannot read .*absent.csv: No such file"):
        read_results(tmp_path / "absent.csv")
    with pytest.raises(DataError, match=r"Cannot read .*: Is a directory"):
        read_results(tmp_path)


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_no_content_breaks_the_reader(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "results.csv"
    path.write_bytes(HEADER.encode() + b"\n" + content)
    with suppress(DataError):
        read_results(path)


def test_a_thousand_rows_are_read_in_well_under_a_second(write: Write) -> None:
    path = write(*(f"{LIQUID},9.5,mS/cm,0.2,r{n}" for n in range(1000)))
    started = time.process_time()
    assert len(read_results(path)) == 1000
    assert time.process_time() - started < 0.6
