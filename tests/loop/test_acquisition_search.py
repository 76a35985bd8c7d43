"""The shortlist keeps many families of a streamed pool; the mixed optimiser goes beyond it and stays in the space."""

import math

import numpy as np
import pytest
import torch
from botorch.models.model import Model
from botorch.posteriors.gpytorch import GPyTorchPosterior
from botorch.posteriors.transformed import TransformedPosterior
from gpytorch.distributions import MultivariateNormal
from saltloop.chemistry import Formulation, SpeciesBook
from saltloop.loop.acquisition.choose import choose_batch
from saltloop.loop.acquisition.field import Field
from saltloop.loop.acquisition.functions import values
from saltloop.loop.acquisition.objectives import Objectives
from saltloop.loop.acquisition.refine import Region, climb
from saltloop.loop.acquisition.settings import AcquisitionSettings
from saltloop.loop.acquisition.shortlist import screen
from saltloop.loop.acquisition.table import positions
from saltloop.loop.space.candidate_space import CandidateSpace
from saltloop.loop.space.settings import SpaceSettings
from saltloop.surrogates.encoding import FormulationEncoder

BOOK = SpeciesBook.builtin()
SALTS, SOLVENTS = ["LiPF6", "LiFSI"], ["DMC", "EMC", "EC", "PC", "DME"]
ENCODER = FormulationEncoder(BOOK, SALTS, SOLVENTS)
PEAK = Formulation.create({"LiFSI": 1.13}, {"EC": 0.33, "DME": 0.67})


class Smooth(Model):
    """A belief that is highest at one formulation between the steps of any grid, with correlated deviations."""

    num_outputs = 1

    def __init__(self):
        super().__init__()
        self._peak = ENCODER.encode([PEAK])[0]
        self._scale = torch.ones(ENCODER.dim, dtype=torch.double)
        self._scale[ENCODER.temperature_index] = 100.0

    def _mean(self, X):
        return 10 * torch.exp(-(((X - self._peak) / self._scale) ** 2).sum(-1))

    def _gaussian(self, X):
        gap = ((X.unsqueeze(-2) - X.unsqueeze(-3)) / self._scale).square().sum(-1)
        covariance = torch.exp(-gap / 0.5) + 1e-6 * torch.eye(X.shape[-2], dtype=torch.double)
        return MultivariateNormal(self._mean(X), covariance)

    def posterior(self, X, *_, **__):
        return GPyTorchPosterior(self._gaussian(X))

    def predict_encoded(self, X):
        return self._mean(X), torch.ones(len(X), dtype=torch.double)


class Squared(Smooth):
    """The same belief about the square root, so that the quantity is the square of a Gaussian."""

    def posterior(self, X, *_, **__):
        return TransformedPosterior(
            GPyTorchPosterior(self._gaussian(X)),
            sample_transform=lambda Y: Y**2,
            mean_transform=lambda mean, variance: mean**2 + variance,
            variance_transform=lambda mean, variance: 2 * variance**2 + 4 * mean**2 * variance,
        )

    def predict_encoded(self, X):
        posterior = self.posterior(X.unsqueeze(-2))
        return posterior.mean.flatten(), posterior.variance.sqrt().flatten()


def space_of(**settings):
    return CandidateSpace(
        SpaceSettings.model_validate({"salts": SALTS, "solvents": SOLVENTS, "fraction_step": 0.2, **settings}), BOOK
    )


def shortlist(space, **settings):
    return screen(
        Objectives.conductivity_alone(Smooth()),
        ENCODER,
        space,
        AcquisitionSettings(shortlist=48, **settings),
        n=4,
        known_ids=frozenset(),
        feasibility=None,
        seed=1,
    )


def family(formulation):
    return frozenset(formulation.molality) | frozenset(formulation.mole_fractions)


def test_a_family_has_a_limited_number_of_places():
    few = [family(one) for one in shortlist(space_of(), per_family=3).formulations]
    many = [family(one) for one in shortlist(space_of(), per_family=48).formulations]
    assert len(few) == len(many) == 48
    assert len(set(few)) > 1.4 * len(set(many))


def test_the_best_of_the_whole_pool_is_on_the_list_whatever_the_chunks(monkeypatch):
    space = space_of()
    rows = np.concatenate(list(space.stream(ENCODER)))
    best = space.as_weighed(torch.from_numpy(rows[Smooth()._mean(torch.from_numpy(rows)).argmax()]), ENCODER)
    whole = shortlist(space)
    assert best in whole.formulations
    stream = space.stream
    monkeypatch.setattr(space, "stream", lambda encoder: stream(encoder, chunk=100))
    parts = shortlist(space)
    assert parts.n_screened == whole.n_screened == len(rows)
    assert best in parts.formulations


def test_known_liquids_leave_their_places_to_others():
    space = space_of()
    first = shortlist(space)
    known = frozenset(one.formulation_id for one in first.formulations[:20])
    objectives, settings = Objectives.conductivity_alone(Smooth()), AcquisitionSettings(shortlist=48)
    again = screen(objectives, ENCODER, space, settings, n=4, known_ids=known, feasibility=None, seed=1)
    assert len(again.formulations) == 48
    assert not known & {one.formulation_id for one in again.formulations}


def test_drawn_uniformly_every_family_comes_up():
    drawn = set()
    for seed in range(12):
        found = screen(
            Objectives.conductivity_alone(Smooth()),
            ENCODER,
            space_of(),
            AcquisitionSettings(kind="uniform"),
            n=20,
            known_ids=frozenset(),
            feasibility=None,
            seed=seed,
        )
        assert len(found.uniform) == 20
        drawn |= {family(found.formulations[i]) for i in found.uniform}
    assert len(drawn) > 20, "of 30 families"


def test_a_large_batch_of_a_single_family_is_found():
    space = space_of(salts=["LiPF6"], solvents=["DMC"], max_solvents=1, concentration={"step": 0.02})
    found = screen(
        Objectives.conductivity_alone(Smooth()),
        ENCODER,
        space,
        AcquisitionSettings(shortlist=8, per_family=1),
        n=30,
        known_ids=frozenset(),
        feasibility=None,
        seed=0,
    )
    assert len(found.formulations) >= 30


# The mixed optimiser


def acquisition_at(start, space):
    field = Field(
        Objectives.conductivity_alone(Smooth()),
        ENCODER,
        AcquisitionSettings(mc_samples=64),
        [Formulation.create({"LiPF6": 0.5}, {"EMC": 1.0}), start],
        1,
        0,
        0,
    )
    return field.acquisition_over_rows([])


def test_it_exchanges_species_and_finds_the_peak_between_the_steps():
    space = space_of()
    start = Formulation.create({"LiPF6": 1.0}, {"DMC": 0.5, "EC": 0.5})
    found, value = climb(acquisition_at(start, space), ENCODER, space, start, frozenset())
    assert family(found) == family(PEAK)
    assert found.molality["LiFSI"] == pytest.approx(1.13, abs=0.03)
    assert found.mass_fractions["DME"] == pytest.approx(0.67, abs=0.04)
    assert found.molality["LiFSI"] == round(found.molality["LiFSI"], 2)
    assert space.contains(found)
    assert math.isfinite(value)


def test_it_keeps_robot_steps_constraints_and_what_is_taken():
    space = space_of(step=0.05, constraints=['share("DME") <= 0.5'], fraction_step=0.1)
    start = Formulation.create({"LiPF6": 1.0}, {"DMC": 0.5, "EC": 0.5})
    acquisition = acquisition_at(start, space)
    found, _ = climb(acquisition, ENCODER, space, start, frozenset())
    assert space.contains(found)
    assert found.mass_fractions["DME"] == pytest.approx(0.5)
    assert found.molality["LiFSI"] / 0.05 == pytest.approx(round(found.molality["LiFSI"] / 0.05))
    other, _ = climb(acquisition, ENCODER, space, start, frozenset({found.formulation_id}))
    assert other != found


@pytest.mark.parametrize(
    ("settings", "moving"),
    [
        ({}, ["LiFSI", "EC", "DME"]),
        ({"concentration": [1.0]}, ["EC", "DME"]),
        ({"temperatures_K": {"min": 290, "max": 310, "step": 10}}, ["LiFSI", "EC", "DME", "temperature_K"]),
    ],
    ids=["fixed temperature", "one concentration", "free temperature"],
)
def test_only_what_the_space_leaves_free_moves(settings, moving):
    at = Formulation.create({"LiFSI": 1.0}, {"EC": 0.4, "DME": 0.6})
    region = Region.around(space_of(**settings), ENCODER, at)
    assert {ENCODER.columns[i] for i in range(ENCODER.dim) if i not in region.fixed} == set(moving)


def test_bounds_of_mass_fractions_are_linear_in_mole_fractions():
    space = space_of(shares={"EC": [0.2, 0.3]})
    region = Region.around(space, ENCODER, Formulation.create({"LiFSI": 1.0}, {"EC": 0.3, "DME": 0.7}))

    def holds(ec):
        row = ENCODER.encode([Formulation.create({"LiFSI": 1.0}, {"EC": ec, "DME": 1 - ec})])[0]
        return all(float(row[index] @ weights) >= bound - 1e-9 for index, weights, bound in region.inequalities)

    assert [holds(ec) for ec in (0.19, 0.2, 0.25, 0.3, 0.31)] == [False, True, True, True, False]


def test_where_nothing_is_free_there_is_no_region():
    space = space_of(concentration=[1.0])
    assert Region.around(space, ENCODER, Formulation.create({"LiFSI": 1.0}, {"EC": 1.0})) is None


@pytest.mark.parametrize("belief", [Smooth(), Squared()])
def test_the_table_and_the_rows_agree(belief):
    liquids = [Formulation.create({"LiPF6": m}, {"EC": w, "DME": 1 - w}) for m in (0.6, 1.0) for w in (0.2, 0.5, 0.8)]
    field = Field(Objectives.conductivity_alone(belief), ENCODER, AcquisitionSettings(), liquids, 2, 1, 3)
    over_table = values(field.acquisition([4]), positions([3, 5]))
    over_rows = values(field.acquisition_over_rows([4]), field.X[[3, 5]])
    assert torch.allclose(over_table, over_rows, atol=0.05)


@pytest.mark.parametrize("kind", ["qlognei", "qucb", "thompson", "uncertainty"])
def test_a_belief_that_is_no_gaussian_can_be_chosen_by(kind):
    decision = choose_batch(
        Squared(),
        ENCODER,
        space_of(),
        AcquisitionSettings(kind=kind, mc_samples=64, shortlist=32, refine=False),
        n=2,
        baseline=[Formulation.create({"LiPF6": 0.5}, {"EMC": 1.0})],
        pending=[],
        known_ids=frozenset(),
        seed=0,
    )
    assert all(math.isfinite(one.acquisition_value) for one in decision.chosen)
    if kind in ("qlognei", "qucb"):
        assert family(decision.chosen[0].formulation) == family(PEAK)
    assert 90 < decision.outlook["best_measured_mS_cm"] + decision.outlook["expected_improvement_mS_cm"] < 130
