"""Distance from what is known, errors near and far, and intervals that hold what they promise."""

import numpy as np
import pytest
import torch
from saltloop.chemistry import Formulation
from saltloop.surrogates import calibration
from saltloop.surrogates.calibration import (
    LEVELS,
    BlindErrors,
    ErrorScale,
    _folds,
    conformal_quantiles,
    far_errors,
    fit_scale,
)
from saltloop.surrogates.domain import TrainingDomain
from saltloop.surrogates.encoding import FormulationEncoder
from saltloop.surrogates.ensemble import TrainingRows
from saltloop.surrogates.local import LocalCorrection
from saltloop.surrogates.surrogate import Prediction

BASE = Formulation.create({"LiPF6": 1.0}, {"EC": 0.5, "EMC": 0.5}, basis="mole")


@pytest.fixture(scope="module")
def encoder(book):
    return FormulationEncoder(book, ["LiPF6", "LiTFSI"], ["EC", "PC", "DMC", "EMC"])


@pytest.fixture(scope="module")
def domain(encoder):
    known = [BASE, Formulation.create({"LiPF6": 0.5}, {"EC": 0.5, "EMC": 0.5}, basis="mole", temperature_K=273.15)]
    return TrainingDomain.of(encoder.encode(known), 2)


def liquid(salt="LiPF6", molality=1.0, temperature_K=298.15, **shares):
    return Formulation.create({salt: molality}, shares, basis="mole", temperature_K=temperature_K)


def errors(n, scale, *, distance=0.0, seed=0, mean=10.0):
    generator = torch.Generator().manual_seed(seed)
    d = torch.full((n,), distance, dtype=torch.double)
    prediction = torch.full((n,), mean, dtype=torch.double)
    noise = torch.randn(n, generator=generator, dtype=torch.double) * scale
    return BlindErrors(prediction, torch.full_like(d, 1e-6), d, prediction + noise, torch.zeros_like(d))


def test_a_measured_liquid_is_at_no_distance_at_any_concentration_and_temperature(encoder, domain):
    X = encoder.encode([liquid(molality=0.7, temperature_K=280.0, EC=0.5, EMC=0.5)])
    assert float(domain.distance(X)) == pytest.approx(0, abs=1e-3)
    assert domain.reasons(X, encoder) == [()]


def test_an_ascent_may_start_from_a_measured_liquid(domain):
    measured = torch.cat([domain.liquids[:1].double(), torch.tensor([[298.15]], dtype=torch.double)], dim=-1)
    measured.requires_grad_(True)
    domain.distance(measured).sum().backward()
    assert torch.isfinite(measured.grad).all()


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (liquid(EC=0.4, EMC=0.6), 0.1),
        (liquid(EC=0.5, DMC=0.5), 0.5),
        (liquid("LiTFSI", EC=0.5, EMC=0.5), 1.0),
    ],
)
def test_distance_is_the_share_to_exchange(encoder, domain, other, expected):
    assert float(domain.distance(encoder.encode([other]))) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (liquid("LiTFSI", EC=0.5, EMC=0.5), "salt 'LiTFSI' was never measured"),
        (liquid(EC=0.5, PC=0.5), "solvent 'PC' was never measured"),
        (liquid(EMC=1.0, molality=0.9), None),
        (liquid(molality=3.0, EC=0.5, EMC=0.5), "3 mol/kg is above the 1 mol/kg"),
        (liquid(temperature_K=350.0, EC=0.5, EMC=0.5), "350 K is outside the measured"),
    ],
)
def test_what_is_unlike_anything_known_is_said(encoder, domain, other, reason):
    (found,) = domain.reasons(encoder.encode([other]), encoder)
    assert (reason is None and not found) or (reason is not None and reason in "; ".join(found))
    assert bool(domain.contains(encoder.encode([other]))) == (not found)


def test_the_fitted_scale_finds_the_errors_near_and_far():
    near, far = errors(4000, 0.3), errors(4000, 3.0, distance=2.0, seed=1)
    scale = fit_scale(near, far)
    local = scale.local_std(torch.tensor([10.0, 10.0]), torch.tensor([0.0, 2.0]))
    assert float(local[0]) == pytest.approx(0.3, rel=0.35)
    assert float(local[1]) == pytest.approx(3.0, rel=0.35)


def test_conformal_intervals_hold_their_share_on_errors_of_any_shape():
    scale = ErrorScale(floor=0.2, share=0.01, spread_factor=1.0, far=0.1)
    generator = torch.Generator().manual_seed(3)

    def heavy_tailed():
        found = errors(4000, 1.0, seed=int(torch.randint(99, (1,), generator=generator)))
        return BlindErrors(
            found.mean, found.variance, found.distance, found.mean + (found.y - found.mean) ** 3, found.std
        )

    calibration, fresh = heavy_tailed(), heavy_tailed()
    quantiles = conformal_quantiles(calibration, None, scale)
    for level in (0.5, 0.8, 0.95):
        half = torch.from_numpy(quantiles.half_width(level, fresh.distance.numpy())) * fresh.scale(scale)
        covered = float(((fresh.y - fresh.mean).abs() <= half).double().mean())
        assert covered == pytest.approx(level, abs=0.03)


def test_a_level_that_cannot_be_told_is_refused():
    quantiles = conformal_quantiles(errors(100, 1.0), None, ErrorScale(0.1, 0.01, 1.0, 0.1))
    with pytest.raises(ValueError, match="levels run from 5 % to 99 %"):
        quantiles.half_width(0.999, np.zeros(1))
    assert len(LEVELS) == len(quantiles.near)


def test_folds_keep_papers_whole_and_are_even():
    groups = ["a"] * 50 + ["b"] * 30 + ["c"] * 30 + ["d"] * 10 + ["e"] * 10 + ["f"] * 10
    fold = _folds(groups)
    assert fold is not None
    for name in set(groups):
        assert len({int(f) for f, g in zip(fold, groups, strict=True) if g == name}) == 1
    assert max(np.bincount(fold.numpy())) == 50
    assert _folds(["only"] * 9) is None


def test_a_paper_that_no_drawn_row_is_of_does_not_count_as_left_out(encoder, quick_settings, monkeypatch):
    monkeypatch.setattr(calibration, "N_CROSS_ROWS", 20)
    X = encoder.encode([liquid(molality=0.2 + 0.01 * k, EC=0.5, EMC=0.5) for k in range(100)])
    rows = TrainingRows(X, torch.full((100,), 8.0), torch.full((100,), 0.1))
    groups, generator = ["large"] * 99 + ["small"], torch.Generator().manual_seed(0)
    assert 99 not in torch.randperm(100, generator=torch.Generator().manual_seed(0))[:20]
    build = pytest.fail  # No fold would have a row to train on, nor a distance.
    assert far_errors(build, rows, groups, quick_settings, 2, generator) is None


def test_an_interval_of_a_prediction_widens_with_level_and_distance(fitted):
    known = Formulation.create({"LiPF6": 1.0}, {"EC": 0.3, "EMC": 0.7})
    stranger = Formulation.create({"LiTFSI": 0.6}, {"FEC": 1.0})
    prediction = fitted.predict([known, stranger])
    low, high = prediction.interval(0.95)
    narrow_low, narrow_high = prediction.interval(0.5)
    assert (high > narrow_high).all()
    assert (low <= narrow_low).all()
    assert high[1] - low[1] > high[0] - low[0]
    assert (low >= 0).all()
    assert prediction.distance[1] > prediction.distance[0]


def test_an_interval_ends_no_lower_than_it_begins_where_the_mean_is_below_zero():
    nothing = np.zeros(3)
    mean, std = np.array([-0.03, -0.1, 0.02]), np.full(3, 0.1)
    prediction = Prediction(mean, std, mean[None], nothing, ((), (), ()), calibration.ConformalQuantiles.normal())
    for level in (0.05, 0.5, 0.95):
        low, high = prediction.interval(level)
        assert (low >= 0).all()
        assert (high >= low).all()
    assert prediction.interval(0.05)[1][1] == 0


@pytest.fixture
def isotherm(encoder):
    """Errors of 0.4 mS/cm that turn with concentration, and one wrong point."""
    liquids = [liquid(molality=0.2 + 0.04 * k, EC=0.5, EMC=0.5) for k in range(40)]
    X = encoder.encode(liquids)
    mean = torch.full((40,), 8.0)
    y = mean.double() + 0.4 * torch.sin(3 * X[:, 0])
    y[20] = 2.0
    return X, mean, TrainingRows(X, y, torch.full_like(y, 0.1))


def test_the_local_correction_takes_up_smooth_errors_and_leaves_out_wrong_points(isotherm):
    X, mean, rows = isotherm
    correction, _ = LocalCorrection.fit(mean, rows, 2)
    wanted = 0.4 * torch.sin(3 * X[:, 0])
    assert (correction(X, torch.zeros(40)) - wanted).abs().max() < 0.15


def test_the_local_correction_says_nothing_of_other_salts_and_far_liquids(encoder, isotherm):
    _, mean, rows = isotherm
    correction, _ = LocalCorrection.fit(mean, rows, 2)
    X = encoder.encode([liquid("LiTFSI", EC=0.5, EMC=0.5), liquid(EC=0.5, EMC=0.5)])
    assert correction(X, torch.tensor([0.0, 0.9])).abs().max() == 0


def test_left_out_corrections_are_those_of_a_fit_without_the_row(isotherm):
    X, mean, rows = isotherm
    _, left_out = LocalCorrection.fit(mean, rows, 2)
    others = torch.arange(40) != 10
    without, _ = LocalCorrection.fit(mean[others], rows.select(others), 2)
    assert float(left_out[10]) == pytest.approx(float(without(X[10:11], torch.zeros(1))), abs=0.02)
