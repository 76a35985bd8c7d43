"""Training and proposing, each one event: shared by the controller, ``ask`` and ``repropose``."""

from __future__ import annotations

from typing import Any

from saltloop.loop.campaign import Campaign, versions
from saltloop.loop.record_items import Candidate
from saltloop.loop.screen import Screen
from saltloop.loop.strategy import Progress, Strategy


def needs_fit(campaign: Campaign, strategy: Strategy) -> bool:
    """Whether there is no model at hand, or only one that learned from a value which no longer stands."""
    return campaign.record.is_fit_stale or not strategy.has_model(campaign)


def fit_surrogate(campaign: Campaign, strategy: Strategy, *, screen: Screen, actor: str = "controller") -> None:
    """Train the surrogate and record it; where a recorded fit's weights are gone, repeat that fit."""
    fits = campaign.record.fits
    is_lost = bool(fits) and not strategy.has_model(campaign) and not campaign.record.is_fit_stale
    with screen.task("Training the surrogate") as progress:
        if is_lost:
            data = strategy.refit(campaign, fits[-1], progress)
        else:
            data = strategy.fit(campaign, iteration=len(campaign.record.batches), progress=progress)
    if is_lost and data["weights_sha256"] == fits[-1]["weights_sha256"]:
        screen.say(
            "The surrogate's weights were gone, damaged or an earlier saltloop's; they were trained again, bit for bit."
        )
        return
    if is_lost:
        screen.warn(
            "The surrogate's weights were gone, damaged or an earlier saltloop's, and training now gave others. "
            "Decisions from here on rest on these; the state file says so."
        )
    campaign.append("surrogate_fitted", {**data, "n_rounds": campaign.record.n_rounds}, actor=actor)
    screen.say(f"Surrogate trained on {data['n_rows']} conductivities.")


def propose_batch(
    campaign: Campaign, strategy: Strategy, *, n: int, assigned_to: str, screen: Screen, actor: str = "controller"
) -> list[Candidate]:
    """Choose ``n`` formulations and record why; returns the new candidates."""
    with screen.task("Screening the space") as progress:
        is_round = actor == "controller"
        event = proposal(campaign, strategy, n=n, assigned_to=assigned_to, is_round=is_round, progress=progress)
    campaign.append("batch_proposed", event, actor=actor)
    for candidate in event["candidates"]:
        predicted = candidate["predicted"]
        screen.say(
            f"{candidate['candidate_id']}: {candidate['text']}: predicted {predicted['mean']:.2f} "
            f"± {predicted['standard_deviation']:.2f} mS/cm"
        )
    return [campaign.record.candidates[entry["candidate_id"]] for entry in event["candidates"]]


def proposal(
    campaign: Campaign,
    strategy: Strategy,
    *,
    n: int,
    assigned_to: str,
    is_round: bool,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The data of a ``batch_proposed`` event. ``is_round``: the controller's own, not one that a person asked for."""
    iteration = len(campaign.record.batches)
    is_for_lab = assigned_to == "lab"
    data = strategy.propose(campaign, iteration=iteration, n=n, is_for_lab=is_for_lab, progress=progress)
    candidates = [
        {"candidate_id": f"c{iteration + 1:03d}-{k}-{entry['formulation_id'][1:7]}", **entry}
        for k, entry in enumerate(data["candidates"], start=1)
    ]
    return {
        **data,
        "iteration": iteration,
        "assigned_to": assigned_to,
        "is_round": is_round,
        "candidates": candidates,
        "versions": versions(),
    }
