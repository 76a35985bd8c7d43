"""The network: what it reads, what it may not depend on, and that a stacked ensemble is its members side by side."""

import subprocess
import sys

import pytest
import torch
from saltloop.chemistry import Formulation, FormulationError, SpeciesDefinition
from saltloop.surrogates.descriptors import DESCRIPTOR_NAMES, SCAN_NAMES, descriptor_table, scan_descriptor_table
from saltloop.surrogates.encoding import FormulationEncoder
from saltloop.surrogates.mfnet import MFNetEnsemble
from saltloop.surrogates.scan import ScanEnsemble
from saltloop.surrogates.settings import SCAN_PRESET, SurrogateSettings
from saltloop.surrogates.stacked import StackedLinear


@pytest.fixture
def encoder(book):
    return FormulationEncoder(book, ["LiPF6", "LiTFSI"], ["EC", "DMC", "EMC"])


@pytest.fixture
def network(encoder):
    return build(encoder, SurrogateSettings(n_members=3, hidden=16))


both_architectures = pytest.mark.parametrize("architecture", ["physics", "scan"])


def build(encoder, settings):
    is_scan = settings.architecture == "scan"
    describe = scan_descriptor_table if is_scan else descriptor_table
    tables = [torch.from_numpy(describe(s)).float() for s in (encoder.salts, encoder.solvents)]
    return (ScanEnsemble if is_scan else MFNetEnsemble)(settings, *tables, torch.Generator().manual_seed(0))


def liquids():
    return [
        Formulation.create({"LiPF6": 1.0}, {"EC": 0.3, "EMC": 0.7}),
        Formulation.create({"LiTFSI": 0.5}, {"DMC": 1.0}, temperature_K=320.0),
        Formulation.create({"LiPF6": 0.4, "LiTFSI": 0.6}, {"EC": 0.3, "DMC": 0.3, "EMC": 0.4}),
    ]


def test_settings_load_without_torch():
    code = "import sys, saltloop.surrogates.settings; print('torch' in sys.modules, 'rdkit' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False False"


def test_encoding_and_decoding_are_inverse(encoder):
    for liquid in liquids():
        assert encoder.decode(encoder.encode([liquid])[0]) == liquid


def test_a_species_without_a_column_is_named(encoder):
    with pytest.raises(KeyError, match="no column for 'PC'"):
        encoder.encode([Formulation.create({"LiPF6": 1.0}, {"PC": 1.0})])


def test_the_fourteen_descriptors_of_scan_are_scaled_to_one(book):
    table = scan_descriptor_table(book.solvents)
    assert table.shape == (38, len(SCAN_NAMES)) == (38, 14)
    assert abs(table).max() == pytest.approx(1.0)


def test_a_given_volume_describes_an_anion_whose_volume_cannot_be_estimated(book):
    salt = {"kind": "salt", "smiles": "[Li+].F[Sb-](F)(F)(F)(F)F", "apparent_molar_volume": 52.0}
    (antimonate,) = book.with_species([SpeciesDefinition(name="LiSbF6", **salt)]).salts[-1:]
    volume = DESCRIPTOR_NAMES.index("ln_vdw_volume")
    table = descriptor_table([book.salt("LiAsF6"), antimonate, book.salt("LiTFSI")])
    assert table[0, volume] < table[1, volume] < table[2, volume]


def test_a_solvent_whose_volume_cannot_be_estimated_is_named_with_the_remedy(book):
    germane = {"kind": "solvent", "smiles": "C[Ge](C)(C)C"}
    (named,) = book.with_species([SpeciesDefinition(name="TMG", **germane)]).solvents[-1:]
    with pytest.raises(FormulationError, match="Ge in 'TMG'; give 'apparent_molar_volume'"):
        descriptor_table([named])
    given = SpeciesDefinition(name="TMG", apparent_molar_volume=130.0, **germane)
    (described,) = book.with_species([given]).solvents[-1:]
    assert descriptor_table([described]).shape == (1, len(DESCRIPTOR_NAMES))


@both_architectures
def test_outputs_are_positive_and_one_a_member(encoder, architecture):
    network = build(encoder, SurrogateSettings(n_members=3, hidden=16, architecture=architecture))
    predicted = network(encoder.encode(liquids()).float())
    assert predicted.shape == (3, 3)
    assert (predicted > 0).all()


@both_architectures
def test_routes_sum_to_one_and_latent_features_are_one_row_a_member(encoder, architecture):
    network = build(encoder, SurrogateSettings(n_members=3, hidden=16, n_routes=4, architecture=architecture))
    X = encoder.encode(liquids()).float()
    predicted, routes = network.with_routes(X)
    torch.testing.assert_close(routes.sum(-1), torch.ones(3, 3))
    assert routes.shape == (3, 3, 4)
    same, latent = network.with_latent(X)
    assert latent.shape == (3, 3, 16)
    torch.testing.assert_close(same, predicted)


def test_in_training_identities_are_withheld_at_random(encoder):
    network = build(encoder, SurrogateSettings(n_members=3, hidden=16, identity_dropout=0.5))
    X = encoder.encode(liquids()).float()
    first, second = (network(X, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert not torch.allclose(first, second)
    torch.testing.assert_close(network(X), network(X))


def test_coordinates_of_a_species_that_a_member_never_saw_are_not_used(encoder, network):
    X = encoder.encode(liquids()).float()
    held_out = torch.zeros(3, len(X), dtype=torch.bool)
    held_out[1, [1, 2]] = True
    network.mark_seen(X, held_out)
    assert network.salt_pool.seen.squeeze(-1).tolist() == [[1, 1], [1, 0], [1, 1]]
    assert network.solvent_pool.seen.squeeze(-1).tolist() == [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    before = network(X)
    with torch.no_grad():
        network.salt_pool.embedding[1, 1] += 5.0
    torch.testing.assert_close(network(X)[1], before[1])


def test_no_salt_no_conductivity(network, encoder):
    pure = encoder.encode([Formulation.create({}, {"EC": 0.5, "DMC": 0.5})]).float()
    assert network(pure).abs().max() == 0


def test_the_order_of_solvents_does_not_matter(book, network, encoder):
    shuffled = FormulationEncoder(book, ["LiPF6", "LiTFSI"], ["EMC", "EC", "DMC"])
    other = build(shuffled, SurrogateSettings(n_members=3, hidden=16))
    state = network.state_dict()
    order = [2, 0, 1]
    state["solvent_pool.embedding"] = state["solvent_pool.embedding"][:, order]
    state["solvent_pool.descriptors"] = state["solvent_pool.descriptors"][order]
    state["solvent_pool.seen"] = state["solvent_pool.seen"][:, order]
    other.load_state_dict(state)
    torch.testing.assert_close(other(shuffled.encode(liquids()).float()), network(encoder.encode(liquids()).float()))


def test_an_absent_solvent_has_no_say_and_appears_smoothly(network, encoder):
    X = encoder.encode(liquids()[:1]).float().repeat(2, 1)
    X[1, encoder.solvent_slice.start + 1] = 1e-5
    with torch.no_grad():
        without, trace = network(X).unbind(-1)
    torch.testing.assert_close(without, trace, rtol=1e-3, atol=1e-4)


def test_gradients_reach_fractions_concentration_and_temperature(network, encoder):
    X = encoder.encode(liquids()[:1]).float().requires_grad_()
    network(X).sum().backward()
    present = X.detach()[0] > 0
    assert torch.isfinite(X.grad).all()
    assert (X.grad[0][present] != 0).all()


def test_a_stacked_ensemble_is_its_members_side_by_side(network, encoder):
    X = encoder.encode(liquids()).float()
    together = network(X)
    for member in range(3):
        alone = build(encoder, SurrogateSettings(n_members=3, hidden=16))
        state = {
            name: value[member : member + 1].repeat(3, *[1] * (value.dim() - 1)) if value.dim() == 3 else value
            for name, value in network.state_dict().items()
        }
        alone.load_state_dict(state)
        torch.testing.assert_close(alone(X)[0], together[member])


def test_a_stacked_linear_layer_is_one_matrix_a_member():
    layer = StackedLinear(4, 3, 2, torch.Generator().manual_seed(0))
    x = torch.randn(4, 5, 3)
    expected = torch.stack([x[m] @ layer.weight[m] + layer.bias[m] for m in range(4)])
    torch.testing.assert_close(layer(x), expected)


def test_the_scan_preset_has_its_published_values():
    settings = SurrogateSettings(preset="scan")
    assert (settings.hidden, settings.n_routes, settings.epochs, settings.learning_rate) == (16, 9, 1000, 0.002)
    assert settings.loss == "squared"
    assert SurrogateSettings(preset="scan", epochs=10).epochs == 10
    assert set(SCAN_PRESET) <= set(SurrogateSettings.model_fields)
