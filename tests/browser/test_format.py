"""Numbers on the page, by the page's own script."""

from importlib import resources

import pytest

ASSETS = resources.files("saltloop.loop.reports").joinpath("assets")


@pytest.fixture(scope="module")
def told(browser):
    """A function that gives the value of an expression over the page's functions."""
    script = "\n".join(ASSETS.joinpath(name).read_text(encoding="utf-8") for name in ("format.js", "scale.js"))
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
