"""The dashboard's JSON, made once for each state of the record."""

from __future__ import annotations

import json

from saltloop.loop.reports.known import known_liquids
from saltloop.loop.reports.view import view
from saltloop.loop.reports.view_rows import progress_marks
from saltloop.loop.server.site import Site
from saltloop.loop.steering.queue import waiting_requests


def view_json(site: Site) -> bytes:
    """``saltloop.loop.reports.view.view`` as JSON; what the campaign knew at its start is read once for each space."""
    with site.pages.now() as campaign:
        key = (campaign.record.n_events, len(waiting_requests(campaign.folder)), progress_marks(campaign))
        if site.cache.get("view_key") != key:
            space = campaign.settings.space
            if site.cache.get("space") != space:
                site.cache |= {"space": space, "known": known_liquids(campaign)}
            shown = view(campaign, site.cache["known"])
            site.cache |= {"view_key": key, "view": json.dumps(shown, ensure_ascii=False, allow_nan=False).encode()}
        content: bytes = site.cache["view"]
        return content
