"""From trajectories with known answers to measurements, warnings, plots."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread
from saltloop.chemistry.formulation import Formulation
from saltloop.simulators.analysis.displacements import displacements
from saltloop.simulators.analysis.motion import motion_in
from saltloop.simulators.analysis.plots import plot
from saltloop.simulators.analysis.results import analyse
from saltloop.simulators.analysis.structure_sites import sites_of
from saltloop.simulators.md.boxes import estimated_density_g_cm3
from saltloop.simulators.md.protocols import resolve_protocol
from synthetic_trajectory import contents, walking

PROTOCOL = resolve_protocol("quick")
PLAIN = resolve_protocol({"analysis": {"size_correction": False}})
BOX = contents()


def structure_of(seed, n=30):
    sites = sites_of(BOX)
    return np.random.default_rng(seed).random((n, len(sites.labels), 3)).astype(np.float32) * BOX.edge_nm(1.2)


def with_structure(seed=0, **more):
    return walking(seed, structure=structure_of(seed), structure_ps=2.0, **more)


def analysed(*trajectories, protocol=PLAIN):
    return analyse(trajectories, protocol.analysis, "openmm", "job-1", protocol=protocol.name)


def values(results):
    return {one.quantity: one for one in results.measurements}


@pytest.fixture(scope="module")
def results():
    return analysed(with_structure(1), with_structure(2))


def test_all_quantities_are_there_the_conductivity_first(results):
    names = [one.quantity for one in results.measurements]
    assert names[:2] == ["conductivity", "density"]
    assert {
        "conductivity_nernst_einstein",
        "conductivity_collective",
        "conductivity_combined",
        "ionicity",
        "transference_number",
        "diffusion_coefficient_Li+",
        "diffusion_coefficient_EC",
        "coordination_number",
        "coordination_number_EC_carbonyl_O",
        "coordination_number_EMC_ether_O",
        "fraction_solvent_separated",
    } <= set(names)
    assert len(set(names)) == len(names)
    assert all(one.reference == "job-1" for one in results.measurements)
    json.dumps(results.details, allow_nan=False)


def test_independent_walkers_have_the_values_that_they_were_given(results):
    found = values(results)
    for quantity, expected in (
        ("diffusion_coefficient_Li+", 1e-9),
        ("diffusion_coefficient_EMC", 1e-9),
        ("density", 1.2),
        ("ionicity", 1.0),
        ("transference_number", 0.5),
    ):
        assert abs(found[quantity].value - expected) < 3 * found[quantity].standard_uncertainty, quantity
    assert found["density"].standard_uncertainty < 0.003
    assert found["conductivity"].value == found["conductivity_combined"].value
    assert found["conductivity"].value == pytest.approx(78, rel=0.05)


def test_replicas_are_more_certain_than_one_run(results):
    one = values(analysed(with_structure(1)))
    both = values(results)
    for quantity in ("conductivity", "diffusion_coefficient_EC", "conductivity_collective"):
        assert both[quantity].standard_uncertainty < one[quantity].standard_uncertainty
    assert "2 runs of" in both["conductivity"].method


@pytest.mark.parametrize("report", ["collective", "combined"])
def test_the_reported_conductivity_is_a_setting(report):
    found = values(analysed(walking(3), protocol=resolve_protocol({"analysis": {"report": report}})))
    assert found["conductivity"].value == found[f"conductivity_{report}"].value


def test_the_combined_conductivity_lies_between_zero_and_nernst_einstein():
    # Pairs: the collective value is zero; a short run knows it badly.
    trajectory = walking(4, n_frames=60)
    found = values(analysed(trajectory))
    combined, upper = found["conductivity_combined"], found["conductivity_nernst_einstein"]
    assert 0 < combined.value < upper.value
    assert combined.standard_uncertainty > 0
    assert "ionicity" in combined.method


def test_the_size_correction_raises_diffusion_and_keeps_the_value_of_the_box():
    plain, corrected = analysed(walking(5)), analysed(walking(5), protocol=PROTOCOL)
    quantity = "diffusion_coefficient_Li+"
    added = values(corrected)[quantity].value - values(plain)[quantity].value
    assert added == pytest.approx(corrected.details["size_correction_m2_s"], rel=1e-3)
    assert corrected.details["diffusion_in_box_m2_s"]["Li+"][0] == pytest.approx(
        values(plain)[quantity].value, rel=1e-3
    )
    assert "infinite box" in values(corrected)[quantity].method
    assert values(corrected)[quantity].standard_uncertainty > values(plain)[quantity].standard_uncertainty


def test_a_window_that_was_given_is_used():
    protocol = resolve_protocol({"analysis": {"fit_start_fraction": 0.1, "fit_end_fraction": 0.4}})
    found = analysed(walking(6), protocol=protocol)
    for start, end in found.details["fit_ps"].values():
        assert start == pytest.approx(40, rel=0.2)
        assert end == pytest.approx(160, rel=0.2)


def test_frozen_molecules_get_a_warning_and_a_bound():
    caged = walking(7, wrapped=False)
    rattling = np.random.default_rng(7).normal(0, 0.03, caged.positions.shape) + caged.positions[:1]
    found = analysed(replace(caged, positions=rattling.astype(np.float32)))
    assert any("EC has not reached diffusion" in warning and "upper bound" in warning for warning in found.warnings)
    one = values(found)["diffusion_coefficient_EC"]
    assert one.standard_uncertainty > 0.5 * abs(one.value)
    assert not found.details["diffusive"]["EC"]


def test_a_density_that_was_given_is_not_reported_as_a_measurement():
    found = analysed(replace(walking(8), density_g_cm3=np.empty(0), n_density_equilibrating=0))
    assert "density" not in values(found)


def test_runs_of_older_versions_are_analysed_without_structure_and_it_is_said():
    found = analysed(walking(9))
    assert found.solvation is None
    assert any("structure was not recorded" in warning for warning in found.warnings)


def test_too_few_samples_of_the_structure_are_said():
    found = analysed(walking(9, structure=structure_of(9, n=3), structure_ps=2.0))
    assert found.solvation is None
    assert any("3 sample(s) of the structure are too few" in warning for warning in found.warnings)


def test_neighbours_that_stay_for_the_whole_run_are_said():
    sites, edge = sites_of(BOX), BOX.edge_nm(1.2)
    held = structure_of(10, n=1)[0]
    lithium = np.flatnonzero(sites.labels == "Li")
    held[np.flatnonzero(sites.labels == "EC carbonyl O")[: len(lithium)]] = held[lithium] + [0.2, 0, 0]
    structure = np.repeat(held[None] % edge, 200, axis=0)
    found = analysed(walking(10, structure=structure, structure_ps=2.0))
    warning = next(one for one in found.warnings if one.startswith("lithium keeps"))
    assert "EC for at least" in warning
    assert "the error bars do not cover that" in warning


def test_neighbours_that_come_and_go_are_not(results):
    assert not any(one.startswith("lithium keeps") for one in results.warnings)


def test_a_drifting_energy_is_said():
    trajectory = walking(10)
    drifting = trajectory.potentials_kJ_mol + np.linspace(0, 2000, trajectory.potentials_kJ_mol.size)
    assert any("drifts" in warning for warning in analysed(replace(trajectory, potentials_kJ_mol=drifting)).warnings)


def test_a_pure_solvent_has_no_conductivity():
    box = contents(Formulation.create({}, {"EC": 1.0}, temperature_K=320.0), atoms=400)
    assert estimated_density_g_cm3(box.formulation)[1]
    found = analysed(walking(11, box=box))
    assert found.measurements[0].quantity == "density"
    assert not any("conductivity" in one.quantity for one in found.measurements)


def test_replicas_with_other_frames_are_refused():
    with pytest.raises(ValueError, match="frames of"):
        motion_in([walking(1, frame_ps=0.5), walking(1, frame_ps=1.0)], PLAIN.analysis)


def test_no_trajectory_is_refused():
    with pytest.raises(ValueError, match="no trajectory"):
        analysed()


def test_ions_are_not_fitted_before_the_solvent_diffuses():
    trajectory = walking(12, wrapped=False, n_frames=1500)
    solvents = ~np.isin(trajectory.molecule_names, ["Li+", "PF6-"])
    positions = trajectory.positions.astype(float)
    positions[:, solvents] += np.random.default_rng(1).normal(0, 0.1, positions[:, solvents].shape)
    found = motion_in([replace(trajectory, positions=positions)], PLAIN.analysis)
    alone = displacements([positions[:, ~solvents]], trajectory.frame_ps).slope()
    assert alone.window_ps[0] < 2
    assert found.in_box["Li+"].slope.window_ps[0] >= found.in_box["EC"].slope.window_ps[0] > 5


def test_an_analysis_during_a_run_is_quick():
    trajectory = walking(13, n_frames=2000)
    analysed(trajectory, protocol=PROTOCOL)
    started = time.process_time()
    analysed(trajectory, protocol=PROTOCOL)
    assert time.process_time() - started < 2


def test_plots_and_tables_are_written(results, tmp_path):
    names = plot(results, tmp_path, "1 mol/kg LiPF6 in EC:EMC\nquick protocol")
    stems = ("msd", "conductivity", "rdf", "density")
    assert names == tuple(f"{stem}.{kind}" for stem in stems for kind in ("png", "csv"))
    for stem in stems:
        height, width, _ = imread(tmp_path / f"{stem}.png").shape
        assert width >= 600
        assert height >= 400
        header, *rows = (tmp_path / f"{stem}.csv").read_text().splitlines()
        assert len(rows) > 10
        assert all(len(row.split(",")) == len(header.split(",")) for row in rows)
    assert (tmp_path / "msd.csv").read_text().startswith("lag_ps,Li+ (nm2),PF6- (nm2)")
    assert "g EC carbonyl O" in (tmp_path / "rdf.csv").read_text()


def test_an_anion_of_the_users_own_is_plotted_as_an_ion(tmp_path):
    """Its name ends without a sign."""
    walk = walking(15)
    molecules = tuple(
        (species.model_copy(update={"name": "LiMine anion"}) if species.name == "PF6-" else species, count)
        for species, count in walk.contents.molecules
    )
    box = replace(walk.contents, molecules=molecules, counts={species.name: count for species, count in molecules})
    found = analysed(replace(walk, contents=box))
    plot(found, tmp_path, "a salt of my own")
    header, *rows = (row.split(",") for row in (tmp_path / "msd.csv").read_text().splitlines())
    table = dict(zip(header, np.array(rows, dtype=float).T, strict=True))
    # Independent ions: of the charge, each carries its own displacement.
    early = table["lag_ps"] <= 5
    ratio = table["charge (per ion) (nm2)"][early] / table["LiMine anion (nm2)"][early]
    assert ratio.mean() == pytest.approx(1.0, abs=0.3)


def test_the_collective_conductivity_is_no_less_certain_than_its_bounds():
    found = values(analysed(walking(14, n_frames=40)))
    collective, upper = found["conductivity_collective"], found["conductivity_nernst_einstein"]
    most = upper.value + 2 * upper.standard_uncertainty
    assert collective.value + 2 * collective.standard_uncertainty <= max(most, 2 * collective.value) + 1e-9
