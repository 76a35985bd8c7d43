"""A worklist: vials for a lab to make and measure, each with a code, its targets, replicates and controls."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from saltloop.chemistry.formulation import Formulation
from saltloop.loop.campaign import Campaign, campaign_folder
from saltloop.loop.errors import CampaignError
from saltloop.loop.lab.plan import Plan, plan_batch
from saltloop.loop.lab.settings import LabSettings, adjusted
from saltloop.loop.naming import candidate_named
from saltloop.loop.record_items import Candidate
from saltloop.loop.settings import load_campaign_file

#: Crockford's base 32: no letter that is taken for a digit.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Vial:
    """One vial: what goes in, and what is expected of it."""

    code: str
    """On the vial; also the external_id that its result is reported under."""
    kind: Literal["sample", "control"]
    candidate_id: str
    """Empty of a control."""
    replicate: int
    """From 1."""
    formulation: Formulation
    predicted: dict[str, float] | None
    """mean and standard_deviation, mS/cm."""
    plan: Plan


@dataclass(frozen=True)
class Worklist:
    """Vials in the order in which they are measured."""

    campaign: str
    vials: tuple[Vial, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"campaign": self.campaign, "vials": [_vial_dict(vial) for vial in self.vials]}


def worklist_of(
    path: Path, candidate_ids: Sequence[str] | None = None, *, batch: str | None = None, replicates: int | None = None
) -> Worklist:
    """The worklist for candidates of the lab, by default for all that are open.

    Args:
        path: the campaign's file, whose ``lab:`` then counts as it is now; or its folder, with the one on record.

    Raises:
        CampaignError: no candidate of the lab is open, or there is none of a given id.
        FormulationError: as ``make_worklist``.
    """
    campaign = Campaign.read(campaign_folder(path))
    lab = campaign.settings.lab if path.is_dir() else load_campaign_file(path).lab
    if candidate_ids is None:
        candidates = [one for one in campaign.record.open_candidates() if one.assigned_to == "lab"]
    else:
        candidates = [candidate_named(campaign, one) for one in candidate_ids]
    if not candidates:
        raise CampaignError("No candidate of the lab is open. 'saltloop ask' without --open proposes some.")
    return make_worklist(campaign, candidates, adjusted(lab, batch=batch, replicates=replicates))


def make_worklist(campaign: Campaign, candidates: Sequence[Candidate], lab: LabSettings | None = None) -> Worklist:
    """The vials for candidates: replicates of each, controls between them. The same candidates give the same codes.

    Raises:
        FormulationError: a stock or the control is no liquid, or the batch cannot be made.
    """
    lab = lab or campaign.settings.lab
    name = campaign.settings.name
    samples = []
    for candidate in candidates:
        liquid = campaign.formulation(candidate.candidate_id)
        plan = plan_batch(liquid, lab, campaign.species)
        predicted = {key: candidate.why["predicted"][key] for key in ("mean", "standard_deviation")}
        for replicate in range(1, lab.replicates + 1):
            code = f"{_short(name, candidate.candidate_id)}-{replicate}"
            samples.append(Vial(code, "sample", candidate.candidate_id, replicate, liquid, predicted, plan))
    if lab.control is None or not samples:
        return Worklist(name, tuple(samples))
    reference = Formulation.parse(lab.control.formulation, campaign.species)
    plan = plan_batch(reference, lab, campaign.species)
    vials: list[Vial] = []
    for number, sample in enumerate(samples):
        if number % lab.control.every == 0:
            vials.append(_control(name, sample, reference, plan))
        vials.append(sample)
    if len(samples) % lab.control.every == 0:
        vials.append(_control(name, samples[-1], reference, plan, "after"))
    return Worklist(name, tuple(vials))


def _control(name: str, beside: Vial, reference: Formulation, plan: Plan, *more: str) -> Vial:
    """A vial of the reference; its code follows from the sample before which it stands."""
    return Vial(f"R{_short(name, 'control', beside.code, *more)}", "control", "", 1, reference, None, plan)


def _short(*parts: str) -> str:
    """Five letters and digits of a hash: 33 million of them, so that the vials of a lab hardly ever share one."""
    number = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8])
    letters = []
    for _ in range(5):
        number, digit = divmod(number, 32)
        letters.append(_ALPHABET[digit])
    return "".join(letters)


def _vial_dict(vial: Vial) -> dict[str, Any]:
    plan = vial.plan
    return {
        "vial": vial.code,
        "kind": vial.kind,
        "candidate_id": vial.candidate_id or None,
        "replicate": vial.replicate,
        "formulation": str(vial.formulation),
        "temperature_K": vial.formulation.temperature_K,
        "predicted": vial.predicted and {**vial.predicted, "unit": "mS/cm"},
        "method": "dispense" if plan.is_dispensed else "weigh",
        "portions": [{"name": one.name, "mass_g": one.mass_g, "volume_mL": one.volume_mL} for one in plan.portions],
        "batch_mass_g": round(plan.mass_g, 6),
        "components": [one.model_dump(mode="json", exclude_defaults=True) for one in plan.components],
        "relative_errors": {name: round(error, 6) for name, error in plan.errors.items()},
        "note": plan.note,
        "external_id": vial.code,
    }
