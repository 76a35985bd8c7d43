"""What failures teach: the probability of a result, far from everything tried, near failures, near results."""

import pytest
import torch
from fakes import FakeStrategy, InlineExecutor
from saltloop.loop.acquisition.feasibility import Feasibility
from saltloop.loop.campaign import Campaign
from saltloop.loop.controller import Controller
from saltloop.loop.events import Event
from saltloop.loop.failures import is_of_liquid
from saltloop.loop.record import CampaignRecord
from saltloop.loop.record_items import Candidate, Job
from saltloop.loop.screen import Screen
from saltloop.surrogates.encoding import FormulationEncoder

FEATURES = torch.tensor([1 / 0.5, 1 / 0.25, 1 / 20.0], dtype=torch.double).diag()


def rows(*molalities):
    return torch.tensor([[m, 1.0, 298.15] for m in molalities], dtype=torch.double)


def learned(good=(0.5, 0.8, 1.0), bad=(2.0, 1.9), prior=0.95):
    return Feasibility(rows(*good, *bad), [True] * len(good) + [False] * len(bad), FEATURES, prior=prior)


def test_far_from_everything_the_prior_stands():
    assert learned().probability(rows(60.0)) == [pytest.approx(0.95, abs=1e-6)]
    assert learned(prior=0.8).probability(rows(60.0)) == [pytest.approx(0.8, abs=1e-6)]


def test_near_failures_it_is_improbable_and_near_results_probable():
    near_result, between, near_failure = learned().probability(rows(0.8, 1.5, 1.95))
    assert near_failure < 0.35 < between < near_result
    assert near_result > 0.85


def test_one_failure_is_enough_to_learn_from():
    (here,), (elsewhere,) = (learned((), (1.0,)).probability(rows(m)) for m in (1.0, 8.0))
    assert here < 0.6
    assert elsewhere == pytest.approx(0.95, abs=0.01)


def test_replicates_of_a_failure_convince():
    once, often = learned((), (1.0,)), learned((), (1.0,) * 5)
    assert often.probability(rows(1.0))[0] < once.probability(rows(1.0))[0]


def test_the_same_rows_give_the_same_model():
    assert learned().probability(rows(1.3, 2.5)) == learned().probability(rows(1.3, 2.5))


def test_the_log_probability_can_be_differentiated_at_any_shape():
    X = rows(1.4, 1.0, 2.0).requires_grad_()
    assert torch.autograd.gradcheck(learned().log_probability, (X,))
    assert learned().log_probability(torch.rand(4, 2, 3, dtype=torch.double)).shape == (4, 2)


@pytest.mark.parametrize(
    ("kind", "is_retryable", "expected"),
    [
        ("not_diffusive", False, True),
        ("unsupported", False, True),
        ("crystallised", False, True),
        ("separated", False, True),
        ("blow_up", True, True),
        ("timeout", True, False),
        ("worker_died", True, False),
        ("failed", False, False),
        ("result_changed", False, False),
        ("my own hiccup", True, False),
    ],
)
def test_failures_of_the_liquid_are_told_from_the_machines(kind, is_retryable, expected):
    assert is_of_liquid(kind, is_retryable=is_retryable) is expected


@pytest.fixture
def run(tmp_path):
    def toy(options, more=""):
        file = tmp_path / "toy.yaml"
        file.write_text(
            "name: toy\nspace: {salts: [LiPF6], solvents: [EC, DMC], molality: {min: 0.5, max: 2.5, step: 0.5}}\n"
            f'oracle: {{kind: python, factory: "fakes:ToyOracle", options: {options}}}\n'
            "acquisition: {batch_size: 4}\nbudget: {rounds: 3}\n" + more
        )
        with Campaign.start_or_resume(file) as campaign:
            Controller(campaign, FakeStrategy(), InlineExecutor(), Screen(is_quiet=True)).run()
        return Campaign.read(tmp_path / "toy")

    return toy


def test_a_campaign_learns_from_its_permanent_failures(run):
    campaign = run("{fail_above: 1.25}")
    assert {entry["kind"] for entry in campaign.record.infeasible.values()} == {"not_diffusive"}
    encoder = FormulationEncoder(campaign.species, ["LiPF6"], ["EC", "DMC"])
    model = Feasibility.learn(campaign, encoder)
    liquids = [campaign.formulation(key) for key in campaign.record.candidates]
    probability = dict(zip(campaign.record.candidates, model.probability(encoder.encode(liquids)), strict=True))
    by_status = {
        status: [probability[key] for key, c in campaign.record.candidates.items() if c.status == status]
        for status in ("completed", "abandoned")
    }
    assert max(by_status["abandoned"]) < min(by_status["completed"])
    assert "liquid(s) that failed for good" in model.describe()


def test_without_a_permanent_failure_there_is_nothing_to_learn(run):
    campaign = run("{fail_once: true}")
    assert not campaign.record.infeasible
    assert Feasibility.learn(campaign, FormulationEncoder(campaign.species, ["LiPF6"], ["EC", "DMC"])) is None


def test_it_can_be_switched_off(run):
    campaign = run("{fail_above: 1.25}", "feasibility: {enabled: false}\n")
    assert campaign.record.infeasible
    assert Feasibility.learn(campaign, FormulationEncoder(campaign.species, ["LiPF6"], ["EC", "DMC"])) is None


def failed(record, candidate_id, kind, *, is_retryable=True):
    """The record after the last attempt of a candidate's job has failed."""
    record.candidates[candidate_id] = Candidate(candidate_id, 0, "oracle", {}, "f1", "", {})
    record.jobs[candidate_id] = Job(candidate_id, candidate_id, 1)
    data = {
        "job_key": candidate_id, "kind": kind, "reason": kind, "is_retryable": is_retryable, "will_retry": False,
        "wall_s": 1.0,
    }  # fmt: skip
    record.apply(Event(0, "", "", "job_failed", 1, "controller", data, ""))


def test_where_only_the_machine_failed_a_formulation_may_come_again_as_often_as_a_job_is_retried():
    record = CampaignRecord(settings={"execution": {"retries": 1}})
    failed(record, "c1", "timeout")
    assert not record.infeasible
    assert not record.spent()
    failed(record, "c2", "worker_died")
    assert record.spent() == {"f1"}
    assert not record.infeasible


def test_where_the_liquid_failed_it_never_comes_again():
    record = CampaignRecord(settings={"execution": {"retries": 5}})
    failed(record, "c1", "crystallised", is_retryable=False)
    assert record.spent() == {"f1"} == set(record.infeasible)
