"""Results that arrive: checked, matched to candidates, ingested once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saltloop.chemistry.errors import DataError
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.results_csv import FailureRow, ResultRow, read_results_csv
from saltloop.loop.campaign import Campaign
from saltloop.loop.record_items import SETTLED

#: Beyond any liquid electrolyte near room temperature (mS/cm); concentrated aqueous acids reach 800.
HIGHEST_CONDUCTIVITY_MS_CM = 200.0
DENSITY_RANGE_G_CM3 = (0.5, 3.0)


def why_unphysical(measurement: Measurement) -> str:
    """The reason why a value cannot be right, or an empty string."""
    value = measurement.value
    if measurement.quantity == "conductivity":
        if value <= 0:
            return f"a conductivity of {value:g} {measurement.unit} is not positive"
        if measurement.in_unit("mS/cm").value > HIGHEST_CONDUCTIVITY_MS_CM:
            return f"a conductivity of {value:g} {measurement.unit} is above any liquid electrolyte's"
    if measurement.quantity == "density":
        low, high = DENSITY_RANGE_G_CM3
        if not low <= measurement.in_unit("g/cm3").value <= high:
            return f"a density of {value:g} {measurement.unit} is outside {low}-{high} g/cm3"
    return ""


def result_entry(measurement: Measurement, candidate_id: str | None, job_key: str | None) -> dict[str, Any]:
    """One measurement as it stands in a ``result_ingested`` event."""
    return {
        "measurement_id": measurement.measurement_id,
        "measurement": measurement.to_dict(),
        "candidate_id": candidate_id,
        "job_key": job_key,
    }


def quarantine_entry(
    measurements: Sequence[Measurement], candidate_id: str | None, job_key: str | None, reason: str
) -> dict[str, Any]:
    """The data of a ``result_quarantined`` event."""
    return {
        "candidate_id": candidate_id,
        "job_key": job_key,
        "reason": reason,
        "measurement_ids": [m.measurement_id for m in measurements],
        "measurements": [m.to_dict() for m in measurements],
    }


@dataclass(frozen=True)
class Told:
    """What became of a results file."""

    n_ingested: int
    n_known: int
    n_quarantined: int
    messages: tuple[str, ...]
    n_failed: int = 0


def tell(campaign: Campaign, path: Path, *, actor: str = "tell", dry_run: bool = False) -> Told:
    """Take a CSV of measured results into the campaign: the whole file, or nothing of it.

    A result that is already there is a no-op. A value that cannot be physical is quarantined, and said. With
    ``dry_run`` everything is checked and nothing recorded.

    Raises:
        DataError: the file is unreadable, or a row names an unknown candidate, or contradicts a result that
            is already there. The message names every such row; nothing was recorded.
    """
    rows = read_results_csv(path, campaign.species)
    matched, problems = _match(campaign, [row for row in rows if isinstance(row, ResultRow)])
    failures, n_known_failures, wrong = _failures(campaign, [row for row in rows if isinstance(row, FailureRow)])
    problems += wrong
    new: list[tuple[ResultRow, Measurement]] = []
    n_known = n_known_failures
    quarantined_ids = {one for entry in campaign.record.quarantined for one in entry["measurement_ids"]}
    for row, measurement in matched:
        recorded = campaign.record.results.get(measurement.measurement_id)
        if measurement.measurement_id in quarantined_ids:
            n_known += 1
        elif recorded is None:
            new.append((row, measurement))
        elif recorded.measurement == measurement.to_dict():
            n_known += 1
        else:
            problems.append(
                f"line {row.line}: {row.external_id!r} from {row.source!r} was already told with another value "
                f"({recorded.measurement['value']:g}, now {measurement.value:g}); give it a new external_id"
            )
    if problems:
        raise DataError(f"{path}: nothing was recorded.\n" + "\n".join(f"  {problem}" for problem in problems))
    good = [(row, m) for row, m in new if not why_unphysical(m)]
    bad = [(row, m) for row, m in new if why_unphysical(m)]
    messages = [f"line {row.line} is quarantined: {why_unphysical(m)}" for row, m in bad]
    told = Told(len(good), n_known, len(bad), tuple(messages), len(failures))
    if dry_run:
        return told
    if good:
        entries = [result_entry(m, row.candidate_id or None, None) for row, m in good]
        campaign.append("result_ingested", {"results": entries, "file": path.name}, actor=actor)
    for _, measurement in bad:
        event = quarantine_entry([measurement], None, None, why_unphysical(measurement))
        campaign.append("result_quarantined", {**event, "file": path.name}, actor=actor)
    if failures:
        campaign.append("candidates_failed", {"failures": failures, "file": path.name}, actor=actor)
    return told


def _failures(campaign: Campaign, rows: Sequence[FailureRow]) -> tuple[list[dict[str, Any]], int, list[str]]:
    """Entries of a ``candidates_failed`` event, how many were told before, and what is wrong with the others."""
    entries, n_known, problems = [], 0, []
    for row in rows:
        candidate = campaign.record.candidates.get(row.candidate_id)
        reason = row.note or f"the lab says: {row.status}"
        if row.candidate_id and candidate is None:
            problems.append(f"line {row.line}: candidate {row.candidate_id!r} is unknown")
        elif candidate is not None and candidate.status in {"failed", "abandoned"} and candidate.reason == reason:
            n_known += 1
        elif candidate is not None and candidate.status in SETTLED:
            problems.append(
                f"line {row.line}: candidate {row.candidate_id!r} is {candidate.status} already; a failure does not "
                "undo that"
            )
        else:
            liquid = campaign.formulation(row.candidate_id) if candidate is not None else row.formulation
            assert liquid is not None
            if candidate is None and row.status == "failed":
                problems.append(f"line {row.line}: a mishap with a liquid that nobody asked for tells nothing")
            elif candidate is None and liquid.formulation_id in campaign.record.infeasible:
                n_known += 1
            else:
                entry = {"candidate_id": row.candidate_id or None, "formulation": liquid.to_dict(), "text": str(liquid)}
                more = {"formulation_id": liquid.formulation_id, "status": row.status, "reason": reason}
                entries.append({**entry, **more})
    return entries, n_known, problems


def _match(campaign: Campaign, rows: Sequence[ResultRow]) -> tuple[list[tuple[ResultRow, Measurement]], list[str]]:
    """Each row with its measurement, and what is wrong with the rows that name no candidate of this campaign."""
    matched, problems = [], []
    for row in rows:
        if row.candidate_id and row.candidate_id not in campaign.record.candidates:
            problems.append(
                f"line {row.line}: candidate {row.candidate_id!r} is unknown; the worklist of 'saltloop ask' and "
                "'saltloop status' list the ids. A result that was not asked for needs a 'formulation' instead"
            )
            continue
        asked = campaign.formulation(row.candidate_id) if row.candidate_id else None
        matched.append((row, row.measurement(asked)))
    return matched, problems
