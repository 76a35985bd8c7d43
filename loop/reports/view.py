"""What the report and the dashboard show of a campaign, as one JSON value. No torch, no matplotlib.

The shape is ``saltloop.loop.reports.view_types.View``: rows (candidates, results, quarantine, jobs) and what the plots
are drawn from (best so far against random draws, calibration, tail, map, costs). The story of a candidate is apart
(``story_view.candidate_story_view``), because ten thousand of them are megabytes.
"""

from __future__ import annotations

from saltloop.loop.campaign import Campaign
from saltloop.loop.reports.calibration import calibrations
from saltloop.loop.reports.chance import best_so_far
from saltloop.loop.reports.costs import costs
from saltloop.loop.reports.formulation_map import formulation_map
from saltloop.loop.reports.known import Composition, Known, known_liquids
from saltloop.loop.reports.report import cautions, phase
from saltloop.loop.reports.tail import tail
from saltloop.loop.reports.view_rows import Times, candidate_rows, held_rows, job_rows, result_rows
from saltloop.loop.reports.view_types import View
from saltloop.loop.state import no_garbage_collection
from saltloop.loop.steering.queue import waiting_requests


@no_garbage_collection()
def view(campaign: Campaign, known: Known | None = None) -> View:
    """Everything the page shows but the stories of its candidates.

    Args:
        known: what the campaign knew at its start, from ``known_liquids``; a server reads it once, and again after a
            ``space_changed`` event.
    """
    known = known or known_liquids(campaign)
    record = campaign.record
    positions = known.positions()

    def flat(composition: Composition) -> list[float]:
        return known.flat(composition, positions)

    times = Times(campaign.events)
    results = result_rows(campaign, known, flat, times)
    candidates = candidate_rows(campaign, known, flat, results)
    species = list(positions)
    salts = {salt.name for salt in campaign.species.salts}
    names = [[species[int(k)] for k in row["composition"][::2]] for row in results]
    return {
        "version": 1,
        "name": campaign.settings.name,
        "n_events": record.n_events,
        "last_event": campaign.events[-1].ts,
        "started": campaign.events[0].ts,
        "state": phase(campaign),
        "is_closed": record.is_closed,
        "is_paused": record.is_paused,
        "hold_reason": record.hold_reason,
        "approval": campaign.settings.approval,
        "messages": [*campaign.messages, *known.problems, *cautions(campaign), *_objectives(campaign)],
        "requests_waiting": len(waiting_requests(campaign.folder)),
        "rounds": record.n_rounds,
        "species": species,
        "is_salt": [name in salts for name in species],
        "candidates": candidates,
        "results": results,
        "quarantine": held_rows(campaign),
        "jobs": job_rows(campaign, times),
        "best": best_so_far(results, known),
        "calibration": calibrations(results),
        "tail": tail(results, known, names),
        "map": formulation_map(known),
        "costs": costs(campaign, results),
    }


def _objectives(campaign: Campaign) -> list[str]:
    """That the plots show one objective of several."""
    names = [objective.name for objective in campaign.settings.objectives]
    if len(names) < 2:
        return []
    return [
        f"This campaign weighs {', '.join(names)}; the plots show the conductivity. The other objectives stand in the "
        "candidates' stories, and the front in 'By batch' under Costs."
    ]
