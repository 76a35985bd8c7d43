"""Attributions on functions whose answer is known, and on a small trained surrogate."""

import numpy as np
import pytest
import torch
from saltloop.chemistry import Formulation
from saltloop.surrogates.attribution import (
    disagreements,
    gradient_attribution,
    integrated_gradients,
    ranks,
    shapley_values,
    variance_shares,
)
from saltloop.surrogates.feature_view import FeatureView, descriptor_names
from saltloop.surrogates.sensitivity import sensitivities
from saltloop.surrogates.settings import SurrogateSettings
from saltloop.surrogates.surrogate import MFNetSurrogate

SALTS, SOLVENTS = ("LiPF6", "LiTFSI", "LiBF4"), ("EC", "PC", "DMC", "EMC", "FEC")
WEIGHTS = torch.tensor([2.0, -1.0, 0.5, 0.0])
LIQUID = Formulation.parse("1.0 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K")


def linear(Z, rows):
    return Z @ WEIGHTS + rows[:, 0]


def curved(Z, rows):
    return torch.exp(0.3 * Z[:, 0]) * Z[:, 1] + Z[:, 2] ** 2


@pytest.fixture
def points():
    generator = torch.Generator().manual_seed(3)
    return torch.randn(20, 4, generator=generator), torch.randn(20, 1, generator=generator)


@pytest.fixture(scope="module")
def view(fitted, literature):
    rows = fitted.encoder.encode([m.formulation for m in literature if m.formulation.molality]).float()
    return FeatureView(fitted.model().network, fitted.encoder, rows), rows[::12]


def shapley(function, Z, rows, baseline, n_pairs=3):
    generator = torch.Generator().manual_seed(0)
    return shapley_values(function, Z, rows, baseline, n_pairs=n_pairs, generator=generator)


def test_the_three_methods_agree_on_a_linear_function(points):
    Z, rows = points
    baseline = torch.full((4,), 0.5)
    expected = ((Z - baseline) * WEIGHTS).numpy()
    for attribution in (
        gradient_attribution(linear, Z, rows, baseline),
        integrated_gradients(linear, Z, rows, baseline, steps=3),
        shapley(linear, Z, rows, baseline),
    ):
        np.testing.assert_allclose(attribution.values, expected, atol=1e-5)
        assert attribution.gap < 1e-5


def test_integrated_gradients_are_complete_and_plain_gradients_are_not(points):
    Z, rows = points
    baseline = torch.zeros(4)
    assert integrated_gradients(curved, Z, rows, baseline, steps=20).gap < 1e-4
    assert gradient_attribution(curved, Z, rows, baseline).gap > 0.1


def test_shapley_values_are_efficient_and_give_an_idle_feature_nothing(points):
    Z, rows = points
    attribution = shapley(curved, Z, rows, torch.zeros(4))
    assert attribution.gap < 1e-5
    assert np.abs(attribution.values[:, 3]).max() < 1e-6


def test_shapley_values_of_a_product_are_exact():
    Z = torch.tensor([[3.0, 4.0]])
    attribution = shapley(lambda z, rows: z[:, 0] * z[:, 1], Z, torch.zeros(1, 1), torch.zeros(2))
    np.testing.assert_allclose(attribution.values, [[6.0, 6.0]])
    assert attribution.standard_error.max() == 0


def test_captum_gives_the_same_integrated_gradients(points):
    captum = pytest.importorskip("captum.attr")
    Z, rows = points
    method = captum.IntegratedGradients(curved)
    theirs = method.attribute(Z, baselines=torch.zeros(1, 4), additional_forward_args=(rows,), n_steps=20)
    ours = integrated_gradients(curved, Z, rows, torch.zeros(4), steps=20)
    np.testing.assert_allclose(ours.values, theirs.detach().numpy(), atol=1e-5)


def test_captum_gives_the_same_shapley_values_within_the_sampling_error(points):
    captum = pytest.importorskip("captum.attr")
    Z, rows = points
    torch.manual_seed(0)
    method = captum.ShapleyValueSampling(curved)
    theirs = method.attribute(Z, baselines=0, additional_forward_args=(rows,), n_samples=300).numpy()
    ours = shapley(curved, Z, rows, torch.zeros(4), n_pairs=40)
    np.testing.assert_allclose(ours.values, theirs, atol=0.1)


def test_disagreement_names_the_features_that_move_by_more_than_three_ranks():
    importance = {"a": np.array([6.0, 5, 4, 3, 2, 1]), "b": np.array([1.5, 5, 4, 3, 2, 1])}
    (found,) = disagreements(["t", "u", "v", "w", "x", "y"], importance)
    assert found.moved == (("t", 1, 5),)
    assert found.rank_correlation == pytest.approx(1 - 6 * (16 + 4) / (6 * 35))
    assert list(ranks(np.array([0.1, 3.0, 2.0]))) == [3, 1, 2]


def test_variance_shares_sum_to_one():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(400, 3))
    predictions = values.sum(1) + rng.normal(size=400) * 0.5
    shares = variance_shares(values, predictions, ["a", "a", "b"])
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["a"] == pytest.approx(2 / 3.25, abs=0.08)
    with pytest.raises(ValueError, match="no variance to share"):
        variance_shares(values, np.ones(400), ["a", "a", "b"])


def test_the_view_at_its_own_features_is_the_prediction(view, fitted):
    function, rows = view
    with torch.no_grad():
        expected = fitted.model().network(rows).mean(0)
    torch.testing.assert_close(function(function.features(rows), rows), expected, atol=1e-4, rtol=1e-4)


def test_the_view_changes_temperature_and_concentration_as_the_network_does(view, fitted):
    function, rows = view
    Z, warmer = function.features(rows), rows.clone()
    warmer[:, -1] += 7
    warmer[:, fitted.encoder.salt_slice] *= 1.2
    Z[:, function.names.index("temperature")] += 7
    Z[:, function.names.index("concentration")] *= 1.2
    with torch.no_grad():
        expected = fitted.model().network(warmer).mean(0)
    torch.testing.assert_close(function(Z, rows), expected, atol=1e-4, rtol=1e-4)


def test_constant_features_are_named_and_left_out(view):
    function, _ = view
    assert "salt NumRadicalElectrons" in [feature.name for feature in function.features_constant]
    assert function.names[-2:] == ("concentration", "temperature")
    assert len(function.baseline) == len(function.spread) == len(function.names)


def test_without_identity_two_salts_differ_only_by_descriptors(view):
    function, rows = view
    gates = [i for i, feature in enumerate(function.features_used) if feature.group.endswith("identity")]
    assert len(gates) == 2
    Z = function.features(rows)
    Z[:, gates] = 0
    torch.testing.assert_close(function(Z, rows), function.without_embeddings(rows), atol=1e-4, rtol=1e-4)


def test_scan_s_network_has_descriptors_and_no_identity(book, literature):
    settings = SurrogateSettings(preset="scan", n_members=2, epochs=2)
    surrogate = MFNetSurrogate(settings, book, SALTS, SOLVENTS)
    surrogate.fit(literature, seed=0)
    rows = surrogate.encoder.encode([m.formulation for m in literature if m.formulation.molality]).float()[:40]
    function = FeatureView(surrogate.model().network, surrogate.encoder, rows)
    assert not [feature for feature in function.features_used if feature.group.endswith("identity")]
    torch.testing.assert_close(
        function(function.features(rows), rows), function.predictions(rows), atol=1e-4, rtol=1e-4
    )


def test_a_table_of_unknown_width_is_refused():
    with pytest.raises(ValueError, match="reads 3 descriptors of a species"):
        descriptor_names(3)


def test_attributions_of_the_network_are_complete(view):
    function, rows = view
    Z = function.features(rows)
    whole = shapley(function, Z, rows, function.baseline, n_pairs=1)
    assert whole.gap < 1e-3
    assert integrated_gradients(function, Z, rows, function.baseline, steps=40).gap < 0.3


def test_a_view_needs_rows_with_salt(fitted):
    pure = fitted.encoder.encode([Formulation.parse("EC at 313.15 K")])
    with pytest.raises(ValueError, match="No row holds a salt"):
        FeatureView(fitted.model().network, fitted.encoder, pure)


def changes(fitted, book, liquid=LIQUID):
    known = {"known_salts": ["LiPF6", "LiBF4"], "known_solvents": ["EC", "EMC", "DMC"]}
    return sensitivities(fitted.model(), fitted.encoder, liquid, book, **known)


def test_sensitivities_are_differences_of_predictions(fitted, book):
    found = changes(fitted, book)
    texts = [change.text for change in found]
    assert "+10 K" in texts
    assert "5 % EC replaced by EMC (by mass)" in texts
    assert "add 5 % DMC (by mass)" in texts
    assert "LiBF4 instead" in texts
    for change in found:
        both = fitted.predict([LIQUID, change.formulation]).mean
        assert change.difference_mS_cm == pytest.approx(both[1] - both[0], abs=1e-4)
        assert change.standard_deviation_mS_cm > 0
    assert found[0].difference_mS_cm > 0


def test_the_uncertainty_of_a_difference_is_below_that_of_two_unrelated_values(fitted, book):
    smallest = min(change.standard_deviation_mS_cm for change in changes(fitted, book))
    assert smallest < fitted.predict([LIQUID]).std[0]


def test_exchanging_keeps_the_molality_and_moves_no_more_than_there_is(fitted, book):
    liquid = Formulation.parse("1.0 mol/kg LiPF6 in EC:EMC 2:98 (w/w) at 298.15 K")
    found = {change.text: change.formulation for change in changes(fitted, book, liquid)}
    swapped = found["2 % EC replaced by EMC (by mass)"]
    assert swapped.molality == {"LiPF6": pytest.approx(1.0)}
    assert swapped.mass_fractions == {"EMC": pytest.approx(1.0)}
