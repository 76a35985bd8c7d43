"""Viscosity and the finite size of boxes: shear waves that decay as they should, lattice sums done by hand."""

import math
from itertools import product

import numpy as np
import pytest
from saltloop.simulators.analysis import viscosity as module
from saltloop.simulators.analysis.displacements import displacements
from saltloop.simulators.analysis.finite_size import BOLTZMANN_J_K, size_correction_m2_s, size_factor
from saltloop.simulators.analysis.viscosity import GAS_CONSTANT_KJ_MOL_K, MPA_S_PER_U_NM_PS, Viscosity, viscosity
from synthetic_trajectory import walks

EDGE, MASS, N, TEMPERATURE = 3.0, 90.0, 216, 300.0
MASSES = np.full(N, MASS)


def carried_by_waves(eta_mPa_s, n_frames, seed, frame_ps=0.5, friction_per_ps=0.0, substeps=5):
    """Molecules on a lattice, carried by thermal shear waves that decay at eta k^2 / rho + friction.

    Each wave is an Ornstein-Uhlenbeck process with the amplitude of equipartition; molecules stay near their lattice
    sites, as those of a liquid without density fluctuations would.
    """
    generator = np.random.default_rng(seed)
    kT, density = GAS_CONSTANT_KJ_MOL_K * TEMPERATURE, N * MASS / EDGE**3
    numbers = [k for shell in range(module.N_SHELLS) for k in module._wave_vectors(shell + 1)]
    k = np.array(numbers) * 2 * np.pi / EDGE
    across = np.array([module._transverse(one) for one in numbers])
    rate = eta_mPa_s / MPA_S_PER_U_NM_PS * (k**2).sum(axis=1) / density + friction_per_ps
    lattice = np.array(list(product(range(6), repeat=3))) * EDGE / 6
    phases = lattice @ k.T
    waves = np.stack([np.cos(phases), np.sin(phases)], axis=2)
    keep = np.exp(-rate * frame_ps / substeps)[:, None, None]
    size = math.sqrt(2 * kT / (N * MASS))
    amplitude = generator.normal(0, size, (len(k), 2, 2))
    # A sum over steps instead of the integral over time diffuses too fast by (x/2) coth(x/2), x = rate * step.
    half = rate * frame_ps / substeps / 2
    step = frame_ps / substeps * np.sqrt(np.tanh(half) / half)[:, None, None]
    moved = np.zeros((n_frames, len(k), 2, 2))
    for frame in range(1, n_frames):
        moved[frame] = moved[frame - 1]
        for _ in range(substeps):
            new = keep * amplitude + np.sqrt(1 - keep**2) * generator.normal(0, size, amplitude.shape)
            moved[frame] += (new + amplitude) / 2 * step
            amplitude = new
    return lattice + np.einsum("nks,fksp,kpx->fnx", waves, moved, across, optimize=True) * SMALL


SMALL = 0.05
"""Displacements are scaled down (and the result up) so that the molecules stay at their lattice sites."""


def found(eta, **more):
    friction = more.get("friction_per_ps", 0.0)
    run = carried_by_waves(eta, 400, 1, **more)
    # Smaller displacements look like a colder liquid.
    return viscosity([run], MASSES, [EDGE], 0.5, temperature_K=TEMPERATURE * SMALL**2, friction_per_ps=friction)


@pytest.mark.parametrize("eta", [0.5, 3.0])
def test_the_decay_of_shear_waves_gives_the_viscosity(eta):
    result = found(eta)
    assert result.is_converged
    assert abs(result.value_mPa_s - eta) < 2.5 * result.standard_error_mPa_s
    assert result.value_mPa_s == pytest.approx(eta, rel=0.3)
    wavelength, value, error = result.by_wavelength[0]
    assert wavelength == EDGE
    assert abs(value - eta) < 3 * error


def test_the_thermostats_friction_is_taken_out():
    result = found(0.5, friction_per_ps=1.0)
    assert abs(result.value_mPa_s - 0.5) < 2.5 * result.standard_error_mPa_s


def test_replicas_sharpen_the_viscosity():
    runs = [carried_by_waves(1.0, 300, seed) for seed in (1, 2, 3)]
    state = {"temperature_K": TEMPERATURE * SMALL**2}
    one = viscosity(runs[:1], MASSES, [EDGE], 0.5, **state)
    three = viscosity(runs, MASSES, [EDGE] * 3, 0.5, **state)
    assert three.by_wavelength[0][2] < 0.9 * one.by_wavelength[0][2]


def test_molecules_at_rest_have_no_viscosity():
    rest = np.zeros((100, N, 3)) + np.random.default_rng(1).random((1, N, 3)) * EDGE
    assert viscosity([rest], MASSES, [EDGE], 0.5, temperature_K=300.0) is None


def test_a_straight_line_is_found_under_an_elastic_answer():
    # MSD = 2 D t + c: log-log far from 1, straight all the same.
    walk = walks(3000, 40, 1.0, np.random.default_rng(4))
    rattling = walk + np.random.default_rng(5).normal(0, 0.3, walk.shape)
    found = displacements([rattling], 1.0)
    window_ps, change = module.straight_window(found)
    assert window_ps[0] < 0.5 * found.slope().window_ps[0]
    assert found.slope(window_ps=window_ps).value == pytest.approx(2e-3, rel=0.2)
    assert change < 0.3


def test_polarisations_are_transverse_and_shells_complete():
    for shell, n in ((1, 3), (2, 6), (3, 4)):
        vectors = module._wave_vectors(shell)
        assert len(vectors) == n
        for k in vectors:
            first, second = module._transverse(k)
            assert abs(first @ np.array(k)) < 1e-12
            assert abs(second @ np.array(k)) < 1e-12
            assert abs(first @ second) < 1e-12


def test_the_stokes_einstein_estimate_gives_back_the_diffusion_it_came_from():
    estimate = module.stokes_einstein_viscosity(1e-9, 0.12, 3.0, 300.0)
    assert not estimate.is_converged
    eta = estimate.value_mPa_s * 1e-3
    infinite = module.STOKES_EINSTEIN * BOLTZMANN_J_K * 300 / (eta * 0.12 ** (1 / 3) * 1e-9)
    assert infinite - BOLTZMANN_J_K * 300 * 2.837297 / (6 * math.pi * eta * 3e-9) == pytest.approx(1e-9)
    assert 0.2 < estimate.value_mPa_s < 2


@pytest.mark.parametrize(
    ("diffusion_m2_s", "volume_nm3", "edge_nm", "viscosity_mPa_s"),
    [
        # Water at 298 K: Holz, Heil and Sacco, Phys. Chem. Chem. Phys. 2 (2000) 4740; 0.890 mPa s.
        (2.299e-9, 0.02992, 1e6, 0.890),
        # Solvents in boxes of 1 mol/L LiPF6 in EC:DEC and LiTFSI in DMC, simulated for 1 ns (docs/benchmarks.md).
        (2.83e-10, 1.888**3 / 50, 1.888, 3.11),
        (4.57e-10, 1.897**3 / 50, 1.897, 2.13),
    ],
)
def test_the_stokes_einstein_estimate_is_good_to_a_factor_of_one_and_a_half(
    diffusion_m2_s, volume_nm3, edge_nm, viscosity_mPa_s
):
    estimate = module.stokes_einstein_viscosity(diffusion_m2_s, volume_nm3, edge_nm, 298.15)
    assert 1 / 1.5 < estimate.value_mPa_s / viscosity_mPa_s < 1.5


def test_a_cube_without_screening_has_yeh_and_hummers_constant():
    assert size_factor(0.0) == pytest.approx(2.837297, abs=1e-5)
    assert size_factor(1e-4) == pytest.approx(2.837297, abs=1e-4)


def test_a_screened_box_has_the_sum_over_its_images():
    for screening in (1.0, 3.0):
        n = np.arange(-45, 46)
        r = np.sqrt(np.add.outer(np.add.outer(n**2, n**2), n**2).ravel().astype(float))
        r = r[r > 0]
        direct = 4 * math.pi / screening**2 + screening - np.sum(np.exp(-screening * r) / r)
        assert size_factor(screening) == pytest.approx(direct, abs=1e-4)


def test_the_size_correction_is_yeh_and_hummers_and_carries_the_viscositys_error():
    shear = Viscosity(1.0, 0.1, True, "given")
    value, error = size_correction_m2_s(3.0, shear, temperature_K=300.0, density_g_cm3=1.0)
    assert value == pytest.approx(2.837297 * BOLTZMANN_J_K * 300 / (6 * math.pi * 1e-3 * 3e-9), rel=1e-5)
    assert error == pytest.approx(0.1 * value)
    screened, _ = size_correction_m2_s(3.0, shear, temperature_K=300.0, density_g_cm3=1.0, friction_per_ps=0.2)
    assert screened > value
