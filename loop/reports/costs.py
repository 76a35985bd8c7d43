"""What a campaign has spent, by batch and by oracle."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from saltloop.loop.campaign import Campaign
from saltloop.loop.reports.view_types import Costs, ResultRow
from saltloop.loop.sources.worth import source_worth
from saltloop.loop.stopping.judge import describe_rules


def costs(campaign: Campaign, results: list[ResultRow]) -> Costs:
    """Calls, hours of oracles and money so far; hours and results of each batch."""
    record = campaign.record
    return {
        "calls": len(record.calls),
        "oracle_hours": record.oracle_hours,
        "money": record.money,
        "by_batch": _by_batch(campaign, results),
        "oracles": source_worth(campaign),
        "budget": campaign.settings.budget.model_dump(mode="json", exclude_none=True),
        "stop_rules": describe_rules(campaign),
    }


def _by_batch(campaign: Campaign, results: list[ResultRow]) -> list[dict[str, Any]]:
    record = campaign.record
    batch_of = {c.candidate_id: c.iteration for c in record.candidates.values()}
    hours: dict[int, float] = defaultdict(float)
    n_results: dict[int, int] = defaultdict(int)
    for event in campaign.events:
        if event.type in ("job_finished", "job_failed"):
            hours[batch_of[event.data["candidate_id"]]] += event.data["wall_s"] / 3600
    for result in results:
        if result["candidate"] and result["counts"]:
            n_results[batch_of[result["candidate"]]] += 1
    return [
        {
            "batch": batch["iteration"] + 1,
            "candidates": len(batch["candidates"]),
            "screened": batch["n_screened"],
            "results": n_results[batch["iteration"]],
            "hours": hours[batch["iteration"]],
            "notes": [*batch["notes"], *map(_on_front, batch.get("front", ()))],
        }
        for batch in record.batches
    ]


def _on_front(one: dict[str, Any]) -> str:
    """A measured liquid that no other beats in all objectives, in words."""
    told = (f"{name} {of['value']:.4g} {of['unit']}".strip() for name, of in one["objectives"].items())
    return f"on the front: {one['text']}, {', '.join(told)}"
