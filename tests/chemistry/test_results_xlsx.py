"""Results in a workbook: the same rows as in CSV, and nothing in it is computed, run or followed."""

import datetime
import io
import zipfile

import pytest
from openpyxl import Workbook
from saltloop.chemistry import read_results
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.result_files import read_rows

LIQUID = "1 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 298.15 K"
HEADER = ["formulation", "value", "unit", "standard_uncertainty", "external_id"]
ROW = [LIQUID, 9.1, "mS/cm", 0.2, "r1"]


def workbook(*rows, header=HEADER, title="Sheet", more=None):
    book = Workbook()
    book.active.title = title
    for row in [header, *rows]:
        book.active.append(row)
    for name, cells in (more or {}).items():
        book.create_sheet(name).append(cells)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def read(content):
    return read_rows("run.xlsx", content)


def with_part(content, name, data):
    """The same workbook with one part added or replaced."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for one in old.infolist():
            if one.filename != name:
                new.writestr(one, old.read(one))
        new.writestr(name, data)
    return stream.getvalue()


def test_rows_are_those_of_the_same_table_in_csv(tmp_path):
    path = tmp_path / "run.XLSX"
    path.write_bytes(workbook(ROW, [None] * 5, [LIQUID, 9, "mS/cm", 0.2, 17]))
    csv = ",".join(HEADER) + f"\n{LIQUID},9.1,mS/cm,0.2,r1\n{LIQUID},9,mS/cm,0.2,17\n"
    assert read_results(path) == tuple(row.result for row in read_rows("run.csv", csv.encode()))
    assert [row.where for row in read(path.read_bytes())] == ["row 2", "row 4"]


def test_columns_of_a_worklist_come_back():
    header = ["vial", "target_EC_g", *HEADER, "replicates", "amends", "measured_at", "n"]
    zoned = "2026-11-21T10:00:00+01:00"
    (row,) = read(workbook(["V1", "=1+1", LIQUID, None, "mS/cm", None, "r1", "9.1; 9.2", True, zoned], header=header))
    assert row.problem == ""
    assert (row.result.replicates, row.result.amends) == ((9.1, 9.2), True)
    assert row.result.measured_at.isoformat() == zoned


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([LIQUID, "=9.1*1", "mS/cm", 0.2, "r1"], "value holds a formula; paste its value instead"),
        (["=HYPERLINK(A1)", 9.1, "mS/cm", 0.2, "r1"], "formulation holds a formula"),
        ([LIQUID, "#DIV/0!", "mS/cm", 0.2, "r1"], "value holds the error #DIV/0!"),
        ([LIQUID, "nine", "mS/cm", 0.2, "r1"], "value 'nine' is not a number"),
        ([LIQUID, datetime.datetime(2026, 11, 21), "mS/cm", 0.2, "r1"], "is not a number"),
        ([LIQUID, True, "mS/cm", 0.2, "r1"], "value 'yes' is not a number"),
    ],
)
def test_a_cell_that_is_no_plain_value_is_named(cells, words):
    (row,) = read(workbook(cells))
    assert row.result is None
    assert words in row.problem


def test_a_time_without_its_zone_is_refused():
    (row,) = read(workbook([*ROW, datetime.datetime(2026, 11, 21, 10)], header=[*HEADER, "measured_at"]))
    assert "measured_at" in row.problem
    assert "timezone" in row.problem


def test_text_that_looks_like_a_formula_is_text():
    book = Workbook()
    book.active.append([*HEADER, "note"])
    book.active.append([*ROW, "x"])
    cell = book.active.cell(2, 6, "=1+1")
    cell.data_type = "s"
    stream = io.BytesIO()
    book.save(stream)
    (row,) = read(stream.getvalue())
    assert row.result.note == "=1+1"


def test_of_several_sheets_the_named_one_is_read():
    (row,) = read(workbook(ROW, title="Results", more={"plan": ["x"]}))
    assert row.result.value == 9.1
    (row,) = read(workbook(ROW, title="anything", more={"empty": []}))
    assert row.result.value == 9.1
    with pytest.raises(DataError, match=r"has 2 sheets \(a, b\)"):
        read(workbook(ROW, title="a", more={"b": ["x"]}))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04rubbish", "is no XLSX workbook"),
        (b"formulation,value\n", "is no XLSX workbook"),
        (workbook(header=[]), "is empty"),
        (workbook(), "has a header but no rows"),
        (workbook(ROW, header=["colour", *HEADER[1:]]), "has no column formulation"),
        (workbook([*ROW, 1], header=[*HEADER, "colour"]), "unknown column 'colour'"),
        (workbook([*ROW, 1], header=[*HEADER, "value"]), "two columns value"),
        (with_part(workbook(ROW), "xl/vbaProject.bin", b"x"), "holds macros"),
        (with_part(workbook(ROW), "xl/worksheets/sheet1.xml", b"<worksheet>"), "cannot be read as a workbook"),
        (with_part(workbook(ROW), "xl/workbook.xml", b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'), "a document type"),
        (workbook(ROW, ["x"] * 300), "row 3: has more than 200 columns"),
    ],
)
def test_what_is_no_table_of_results_is_refused_in_words(content, words):
    with pytest.raises(DataError, match=words):
        read(content)


def test_a_bomb_is_not_unpacked():
    bomb = with_part(workbook(ROW), "xl/media/image.png", b"\0" * 101_000_000)
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bomb)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.infolist():
            new.writestr(one.filename, old.read(one))
    assert len(stream.getvalue()) < 1_000_000
    with pytest.raises(DataError, match="unpacks to more than 100 MB"):
        read(stream.getvalue())


def test_a_row_far_below_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("saltloop.chemistry.results_xlsx.MAX_ROWS", 1000)
    book = Workbook()
    book.active.append(HEADER)
    book.active.cell(1_000_000, 1, "x")
    stream = io.BytesIO()
    book.save(stream)
    with pytest.raises(DataError, match="more than 1,000 rows"):
        read(stream.getvalue())


@pytest.mark.parametrize("name", ["run.xls", "run.xlsm", "run.ods"])
def test_other_workbooks_are_to_be_saved_anew(name):
    with pytest.raises(DataError, match=r"another spreadsheet is to be saved as XLSX or as CSV"):
        read_rows(name, b"x")
