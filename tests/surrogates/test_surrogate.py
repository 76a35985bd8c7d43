"""Fitting, believing, being told, and being stored."""

import json
import pickle

import numpy as np
import pytest
import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.sampling.normal import SobolQMCNormalSampler
from saltloop.chemistry import Formulation, Measurement, SpeciesBook, SpeciesDefinition
from saltloop.chemistry.errors import DataError
from saltloop.surrogates.checkpoint import CheckpointError
from saltloop.surrogates.surrogate import MFNetSurrogate

LIQUID = Formulation.create({"LiPF6": 1.0}, {"EC": 0.3, "EMC": 0.7})
NEIGHBOUR = Formulation.create({"LiPF6": 1.1}, {"EC": 0.35, "EMC": 0.65})
STRANGER = Formulation.create({"LiTFSI": 0.6}, {"FEC": 1.0})


def measured(formulation, value, std=0.2):
    return Measurement(
        formulation=formulation, value=value, unit="mS/cm", standard_uncertainty=std, source="experiment"
    )


def test_it_learns_the_literature_set(fitted, literature):
    truth = np.array([m.value for m in literature])
    error = np.abs(fitted.predict([m.formulation for m in literature]).mean - truth).mean()
    assert error < 0.3 * np.abs(truth - truth.mean()).mean()


def test_the_same_seed_gives_the_same_weights(fitted, book, quick_settings, literature, tmp_path):
    again = MFNetSurrogate(
        quick_settings, book, [s.name for s in fitted.encoder.salts], [s.name for s in fitted.encoder.solvents]
    )
    again.fit(literature, seed=1)
    assert again.save(tmp_path / "a") == fitted.save(tmp_path / "b")
    again.fit(literature, seed=2)
    assert again.save(tmp_path / "c") != fitted.save(tmp_path / "d")


def test_the_global_random_state_is_left_alone(book, quick_settings, literature):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    surrogate = MFNetSurrogate(quick_settings.model_copy(update={"epochs": 1}), book, ["LiPF6"], ["EC", "EMC"])
    rows = [m for m in literature if set(m.formulation.mole_fractions) <= {"EC", "EMC"}]
    surrogate.fit([m for m in rows if set(m.formulation.molality) == {"LiPF6"}], seed=1)
    torch.testing.assert_close(torch.rand(3), expected)


def test_uncertain_rows_count_less(book, quick_settings):
    liquids = [Formulation.create({"LiPF6": round(0.5 + 0.05 * k, 2)}, {"EC": 0.3, "EMC": 0.7}) for k in range(20)]
    rows = [measured(f, 10.0 if k % 2 else 5.0, 0.05 if k % 2 else 5.0) for k, f in enumerate(liquids)]
    surrogate = MFNetSurrogate(quick_settings, book, ["LiPF6"], ["EC", "EMC"])
    surrogate.fit(rows, seed=1)
    assert surrogate.predict(liquids).mean.mean() > 8.5


def test_progress_is_reported(book, quick_settings, literature):
    seen = []
    surrogate = MFNetSurrogate(
        quick_settings.model_copy(update={"epochs": 2}),
        book,
        ["LiPF6", "LiTFSI", "LiBF4"],
        ["EC", "PC", "DMC", "EMC", "FEC"],
    )
    surrogate.fit(literature, seed=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_too_few_rows_are_refused(book, quick_settings):
    with pytest.raises(DataError, match="1 conductivities are too few"):
        MFNetSurrogate(quick_settings, book, ["LiPF6"], ["EC", "EMC"]).fit([measured(LIQUID, 9.0)], seed=0)


def test_ten_rows_are_enough_to_learn_from_and_to_say_how_uncertain_it_is(book, quick_settings):
    rows = [measured(Formulation.create({"LiPF6": 0.5 + 0.1 * k}, {"EC": 0.3, "EMC": 0.7}), 8.0) for k in range(10)]
    surrogate = MFNetSurrogate(quick_settings, book, ["LiPF6"], ["EC", "EMC"])
    surrogate.fit(rows, seed=0)
    low, high = surrogate.predict([LIQUID]).interval(0.95)
    assert low[0] < 8.0 < high[0]


def test_an_unfitted_surrogate_says_so(book, quick_settings):
    with pytest.raises(DataError, match="call fit"):
        MFNetSurrogate(quick_settings, book, ["LiPF6"], ["EC"]).model()


def test_the_unknown_is_less_certain_than_the_known(fitted):
    known, unknown = fitted.predict([LIQUID, STRANGER]).std
    assert unknown > 2 * known


def test_the_quick_path_and_the_joint_posterior_agree(fitted):
    model = fitted.model([measured(STRANGER, 4.0)])
    X = fitted.encoder.encode([LIQUID, NEIGHBOUR, STRANGER])
    mean, std = model.predict_encoded(X)
    posterior = model.posterior(X)
    torch.testing.assert_close(posterior.mean.squeeze(-1), mean, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(posterior.variance.squeeze(-1).sqrt(), std, rtol=1e-3, atol=1e-4)


def test_after_a_measurement_the_belief_agrees_with_it_and_its_neighbours_move(fitted):
    near = Formulation.create({"LiTFSI": 0.65}, {"FEC": 1.0})
    liquids = [STRANGER, near]
    before = fitted.predict(liquids)
    value = float(before.mean[0] + 3 * before.std[0])
    after = fitted.predict(liquids, [measured(STRANGER, value, 0.1)])
    combined = np.hypot(after.std[0], 0.1)
    assert abs(after.mean[0] - value) < 2 * combined
    assert after.std[0] < 0.3 * before.std[0]
    assert after.mean[1] > before.mean[1] + 0.3 * (value - before.mean[0])
    assert after.std[1] < before.std[1]


def test_more_measurements_than_members_are_all_agreed_with(fitted):
    liquids = [
        Formulation.create({"LiTFSI": 0.5 + 0.3 * k}, {"FEC": share, "PC": 1 - share})
        for k in range(3)
        for share in (0.1, 0.5, 0.9)
    ]
    observations = [measured(f, 3.0 + 0.4 * (k % 3) + 0.8 * (k // 3), 0.1) for k, f in enumerate(liquids)]
    after = fitted.predict(liquids, observations)
    assert (np.abs(after.mean - [m.value for m in observations]) < 3 * np.hypot(after.std, 0.1)).all()


def test_an_uncertain_measurement_moves_less(fitted):
    before = fitted.predict([STRANGER]).mean[0]
    moved = [fitted.predict([STRANGER], [measured(STRANGER, before + 5, std)]).mean[0] - before for std in (0.1, 1, 10)]
    assert moved[0] > moved[1] > moved[2] > 0


def test_the_posterior_takes_batches_and_is_differentiable(fitted):
    model = fitted.model([measured(LIQUID, 9.0)])
    X = fitted.encoder.encode([LIQUID, NEIGHBOUR, STRANGER, NEIGHBOUR]).reshape(2, 2, -1).requires_grad_()
    posterior = model.posterior(X)
    assert posterior.mean.shape == (2, 2, 1)
    assert posterior.rsample(torch.Size([5])).shape == (5, 2, 2, 1)
    posterior.variance.sum().backward()
    assert torch.isfinite(X.grad).all()


def test_botorchs_acquisition_climbs_by_gradient_with_pending_points(fitted):
    model = fitted.model([measured(LIQUID, 9.0)])
    encode = fitted.encoder.encode
    acquisition = qLogNoisyExpectedImprovement(
        model,
        encode([LIQUID]),
        sampler=SobolQMCNormalSampler(torch.Size([64]), seed=0),
        X_pending=encode([NEIGHBOUR]),
        prune_baseline=False,
        cache_root=False,
    )
    x = encode([STRANGER]).unsqueeze(0)
    column = fitted.encoder.columns.index("LiTFSI")
    first = acquisition(x).item()
    for _ in range(10):
        x = x.detach().requires_grad_()
        acquisition(x).backward()
        step = torch.zeros_like(x)
        step[..., column] = x.grad[..., column].sign() * 0.02
        x = x + step
    assert acquisition(x).item() > first


def test_a_checkpoint_gives_the_same_predictions(fitted, book, tmp_path):
    path = tmp_path / "weights.safetensors"
    digest = fitted.save(path)
    loaded = MFNetSurrogate.load(path, book)
    np.testing.assert_array_equal(loaded.predict([LIQUID, STRANGER]).mean, fitted.predict([LIQUID, STRANGER]).mean)
    assert loaded.save(tmp_path / "again") == digest


def test_a_pickle_is_refused(book, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    with pytest.raises(CheckpointError, match="pickled weights never are"):
        MFNetSurrogate.load(path, book)


@pytest.mark.parametrize("cut", [10, 1000])
def test_a_torn_checkpoint_is_refused(fitted, book, tmp_path, cut):
    path = tmp_path / "weights.safetensors"
    fitted.save(path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(CheckpointError, match="train anew"):
        MFNetSurrogate.load(path, book)


def test_a_foreign_safetensors_file_is_refused(book, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "weights.safetensors"
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="not of saltloop"):
        MFNetSurrogate.load(path, book)


@pytest.mark.parametrize("version", [99, "2.0", None])
def test_a_checkpoint_of_a_newer_format_is_refused(book, tmp_path, version):
    from safetensors.torch import save_file
    from saltloop.surrogates.checkpoint import FORMAT

    path = tmp_path / "weights.safetensors"
    header = {"format": FORMAT, "format_version": version}
    save_file({"x": torch.zeros(2)}, path, {FORMAT: json.dumps(header)})
    with pytest.raises(CheckpointError, match=r"pip install --upgrade saltloop"):
        MFNetSurrogate.load(path, book)


def test_replicates_of_one_liquid_can_be_learned_from(book, quick_settings):
    rows = [measured(LIQUID, 9.0 + 0.1 * k) for k in range(12)]
    surrogate = MFNetSurrogate(quick_settings, book, ["LiPF6"], ["EC", "EMC"])
    surrogate.fit(rows, seed=1)
    after = surrogate.predict([LIQUID], rows)
    assert after.mean[0] == pytest.approx(9.5, abs=0.5)
    assert np.isfinite(after.std).all()


def test_a_checkpoint_of_other_species_is_refused(quick_settings, literature, tmp_path):
    ether = SpeciesDefinition(name="Mine", kind="solvent", smiles="CCCOCCC")
    ester = SpeciesDefinition(name="Mine", kind="solvent", smiles="CCC(=O)OCC")
    settings = quick_settings.model_copy(update={"epochs": 1})
    first = SpeciesBook.builtin().with_species([ether])
    solvents = ["EC", "PC", "DMC", "EMC", "FEC", "Mine"]
    surrogate = MFNetSurrogate(settings, first, ["LiPF6", "LiTFSI", "LiBF4"], solvents)
    surrogate.fit(literature, seed=0)
    surrogate.save(tmp_path / "weights")
    with pytest.raises(CheckpointError, match=r"'Mine' as .* which is .* here; train again"):
        MFNetSurrogate.load(tmp_path / "weights", SpeciesBook.builtin().with_species([ester]))
    with pytest.raises(CheckpointError, match=r"'Mine' .* which is unknown here; add it under 'species:'"):
        MFNetSurrogate.load(tmp_path / "weights", SpeciesBook.builtin())


def test_100_000_rows_are_predicted_in_chunks(fitted):
    X = fitted.encoder.encode([LIQUID]).repeat(100_000, 1)
    mean, std = fitted.model().predict_encoded(X)
    assert mean.shape == std.shape == (100_000,)
    torch.testing.assert_close(mean, mean[:1].expand_as(mean), rtol=1e-5, atol=1e-5)
