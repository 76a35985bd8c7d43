"""The two pages of 'saltloop explain': whole, readable without anything else, and the same each time."""

import json
import re

import pytest
from click.testing import CliRunner
from saltloop.chemistry import Formulation, Measurement, SpeciesBook, load_literature
from saltloop.loop.campaign import Campaign
from saltloop.loop.cli import cli
from saltloop.loop.decisions import fit_surrogate
from saltloop.loop.errors import CampaignError
from saltloop.loop.explain import features as explain_features
from saltloop.loop.explain import liquid as explain_liquid_module
from saltloop.loop.explain.liquid import explain_liquid
from saltloop.loop.explain.model import explain_model
from saltloop.loop.explain.subject import Subject, listed, percent, usable, with_sign
from saltloop.loop.lab.result_entries import result_entry
from saltloop.loop.reports.html_page import Page
from saltloop.loop.screen import Screen
from saltloop.loop.strategy import SurrogateStrategy
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.surrogate import MFNetSurrogate

LIQUID = "1.0 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K"
QUICK = SurrogateSettings(n_members=2, hidden=16, epochs=4, embedding=4)


@pytest.fixture(scope="module", autouse=True)
def few_rows():
    """Attributions on a handful of rows: the pages are what is tested here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explain_features, "ATTRIBUTION_ROWS", 24)
        patch.setattr(explain_features, "IG_STEPS", 6)
        patch.setattr(explain_liquid_module, "N_COPIES", 6)
        yield


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A briefly trained model over all species, as a file."""
    book = SpeciesBook.builtin()
    surrogate = MFNetSurrogate(QUICK, book, [one.name for one in book.salts], [one.name for one in book.solvents])
    surrogate.fit(load_literature().measurements, seed=1)
    path = tmp_path_factory.mktemp("explain") / "model.safetensors"
    surrogate.save(path)
    return path


@pytest.fixture(scope="module")
def subject(weights):
    book = SpeciesBook.builtin()
    surrogate = MFNetSurrogate.load(weights, book)
    known, _ = usable(load_literature().measurements, surrogate.encoder.columns)
    return Subject("a test", surrogate.model(), surrogate.encoder, book, known)


@pytest.fixture(scope="module")
def of_liquid(subject):
    return explain_liquid(subject, Formulation.parse(LIQUID))


@pytest.fixture(scope="module")
def of_model(subject):
    return explain_model(subject, None)


def run(*arguments):
    return CliRunner().invoke(cli, ["explain", *map(str, arguments)], catch_exceptions=False)


def test_the_page_of_a_liquid_needs_nothing_else(of_liquid):
    html = of_liquid.page.html()
    assert html.startswith("<!DOCTYPE html>")
    assert html.count('src="data:image/png;base64,') == 3
    assert not re.search(r'(src|href)="(?!data:)', html)
    assert "<script" not in html


def test_the_page_of_a_liquid_says_what_a_chemist_asks(of_liquid):
    html = of_liquid.page.html()
    for words in (
        "The model expects",
        "5 % EC replaced by EMC (by mass)",
        "Warming by 10 K",
        "A tenth of a mol/kg more salt",
        "apparent activation energy",
        "average liquid",
    ):
        assert words in html


def test_contributions_lead_from_the_average_liquid_to_this_one(of_liquid, subject):
    view, row = subject.view, subject.encoder.encode([Formulation.parse(LIQUID)]).float()
    end = float(view(view.features(row), row)[0])
    start = float(view(view.baseline.unsqueeze(0), row)[0])
    contributions = sum(one["contribution"] for one in of_liquid.figures["contributions"])
    assert contributions == pytest.approx(end - start, abs=1e-3)


def test_the_page_says_that_contributions_are_the_network_s(of_liquid, subject):
    row = subject.encoder.encode([Formulation.parse(LIQUID)])
    end = float(subject.view.predictions(row)[0])
    assert of_liquid.figures["mean"] != pytest.approx(end, abs=1e-3)  # The correction near the data is on top.
    said = re.search(r"\(([\d.]+) mS/cm by the network alone, before its correction", of_liquid.page.html())
    assert float(said[1]) == pytest.approx(end, abs=0.011)


def test_the_summary_has_units_and_fits_a_screen(of_liquid):
    lines = of_liquid.summary.splitlines()
    assert lines[0].startswith("1 mol/kg LiPF6")
    assert "mS/cm (1 s.d.)" in lines[1]
    assert len(lines) < 12


def test_a_liquid_unlike_any_measured_is_said_to_be_one(subject):
    far = explain_liquid(subject, Formulation.parse("1.0 mol/kg LiBOB in Sulfolane at 298.15 K"))
    html = far.page.html()
    assert "fewer than three measurements" in html
    assert "Unlike anything known: " in html


@pytest.mark.parametrize("conditions", ["19 mol/kg LiPF6 in EC at 298.15 K", "1 mol/kg LiPF6 in EC at 600 K"])
def test_a_liquid_at_the_edge_of_what_can_be_written_is_explained(subject, conditions):
    html = explain_liquid(subject, Formulation.parse(conditions)).page.html()
    assert "apparent activation energy" in html
    assert "predicted optimum" in html


def test_a_pure_solvent_has_no_salt_to_explain(subject):
    html = explain_liquid(subject, Formulation.parse("EC:EMC 3:7 (w/w) at 298.15 K")).page.html()
    assert "Where the number comes from" not in html


def test_the_page_of_the_model_answers_every_question(of_model):
    html = of_model.page.html()
    for words in (
        "Which features the predictions hang on",
        "rank correlation",
        "With all embeddings set to zero",
        "Is the tail routed apart?",
        "Symbolic regression was left out, as asked",
    ):
        assert words in html
    assert html.count('src="data:image/png;base64,') == 3


def test_the_model_s_figures_are_plain_json_and_shares_sum_to_one(of_model):
    figures = json.loads(json.dumps(of_model.figures))
    assert sum(figures["variance_shares"].values()) == pytest.approx(1)
    assert set(figures["importance_mS_cm"]) == {"gradients", "integrated gradients", "Shapley"}


def test_the_same_model_gives_the_same_page(of_model, subject):
    assert explain_model(subject, None).page.html() == of_model.page.html()


@pytest.mark.slow
def test_formulas_are_on_the_page_with_their_errors(subject):
    pytest.importorskip("pyoperon")
    from saltloop.surrogates.symbolic_search import SearchSettings

    found = explain_model(subject, SearchSettings(evaluations=4_000, population=100, max_length=12))
    html = found.page.html()
    assert "held-out MAE" in html
    assert "A constant has a held-out error" in html
    assert {one["features"] for one in found.figures["symbolic"]} == {"scan", "physical"}


def test_the_command_writes_a_page_and_says_where(weights, tmp_path):
    page = tmp_path / "page.html"
    done = run(LIQUID, "--weights", weights, "-o", page, "-q")
    assert done.exit_code == 0
    assert "predicted" in done.output
    assert f"Page: {page}" in done.output
    assert "Why " in page.read_text()


def test_a_campaign_s_model_is_explained_with_its_results(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_text(
        "name: lab\nspace: {salts: [LiPF6], solvents: [EC, DME]}\noracle: {kind: lab}\n"
        "surrogate: {n_members: 2, hidden: 16, epochs: 3}\n"
    )
    told = Measurement(
        formulation=Formulation.parse("1.0 mol/kg LiPF6 in EC:DME 1:4 (w/w) at 298.15 K"),
        value=14.0,
        unit="mS/cm",
        standard_uncertainty=0.1,
        source="experiment",
        external_id="x",
    )
    with Campaign.start_or_resume(file) as campaign:
        fit_surrogate(campaign, SurrogateStrategy(campaign), screen=Screen(is_quiet=True))
        campaign.append("result_ingested", {"results": [result_entry(told, None, None)]})
    done = run(str(told.formulation), "-c", file, "-o", tmp_path / "page.html", "--json")
    figures = json.loads(done.stdout)
    assert figures["mean"] == pytest.approx(14.0, abs=0.5)
    assert figures["nearest_known"][0]["distance"] == 0
    assert "campaign &#x27;lab&#x27;" in (tmp_path / "page.html").read_text()


def test_the_command_for_scripts_prints_json(weights, tmp_path):
    done = run("--model", "--no-symbolic", "--weights", weights, "-o", tmp_path / "model.html", "--json")
    assert json.loads(done.stdout)["page"].endswith("model.html")


@pytest.mark.parametrize("arguments", [[], [LIQUID, "--model"], ["--model", "--campaign", "x", "--weights", __file__]])
def test_wrong_usage_is_told(arguments):
    assert CliRunner().invoke(cli, ["explain", *arguments]).exit_code == 2


def test_pages_escape_what_they_are_given():
    page = Page("<b>", "a & b")
    page.table(["name", "value"], [["<script>", "1.0 ± 0.1"], ["x", "–"]])
    page.picture(b"png", description='"quoted"')
    html = page.html()
    assert "<script>" not in html
    assert '<td class="n">1.0 ± 0.1</td>' in html
    assert 'alt="&quot;quoted&quot;"' in html


def test_a_page_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CampaignError, match="choose another place for it"):
        Page("x").write(tmp_path / "file" / "page.html")


def test_numbers_read_as_a_person_writes_them():
    assert with_sign(-0.301) == "−0.30"
    assert with_sign(-0.001) == "0.00"
    assert percent(-0.0001) == "0.0 %"
    assert percent(0.1234) == "12.3 %"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed([]) == "none"


def test_rows_that_the_model_cannot_read_are_said():
    kept, notes = usable(load_literature().measurements, ("LiPF6", "EC", "DMC"))
    assert {name for m in kept for name in m.formulation.mole_fractions} <= {"EC", "DMC"}
    assert len(notes) == 1
    assert "hold species that this model has no column for" in notes[0]


def test_computed_values_are_not_among_the_measured():
    measured = load_literature().measurements[:5]
    simulated = measured[0].model_copy(update={"source": "openmm"})
    kept, notes = usable([*measured, simulated], tuple(name for m in measured for name in columns_of(m)))
    assert len(kept) == 5
    assert notes == ("1 computed result(s) are in the model, but not among the measured liquids that this page uses.",)


def columns_of(measurement):
    return (*measurement.formulation.molality, *measurement.formulation.mole_fractions)
