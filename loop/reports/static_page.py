"""``saltloop report``: the page with a campaign inside it, one file that opens anywhere without a network."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

from saltloop.loop.campaign import Campaign
from saltloop.loop.reports.dashboard import page, policy
from saltloop.loop.reports.files import write_whole
from saltloop.loop.reports.known import Known
from saltloop.loop.reports.story_view import Stories
from saltloop.loop.reports.view import view

#: Stories that are packed together: unpacked when the first of them is opened.
STORIES_EACH = 40
NOWHERE = "'none'"


def write_report(campaign: Campaign, path: Path, known: Known | None = None) -> dict[str, int]:
    """Write the page; a reader never sees half of it. Returns how much of what is in it, and its size in bytes.

    Raises:
        CampaignError: the path cannot be written.
    """
    shown = view(campaign, known)
    stories = Stories(campaign)
    told = [stories.of(candidate) for candidate in campaign.record.candidates.values()]
    pieces = [f'<script type="text/plain" id="view-data" data-stories-each="{STORIES_EACH}">{_packed(shown)}</script>']
    for number, first in enumerate(range(0, len(told), STORIES_EACH)):
        packed = _packed(told[first : first + STORIES_EACH])
        pieces.append(f'<script type="text/plain" id="stories-{number}">{packed}</script>')
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy(NOWHERE)}">'
    content = page(f"{shown['name']} · saltloop", head, "\n".join(pieces)).encode()
    write_whole(path, content)
    n_plots = sum(len(job["plots"]) for one in told for job in one["jobs"])
    return {"candidates": len(told), "results": len(shown["results"]), "plots": n_plots, "bytes": len(content)}


def _packed(value: Any) -> str:
    """JSON, packed with gzip and written in base64: no character of it means anything to a browser."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=6, mtime=0)).decode()
