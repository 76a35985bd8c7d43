"""A browser, a report and a served campaign for the tests of the page."""

import shutil
import threading
import time
from importlib import resources

import pytest
from dashboard_campaign import Maker, make_campaign
from saltloop.loop.campaign import Campaign
from saltloop.loop.reports.static_page import write_report

TOKEN = "a-token-of-the-tests-without-a-blank"
SLOW_MACHINE_MS = 120_000


@pytest.fixture(scope="session")
def browser():
    """Debian's Chromium, or another one that is there."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the page is tested with Playwright: pip install playwright"
    )
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("the page is tested in Chromium, which is not installed (apt-get install chromium)")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def token():
    return TOKEN


@pytest.fixture
def tab(browser):
    """A function that opens an address; errors of the page and requests to elsewhere fail the test at its end."""
    faults, contexts = [], []

    def go(address, *, scheme="light", width=1280, height=900, expected=(), **more):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height}, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SLOW_MACHINE_MS)
        page.on(
            "console", lambda m: m.type in ("error", "warning") and _is_unexpected(m.text) and faults.append(m.text)
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        here = address.split("/v1")[0].split("#")[0].rstrip("/")
        page.on("request", lambda r: r.url.startswith((here, "data:", "blob:")) or faults.append(f"asked for {r.url}"))

        def _is_unexpected(text):
            return not any(words in text for words in expected)

        page.goto(address)
        return page

    def close():
        while contexts:
            contexts.pop().close()

    go.close = close
    yield go
    close()
    assert not faults, faults


@pytest.fixture(scope="session")
def axe():
    """Serious and critical accessibility faults of a page, as lines."""
    script = resources.files(pytest.importorskip("axe_core_python")).joinpath("axe.min.js").read_text()

    def faults(page):
        page.evaluate(script)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [
            f"{one['id']}: {node['html'][:160]}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]

    return faults


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A made-up campaign with everything in it: its folder."""
    return make_campaign(tmp_path_factory.mktemp("small"), 12, n_jobs=4)


@pytest.fixture(scope="session")
def report(small):
    """The address of its report."""
    write_report(Campaign.read(small), small / "report.html")
    return (small / "report.html").as_uri()


@pytest.fixture
def served(tmp_path, small, tab):
    """A campaign of its own for each test, served: its address and its folder."""
    pytest.importorskip("fastapi", reason="the live page needs the server: pip install 'saltloop[serve]'")
    import uvicorn
    from saltloop.loop.server.app import create_app

    folder = tmp_path / small.name
    shutil.copytree(small, folder)
    server = uvicorn.Server(uvicorn.Config(create_app(folder, token=TOKEN, drains=False), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server has ended"
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/", folder
    tab.close()
    server.should_exit = server.force_exit = True
    thread.join()


@pytest.fixture
def a_result_arrives():
    """A function that records a result for the first candidate that waits for the lab."""

    def arrive(folder):
        with Campaign.open(folder, actor="robot-9") as campaign:
            waiting = [c for c in campaign.record.open_candidates() if c.assigned_to == "lab"]
            Maker(campaign, seed=5).answer([waiting[0].candidate_id], actor="robot-9")
            return waiting[0].candidate_id

    return arrive
