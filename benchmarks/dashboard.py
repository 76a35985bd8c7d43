"""How soon the page of a campaign is there, and how it answers, in Chromium: the report and the live page.

python benchmarks/dashboard.py FOLDER [--results 10 5000 10000] [--repeats 3]

Opening ends when the figures, the first plot and the table are drawn. For the live page it holds everything: the page,
the server's making of the view (it has the campaign in memory, and the data sets after the first call), its transfer
and its drawing. An answer ends with the frame after it. Medians of the repeats; the campaigns are made up.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from dashboard_campaign import Maker, make_campaign
from playwright.sync_api import Browser, Page, sync_playwright
from saltloop.loop.campaign import Campaign
from saltloop.loop.reports.static_page import write_report
from saltloop.loop.server.app import create_app

TOKEN = "benchmark-of-the-dashboard-token"
#: Seen before the page's own script: long tasks, and the moment when everything is drawn.
WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
}).observe({ type: "longtask", buffered: true });
(function look() {
  const isThere = [".tile b", "#best-0 svg.chart", "#candidates tbody tr"].every((one) => document.querySelector(one));
  if (isThere) requestAnimationFrame(() => setTimeout(() => { window.drawnAt = performance.now(); }));
  else requestAnimationFrame(look);
})();
"""
#: Milliseconds from an action to the frame after what it brought is there.
TIMED = """
async ([act, test]) => {
  const start = performance.now();
  eval(act);
  while (!eval(test)) await new Promise((go) => setTimeout(go, 1));
  await new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
  return performance.now() - start;
}
"""
SEARCH = (
    "const box = document.querySelector('#search'); box.value = 'LiFSI EC'; box.dispatchEvent(new Event('input'))",
    "!document.querySelector('#candidates .found').textContent.startsWith(window.before)",
)
SORT = (
    "document.querySelectorAll('#candidates .sort')[4].click()",
    "document.querySelector('#candidates th[aria-sort=descending]')",
)
OPEN = (
    "document.querySelector('#candidates tbody a').click()",
    "document.querySelector('dialog.story .timeline')",
)


def measure(browser: Browser, address: str) -> dict[str, float]:
    """One visit: opening, longest task while opening, search, sort, opening of a story, scrolling."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(address)
    page.wait_for_function("window.drawnAt", timeout=60_000)
    page.wait_for_timeout(500)
    found = {"open": page.evaluate("window.drawnAt"), "longest task": page.evaluate("window.longest")}
    page.evaluate("window.before = document.querySelector('#candidates .found').textContent.split(' ')[0] + ' '")
    found["search"] = page.evaluate(TIMED, list(SEARCH))
    found["sort"] = page.evaluate(TIMED, list(SORT))
    found["story"] = page.evaluate(TIMED, list(OPEN))
    page.keyboard.press("Escape")
    found["slowest frame"] = _scroll(page)
    context.close()
    return found


def _scroll(page: Page) -> float:
    """The longest time between two frames while the whole page is scrolled through, in 40 steps."""
    return float(
        page.evaluate(
            """async () => {
              let worst = 0, last = performance.now();
              const end = document.documentElement.scrollHeight;
              document.documentElement.style.scrollBehavior = "auto";
              for (let k = 0; k <= 40; k++) {
                scrollTo(0, (end * k) / 40);
                await new Promise(requestAnimationFrame);
                const now = performance.now();
                worst = Math.max(worst, now - last);
                last = now;
              }
              return worst;
            }"""
        )
    )


def arrival(browser: Browser, address: str, folder: Path) -> dict[str, float]:
    """From a result on disk to the page that shows it, and the longest task meanwhile."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(address)
    page.wait_for_function("window.drawnAt && document.querySelector('.connection').textContent.includes('connected')")
    page.wait_for_timeout(1500)
    page.evaluate("window.longest = 0")
    with Campaign.open(folder) as campaign:
        maker = Maker(campaign, seed=len(campaign.events))
        ids = maker.propose(1)
        maker.answer(ids)
    start = time.perf_counter()
    page.locator("#candidates tr", has_text=ids[0]).locator(".wide-only .chip", has_text="measured").wait_for(
        timeout=60_000
    )
    found = {"arrival": 1e3 * (time.perf_counter() - start), "task at arrival": page.evaluate("window.longest")}
    context.close()
    return found


def median_of(repeats: int, visit: Callable[[], dict[str, float]]) -> dict[str, float]:
    visits = [visit() for _ in range(repeats)]
    return {name: statistics.median(one[name] for one in visits) for name in visits[0]}


def serve(folder: Path) -> tuple[str, Callable[[], None]]:
    """The campaign's server in a thread: its address, and how to end it."""
    config = uvicorn.Config(create_app(folder, token=TOKEN, drains=False), port=0, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]

    def end() -> None:
        server.should_exit = server.force_exit = True
        thread.join()

    return f"http://127.0.0.1:{port}/#token={TOKEN}", end


def row(name: str, found: dict[str, Any]) -> str:
    names = ("open", "longest task", "search", "sort", "story", "slowest frame", "arrival", "task at arrival")
    return f"| {name} | " + " | ".join(f"{found[one]:.0f}" if one in found else "–" for one in names) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=int, nargs="+", default=[10, 5000, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    print(
        "| page | open / ms | longest task | search | sort | open a story | slowest frame | a result arrives | task |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for n in asked.results:
            home = asked.folder / f"results-{n}"
            folder = home / "made-up"
            if not folder.exists():
                make_campaign(home, n, n_jobs=12)
            told = write_report(Campaign.read(folder), home / "report.html")
            address = (home / "report.html").resolve().as_uri()
            found = median_of(asked.repeats, lambda address=address: measure(browser, address))
            print(row(f"report, {n:,} ({told['bytes'] / 1e6:.1f} MB)", found), flush=True)
            live, end = serve(folder)
            try:
                found = median_of(asked.repeats, lambda live=live: measure(browser, live))
                found |= median_of(asked.repeats, lambda live=live, folder=folder: arrival(browser, live, folder))
                print(row(f"live, {n:,}", found), flush=True)
            finally:
                end()
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
