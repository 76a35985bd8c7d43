"""The story of one candidate, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saltloop.loop.acquisition.settings import VALUE_WORDS
from saltloop.loop.campaign import Campaign
from saltloop.loop.record_items import Candidate, Held, Job
from saltloop.loop.reports.words import measured_words, pm, result_words


def candidate_story(campaign: Campaign, candidate: Candidate) -> str:
    """Everything about one candidate: why it was chosen, what was predicted, what came back, what it changed."""
    why, record = candidate.why, campaign.record
    predicted = why["predicted"]
    lines = [
        f"{candidate.candidate_id}  {candidate.text}",
        f"  formulation   {candidate.formulation_id}",
        f"  status        {candidate.status}" + (f": {candidate.reason}" if candidate.reason else ""),
        f"  chosen        {chosen_words(campaign, candidate)}",
        f"  predicted     {pm(predicted['mean'], predicted['standard_deviation'])}",
        *(f"  {word:13s} {sentence}" for word, sentence in reasons(candidate)),
        "  nearest known",
    ]
    lines += [
        f"    {k['text']}: {k['conductivity_mS_cm']:.2f} mS/cm ({k['reference']}), distance {k['distance']:.2f}"
        for k in why["nearest_known"]
    ]
    for job in record.jobs_of(candidate.candidate_id):
        lines.append(
            f"  job           jobs/{job.job_key}: {job.status}, attempt {job.attempt}, {job.wall_s / 60:.1f} min"
            + (f": {job.reason}" if job.reason else "")
        )
        if plots := job_pictures(campaign, job):
            lines.append(f"  plots         {', '.join(plot.name for plot in plots)} in that folder")
    lines += [f"  result        {result_words(record.results[m])}" for m in candidate.measurement_ids]
    lines += [
        f"  quarantined   {held.measurement_id} {measured_words(held.measurement)}: {held.reason}"
        + (f"; rejected: {held.why_decided}" if held.decision else "; 'saltloop release' or 'reject-result'")
        for held in held_of(campaign, candidate)
    ]
    if after := afterwards(campaign, candidate):
        lines.append(f"  afterwards    predicted {pm(after['mean'], after['standard_deviation'])}")
    return "\n".join(lines)


def chosen_words(campaign: Campaign, candidate: Candidate) -> str:
    """In which batch, at which rank, and by which value."""
    why = candidate.why
    return (
        f"in batch {candidate.iteration + 1}, "
        + (f"rank {why['rank']} of the shortlist, " * bool(why["rank"]))
        + f"{_value_words(campaign, candidate)} {why['acquisition_value']:.3f}"
        + (", refined beyond the grid" * why["is_refined"])
    )


def reasons(candidate: Candidate) -> list[tuple[str, str]]:
    """Why it was chosen, beside its value: pairs of a word and a sentence."""
    why = candidate.why
    found = [("replicate", why["reason"])] if why.get("is_replicate") else []
    found += [
        ("objective", f"{name}: {told['value']:.4g} ± {told['standard_deviation']:.2g} {told['unit']}, {told['goal']}")
        for name, told in why.get("objectives", {}).items()
    ]
    found += [("source", reason) for reason in [why.get("why_source")] if reason]
    found += [("unfamiliar", reason) for reason in why.get("unfamiliar", ())]
    if (probability := why.get("probability_feasible")) is not None:
        found.append(("feasible", f"with a probability of {100 * probability:.0f} %"))
    return found


def held_of(campaign: Campaign, candidate: Candidate) -> list[Held]:
    """What is in quarantine of a candidate."""
    return [held for held in campaign.record.quarantined.values() if held.candidate_id == candidate.candidate_id]


def afterwards(campaign: Campaign, candidate: Candidate) -> dict[str, Any] | None:
    """What the model says of it after its batch was learned."""
    entries = [one for one in learned(campaign) if one["candidate_id"] == candidate.candidate_id]
    return entries[-1] if entries else None


def job_pictures(campaign: Campaign, job: Job) -> list[Path]:
    """Pictures that a job has left in its folder."""
    return sorted((campaign.folder / "jobs" / job.job_key).glob("*.png"))


def learned(campaign: Campaign) -> list[dict[str, Any]]:
    """What each batch taught about its own candidates, oldest first."""
    stops = (event for event in campaign.events if event.type == "stop_evaluated")
    return [entry for stop in stops for entry in stop.data["learned"]]


def _value_words(campaign: Campaign, candidate: Candidate) -> str:
    if candidate.why.get("is_replicate"):
        return "expected rise of the best known value, mS/cm,"
    if not candidate.why["rank"]:  # not the acquisition's own: several oracles were weighed by what they would gain
        return VALUE_WORDS["qlognei"]
    batch = campaign.record.batches[candidate.iteration]
    return VALUE_WORDS[batch["acquisition"].get("kind", "qlognei")]
