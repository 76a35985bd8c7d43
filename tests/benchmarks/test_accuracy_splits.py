"""The splits and the measures of the accuracy benchmark."""

import numpy as np
import pytest
from accuracy_splits import composition_key, kit_solvents, laboratory_folds, leave_out, load_kit, paper_folds, split
from accuracy_tables import ScoredFold, macro_mae, mae_by_range, tables
from saltloop.chemistry import Formulation
from saltloop.chemistry.measurement import Measurement


def measured(text: str, value: float = 5.0, reference: str = "10.1/none") -> Measurement:
    return Measurement(
        formulation=Formulation.parse(text),
        value=value,
        unit="mS/cm",
        standard_uncertainty=0.1,
        source="experiment",
        reference=reference,
    )


def test_left_out_rows_are_those_that_have_the_label_and_no_others_are_trained_on():
    folds = leave_out([{"EC"}, {"EC", "PC"}, {"PC"}, {"DMC"}], smallest=2)
    assert [fold.name for fold in folds] == ["EC", "PC"]
    assert folds[0].test.tolist() == [0, 1]
    assert folds[0].train.tolist() == [2, 3]


def test_a_paper_is_scored_once_and_never_trained_on_at_the_same_time():
    rows = [measured("1 mol/kg LiPF6 in EC", reference=name) for name in ("a", "b", "a")]
    folds = paper_folds(rows)
    assert sorted(i for fold in folds for i in fold.test) == [0, 1, 2]
    assert all(not set(fold.train) & set(fold.test) for fold in folds)


def test_papers_without_a_laboratory_stay_in_training():
    references = ("10.1149/1.1403730", "10.1149/1.1344281", "10.1149/2.0571912jes")
    folds = laboratory_folds([measured("1 mol/kg LiPF6 in EC", reference=one) for one in references])
    assert [(fold.name, fold.test.tolist()) for fold in folds] == [("ARL", [0]), ("Angell", [1])]
    assert all(2 in fold.train for fold in folds)


def test_concentration_and_temperature_do_not_change_the_formulation_group():
    one = measured("1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K")
    other = measured("0.5 mol/kg LiPF6 in EMC:EC 7:3 (w/w) at 273.15 K")
    assert composition_key(one) == composition_key(other)
    assert composition_key(one) != composition_key(measured("1 mol/kg LiPF6 in EC:EMC 5:5 (w/w)"))
    assert composition_key(one) != composition_key(measured("1 mol/kg LiBF4 in EC:EMC 3:7 (w/w)"))


def test_the_robot_rows_are_never_trained_on():
    rows = [measured("1 mol/kg LiPF6 in EC")] * 5
    (fold,) = split("kit", rows, 3)
    assert fold.train.tolist() == [0, 1, 2]
    assert fold.test.tolist() == [3, 4]


def test_repeats_of_the_robot_are_averaged(tmp_path):
    path = tmp_path / "kit.csv"
    path.write_text("\tT [K]\tr\tc [mol/kg]\tk [mS/cm]\n0\t298.15\t0.5\t1.0\t8.0\n1\t298.15\t0.5\t1.0\t9.0\n")
    (row,) = load_kit(path)
    assert row.value == pytest.approx(8.5)
    assert row.formulation == Formulation.parse("1 mol/kg LiPF6 in EC:PC:EMC 15:15:70 (w/w) at 298.15 K")


def test_kit_solvents_sum_to_one():
    assert sum(kit_solvents(0.464).values()) == pytest.approx(1.0)


def test_macro_error_leaves_out_small_folds():
    rows = [measured("1 mol/kg LiPF6 in EC", value=5.0)] * 21
    large = ScoredFold("large", np.arange(20), np.full(20, 6.0), np.array(1.0))
    small = ScoredFold("small", np.array([20]), np.array([15.0]), np.array(1.0))
    assert macro_mae([large, small], rows) == pytest.approx(1.0)


def test_ranges_are_closed_above():
    errors = mae_by_range(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.5, 20.0]))
    assert errors[:2] == [1.0, 2.0]
    assert np.isnan(errors[2])
    assert errors[4] == 3.0


def test_the_table_says_when_folds_are_missing_and_what_the_intervals_hold():
    rows = [measured("1 mol/kg LiPF6 in EC", value=value) for value in (1.0, 2.0, 3.0, 4.0)]
    mean = np.array([1.5, 2.0, 3.0, 4.0])
    low, high = np.array([mean - 0.1] * 3), np.array([mean + width for width in (0.1, 0.1, 0.1)])
    fold = ScoredFold("fold0", np.arange(4), mean, np.array(2.0), np.array([0.5, 0.1, 0.2, 0.3]), low, high)
    text = tables("random", {"ours": [fold]}, 5, rows)
    assert "only 1 of 5 folds" in text
    assert "75.0% / 75.0% / 75.0%" in text
