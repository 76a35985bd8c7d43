"""The page of the report and of the dashboard: one HTML file with its style and scripts inside, and what it may do.

Styles and scripts stand in ``assets/``, plain files without a build step. The live page has no data: its script asks
the server for them, with the token that the person gives. Every text is set as text, so that nothing in a name or a
note is ever run; the content security policy names the hashes of the style and the script, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from html import escape
from importlib import resources
from typing import NamedTuple

#: In the order in which they are read; each may use what stands before it.
SCRIPTS = (
    "dom.js",
    "format.js",
    "scale.js",
    "marks.js",
    "chart.js",
    "figure.js",
    "plots.js",
    "calibration.js",
    "tail.js",
    "job_plot.js",
    "map.js",
    "rows.js",
    "table.js",
    "story.js",
    "jobs.js",
    "sections.js",
    "server.js",
    "actions.js",
    "page.js",
    "main.js",
)
STYLES = ("page.css",)


class LivePage(NamedTuple):
    """The dashboard as it is served, and the value of its Content-Security-Policy header."""

    html: str
    csp: str


@lru_cache(maxsize=1)
def live_page() -> LivePage:
    """The page without data; the same for every campaign."""
    return LivePage(page("saltloop"), policy("'self'"))


def page(title: str, head: str = "", data: str = "") -> str:
    """The whole page.

    Args:
        title: text, escaped here.
        head: elements for the head.
        data: script elements that hold data; none in the live page.
    """
    pieces = {
        "<!--title-->": escape(title),
        "<!--head-->": head,
        "/*style*/": _style(),
        "<!--data-->": data,
        "/*script*/": _script(),
    }
    return re.sub("|".join(map(re.escape, pieces)), lambda found: pieces[found.group()], _asset("page.html"))


def policy(connect: str) -> str:
    """What the page may load and run: its own style and script by their hashes, and pictures inside it."""
    return (
        f"default-src 'none'; script-src '{_hash(_script())}'; style-src '{_hash(_style())}'; img-src data:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )


def _script() -> str:
    return '(() => {\n"use strict";\n' + "\n".join(_asset(name) for name in SCRIPTS) + "\n})();\n"


def _style() -> str:
    return _asset("page.css")


@lru_cache(maxsize=32)
def _asset(name: str) -> str:
    return resources.files("saltloop.loop.reports").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
