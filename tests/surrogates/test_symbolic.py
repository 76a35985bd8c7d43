"""Symbolic regression finds a law that is there, scores it where it was not fitted, and judges it."""

import sys
import types

import numpy as np
import pytest
import sympy
from saltloop.chemistry import DataError, Formulation
from saltloop.surrogates.symbolic import symbolic_regression
from saltloop.surrogates.symbolic_features import FEATURE_SETS, PHYSICAL, SCAN, mixture_group
from saltloop.surrogates.symbolic_formula import compiled, complexity_of, readable
from saltloop.surrogates.symbolic_sanity import check_formula
from saltloop.surrogates.symbolic_search import MissingBackendError, SearchSettings, backend

QUICK = SearchSettings(evaluations=15_000, population=150, max_length=16)
MIXTURES = np.array([[147.0, 0.3, 30.0], [280.0, 0.0, 10.0]])


@pytest.fixture(scope="module")
def liquids():
    rng = np.random.default_rng(0)
    return [
        Formulation.create({"LiPF6": round(rng.uniform(0.1, 2.5), 3)}, {"EC": share, "DMC": 1 - share}, temperature_K=T)
        for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
        for T in rng.uniform(250, 350, 25)
    ]


def law(liquid):
    m = sum(liquid.molality.values())
    return m * np.exp(9.0 - 1.9 * 1000 / liquid.temperature_K - 1.1 * m)


@pytest.fixture(scope="module")
def found(liquids):
    pytest.importorskip("pyoperon")
    return symbolic_regression(liquids, [law(one) for one in liquids], PHYSICAL, QUICK)


def expression(text, features=PHYSICAL):
    return readable(text, dict.fromkeys(features.symbols, 1.0))


def sanity(text):
    return check_formula(compiled(expression(text), PHYSICAL), PHYSICAL, MIXTURES)


def test_a_simple_law_is_recovered_on_liquids_that_were_held_out(found):
    assert found.chosen is not None
    assert found.chosen.held_out_mae < 0.02
    assert found.chosen_mae < 0.05
    assert found.constant_mae > 1
    assert found.chosen.sanity.is_sane


def test_every_group_is_held_out_once_and_never_searched_on(found, liquids):
    held_out = {formula.fold: formula.n_held_out for formula in found.formulas}
    assert sorted(held_out) == [0, 1, 2, 3, 4]
    assert sum(held_out.values()) == len(liquids) == found.n_rows
    assert found.n_groups == 7


def test_a_fold_s_front_trades_length_for_training_error(found):
    for fold in range(5):
        front = found.front_of(fold)
        sizes = [formula.complexity for formula in front]
        errors = [formula.training_rmse for formula in front]
        assert sizes == sorted(set(sizes))
        assert errors == sorted(errors, reverse=True)


def test_one_seed_gives_one_result(found, liquids):
    again = symbolic_regression(liquids, [law(one) for one in liquids], PHYSICAL, QUICK)
    assert [formula.text for formula in again.formulas] == [formula.text for formula in found.formulas]


def test_formulas_are_scored_as_printed(found, liquids):
    formula = found.front_of(0)[-1]
    rounded = expression(formula.text)
    assert complexity_of(rounded) == formula.complexity
    rows = np.array(
        [[*PHYSICAL.of_composition(one), 1000 / one.temperature_K, sum(one.molality.values())] for one in liquids]
    )
    k = np.array([law(one) for one in liquids])
    residual = np.abs(compiled(rounded, PHYSICAL)(rows, rows[:, -1]) - k)
    assert residual.max() < 1 or not formula.sanity.is_sane
    assert np.isfinite(residual).all()


def test_too_few_groups_are_refused(liquids):
    pytest.importorskip("pyoperon")
    one = [liquid for liquid in liquids if mixture_group(liquid) == mixture_group(liquids[0])]
    with pytest.raises(DataError, match="1 formulation groups"):
        symbolic_regression(one, [law(liquid) for liquid in one], PHYSICAL, QUICK)


def test_rows_without_salt_or_property_are_left_out_and_counted(liquids):
    pytest.importorskip("pyoperon")
    odd = [Formulation.parse("EC at 313 K"), Formulation.parse("1 mol/kg LiPF6 in 3-Glyme at 298.15 K")]
    rows = [*liquids, *odd]
    values = [*(law(one) for one in liquids), 0.0, 1.0]
    quick = SearchSettings(evaluations=2_000, population=100, max_length=8)
    result = symbolic_regression(rows, values, PHYSICAL, quick)
    assert result.left_out == {"no salt or no positive conductivity": 1, "a property is not known": 1}
    assert result.n_rows == len(liquids)


def test_a_good_law_passes_every_check():
    assert sanity("9 - 1.9*u - 1.1*m").is_sane


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("9 + 1.9*u - 1.1*m", "does not always rise with temperature"),
        ("3 - 1.1*m", "does not always rise with temperature"),
        ("9 - 1.9*u", "not one maximum in concentration"),
        ("9 - 1.9*u - 1.1*m - log(m)", "does not vanish with the salt"),
        ("9 - 1.9*u + log(m - 1)", "negative or not finite"),
    ],
)
def test_unphysical_formulas_are_complained_about(text, complaint):
    found = sanity(text)
    assert not found.is_sane
    assert any(complaint in one for one in found.complaints())


@pytest.mark.parametrize("text", ["sqrt(-2.0)*u", "log(-0.5) + m", "sqrt(m - 5)", "1/(m - m)"])
def test_a_formula_is_not_finite_where_it_is_not_defined(text):
    k = compiled(expression(text), PHYSICAL)(np.ones((3, 5)), np.ones(3))
    assert k.shape == (3,)
    assert not np.isfinite(k).any()


def test_a_linear_formula_in_kelvin_is_negative_somewhere():
    evaluate = compiled(expression("0.14*T - 34 + m", SCAN), SCAN)
    assert check_formula(evaluate, SCAN, np.array([[1.0, 0.0, 0.5, 80.0]])).finite_and_positive == 0


def test_a_formula_is_read_in_natural_units_with_rounded_constants():
    scaled = readable("2.000001*X^2 + exp(Y)", {"X": 10.0, "Y": 1.0})
    assert float(scaled.subs({"X": 10, "Y": 0})) == pytest.approx(3.0)
    assert "0.02" in str(scaled)


def test_features_are_in_natural_units():
    liquid = Formulation.parse("1.0 mol/kg LiPF6 in EC:DMC 1:1 (n/n) at 250 K")
    _, nhoh, bonds, mass = SCAN.of_composition(liquid)
    assert (nhoh, bonds) == (0, 0)
    assert mass == pytest.approx((84.03 + 84.03) / 2, abs=0.1)
    anion, log_viscosity, permittivity = PHYSICAL.of_composition(liquid)
    assert anion == pytest.approx(144.96, abs=0.1)
    assert log_viscosity == pytest.approx((np.log(1.9) + np.log(0.59)) / 2)
    assert 3.1 < permittivity < 89.8


def test_targets_and_conductivities_are_inverse():
    m, k = np.array([0.5, 1.0]), np.array([3.0, 10.0])
    for features in FEATURE_SETS:
        np.testing.assert_allclose(features.to_conductivity(features.to_target(k, m), m), k)


def test_pysr_formulas_come_back_in_natural_units(monkeypatch):
    """With a stand-in for PySR, which needs Julia: what we hand over, and how we read what it gives back."""
    handed = {}

    class PySRRegressor:
        def __init__(self, **settings):
            handed.update(settings)

        def fit(self, X, y, variable_names):
            m = sympy.Symbol(variable_names[-1])
            handed["largest"] = np.abs(X).max()
            self.equations_ = {"sympy_format": [m, 2.0 * m**2]}

    monkeypatch.setitem(sys.modules, "pysr", types.SimpleNamespace(PySRRegressor=PySRRegressor))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    rows = np.array([[1.0, 300.0, 2.0], [1.0, 250.0, 2.0]])
    found = backend("pysr")(rows, np.ones(2), ("a", "T", "m"), SearchSettings(backend="pysr"), 7)
    assert [float(one.subs({"m": 2.0})) for one in found] == pytest.approx([1.0, 2.0])
    assert handed["random_state"] == 7
    assert handed["deterministic"]
    assert handed["largest"] < 2


def test_a_missing_library_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingBackendError, match=r"pip install saltloop\[pysr\]"):
        backend("pysr")
