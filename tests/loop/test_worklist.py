"""Worklists: what to weigh or dispense, how far off that is, codes that stay, files that are no programs."""

import csv
import io
import json
import re
import threading
import time

import pytest
from fakes import FakeStrategy
from lab_campaign import LAB, start, tell
from saltloop.chemistry import Formulation, SpeciesBook
from saltloop.chemistry.errors import FormulationError
from saltloop.chemistry.result_liquid import difference
from saltloop.loop.errors import LockedError
from saltloop.loop.lab.asking import ask_the_writer
from saltloop.loop.lab.dispense import Source, best_unrounded_error, solve
from saltloop.loop.lab.plan import plan_batch, target_masses
from saltloop.loop.lab.settings import LabSettings
from saltloop.loop.lab.sheet import to_html
from saltloop.loop.lab.worklist import Worklist, make_worklist
from saltloop.loop.lab.worklist_files import to_csv, to_json, to_xlsx
from saltloop.loop.screen import Screen
from saltloop.loop.steering.queue import take_requests, waiting_requests

BOOK = SpeciesBook.builtin()
QUIET = Screen(is_quiet=True)
LIQUID = Formulation.parse("1 mol/kg LiPF6 in EC:DMC 3:7 (w/w) at 298.15 K")
STOCKS = [
    {"name": "salt", "formulation": "2 mol/kg LiPF6 in DMC", "density_g_cm3": 1.25},
    {"name": "EC-DMC", "formulation": "EC:DMC 4:1 (w/w)"},
    {"name": "DMC", "formulation": "DMC", "density_g_cm3": 1.06},
]


@pytest.fixture
def campaign(tmp_path):
    with start(tmp_path) as opened:
        yield opened


def worklist(campaign, **lab):
    return make_worklist(campaign, list(campaign.record.candidates.values()), LabSettings(**lab))


def test_masses_of_a_batch_are_the_formulation():
    masses = target_masses(LIQUID, 10.0)
    assert sum(masses.values()) == pytest.approx(10.0)
    assert masses["EC"] / masses["DMC"] == pytest.approx(3 / 7)
    assert masses["LiPF6"] / 151.905 / (masses["EC"] + masses["DMC"]) * 1e3 == pytest.approx(1.0, rel=1e-4)


def test_a_volume_is_that_of_the_solution_at_room_temperature():
    plan = plan_batch(LIQUID, LabSettings(batch={"volume_mL": 8}), BOOK)
    assert plan.mass_g == pytest.approx(8 * LIQUID.solution_density(298.15).value, rel=1e-4)


def test_weighing_rounds_to_the_balance_and_says_so():
    fine = plan_batch(LIQUID, LabSettings(), BOOK)
    coarse = plan_batch(LIQUID, LabSettings(batch={"mass_g": 2}, balance_step_g=0.1), BOOK)
    assert not fine.is_dispensed
    assert max(map(abs, fine.errors.values())) < 1e-4
    assert max(map(abs, coarse.errors.values())) > 0.02
    assert coarse.note.startswith("WARNING")
    assert all(one.mass_g == pytest.approx(round(one.mass_g, 1)) for one in coarse.portions)
    assert {one.name: one.volume_mL is None for one in fine.portions} == {"EC": True, "DMC": False, "LiPF6": True}


def test_dispensing_solves_for_steps_above_the_minimum():
    lab = LabSettings(batch={"mass_g": 10}, stocks=STOCKS, dispenser={"min_volume_mL": 0.5, "step_mL": 0.1})
    plan = plan_batch(LIQUID, lab, BOOK)
    assert plan.is_dispensed
    for portion in plan.portions:
        assert portion.volume_mL >= 0.5
        assert portion.volume_mL * 10 == pytest.approx(round(portion.volume_mL * 10))
    assert 9.5 <= plan.mass_g <= 10.5
    assert 0 < max(map(abs, plan.errors.values())) < 0.02, "steps of 0.1 mL show"
    assert re.search(r"rounding: .*(EC|LiPF6) [+-]\d", plan.note)
    assert "density estimated: EC-DMC ± " in plan.note
    fine = lab.model_copy(update={"dispenser": lab.dispenser.model_copy(update={"step_mL": 0.001})})
    assert max(map(abs, plan_batch(LIQUID, fine, BOOK).errors.values())) < 1e-3
    assert difference(LIQUID, plan_batch(LIQUID, fine, BOOK).made) == ""


def test_the_volumes_are_the_best_there_are():
    sources = [Source({"a": 1.0}, 0.3, 0.1), Source({"a": 0.5, "b": 0.5}, 0.3, 0.1), Source({"b": 1.0}, 0.3, 0.1)]
    found = solve({"a": 1.0, "b": 0.1}, sources, tolerance=0.0)
    assert found.is_best

    def error(volumes):
        a, b = volumes[0] + 0.5 * volumes[1], 0.5 * volumes[1] + volumes[2]
        return abs(a - 1.0) / 1.0 + abs(b - 0.1) / 0.1

    allowed = [0.0, *(0.1 * k for k in range(3, 16))]
    best = min(error((x, y, z)) for x in allowed for y in allowed for z in allowed)
    assert error(found.volumes_mL) == pytest.approx(best, abs=1e-3)
    assert best_unrounded_error({"a": 1.0, "b": 0.1}, sources) == pytest.approx(0, abs=1e-9)


def test_what_the_stocks_cannot_make_is_weighed_and_said():
    missing = plan_batch(Formulation.parse("1 mol/kg LiFSI in EC:DMC 3:7"), LabSettings(stocks=STOCKS), BOOK)
    assert not missing.is_dispensed
    assert "LiFSI: in no stock" in missing.note
    poor = plan_batch(Formulation.parse("3 mol/kg LiPF6 in EC:DMC 3:7"), LabSettings(stocks=STOCKS), BOOK)
    assert not poor.is_dispensed
    assert re.search(r"the stocks come at best within \d+\.\d %", poor.note)
    with pytest.raises(FormulationError, match=r"Make 'lab\.batch' larger"):
        plan_batch(LIQUID, LabSettings(stocks=STOCKS, batch={"mass_g": 0.001}), BOOK)
    with pytest.raises(FormulationError, match="Stock 'x'"):
        plan_batch(LIQUID, LabSettings(stocks=[{"name": "x", "formulation": "1 mol/kg LiPF6"}]), BOOK)


def test_replicates_and_controls(campaign):
    control = {"formulation": "1 mol/kg LiPF6 in EC:DMC 1:1 (w/w)", "every": 2}
    vials = worklist(campaign, replicates=2, control=control).vials
    assert [vial.kind for vial in vials] == ["control", "sample", "sample", "control", "sample", "sample", "control"]
    codes = [vial.code for vial in vials]
    assert len(set(codes)) == len(codes)
    assert codes == [vial.code for vial in worklist(campaign, replicates=2, control=control).vials]
    assert codes[1][:-1] == codes[2][:-1]


def test_a_worklist_that_comes_back_filled_is_a_results_file(campaign, tmp_path):
    control = {"formulation": "1 mol/kg LiPF6 in EC:DMC 1:1 (w/w)", "every": 8}
    made = worklist(campaign, stocks=STOCKS, control=control, replicates=2)
    rows = list(csv.DictReader(io.StringIO(to_csv(made))))
    path = tmp_path / "filled.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows({**row, "value": 9.1, "standard_uncertainty": 0.2} for row in rows)
    told = tell(campaign, path)
    assert (told.n_ingested, len(told.verdicts)) == (5, 5)
    assert {c.status for c in campaign.record.candidates.values()} == {"completed"}
    liquids = [m.formulation.formulation_id for m in campaign.measurements()]
    planned = [vial.plan.made.formulation_id for vial in made.vials if vial.plan.is_dispensed]
    assert set(planned) <= set(liquids), "learned from is what the dispenser made"
    assert tell(campaign, path).n_known == 5


def test_no_cell_is_a_formula_and_no_name_is_html(campaign):
    made = worklist(campaign)
    evil = '=HYPERLINK("http://x","<script>alert(1)</script>")'
    vial = made.vials[0]
    bad = Worklist(evil, (type(vial)(**{**vars(vial), "candidate_id": evil, "code": "+1+1"}),))
    (row,) = csv.DictReader(io.StringIO(to_csv(bad)))
    assert row["candidate_id"] == "'" + evil
    assert row["vial"] == "'+1+1"
    page = to_html(bad)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in re.sub(r"http://www\.w3\.org/\S+|http://x", "", page), "nothing is loaded from elsewhere"
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(bad))).active
    cells = {cell.value: cell.data_type for line in sheet.iter_rows() for cell in line}
    assert cells[evil] == "s"
    assert "f" not in cells.values()


@pytest.mark.parametrize(
    "lab",
    [
        {"balance_step_g": 1e-6},
        {"stocks": STOCKS, "dispenser": {"min_volume_mL": 0.0005, "step_mL": 0.0005}},
        {"stocks": STOCKS},
    ],
)
def test_the_printed_sheet_has_every_digit_of_what_goes_in(campaign, lab):
    made = worklist(campaign, batch={"mass_g": 0.2}, **lab)
    printed = [float(number) for number in re.findall(r'<td class="n">([\d.]+)<', to_html(made))]
    planned = [one for vial in made.vials for p in vial.plan.portions for one in (p.mass_g, p.volume_mL) if one]
    assert printed == pytest.approx(planned, abs=1e-9)


def test_a_workbook_and_json_hold_the_same(campaign):
    openpyxl = pytest.importorskip("openpyxl")
    made = worklist(campaign, stocks=STOCKS)
    sheet = openpyxl.load_workbook(io.BytesIO(to_xlsx(made))).active
    head, *lines = [[cell.value for cell in line] for line in sheet.iter_rows()]
    listed = json.loads(to_json(made))["vials"]
    assert [line[head.index("vial")] for line in lines] == [vial["vial"] for vial in listed]
    assert listed[0]["components"][0].keys() == {"name", "amount", "unit"}


def test_a_workbook_that_is_filled_in_comes_back(campaign, tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(worklist(campaign, stocks=STOCKS))))
    head = [cell.value for cell in book.active[1]]
    for number, line in enumerate(book.active.iter_rows(min_row=2)):
        line[head.index("value")].value = 9.0 + number
        line[head.index("standard_uncertainty")].value = 0.2
    book.save(tmp_path / "filled.xlsx")
    told = tell(campaign, tmp_path / "filled.xlsx")
    assert told.n_ingested == len(campaign.record.candidates)
    assert {one.status for one in campaign.record.candidates.values()} == {"completed"}


def test_asking_while_a_run_works_waits_for_its_answer(campaign):
    asked = []
    thread = threading.Thread(target=lambda: asked.append(ask_the_writer(campaign.folder, 1, "ana", 300, screen=QUIET)))
    thread.start()
    until = time.monotonic() + 300
    while thread.is_alive() and time.monotonic() < until:
        take_requests(campaign, FakeStrategy)
        time.sleep(0.05)
    thread.join()
    assert asked == [[list(campaign.record.candidates)[-1]]]
    with pytest.raises(LockedError, match="The request stays"):
        ask_the_writer(campaign.folder, 1, "ana", 0, screen=QUIET)


def test_when_the_run_ends_whoever_waits_proposes_instead(campaign):
    asked = []

    def wait():
        how = {"screen": QUIET, "strategy_of": lambda campaign: FakeStrategy()}
        asked.append(ask_the_writer(campaign.folder, 2, "ana", 300, **how))

    thread = threading.Thread(target=wait)
    thread.start()
    while not waiting_requests(campaign.folder):
        time.sleep(0.01)
    campaign.close()
    thread.join(timeout=300)
    (ids,) = asked
    assert ids == list(type(campaign).read(campaign.folder).record.candidates)[-2:]
    assert not waiting_requests(campaign.folder)


def test_lab_settings_are_read_from_the_file_as_it_is_now(tmp_path):
    with start(tmp_path):
        pass
    from saltloop.loop.campaign import Campaign

    file = tmp_path / "lab.yaml"
    file.write_text(LAB.replace("settle_s: 0", "settle_s: 7, surprise: 6"))
    with Campaign.start_or_resume(file) as campaign:
        assert (campaign.settings.lab.settle_s, campaign.settings.lab.surprise) == (7, 6)
        assert "lab" not in {event.type for event in campaign.events}
