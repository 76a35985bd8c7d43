"""The pool of a backtest: each liquid once, at one temperature, from its own series."""

import numpy as np
import pytest
from saltloop.chemistry import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.backtest.pool import Pool, isothermal_pool


def measured(value, T, liquid="1 mol/kg LiPF6 in EC:EMC 3:7 (w/w)", **more):
    return Measurement(
        **{
            "formulation": Formulation.parse(f"{liquid} at {T} K"),
            "value": value,
            "unit": "mS/cm",
            "standard_uncertainty": 0.02 * abs(value) or 0.1,
            "source": "experiment",
            **more,
        }
    )


def test_the_logarithm_is_interpolated_in_inverse_temperature():
    pool = isothermal_pool([measured(5.0, 290.0), measured(10.0, 310.0)], 300.0)
    share = (1 / 300 - 1 / 290) / (1 / 310 - 1 / 290)
    assert pool.values == pytest.approx([5.0 * 2.0**share])
    assert pool.formulations[0].temperature_K == 300.0


def test_an_arrhenius_law_is_met_exactly():
    law = [measured(1e4 * np.exp(-2000.0 / T), T) for T in (288.15, 308.15)]
    assert isothermal_pool(law).values == pytest.approx([1e4 * np.exp(-2000.0 / 298.15)])


def test_a_value_at_the_temperature_itself_needs_no_bracket():
    assert isothermal_pool([measured(5.0, 298.15)]).values == pytest.approx([5.0])
    assert isothermal_pool([measured(5.0, 298.0)]).values == pytest.approx([5.0])


@pytest.mark.parametrize("temperatures", [(280.0, 310.0), (303.15, 313.15), (283.15, 293.15)])
def test_a_wide_bracket_or_one_side_alone_gives_nothing(temperatures):
    assert len(isothermal_pool([measured(5.0 + T / 300, T) for T in temperatures])) == 0


def test_a_bracket_of_25_K_is_narrow_enough():
    assert len(isothermal_pool([measured(5.0, 285.65), measured(6.0, 310.65)])) == 1


def test_one_liquid_counts_once_and_its_repetitions_as_their_mean():
    pool = isothermal_pool([measured(5.0, 298.15), measured(7.0, 298.15), measured(9.0, 308.15)])
    assert pool.values == pytest.approx([6.0])


def test_digitised_concentrations_are_one_series_and_other_liquids_are_not():
    rows = [
        measured(5.0, 290.0, "1.001 mol/kg LiPF6 in EC:EMC 3:7 (w/w)"),
        measured(6.0, 305.0, "0.999 mol/kg LiPF6 in EC:EMC 3:7 (w/w)"),
        measured(6.0, 305.0, "1.1 mol/kg LiPF6 in EC:EMC 3:7 (w/w)"),
    ]
    assert len(isothermal_pool(rows)) == 1


def test_other_quantities_and_values_of_zero_are_left_out():
    rows = [
        measured(0.0, 298.15),
        measured(1.2, 298.15, quantity="density", unit="g/cm3", standard_uncertainty=0.01),
    ]
    assert len(isothermal_pool(rows)) == 0


def test_units_are_converted_and_the_relative_uncertainty_stays():
    pool = isothermal_pool([measured(1.0, 298.15, unit="S/m", standard_uncertainty=0.05)])
    assert pool.values == pytest.approx([10.0])
    assert pool.uncertainties == pytest.approx([0.5])


def test_the_order_of_rows_does_not_matter():
    rows = [
        measured(5.0 + i, T, f"{c} mol/kg LiPF6 in EC:EMC 3:7 (w/w)")
        for i, c in enumerate((0.5, 1.0, 1.5))
        for T in (290.0, 305.0)
    ]
    one, other = isothermal_pool(rows), isothermal_pool(rows[::-1])
    assert one.formulations == other.formulations
    assert one.values == pytest.approx(other.values)


def test_the_top_is_a_share_of_the_pool_and_never_nothing():
    liquid = Formulation.parse("1 mol/kg LiPF6 in EC at 298.15 K")
    pool = Pool((liquid,) * 6, np.array([1.0, 9.0, 3.0, 8.0, 2.0, 4.0]), np.ones(6))
    assert pool.top(0.01).tolist() == [1]
    assert pool.top(0.5).tolist() == [1, 3, 5]
    assert pool.select([3, 0]).values.tolist() == [8.0, 1.0]


def test_a_liquid_is_measured_as_a_replay():
    answer = isothermal_pool([measured(5.0, 298.15)]).measure(0)
    assert (answer.value, answer.unit, answer.source) == (pytest.approx(5.0), "mS/cm", "replay")
    assert answer.standard_uncertainty == pytest.approx(0.1)


def test_one_liquid_written_in_two_ways_counts_once():
    mass = Formulation.parse("1 mol/kg LiPF6 in EC:EMC 3:7 (w/w) at 298.15 K")
    rows = [measured(5.0, 298.15), measured(6.0, 298.15, formulation=mass.in_terms_of("mole", "mol/kg"))]
    assert isothermal_pool(rows).values == pytest.approx([5.0])
