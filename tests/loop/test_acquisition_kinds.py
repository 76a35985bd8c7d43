"""Each kind of acquisition picks what it must on a belief that is written down; batches spread out, replicates pay."""

import math

import pytest
import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from saltloop.chemistry import Formulation, Measurement, SpeciesBook
from saltloop.loop.acquisition.choose import choose_batch
from saltloop.loop.acquisition.replicates import noise_of_one_more
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.backtest.listed import ListedPool
from saltloop.surrogates.encoding import FormulationEncoder

BOOK = SpeciesBook.builtin()
ENCODER = FormulationEncoder(BOOK, ["LiPF6", "LiFSI"], ["DMC", "EMC", "EC"])
MOLALITIES = [round(0.1 * k, 1) for k in range(1, 11)]
LIQUIDS = [Formulation.create({"LiPF6": m}, {"DMC": 1.0}) for m in MOLALITIES]
POOL = ListedPool(LIQUIDS)


class Belief(Model):
    """A Gaussian belief about liquids that differ in molality alone: mean and deviation from tables by molality."""

    num_outputs = 1

    def __init__(self, mean, std, reach=0.01):
        super().__init__()
        self._mean, self._std, self._reach = mean, std, reach

    def posterior(self, X, *_, **__):
        m = X[..., ENCODER.salt_slice].sum(-1)
        std = self._std(m)
        alike = torch.exp(-0.5 * ((m.unsqueeze(-1) - m.unsqueeze(-2)) / self._reach) ** 2)
        covariance = std.unsqueeze(-1) * std.unsqueeze(-2) * alike
        return GPyTorchPosterior(
            MultivariateNormal(self._mean(m), covariance + 1e-9 * torch.eye(m.shape[-1], dtype=torch.double))
        )

    def predict_encoded(self, X):
        m = X[:, ENCODER.salt_slice].sum(-1)
        return self._mean(m), self._std(m)


def table(values):
    """A function of molality through the given points, constant elsewhere at ``values[None]``."""

    def of(m):
        found = torch.full_like(m, values[None])
        for at, value in values.items():
            if at is not None:
                found = torch.where((m - at).abs() < 0.01, torch.tensor(value, dtype=torch.double), found)
        return found

    return of


def choose(belief, kind="qlognei", n=1, *, baseline=(), pending=(), pool=POOL, seed=0, **more):
    noise, feasibility = more.pop("noise", None), more.pop("feasibility", None)
    return choose_batch(
        belief,
        ENCODER,
        pool,
        AcquisitionSettings(kind=kind, mc_samples=128, **more),
        n=n,
        baseline=list(baseline),
        pending=list(pending),
        known_ids=frozenset(),
        seed=seed,
        noise=noise,
        feasibility=feasibility,
    )


def chosen(decision):
    return [round(sum(one.formulation.molality.values()), 1) for one in decision.chosen]


BASE = [LIQUIDS[0], LIQUIDS[1]]


def test_expected_improvement_takes_the_best_bet():
    belief = Belief(table({None: 1.0, 0.5: 3.0}), table({None: 0.1}))
    assert chosen(choose(belief, baseline=BASE)) == [0.5]


def test_a_wide_confidence_bound_prefers_the_uncertain_and_a_narrow_one_the_good():
    belief = Belief(table({None: 1.0, 0.5: 3.0, 0.7: 2.5}), table({None: 0.1, 0.7: 1.0}))
    assert chosen(choose(belief, "qucb", width=4.0)) == [0.7]
    assert chosen(choose(belief, "qucb", width=0.1)) == [0.5]


def test_uncertainty_takes_the_widest_and_then_not_its_twin():
    belief = Belief(table({None: 1.0}), table({None: 0.5, 0.5: 1.0, 0.6: 0.9, 0.9: 0.8}), reach=0.15)
    assert chosen(choose(belief, "uncertainty", n=2)) == [0.5, 0.9]


def test_uncertainty_counts_what_is_pending_as_known():
    belief = Belief(table({None: 1.0}), table({None: 0.5, 0.5: 1.0, 0.9: 0.8}))
    assert chosen(choose(belief, "uncertainty", pending=[LIQUIDS[4]])) == [0.9]


def test_thompson_draws_follow_the_probability_of_being_best():
    belief = Belief(table({None: 0.0, 0.5: 3.0, 0.7: 2.5}), table({None: 0.01, 0.5: 1.0, 0.7: 1.0}))
    picks = [chosen(choose(belief, "thompson", seed=seed))[0] for seed in range(60)]
    assert set(picks) == {0.5, 0.7}
    assert 0.45 < picks.count(0.5) / 60 < 0.85, "P(best) is 0.64"


def test_uniform_ignores_the_belief():
    belief = Belief(table({None: 1.0, 0.5: 9.0}), table({None: 0.1}))
    picks = [chosen(choose(belief, "uniform", seed=seed))[0] for seed in range(200)]
    assert set(picks) == set(MOLALITIES)
    assert picks.count(0.5) < 45


@pytest.mark.parametrize("kind", ["qlognei", "qucb", "thompson", "uncertainty", "uniform"])
def test_the_same_seed_gives_the_same_decision_and_never_what_is_measured_or_pending(kind):
    belief = Belief(lambda m: 3 * m, lambda m: 0.2 + m)
    first, again = (choose(belief, kind, n=4, baseline=BASE, pending=LIQUIDS[8:], seed=7) for _ in range(2))
    assert first == again
    assert len(set(chosen(first))) == 4
    assert not {0.1, 0.2, 0.9, 1.0} & set(chosen(first))


def test_a_batch_does_not_take_near_twins():
    belief = Belief(table({None: 1.0, 0.4: 3.0, 0.5: 3.02, 0.9: 2.9}), table({None: 0.3}), reach=0.2)
    assert chosen(choose(belief, n=2, baseline=BASE)) == [0.5, 0.9]


def test_a_pending_liquid_pushes_the_choice_away():
    belief = Belief(table({None: 1.0, 0.4: 3.0, 0.5: 3.02, 0.9: 2.9}), table({None: 0.3}), reach=0.2)
    assert chosen(choose(belief, baseline=BASE, pending=[LIQUIDS[4]])) == [0.9]


class Salty:
    """Feasible below 0.6 mol/kg."""

    def log_probability(self, X):
        return torch.where(X[..., ENCODER.salt_slice].sum(-1) < 0.6, -0.05, -6.0).double()


@pytest.mark.parametrize("kind", ["qlognei", "qucb", "thompson", "uncertainty"])
def test_what_is_likely_to_fail_is_passed_over(kind):
    belief = Belief(table({None: 1.0, 0.5: 2.0, 0.9: 2.5}), table({None: 0.2, 0.5: 0.6, 0.9: 0.7}))
    assert chosen(choose(belief, kind, baseline=BASE)) == [0.9] or kind == "thompson"
    assert chosen(choose(belief, kind, baseline=BASE, feasibility=Salty()))[0] in (
        {0.5} if kind != "thompson" else {0.3, 0.4, 0.5}
    )


def test_the_outlook_says_whether_anything_better_is_left():
    hopeless = choose(Belief(table({None: 1.0, 0.1: 5.0}), table({None: 0.1})), baseline=BASE).outlook
    assert hopeless["best_measured_mS_cm"] == pytest.approx(5.0)
    assert hopeless["probability_better"] == 0.0
    assert hopeless["expected_improvement_mS_cm"] == 0.0
    assert hopeless["n"] == 8
    open_ = choose(Belief(table({None: 1.0, 0.1: 5.0, 0.5: 6.0}), table({None: 0.1})), baseline=BASE).outlook
    assert open_["probability_better"] > 0.99
    assert open_["expected_improvement_mS_cm"] == pytest.approx(1.0, abs=0.05)


def test_without_a_measurement_the_outlook_promises_nothing():
    told = choose(Belief(table({None: 1.0}), table({None: 0.1}))).outlook
    assert told["best_measured_mS_cm"] is None
    assert told["probability_better"] == 1.0


# Replicates: two measured liquids that noise keeps apart no longer, and nothing new that is worth a look.

NOISE = {liquid.formulation_id: 0.3 for liquid in BASE}


def noisy(std_best=0.3, new=1.0, rival=4.9):
    return Belief(table({None: new, 0.1: 5.0, 0.2: rival}), table({None: 0.05, 0.1: std_best, 0.2: std_best}))


def test_one_of_the_best_is_measured_again_when_noise_hides_which_is_best():
    decision = choose(noisy(), n=2, baseline=BASE, noise=NOISE)
    (again,) = [one for one in decision.chosen if one.is_replicate]
    assert again.formulation in BASE
    assert "cannot be told from" in again.reason
    assert "again is expected to raise the best known value by" in again.reason
    assert again.acquisition_value > 0
    assert decision.alternatives[0].formulation not in BASE, "what it displaced is told"


def test_a_batch_of_one_may_be_a_replicate():
    assert choose(noisy(), baseline=BASE, noise=NOISE).chosen[0].is_replicate


@pytest.mark.parametrize(
    ("belief", "more"),
    [
        (noisy(std_best=0.01), {}),
        (noisy(rival=2.0), {}),
        (noisy(new=6.0), {}),
        (noisy(), {"replicates": False}),
        (noisy(), {"noise": {}}),
        (noisy(), {"kind": "uncertainty"}),
    ],
    ids=["surely known", "clearly apart", "something new is better", "switched off", "no noise known", "exploring"],
)
def test_otherwise_nothing_is_measured_again(belief, more):
    decision = choose(belief, n=2, baseline=BASE, **{"noise": NOISE, **more})
    assert not any(one.is_replicate for one in decision.chosen)


def test_what_is_being_measured_again_is_not_proposed_a_third_time():
    decision = choose(noisy(), n=2, baseline=BASE, pending=BASE, noise=NOISE)
    assert not any(one.is_replicate for one in decision.chosen)


def result(value, std, source="experiment", n=0):
    return Measurement(
        formulation=LIQUIDS[0], value=value, unit="mS/cm", standard_uncertainty=std, source=source, external_id=str(n)
    )


def test_one_more_measurement_has_the_noise_of_the_others():
    (noise,) = noise_of_one_more([result(5.0, 0.3), result(5.2, 0.3, n=1)], [result(5.0, 0.3)] * 2).values()
    assert noise == pytest.approx(0.3, rel=0.05)


def test_a_replicate_does_not_reduce_a_bias():
    (noise,) = noise_of_one_more([result(4.0, 0.1, "openmm")], [result(8.0, 2.0, "openmm")]).values()
    assert noise > 10, "the source is off by 2 mS/cm; its own noise is 0.2"
    assert math.isfinite(noise)
