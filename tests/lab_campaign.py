"""A small campaign with a lab, and reports for it; shared by the tests of what labs bring."""

from __future__ import annotations

from fakes import FakeStrategy
from saltloop.chemistry import lab_result
from saltloop.chemistry.result_files import read_file
from saltloop.loop.campaign import Campaign
from saltloop.loop.decisions import propose_batch
from saltloop.loop.lab.intake import take
from saltloop.loop.screen import Screen

LAB = """
name: lab
seed: 1
space: {salts: [LiPF6], solvents: [EC, DMC]}
oracle: {kind: lab, cost: {hours: 0.1, money: 10}}
lab: {settle_s: 0}
"""
LIQUID = "1.0 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 298.15 K"


def start(folder, text=LAB, n=2):
    """The open campaign, with a fit on record and ``n`` candidates for the lab."""
    file = folder / "lab.yaml"
    file.write_text(text)
    campaign = Campaign.start_or_resume(file)
    strategy = FakeStrategy()
    campaign.append("surrogate_fitted", {**strategy.fit(campaign, iteration=0), "n_rounds": 0})
    propose_batch(campaign, strategy, n=n, assigned_to="lab", screen=Screen(is_quiet=True))
    return campaign


def report(external_id="r1", value=9.1, **more):
    """A result; of a liquid that nobody asked for unless ``more`` names a candidate."""
    told = {"external_id": external_id, "value": value, "unit": "mS/cm", "standard_uncertainty": 0.2, **more}
    if not told.keys() & {"candidate_id", "formulation", "components"}:
        told["formulation"] = LIQUID
    return lab_result({key: value for key, value in told.items() if value is not None})


def tell(campaign, path, **how):
    """Take a file of results."""
    return take(campaign, read_file(path), actor="tell", name=str(path), origin={"file": path.name}, **how)


def expects(mean, std):
    """A model that says the same of every liquid."""
    return lambda liquids: [{"mean": mean, "standard_deviation": std} for _ in liquids]
