"""Candidates by the names that people use for them."""

from __future__ import annotations

from saltloop.loop.campaign import Campaign
from saltloop.loop.errors import CampaignError
from saltloop.loop.record_items import Candidate


def candidate_named(campaign: Campaign, candidate_id: str) -> Candidate:
    """The candidate with this id, or whose id begins so.

    Raises:
        CampaignError: there is none, or several.
    """
    candidates = campaign.record.candidates
    matches = [one for key, one in candidates.items() if key == candidate_id or key.startswith(candidate_id)]
    if len(matches) != 1:
        known = ", ".join(candidates) or "none yet"
        found = "fits several candidates" if matches else "is unknown"
        raise CampaignError(f"Candidate {candidate_id!r} {found}; this campaign has: {known}.")
    return matches[0]
