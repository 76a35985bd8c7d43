"""Whatever a file holds: one clear verdict, nothing recorded that is not good, never a traceback."""

import io
import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab_campaign import LIQUID, expects, start
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from saltloop.chemistry import LabResult
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.result_files import read_rows
from saltloop.loop.lab.intake import take
from saltloop.loop.lab.verdict import RefusedError

FAST = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
SLOW = settings(FAST, max_examples=10_000)

WORDS = st.sampled_from(
    [
        "", "experiment", "r1", LIQUID, "1 mol/kg LiPF6 in EC", "EC", "EC 3 g; LiPF6 1 mol/kg", "mS/cm", "S/m", "g/cm3",
        "K", "degC", "degF", "conductivity", "density", "viscosity", "ok", "failed", "censored", "suspect", "below",
        "2026-11-21T10:00:00+01:00", "9.1", "-1", "nan", "1e400", "=1+1", "'=1+1", "<script>", "../../etc/passwd",
        "yes", "9.1;9.2", "candidate", "\ud800", "\u202e", "0", "1e-320",
    ]
)  # fmt: skip
NUMBERS = st.sampled_from([0, -1, 9.1, 0.2, 25, 298.15, 1e308, 1e-308, 10**400, True, 3, 100]) | st.floats()
VALUES = st.none() | NUMBERS | WORDS | st.text(max_size=20) | st.lists(NUMBERS | WORDS, max_size=3)
PARTS = st.fixed_dictionaries(
    {}, optional={"name": WORDS, "amount": NUMBERS, "unit": WORDS, "basis": WORDS | st.just("mole_fraction")}
)
FIELDS = {name: VALUES for name in LabResult.model_fields} | {
    "components": VALUES | st.lists(PARTS, max_size=3),
    "x": VALUES,
}
NEEDED = ("formulation", "value", "unit", "standard_uncertainty")
ROWS = st.fixed_dictionaries({}, optional=FIELDS) | st.fixed_dictionaries(
    {"formulation": st.just(LIQUID) | WORDS, "value": NUMBERS, "unit": WORDS, "standard_uncertainty": NUMBERS},
    optional={name: value for name, value in FIELDS.items() if name not in NEEDED},
)
CELLS = WORDS | NUMBERS.map(str) | st.text(max_size=12)
COLUMNS = st.sampled_from([*LabResult.model_fields, "target_EC_g", "vial", "x"])


def workbook(columns, rows):
    """XLSX bytes of a table; a cell that begins with '=' is a formula there."""
    book = Workbook()
    for row in [columns, *rows]:
        cells = (cell.encode("utf-8", "ignore").decode() if isinstance(cell, str) else cell for cell in row)
        book.active.append(
            [
                ILLEGAL_CHARACTERS_RE.sub("", cell)
                if isinstance(cell, str)
                else (cell if cell is None or abs(cell) < 1e300 else str(cell))
                for cell in cells
            ]
        )
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def damaged(draw, content):
    """The same with some bytes changed, or without its end. (Places are drawn as shares: a workbook holds its time of
    creation, so that its length is not the same each time.)"""
    content, shares = bytearray(content), st.integers(0, 9999)
    for _ in range(draw(st.integers(0, 8))):
        content[draw(shares) * len(content) // 10_000] = draw(st.integers(0, 255))
    return bytes(content[: draw(shares) * len(content) // 10_000] if draw(st.booleans()) else content)


@st.composite
def files(draw):
    """Name and bytes of a file: any bytes, JSON of any shape, or a table; a workbook may be damaged."""
    kind = draw(st.sampled_from(["bytes", "json", "jsonl", "csv", "csv", "xlsx"]))
    if kind == "bytes":
        names = st.sampled_from(["a.csv", "a.json", "a.jsonl", "a.txt", "a.xlsx"])
        return draw(names), draw(st.binary(max_size=200))
    if kind in ("csv", "xlsx"):
        columns = draw(st.lists(COLUMNS, min_size=1, max_size=8)) + draw(
            st.sampled_from([[], ["formulation", "value", "unit"]])
        )
        cells = CELLS if kind == "csv" else CELLS | NUMBERS | st.none()
        rows = draw(st.lists(st.lists(cells, min_size=len(columns), max_size=len(columns)), max_size=3))
    if kind == "xlsx":
        content = workbook(columns, rows)
        return "a.xlsx", damaged(draw, content) if draw(st.booleans()) else content
    if kind == "csv":
        quote = draw(st.booleans())
        lines = [",".join(f'"{cell}"' if quote else cell for cell in line) for line in [columns, *rows]]
        return "a.csv", "\n".join(lines).encode("utf-8", "surrogatepass")
    rows = draw(st.lists(ROWS, max_size=3))
    if kind == "jsonl":
        return "a.jsonl", "\n".join(json.dumps(row) for row in rows).encode()
    shape = draw(st.sampled_from([rows, {"results": rows}, rows[0] if rows else {}, {"results": {}}, [[]], 1, None]))
    return "a.json", json.dumps(shape).encode()


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    with start(tmp_path_factory.mktemp("fuzz")) as opened:
        yield opened


def check(campaign, file):
    name, content = file
    n_events, verdicts, said = campaign.record.n_events, (), ""
    try:
        told = take(campaign, read_rows(name, content), actor="fuzz", dry_run=True, predict=expects(9.0, 0.5))
        verdicts, said = told.verdicts, str(told)
    except RefusedError as error:
        verdicts, said = error.verdicts, str(error)
    except DataError as error:
        said = str(error)
    assert len(said) > 10
    assert all(one.is_good or (one.reason and one.stage) for one in verdicts)
    json.dumps([one.to_dict() for one in verdicts], allow_nan=False)
    assert campaign.record.n_events == n_events


@given(files())
@FAST
def test_any_file_gets_a_verdict(campaign, file):
    check(campaign, file)


@pytest.mark.slow
@given(files())
@SLOW
def test_ten_thousand_files_get_a_verdict(campaign, file):
    check(campaign, file)


@given(st.lists(ROWS, min_size=1, max_size=4))
@FAST
def test_what_is_taken_can_be_written_and_read_again(tmp_path_factory, rows):
    """Every good row goes into the state file whole; in one campaign, so that they also meet each other."""
    folder = tmp_path_factory.getbasetemp() / f"written-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    campaign = _CAMPAIGNS.get(folder) or _CAMPAIGNS.setdefault(folder, start(folder))
    for row in rows:
        try:
            take(campaign, read_rows("a.json", json.dumps([row]).encode()), actor="fuzz", predict=expects(9.0, 0.5))
        except DataError:
            continue
    again = type(campaign).read(campaign.folder).record
    assert again.results == campaign.record.results
    assert again.quarantined == campaign.record.quarantined


_CAMPAIGNS: dict = {}


def test_a_body_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("saltloop.chemistry.result_files.MAX_BYTES", 100)
    with pytest.raises(DataError, match="more than"):
        read_rows("a.json", b"[" + b" " * 200 + b"]")


def test_deeply_nested_json_is_refused():
    with pytest.raises(DataError, match="is not JSON"):
        read_rows("a.json", b"[" * 100_000)
