"""The report in a real browser: one file, read by anyone."""

import re
from pathlib import Path

import pytest
from dashboard_campaign import FILE, Maker
from saltloop.loop.campaign import Campaign
from saltloop.loop.reports.static_page import write_report
from saltloop.loop.space.candidate_space import CandidateSpace

FIRST = "#candidates tbody tr a"


def open_report(tab, campaign, **more):
    path = campaign.folder / "report.html"
    write_report(campaign, path)
    return tab(path.as_uri(), **more)


@pytest.fixture
def empty(tmp_path):
    """A campaign that has only been created."""
    file = tmp_path / "made-up.yaml"
    file.write_text(FILE.format(name="made-up"))
    with Campaign.start_or_resume(file) as campaign:
        yield campaign


def test_every_part_is_there_with_its_plots(tab, report):
    page = tab(report)
    page.locator("h1").wait_for()
    heads = page.locator("main > section > h2").all_inner_texts()
    assert heads[:3] == ["Best so far", "Predictions", "Where the campaign has looked"]
    for name in ("best-0", "parity", "coverage", "deviations", "map-figure", "tail"):
        figure = page.locator(f"#{name}")
        figure.scroll_into_view_if_needed()
        figure.locator("svg path").nth(1).wait_for(state="attached")
        assert figure.locator("svg[role=img]").get_attribute("aria-label")
        assert len(figure.locator("figcaption").inner_text()) > 30


def test_the_search_and_the_state_choose_candidates(tab, report):
    page = tab(report)
    rows = page.locator("#candidates tbody tr")
    rows.filter(has_not_text="LiFSI").first.wait_for()
    page.get_by_label("Search").fill("LiFSI measured")
    rows.filter(has_not_text="LiFSI").first.wait_for(state="detached")
    assert rows.count() > 0
    assert all("LiFSI" in row and "measured" in row for row in rows.all_inner_texts())
    page.get_by_label("Search").fill("no such thing")
    page.locator("#candidates .found", has_text=re.compile("^0 of")).wait_for()
    assert rows.count() == 0
    page.get_by_label("Search").fill("")
    page.locator("#status").select_option("unasked")
    page.locator("#candidates .found", has_text=re.compile("^3 of")).wait_for()
    assert rows.count() == 3


def test_columns_sort_both_ways(tab, report):
    page = tab(report)
    head = page.get_by_role("button", name="Reported")
    head.click()
    page.locator("th[aria-sort=descending]").wait_for()
    cells = page.locator("#candidates tbody td:nth-child(5)").all_inner_texts()
    values = [float(text.split("±")[0]) for text in cells if "±" in text]
    assert values == sorted(values, reverse=True)
    head.click()
    page.locator("th[aria-sort=ascending]").wait_for()


def test_a_candidate_opens_from_the_keyboard_and_closes_with_escape(tab, report):
    page = tab(report)
    link = page.locator(FIRST).nth(5)
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog.story")
    dialog.get_by_role("heading", name="What happened when").wait_for()
    assert "#c/" in page.url
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")
    page.wait_for_url(lambda address: "#c/" not in address)
    assert link.evaluate("one => one === document.activeElement")


def test_an_address_opens_a_simulated_candidate_with_its_plots_and_log(tab, report, small):
    record = Campaign.read(small).record
    job = next(job for job in record.jobs.values() if job.status == "finished")
    page = tab(f"{report}#c/{job.candidate_id}")
    dialog = page.locator("dialog.story")
    for title in ("Mean square displacement", "Radial distribution", "Running conductivity"):
        dialog.get_by_role("heading", name=title).scroll_into_view_if_needed()
    dialog.locator("figure svg.chart").nth(4).wait_for()
    assert "ion pairs" in dialog.inner_text()
    dialog.get_by_text("Log", exact=True).click()
    dialog.locator("pre", has_text="pid 4711").wait_for()


def test_an_unknown_candidate_is_said_so(tab, report):
    page = tab(f"{report}#c/c999")
    page.get_by_text("There is no candidate c999").wait_for()


def test_a_failed_job_shows_its_log(tab, report):
    page = tab(report)
    failed = page.locator("#jobs li", has_text="has not reached diffusion")
    failed.locator("summary").click()
    failed.locator("pre", has_text="end: failed").wait_for()


def test_a_plot_is_also_a_table(tab, report):
    page = tab(report)
    figure = page.locator("#parity")
    figure.locator("summary").click()
    figure.locator("tbody tr").nth(5).wait_for()
    assert "±" in figure.locator("tbody td").first.inner_text()


def test_the_map_goes_by_any_species(tab, report):
    page = tab(report)
    figure = page.locator("#map-figure")
    figure.get_by_label("Across").select_option(label="EC")
    figure.scroll_into_view_if_needed()
    figure.locator("svg.chart text.title", has_text="EC / mole fraction").wait_for()


def test_a_report_has_no_controls(tab, report):
    page = tab(report)
    page.locator(FIRST).first.wait_for()
    assert page.get_by_role("button", name=re.compile("Approve|Reject|Release|Pause|Resume")).count() == 0
    assert page.locator("#person").count() == 0


def test_a_report_asks_nobody(report):
    text = Path(report.removeprefix("file://")).read_text()
    assert "connect-src 'none'" in text
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_serious_fault(tab, report, axe, scheme, width):
    page = tab(report, scheme=scheme, width=width)
    page.locator("#best-0 svg.chart").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert axe(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault_in_a_story(tab, report, axe, small, scheme):
    job = next(job for job in Campaign.read(small).record.jobs.values() if job.status == "finished")
    page = tab(f"{report}#c/{job.candidate_id}", scheme=scheme)
    page.locator("dialog figure svg").first.wait_for()
    assert axe(page) == []


def test_nothing_is_wider_than_a_phone(tab, report):
    page = tab(report, width=390)
    page.locator("#best-0 svg.chart").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_paper_shows_every_plot_and_no_controls(tab, report):
    page = tab(report)
    page.locator("h1").wait_for()
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.locator("figure svg.chart").nth(5).wait_for(state="attached")
    assert not page.locator(".parts").is_visible()
    assert not page.locator("#search").is_visible()


def test_a_campaign_without_anything_says_what_is_not_there(tab, empty, axe):
    page = open_report(tab, empty)
    for words in (
        "No conductivity has come back yet",
        "nothing to compare",
        "No candidate has been proposed yet",
        "No job has been started yet",
        "Nothing is in quarantine",
    ):
        page.get_by_text(words).first.wait_for()
    text = page.locator("main").inner_text()
    assert "NaN" not in text
    assert "undefined" not in text
    assert axe(page) == []


def test_one_measurement_reads_well(tab, empty):
    maker = Maker(empty)
    maker.answer(maker.propose(1))
    page = open_report(tab, empty)
    page.get_by_text("random draws are compared from the second value on").wait_for()
    page.get_by_text("can be told from 5 on; 1 can be compared").first.wait_for()
    assert "NaN" not in page.locator("main").inner_text()


def test_markup_in_names_and_notes_is_only_text(tab, empty):
    evil = "<img src=x onerror=\"document.title='hacked'\"></script><script>document.title='hacked'</script>"
    maker = Maker(empty)
    ids = maker.propose(2)
    empty.append("candidate_rejected", {"candidate_ids": ids[:1], "reason": evil, "is_infeasible": False}, actor=evil)
    space = CandidateSpace(empty.settings.space, empty.species)
    measurement = maker.measure(space.formulation(3), evil).to_dict()
    entry = {
        "measurement_id": "m1",
        "candidate_id": ids[1],
        "job_key": None,
        "measurement": {**measurement, "method": evil},
    }
    more = {"status": "ok", "limit": None, "note": evil, "cost": None, "report": {"note": evil}, "expected": None}
    empty.append("result_ingested", {"results": [{**entry, **more}]}, actor=evil)
    empty.append("paused", {"reason": evil, "needs_person": True}, actor=evil)
    page = open_report(tab, empty)
    page.get_by_text("onerror").first.wait_for()
    for one in ids:
        page.goto(f"{page.url.split('#')[0]}#c/{one}")
        page.locator("dialog .timeline", has_text="onerror").wait_for()
    assert page.locator("img").count() == 0
    assert page.title() != "hacked"
