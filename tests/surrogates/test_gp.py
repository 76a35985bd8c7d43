"""The Gaussian process for few data: a law that extrapolates, a process that listens."""

import numpy as np
import pytest
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from saltloop.chemistry import Formulation, Measurement, SpeciesBook
from saltloop.chemistry.errors import DataError
from saltloop.surrogates.checkpoint import CheckpointError
from saltloop.surrogates.factory import load_surrogate, new_surrogate
from saltloop.surrogates.gp import GPSurrogate
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.surrogate import MFNetSurrogate

SETTINGS = SurrogateSettings(architecture="gp")
SALTS, SOLVENTS = ("LiPF6", "LiTFSI"), ("EC", "EMC", "PC", "AN", "Sulfolane")
MEASURED = {(0.4, 298.15): 6.0, (0.8, 298.15): 8.6, (1.0, 298.15): 9.2, (1.6, 298.15): 8.0}


def liquid(molality=1.0, solvents=None, temperature_K=298.15, salt="LiPF6"):
    return Formulation.create({salt: molality}, solvents or {"EC": 0.3, "EMC": 0.7}, temperature_K=temperature_K)


def measured(formulation, value, std=0.1):
    return Measurement(
        formulation=formulation, value=value, unit="mS/cm", standard_uncertainty=std, source="experiment"
    )


@pytest.fixture(scope="module")
def surrogate():
    one = GPSurrogate(SETTINGS, SpeciesBook.builtin(), SALTS, SOLVENTS)
    one.fit([measured(liquid(m, temperature_K=T), value) for (m, T), value in MEASURED.items()], seed=0)
    return one


def test_it_agrees_with_what_it_was_told(surrogate):
    told = surrogate.predict([liquid(m, temperature_K=T) for m, T in MEASURED])
    np.testing.assert_allclose(told.mean, list(MEASURED.values()), atol=0.35)
    assert (told.std < 0.5).all()


def test_the_law_orders_solvents_that_were_never_measured_by_their_viscosity(surrogate):
    fast, slow = surrogate.predict([liquid(solvents={"AN": 1.0}), liquid(solvents={"Sulfolane": 1.0})]).mean
    assert fast > 1.5 * slow


def test_conductivity_peaks_in_concentration_and_rises_with_temperature_beyond_the_data(surrogate):
    dilute, usual, thick = surrogate.predict([liquid(0.05), liquid(1.0), liquid(4.0)]).mean
    assert dilute < usual > thick
    cold, warm = surrogate.predict([liquid(temperature_K=258.15), liquid(temperature_K=333.15)]).mean
    assert cold < 9.2 < warm


def test_what_is_far_from_the_data_is_uncertain_and_said_to_be_unfamiliar(surrogate):
    near, far = surrogate.predict([liquid(0.9), liquid(0.9, {"AN": 1.0}, salt="LiTFSI")]).std
    assert far > 5 * near
    assert surrogate.predict([liquid(0.9, {"AN": 1.0})]).unfamiliar[0] == ("solvent 'AN' was never measured",)


def test_an_observation_is_agreed_with_and_moves_its_neighbours_without_a_new_fit(surrogate):
    point, neighbour = liquid(1.0, {"AN": 1.0}), liquid(1.1, {"AN": 0.95, "EMC": 0.05})
    before = surrogate.predict([neighbour])
    after = surrogate.predict([point, neighbour], [measured(point, 40.0, 0.5)])
    assert abs(after.mean[0] - 40.0) < 2.0
    assert after.mean[1] > before.mean[0] + 5.0
    assert after.std[1] < before.std[0]


def test_an_observation_that_was_in_the_fit_is_not_counted_twice(surrogate):
    again = [measured(liquid(m, temperature_K=T), value) for (m, T), value in MEASURED.items()]
    np.testing.assert_array_equal(surrogate.predict([liquid(0.9)]).std, surrogate.predict([liquid(0.9)], again).std)


def test_marginals_are_those_of_the_joint_posterior(surrogate):
    X = surrogate.encoder.encode([liquid(0.6), liquid(1.2, {"PC": 1.0})])
    mean, std = surrogate.model().predict_encoded(X)
    joint = surrogate.model().posterior(X)
    torch.testing.assert_close(joint.mean.squeeze(-1), mean, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(joint.variance.squeeze(-1).sqrt(), std, rtol=1e-6, atol=1e-8)
    drawn = joint.rsample(torch.Size([20_000])).squeeze(-1)
    torch.testing.assert_close(drawn.mean(0), mean, rtol=0.05, atol=0.05)


def test_botorch_acquires_with_it_and_gradients_flow(surrogate):
    X = surrogate.encoder.encode([liquid(0.6), liquid(1.2, {"PC": 1.0})])
    acquisition = qLogNoisyExpectedImprovement(
        surrogate.model(), X_baseline=X[:1], prune_baseline=False, cache_root=False
    )
    point = X[1:].clone().requires_grad_(True)
    acquisition(point).sum().backward()
    assert torch.isfinite(point.grad).all()
    assert point.grad.abs().sum() > 0


def test_it_is_stored_and_loaded_to_the_same_answers(surrogate, tmp_path):
    digest = surrogate.save(tmp_path / "gp")
    loaded = load_surrogate(tmp_path / "gp", SpeciesBook.builtin())
    assert isinstance(loaded, GPSurrogate)
    np.testing.assert_array_equal(loaded.predict([liquid(0.7)]).mean, surrogate.predict([liquid(0.7)]).mean)
    assert loaded.save(tmp_path / "again") == digest


def test_a_checkpoint_of_the_other_kind_is_told_apart(fitted, tmp_path):
    fitted.save(tmp_path / "net")
    assert isinstance(load_surrogate(tmp_path / "net", SpeciesBook.builtin()), MFNetSurrogate)
    with pytest.raises(CheckpointError, match="does not hold what a checkpoint must"):
        GPSurrogate.load(tmp_path / "net", SpeciesBook.builtin())


def test_too_few_and_too_many_rows_are_refused_with_what_to_do():
    empty = new_surrogate(SETTINGS, SpeciesBook.builtin(), SALTS, SOLVENTS)
    with pytest.raises(DataError, match=r"2 conductivities; .* takes 3 to 2,000"):
        empty.fit([measured(liquid(0.5), 7.0), measured(liquid(0.6), 7.5)], seed=0)
    rows = [measured(liquid(round(0.001 + k * 0.001, 3)), 5.0) for k in range(2001)]
    with pytest.raises(DataError, match="Leave architecture out"):
        empty.fit(rows, seed=0)
    with pytest.raises(DataError, match="has learned nothing yet"):
        empty.model()
