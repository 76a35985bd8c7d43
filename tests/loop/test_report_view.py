"""What the report and the dashboard show: numbers that can be checked by hand, and nothing invented."""

import base64
import gzip
import itertools
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from dashboard_campaign import FILE, Maker, make_campaign
from pydantic import TypeAdapter
from saltloop.loop.acquisition.settings import ObjectiveSettings
from saltloop.loop.campaign import Campaign
from saltloop.loop.cli import cli
from saltloop.loop.errors import CampaignError
from saltloop.loop.lab.result_entries import result_entry
from saltloop.loop.reports.calibration import calibrations, wilson
from saltloop.loop.reports.chance import best_so_far, random_best
from saltloop.loop.reports.dashboard import live_page
from saltloop.loop.reports.job_plots import job_plots
from saltloop.loop.reports.known import known_liquids
from saltloop.loop.reports.log import log_lines
from saltloop.loop.reports.plots import plot_campaign
from saltloop.loop.reports.static_page import write_report
from saltloop.loop.reports.story_view import candidate_story_view
from saltloop.loop.reports.tail import tail
from saltloop.loop.reports.view import view
from saltloop.loop.reports.view_types import CandidateStory, View

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """One with everything in it."""
    return Campaign.read(make_campaign(tmp_path_factory.mktemp("made"), 12, n_jobs=4))


@pytest.fixture
def empty(tmp_path):
    file = tmp_path / "made-up.yaml"
    file.write_text(FILE.format(name="made-up"))
    with Campaign.start_or_resume(file) as opened:
        yield opened


def row(value, mean, std=1.0, *, own=0.0, source="experiment", counts=True):
    return {"value": value, "std": own, "mean": mean, "pstd": std, "source": source, "counts": counts}


def test_the_view_and_the_stories_have_the_published_shape(campaign):
    shown = json.loads(json.dumps(view(campaign), allow_nan=False))
    TypeAdapter(View).validate_python(shown)
    for candidate_id in campaign.record.candidates:
        told = json.loads(json.dumps(candidate_story_view(campaign, candidate_id), allow_nan=False))
        TypeAdapter(CandidateStory).validate_python(told)


def test_an_empty_campaign_has_a_view_that_says_why(empty):
    shown = view(empty)
    TypeAdapter(View).validate_python(shown)
    assert (shown["best"], shown["calibration"], shown["results"]) == ([], [], [])
    assert "not added a value yet" in shown["tail"]["words"]
    assert shown["map"]["why_not"] == ""


@pytest.mark.parametrize("state", sorted(GOLDEN.glob("*.jsonl")), ids=lambda path: path.stem)
def test_records_of_earlier_versions_are_shown(state, tmp_path):
    (tmp_path / "state.jsonl").write_bytes(state.read_bytes())
    campaign = Campaign.read(tmp_path)
    TypeAdapter(View).validate_python(view(campaign))
    for candidate_id in campaign.record.candidates:
        TypeAdapter(CandidateStory).validate_python(candidate_story_view(campaign, candidate_id))


def test_several_objectives_are_said_and_their_front_is_told(empty):
    wanted = [
        ObjectiveSettings(quantity="conductivity", reference=5),
        ObjectiveSettings(quantity="viscosity", reference=4),
    ]
    empty.settings = empty.settings.model_copy(update={"objectives": tuple(wanted)})
    Maker(empty).propose(1)
    told = {"conductivity": {"value": 9.0, "unit": "mS/cm"}, "viscosity": {"value": 3.0, "unit": "mPa s"}}
    empty.record.batches[0]["front"] = [{"text": "a liquid", "objectives": told}]
    shown = view(empty)
    assert "weighs conductivity, viscosity" in shown["messages"][-1]
    assert (
        shown["costs"]["by_batch"][0]["notes"][-1] == "on the front: a liquid, conductivity 9 mS/cm, viscosity 3 mPa s"
    )


def test_data_sets_that_cannot_be_read_are_said(empty):
    empty.settings = empty.settings.model_copy(update={"data": ("/nowhere/gone.csv",)})
    shown = view(empty)
    assert "The data sets cannot be read" in shown["messages"][-1]
    assert shown["tail"]["n_before"] == 0


def test_random_best_is_the_mean_over_all_orders():
    values = np.array([3.0, 1.0, 4.0, 1.5, 5.0])
    mean, low, high = random_best(values, np.arange(1, 6))
    for k in range(1, 6):
        drawn = [max(those) for those in itertools.combinations(values, k)]
        assert mean[k - 1] == pytest.approx(np.mean(drawn))
        assert np.mean(np.array(drawn) <= low[k - 1]) >= 0.05
        assert np.mean(np.array(drawn) <= high[k - 1]) >= 0.95
    assert (low[-1], high[-1]) == (5.0, 5.0)


def test_random_best_of_thousands_is_finite():
    mean, _, _ = random_best(np.random.default_rng(0).normal(size=10_000), np.array([1, 100, 10_000]))
    assert np.isfinite(mean).all()
    assert mean[0] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(("values", "place"), [([3.0, 5.0, 1.0], "2"), ([5.0, 5.0, 1.0], "1.333"), ([5.0, 5.0], "1")])
def test_the_best_comes_as_soon_as_the_mean_over_all_orders_says(values, place):
    orders = [order.index(max(values)) + 1 for order in itertools.permutations(values)]
    assert f"{np.mean(orders):.4g}" == place
    rows = [row(value, None) for value in values]
    (best,) = best_so_far(rows, SimpleNamespace(pool=np.array([])))
    assert f"would have come as result {place} on average" in best["words"]


def test_wilson_holds_the_share_and_stays_within_0_and_1():
    assert wilson(0, 10)[0] == 0
    assert wilson(10, 10)[1] == 1
    low, high = wilson(5, 10)
    assert low < 0.5 < high
    assert (low, high) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_deviations_are_over_both_uncertainties():
    (found,) = calibrations([row(7.0, 2.0, 3.0, own=4.0)])
    assert found["deviations"] == [1.0]
    assert "1 can be compared" in found["why_not"]


def test_coverage_counts_the_results_inside_each_interval():
    generator = np.random.default_rng(1)
    (found,) = calibrations([row(x, 0.1) for x in generator.normal(0.1, 1.0, size=4000)])
    for one in found["coverage"]:
        assert one["observed"] == pytest.approx(one["nominal"], abs=0.03)
        assert one["low"] < one["observed"] < one["high"]
    assert "as they should" in found["words"]


def test_uncertainties_that_are_too_small_are_called_so():
    generator = np.random.default_rng(1)
    (found,) = calibrations([row(x, 0.0, 0.2) for x in generator.normal(size=200)])
    assert "too small" in found["words"]


def test_sources_are_not_pooled_in_the_picture(campaign, tmp_path):
    words = plot_campaign(campaign, [], tmp_path / "outcome.png").splitlines()
    heads = [line.partition(":")[0] for line in words]
    assert heads[:2] == ["Best so far (experiment)", "Best so far (openmm)"]
    assert heads[2:4] == ["Predicted against reported (experiment)", "Predicted against reported (openmm)"]


def test_sources_are_not_pooled(campaign):
    shown = view(campaign)
    assert [one["source"] for one in shown["best"]] == ["experiment", "openmm"]
    assert [one["source"] for one in shown["calibration"]] == ["experiment", "openmm"]
    assert [pool["key"] for pool in shown["best"][1]["pools"]] == ["measured"]


def test_retracted_values_and_limits_are_shown_and_not_counted(campaign):
    shown = view(campaign)
    odd = [one for one in shown["results"] if not one["counts"]]
    assert {bool(one["retracted"]) for one in odd} == {True, False}
    assert {one["limit"] for one in odd} == {None, "below"}
    counted = sum(one["n"] for one in shown["best"])
    assert counted == len(shown["results"]) - len(odd)
    assert shown["tail"]["n_added"] == counted


def test_a_prediction_for_another_liquid_is_not_compared(empty):
    maker = Maker(empty)
    asked, other = maker.propose(2)
    measurement = maker.measure(empty.formulation(other), "b")
    entry = result_entry(measurement, asked, None, note="another liquid")
    empty.append("result_ingested", {"results": [entry]})
    (result,) = view(empty)["results"]
    assert (result["mean"], result["predicted_at"]) == (None, "")


def test_what_was_expected_on_arrival_stands_in_for_a_proposal(campaign):
    unasked = next(one for one in view(campaign)["results"] if not one["candidate"] and one["mean"])
    assert unasked["predicted_at"] == "arrival"


def test_the_map_places_what_the_space_holds(campaign):
    shown = view(campaign)
    axis = shown["map"]["axes"][0]

    def place(point):
        flat = point["c"]
        amounts = zip(flat[::2], flat[1::2], strict=True)
        return axis["offset"] + axis["per_kelvin"] * point["t"] + sum(axis["weights"][int(k)] * x for k, x in amounts)

    places = [place(point) for point in shown["map"]["space"]]
    assert np.mean(places) == pytest.approx(0, abs=0.01)
    assert np.std(places) > 0.5


def test_the_map_stays_when_results_come(empty):
    known = known_liquids(empty)
    before = view(empty, known)["map"]["axes"]
    maker = Maker(empty)
    maker.answer(maker.propose(4))
    assert view(empty, known)["map"]["axes"] == before


def test_the_tail_counts_every_value_once(campaign):
    shown = view(campaign)["tail"]
    assert sum(shown["before"]) == shown["n_before"]
    assert sum(shown["added"]) == shown["n_added"]
    assert all(before == 0 or name for name, before, _ in shown["species"])


def test_a_tail_of_nothing_says_so(empty):
    known = known_liquids(empty)
    known.measurements = ()
    assert "Neither" in tail([], known, [])["why_not"]


def test_a_story_says_what_changed_and_who_did_it(campaign):
    rejected = next(c for c in campaign.record.candidates.values() if c.status == "rejected")
    told = candidate_story_view(campaign, rejected.candidate_id)
    assert told["timeline"][-1]["by"] == "ana"
    measured = next(c for c in campaign.record.candidates.values() if c.status == "completed")
    told = candidate_story_view(campaign, measured.candidate_id)
    assert "moved from" in told["changed"][0]


def test_a_result_raises_the_best_of_its_own_source_alone(empty):
    maker = Maker(empty)
    first = maker.propose(2)

    def bring(candidate_id, source, value):
        one = maker.measure(empty.formulation(candidate_id), candidate_id, source=source)
        measurement = one.model_copy(update={"value": value})
        empty.append("result_ingested", {"results": [result_entry(measurement, candidate_id, None)]})

    bring(first[0], "openmm", 1.0)
    bring(first[1], "experiment", 20.0)
    (candidate_id,) = maker.propose(1)
    bring(candidate_id, "openmm", 0.9)
    bring(candidate_id, "experiment", 10.0)
    assert candidate_story_view(empty, candidate_id)["changed"] == []
    bring(candidate_id, "robot", 30.0)
    (again,) = maker.propose(1)
    bring(again, "openmm", 0.8)
    bring(again, "experiment", 21.0)
    said = "It raised the best of its source from 20.00 to 21.00 mS/cm."
    assert candidate_story_view(empty, again)["changed"] == [said]


def test_what_only_the_choice_of_a_source_chose_has_no_rank_and_its_own_words(empty):
    (candidate_id,) = Maker(empty).propose(1)
    empty.record.batches[0]["acquisition"] = {"kind": "qucb"}
    why = empty.record.candidates[candidate_id].why
    assert "rank 1 of the shortlist, upper confidence bound" in candidate_story_view(empty, candidate_id)["chosen"]
    why["rank"] = 0
    assert candidate_story_view(empty, candidate_id)["chosen"].startswith("in batch 1, log expected improvement")
    assert "rank" not in log_lines(empty.events)[-1]


def test_a_story_of_nobody_is_an_error(campaign):
    with pytest.raises(CampaignError, match="'c999' is unknown"):
        candidate_story_view(campaign, "c999")


def test_a_jobs_tables_become_curves_with_the_range_that_was_fitted(campaign):
    job = next(job for job in campaign.record.jobs.values() if job.status == "finished")
    story = candidate_story_view(campaign, job.candidate_id)
    plots = {plot["name"]: plot for plot in story["jobs"][0]["plots"]}
    assert list(plots) == ["msd", "rdf", "coordination", "conductivity", "density"]
    lithium = plots["msd"]["series"][0]
    assert (lithium["label"], lithium["fitted"]) == ("Li+", [100.0, 4000.0])
    assert len(lithium["x"]) <= 160
    assert [one["label"] for one in plots["rdf"]["series"]] == ["EC carbonyl", "PF6- F"]
    assert all("error" in one for one in plots["conductivity"]["series"])


def test_pictures_of_other_oracles_are_kept_and_damaged_tables_left_out(tmp_path):
    (tmp_path / "spectrum.png").write_bytes(b"\x89PNG picture")
    (tmp_path / "msd.csv").write_text("")
    (tmp_path / "rdf.csv").write_bytes(b"\xff\xfe\x00")
    (plot,) = job_plots(tmp_path, {})
    assert (plot["name"], base64.b64decode(plot["png"])) == ("spectrum", b"\x89PNG picture")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("density", "time,density\n1,1.2\n2,1.3\n"),
        ("temperatures", "T,k\n298,1\n"),
        ("msd", "lag_ps,Li+ (nm2)\n" + "1" * 200_000 + ",2\n"),
    ],
)
def test_tables_that_are_not_ours_are_left_out_and_their_picture_is_shown(tmp_path, name, text):
    (tmp_path / f"{name}.csv").write_text(text)
    (tmp_path / f"{name}.png").write_bytes(b"\x89PNG picture")
    (plot,) = job_plots(tmp_path, {})
    assert (plot["name"], plot["series"]) == (name, [])


def test_a_half_written_row_is_left_out(tmp_path):
    (tmp_path / "msd.csv").write_text("lag_ps,Li+ (nm2)\n1,2\n3,4\n5\n")
    (plot,) = job_plots(tmp_path, {})
    assert plot["series"][0]["x"] == [1.0, 3.0]


def test_the_report_holds_the_view_and_every_story(campaign, tmp_path):
    told = write_report(campaign, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    shown = _unpacked(re.search(r'id="view-data"[^>]*>([^<]*)<', text).group(1))
    assert shown["name"] == "made-up"
    stories = [one for part in re.findall(r'id="stories-\d+">([^<]*)<', text) for one in _unpacked(part)]
    assert [one["id"] for one in stories] == [one["id"] for one in shown["candidates"]]
    assert told["candidates"] == len(stories)


def test_the_command_writes_the_page_and_names_a_story(campaign, tmp_path):
    candidate_id = next(iter(campaign.record.candidates))
    page = tmp_path / "page.html"
    told = CliRunner().invoke(cli, ["report", str(campaign.folder), candidate_id, "-o", str(page)])
    assert told.exit_code == 0, told.output
    assert f"{page.as_uri()}#c/{candidate_id}" in told.output
    assert page.stat().st_size > 50_000


def test_a_report_that_cannot_be_written_says_why(campaign, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CampaignError, match="Cannot write"):
        write_report(campaign, tmp_path / "file" / "report.html")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CampaignError, match="folder: Is a directory; choose another place"):
        write_report(campaign, tmp_path / "folder")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]


def test_the_live_page_may_run_its_own_script_and_nothing_else():
    page = live_page()
    assert "unsafe" not in page.csp
    assert re.fullmatch(r"default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+'; .*", page.csp)
    assert "connect-src 'self'" in page.csp
    assert page.html.count("<script") == 1
    assert "innerHTML" not in page.html


def _unpacked(text):
    return json.loads(gzip.decompress(base64.b64decode(text)))
