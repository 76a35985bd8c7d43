"""The conductivity law: whatever coefficients a network predicts, the liquid behaves like a liquid."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from saltloop.surrogates.law import N_COEFFICIENTS, ln_conductivity

coefficients = st.lists(st.floats(-2, 2), min_size=N_COEFFICIENTS, max_size=N_COEFFICIENTS)


def conductivity(values, molality, temperature_K):
    molality, temperature = torch.broadcast_tensors(torch.as_tensor(molality), torch.as_tensor(temperature_K))
    table = torch.tensor(values).expand(*molality.shape, N_COEFFICIENTS)
    return torch.exp(ln_conductivity(table.double(), molality.double(), temperature.double()))


@given(coefficients)
def test_it_rises_with_temperature(values):
    k = conductivity(values, 1.0, torch.linspace(250.0, 400.0, 31))
    assert (k.diff() > 0).all()


@given(coefficients)
@settings(max_examples=50)
def test_it_has_at_most_one_maximum_in_concentration(values):
    values[1] = max(values[1], -0.8)
    k = conductivity(values, torch.linspace(0.01, 6.0, 200), 298.15)
    turns = (k.diff().sign().diff() > 0).sum()
    assert turns == 0


@given(coefficients)
def test_it_is_proportional_to_the_concentration_as_that_vanishes(values):
    k = conductivity(values, torch.tensor([1e-3, 2e-3]), 298.15)
    assert 1.8 < k[1] / k[0] < 2.1


def test_a_higher_activation_means_a_steeper_arrhenius_plot():
    flat, steep = [0.0] * N_COEFFICIENTS, [0.0] * N_COEFFICIENTS
    steep[4] = 2.0
    T = torch.tensor([260.0, 298.15], dtype=torch.double)
    assert conductivity(steep, 1.0, T)[0] < conductivity(flat, 1.0, T)[0]
    torch.testing.assert_close(conductivity(steep, 1.0, T)[1], conductivity(flat, 1.0, T)[1])
