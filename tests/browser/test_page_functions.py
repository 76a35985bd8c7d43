"""Numbers and places on the page, by the page's own script."""

import json
from importlib import resources

import pytest

ASSETS = resources.files("saltloop.loop.reports").joinpath("assets")
SCRIPTS = ("format.js", "scale.js", "map.js")


@pytest.fixture(scope="module")
def told(browser):
    """A function that gives the value of an expression over the page's functions."""
    script = "\n".join(ASSETS.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
    page = browser.new_page()
    yield lambda expression: page.evaluate(f"(() => {{ {script}; return {expression}; }})()")
    page.close()


@pytest.mark.parametrize(
    ("value", "std", "words"),
    [
        (9.1, 0.2, "9.10 ± 0.20"),
        (120.4, 35, "120 ± 35"),
        (-0.5, 0.03, "−0.500 ± 0.030"),
        (9.1, 0.0004, "9.10000 ± 0.00040"),
        (9.1, 0.00004, "9.10 ± 4.0 × 10^−5"),
        (-1.2e-10, 2e-11, "−1.20 × 10^−10 ± 2.0 × 10^−11"),
        (9.1, 0, "9.10"),
    ],
)
def test_a_value_and_its_deviation_are_never_rounded_to_nothing(told, value, std, words):
    assert told(f"pm({value}, {std})") == words


@pytest.mark.parametrize(
    ("axis", "texts"),
    [
        ("{domain: [0.7, 1.6], log: true}", ["0.8", "1", "1.2", "1.4", "1.6"]),
        ("{domain: [1, 100], log: true}", ["1", "2", "5", "10", "20", "50", "100"]),
        ("{domain: [0.01, 30000], log: true}", ["0.01", "1", "100", "10,000"]),
        ("{domain: [0, 1]}", ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_ticks_have_texts_of_their_own(told, axis, texts):
    assert told(f"ticks({axis}, 6).map((x, _, all) => tickText(x, all, ({axis}).log))") == texts


def test_a_liquid_lies_where_it_was_made_and_not_where_it_was_asked_for(told):
    asked = {"id": "c1", "text": "asked", "composition": [0, 1.0], "temperature_K": 298.0, "status": "completed"}
    made = {"candidate": "c1", "counts": True, "temperature_K": 303.0}
    results = [
        {**made, "text": "poor", "composition": [0, 0.5], "value": 3.0},
        {**made, "text": "best", "composition": [0, 2.0], "value": 9.0},
        {**made, "text": "retracted", "composition": [0, 3.0], "value": 12.0, "counts": False},
    ]
    waiting = {**asked, "id": "c2", "status": "candidate", "results": [], "batch": 1}
    view = {"candidates": [{**asked, "results": [0, 1, 2], "batch": 1}, waiting], "results": results}
    points = told(f"mapPoints({json.dumps(view)})")
    shown = [(one["c"], one["t"], one["v"], one["text"], one["state"]) for one in points]
    assert shown == [([0, 2.0], 303, 9, "best", "measured"), ([0, 1.0], 298, None, "asked", "open")]
