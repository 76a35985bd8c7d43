"""Whether ions diffuse, on motion with a known answer; and slow liquids from hotter ones."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.chemistry.species import SpeciesBook
from saltloop.simulators.analysis.results import Results
from saltloop.simulators.analysis.trajectory import Trajectory
from saltloop.simulators.analysis.transport import conductivity_factor
from saltloop.simulators.analysis.viscosity import Viscosity
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.md.boxes import contents_of
from saltloop.simulators.md.control_settings import SlowLiquid
from saltloop.simulators.md.hotter import at_most_mS_cm, extrapolated, temperatures_K, too_slow
from saltloop.simulators.md.hotter_plot import plot_temperatures
from saltloop.simulators.md.protocols import BoxSettings
from saltloop.simulators.md.replicas import Sampled
from saltloop.simulators.md.slowness import Motion, conductivity_at_most_mS_cm, motions
from saltloop.simulators.md.stopping import Decision

LIQUID = Formulation.parse("1 mol/kg LiBF4 in AN at 260 K")
SETTINGS = SlowLiquid()


def trajectory(diffusion_nm2_ps, *, cage_nm=0.0, temperature_K=260.0, n_frames=400, seed=1):
    """Brownian motion of every molecule, or rattling about a fixed place."""
    contents = contents_of(LIQUID.at(temperature_K), BoxSettings(target_atoms=600), SpeciesBook.builtin())
    rng = np.random.default_rng(seed)
    n = sum(contents.counts.values())
    steps = rng.normal(0, np.sqrt(2 * diffusion_nm2_ps), (n_frames, n, 3))
    positions = rng.uniform(0, 2.0, (1, n, 3)) + np.cumsum(steps, axis=0)
    positions += rng.normal(0, cage_nm or 1e-9, positions.shape)
    return Trajectory(
        contents=contents,
        temperature_K=temperature_K,
        edge_nm=2.0,
        mean_density_g_cm3=0.8,
        frame_ps=1.0,
        positions=positions % 2.0,
    )


def test_diffusing_ions_have_moved_as_far_as_they_should():
    for ion in motions([trajectory(1e-3), trajectory(1e-3, seed=2)]):
        assert ion.msd_nm2 == pytest.approx(6e-3 * ion.lag_ps, rel=0.3)
        assert ion.log_slope == pytest.approx(1, abs=0.3)
        assert not ion.is_slow(SETTINGS)


def test_rattling_ions_are_slow_and_more_of_the_same_is_hopeless():
    for ion in motions([trajectory(0, cage_nm=0.03)]):
        assert ion.is_slow(SETTINGS)
        assert ion.is_hopeless(SETTINGS, 3)
        assert ion.log_slope == pytest.approx(0, abs=0.1)


def test_without_ions_nothing_is_slow():
    solvent = contents_of(Formulation.parse("AN"), BoxSettings(target_atoms=300), SpeciesBook.builtin())
    one = trajectory(1e-3)
    n = sum(solvent.counts.values())
    pure = Trajectory(
        contents=solvent,
        temperature_K=298.15,
        edge_nm=2.0,
        mean_density_g_cm3=0.8,
        frame_ps=1.0,
        positions=one.positions[:, :n],
    )
    assert motions([pure]) == []


def test_the_bound_lies_above_the_truth():
    one = trajectory(1e-3, cage_nm=0.05)
    ions = motions([one])
    n = one.contents.counts["Li+"]
    true = (1.602e-19) ** 2 * 2 * n * 1e-9 / (1.381e-23 * 260 * 8e-27) * 10
    found = conductivity_at_most_mS_cm(ions, 8.0, 260.0)
    assert true < found < 3 * true


def test_the_bound_of_a_small_box_holds_for_an_infinite_one():
    """Ions that diffuse, but not far in so short a run: 1e-11 m2/s in the box, 4e-12 more in an infinite one."""
    ions = tuple(Motion(name, charge, 6e-5 * 160, 160.0, 1.0, 0.01, 10) for name, charge in (("Li+", 1), ("BF4-", -1)))
    assert all(ion.is_slow(SETTINGS) for ion in ions)
    slow = replace(sampled(260.0, size_correction_m2_s=4e-12), ions=ions)
    infinite = conductivity_factor(8.0, 260.0) * 20 * 1.4e-5
    assert infinite < at_most_mS_cm(slow) < 1.2 * infinite


def test_hotter_temperatures_are_above_the_target_and_not_absurd():
    assert temperatures_K(300.0, SETTINGS) == (330.0, 360.0, 405.0)
    assert temperatures_K(400.0, SETTINGS) == (440.0, 480.0)
    assert temperatures_K(450.0, SETTINGS) == (), "one alone cannot be extrapolated from"
    assert temperatures_K(300.0, SlowLiquid(temperatures_K=(290.0, 350.0, 320.0))) == (320.0, 350.0)


def arrhenius(temperature_K):
    return 4000 * np.exp(-2000 / temperature_K)


def sampled(temperature_K, *, is_slow=False, cage_nm=0.0, size_correction_m2_s=0.0):
    one = trajectory(0 if is_slow else 1e-3, cage_nm=cage_nm, temperature_K=temperature_K)
    value = arrhenius(temperature_K)

    def measurement(quantity, value, unit):
        return Measurement(
            formulation=LIQUID,
            quantity=quantity,
            value=value,
            unit=unit,
            standard_uncertainty=0.02 * value,
            source="test",
            method="Nernst-Einstein; tiny",
        )

    measurements = (
        measurement("conductivity", value, "mS/cm"),
        measurement("density", 1.0, "g/cm3"),
        measurement("diffusion_coefficient_Li+", 1e-10, "m2/s"),
        measurement("viscosity", 1.0, "mPa s"),
    )
    results = Results.__new__(Results)
    object.__setattr__(results, "measurements", measurements)
    motion = SimpleNamespace(size_correction_m2_s=size_correction_m2_s, viscosity=Viscosity(10.0, 1.0, True, "test"))
    object.__setattr__(results, "motion", motion)
    words = ("Li+ moved 0.05 nm",) if is_slow else ()
    decision = Decision(100.0, "conductivity", value, 0.02, words, 1.0, None, "")
    return Sampled(results, (one,), tuple(motions([one])), (decision,))


def test_a_slow_liquid_is_extrapolated_and_says_so():
    target = sampled(260.0, is_slow=True, cage_nm=0.05)
    found = extrapolated(target, [sampled(t) for t in (290.0, 320.0, 350.0)], SETTINGS)
    values = {one.quantity: one for one in found.measurements}
    assert list(values)[:2] == ["conductivity", "density"]
    conductivity = values["conductivity"]
    assert abs(conductivity.value - arrhenius(260.0)) < 3 * conductivity.standard_uncertainty
    assert conductivity.standard_uncertainty > 0.02 * conductivity.value
    assert conductivity.method.startswith("extrapolated from 290, 320, 350 K by")
    assert "viscosity" not in values
    assert any("viscosity: left out" in warning for warning in found.warnings)
    assert found.details["conductivity"]["points"][0]["temperature_K"] == 290.0


def test_hotter_liquids_that_are_slow_themselves_leave_a_bound():
    target = sampled(260.0, is_slow=True, cage_nm=0.05)
    hotter = [sampled(t, is_slow=True, cage_nm=0.05) for t in (290.0, 320.0)]
    with pytest.raises(SimulationFailureError, match="at most") as caught:
        extrapolated(target, hotter, SETTINGS)
    assert caught.value.kind == "too_slow"


def test_the_failure_of_a_slow_liquid_holds_the_bound():
    failure = too_slow(sampled(260.0, is_slow=True, cage_nm=0.05), "no hotter temperature is allowed")
    assert failure.kind == "too_slow"
    assert "mS/cm" in failure.reason
    assert not failure.is_retryable


def test_the_temperatures_are_plotted_with_a_table(tmp_path):
    target = sampled(260.0, is_slow=True, cage_nm=0.05)
    found = extrapolated(target, [sampled(t) for t in (290.0, 320.0, 350.0)], SETTINGS)
    assert plot_temperatures(found, "auto", tmp_path, "a liquid") == ("temperatures.png", "temperatures.csv")
    header, *rows = (tmp_path / "temperatures.csv").read_text().splitlines()
    assert header.startswith("temperature_K,conductivity_mS_cm")
    assert [row.split(",")[-1] for row in rows] == ["extrapolated", "at most", "simulated", "simulated", "simulated"]
    assert (tmp_path / "temperatures.png").read_bytes().startswith(b"\x89PNG")
