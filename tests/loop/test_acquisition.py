"""Choosing a batch: the best of the streamed pool, refined between its steps, never what is known or pending."""

import math

import pytest
import torch
from botorch.models import SingleTaskGP
from saltloop.chemistry import Formulation, SpeciesBook
from saltloop.loop.acquisition.choose import choose_batch
from saltloop.loop.errors import CampaignError
from saltloop.loop.settings import AcquisitionSettings, SpaceSettings
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.surrogates.encoding import FormulationEncoder

pytestmark = [
    pytest.mark.filterwarnings("ignore::botorch.exceptions.warnings.InputDataWarning"),
    pytest.mark.filterwarnings("ignore::linear_operator.utils.warnings.NumericalWarning"),
]

BOOK = SpeciesBook.builtin()
PEAK_MOLALITY = 1.07


class GpOverFormulations(SingleTaskGP):
    """A Gaussian process that knows a made-up conductivity with its peak between two steps of the grid."""

    def predict_encoded(self, X):
        with torch.no_grad():
            posterior = self.posterior(X.unsqueeze(-2))
            return posterior.mean.squeeze(-1).squeeze(-1), posterior.variance.squeeze(-1).squeeze(-1).sqrt()


def made_up(formulation):
    return 10 * math.exp(-((sum(formulation.molality.values()) - PEAK_MOLALITY) ** 2) / 0.1)


@pytest.fixture(scope="module")
def space():
    return CandidateSpace(
        SpaceSettings.model_validate({"salts": ["LiPF6"], "solvents": ["DMC", "EMC"], "molality": {"step": 0.2}}), BOOK
    )


@pytest.fixture(scope="module")
def encoder():
    return FormulationEncoder(BOOK, ["LiPF6"], ["DMC", "EMC"])


@pytest.fixture(scope="module")
def known():
    return [
        Formulation.create({"LiPF6": m}, {"DMC": w, "EMC": 1 - w})
        for m in (0.4, 0.7, 0.9, 1.3, 1.6)
        for w in (0.25, 0.75)
    ]


@pytest.fixture(scope="module")
def model(encoder, known):
    X = encoder.encode(known)
    gp = GpOverFormulations(X, torch.tensor([[made_up(f)] for f in known], dtype=torch.double))
    gp.covar_module.lengthscale = torch.tensor([0.3, 2.0, 2.0, 100.0], dtype=torch.double)
    gp.likelihood.noise = 1e-3
    return gp.eval()


@pytest.fixture
def choose(model, encoder, space, known):
    def with_(n=2, *, settings=None, pending=(), known_ids=frozenset(), seed=0, baseline=None):
        return choose_batch(
            model,
            encoder,
            space,
            AcquisitionSettings(**{"mc_samples": 64, "shortlist": 64, **(settings or {})}),
            n=n,
            baseline=known if baseline is None else baseline,
            pending=pending,
            known_ids=known_ids,
            seed=seed,
        )

    return with_


def ids(decision):
    return [chosen.formulation.formulation_id for chosen in decision.chosen]


def test_the_whole_pool_is_screened(choose, space):
    assert choose().n_screened == len(space)


def test_the_batch_is_distinct_and_of_the_space(choose, space):
    decision = choose(4)
    assert len(set(ids(decision))) == 4
    assert all(space.contains(chosen.formulation) for chosen in decision.chosen)


def test_the_same_seed_gives_the_same_batch(choose):
    assert choose(3, seed=5) == choose(3, seed=5)


def test_what_is_known_is_never_chosen(choose):
    first = ids(choose(3))
    assert not set(first) & set(ids(choose(3, known_ids=frozenset(first))))


def test_a_pending_formulation_pushes_the_choice_away(choose, encoder):
    first = choose(1, settings={"refine": False}).chosen[0]
    second = choose(1, settings={"refine": False}, pending=[first.formulation]).chosen[0]
    assert second.formulation != first.formulation


def test_refinement_goes_between_the_steps_and_pays(choose):
    plain = choose(1, settings={"refine": False}).chosen[0]
    refined = choose(1).chosen[0]
    assert refined.is_refined
    assert refined.acquisition_value > plain.acquisition_value
    (molality,) = refined.formulation.molality.values()
    assert abs(molality - PEAK_MOLALITY) < 0.06
    assert molality == round(molality, 2)
    assert all(share == pytest.approx(round(share, 2)) for share in refined.formulation.mass_fractions.values())


def test_the_alternatives_are_worse_and_named(choose):
    decision = choose(1, settings={"refine": False})
    assert len(decision.alternatives) == 5
    assert all(passed.acquisition_value <= decision.chosen[0].acquisition_value for passed in decision.alternatives)
    assert decision.chosen[0].rank == 1


def test_without_a_measurement_in_the_space_it_says_so(choose):
    assert "nothing in this space is measured yet" in choose(baseline=[]).notes[0]


def test_an_exhausted_space_is_an_error_with_the_remedy(model, encoder, choose):
    tiny = SpaceSettings.model_validate(
        {"salts": ["LiPF6"], "solvents": ["DMC"], "molality": {"min": 1.0, "max": 1.0}, "max_solvents": 1}
    )
    with pytest.raises(CampaignError, match="Only 1 formulations of the space are left to propose, 2 were asked for"):
        choose_batch(
            model,
            encoder,
            CandidateSpace(tiny, BOOK),
            AcquisitionSettings(),
            n=2,
            baseline=[],
            pending=[],
            known_ids=frozenset(),
            seed=0,
        )
