"""Solvation structure of boxes in which every neighbour was put where it is."""

import numpy as np
import pytest
from saltloop.simulators.analysis.structure import first_minimum, solvation_in
from saltloop.simulators.analysis.structure_residence import residence
from saltloop.simulators.analysis.structure_sites import donor_labels, sites_of
from saltloop.simulators.forces.species_parameters import all_parameters
from synthetic_trajectory import contents, walking

BOX = contents()
N_LITHIUM = BOX.counts["Li+"]


def solvated(bound, n_samples=20, seed=0, distance_nm=0.2):
    """A trajectory in which ``bound(sample, lithium, sites)`` sit around each lithium and all others are far away."""
    generator = np.random.default_rng(seed)
    trajectory = walking(seed, n_frames=20)
    sites, edge = sites_of(BOX), trajectory.edge_nm
    lithium = np.flatnonzero(sites.labels == "Li")
    samples = np.empty((n_samples, len(sites.labels), 3))
    for sample in range(n_samples):
        # Lithium on a lattice, donors between.
        cells = np.stack(np.unravel_index(np.arange(len(lithium)), (3, 3, 3)), axis=1)
        samples[sample] = generator.random((len(sites.labels), 3)) * edge
        samples[sample, lithium] = cells * edge / 3
        apart = samples[sample][:, None] - samples[sample, lithium][None]
        apart -= edge * np.round(apart / edge)
        near = np.linalg.norm(apart, axis=-1).min(axis=1) < 0.37
        near[lithium] = False
        samples[sample, near] = (np.array([0.5, 0.5, 0.5]) + generator.integers(0, 2, (near.sum(), 3))) * edge / 3
        for index, ion in enumerate(lithium):
            for site in bound(sample, index, sites):
                direction = generator.normal(size=3)
                shell = distance_nm + generator.normal(0, 0.006)
                samples[sample, site] = samples[sample, ion] + shell * direction / np.linalg.norm(direction)
    return walking(seed, n_frames=20, structure=samples.astype(np.float32) % edge, structure_ps=1.0)


def sites_with(sites, label):
    return np.flatnonzero(sites.labels == label)


def three_carbonyls(sample, index, sites):
    return sites_with(sites, "EC carbonyl O")[3 * index : 3 * index + 3]


def test_coordination_numbers_by_donor_are_what_was_put_there():
    found = solvation_in([solvated(three_carbonyls)])
    assert found.shells["EC carbonyl O"].coordination == pytest.approx(3.0)
    assert found.shells["EC carbonyl O"].has_peak
    assert 0.22 < found.shells["EC carbonyl O"].cutoff_nm < 0.37
    assert found.shells["EC ether O"].coordination == 0
    assert found.shells["PF6- F"].coordination == 0
    assert found.total[0] == pytest.approx(3.0)
    assert found.molecules["EC"][0] == pytest.approx(3.0)
    assert found.fractions["solvent_separated"][0] == 1.0


def test_the_radial_distribution_peaks_at_the_bond_and_runs_to_the_coordination_number():
    shell = solvation_in([solvated(three_carbonyls)]).shells["EC carbonyl O"]
    assert shell.r_nm[np.argmax(shell.g)] == pytest.approx(0.2, abs=0.01)
    assert shell.running[np.searchsorted(shell.r_nm, 0.3)] == pytest.approx(3.0)


def test_an_ideal_gas_has_a_flat_distribution():
    generator = np.random.default_rng(1)
    edge = walking().edge_nm
    samples = generator.random((60, len(sites_of(BOX).labels), 3)) * edge
    found = solvation_in([walking(structure=samples.astype(np.float32), structure_ps=1.0)])
    shell = found.shells["EMC ether O"]
    assert shell.g[80:].mean() == pytest.approx(1.0, abs=0.03)


def test_replicas_of_different_size_are_joined():
    first, second = solvated(three_carbonyls, seed=1), solvated(three_carbonyls, seed=2)
    found = solvation_in([first, second])
    assert found.n_samples == 40
    assert found.total[0] == pytest.approx(3.0)


def test_pairs_and_aggregates_are_told_apart():
    def bound(sample, index, sites):
        # Ions 0-2 free, 3-5 a contact pair each, 6 and 7 share one anion, 8 with two anions.
        fluorine = sites_with(sites, "PF6- F").reshape(N_LITHIUM, 6)
        anions = {3: [3], 4: [4], 5: [5], 6: [6], 7: [6], 8: [7, 8]}
        return [fluorine[anion, index % 6] for anion in anions.get(index, [])]

    assert N_LITHIUM == 9
    fractions = solvation_in([solvated(bound)]).fractions
    assert fractions["solvent_separated"][0] == pytest.approx(3 / 9)
    assert fractions["contact_pair"][0] == pytest.approx(3 / 9)
    assert fractions["aggregate"][0] == pytest.approx(3 / 9)


def test_without_structure_samples_there_is_no_solvation():
    assert solvation_in([walking()]) is None


def test_donors_are_named_by_their_chemistry():
    labels = {name: sorted(set(donor_labels(one).values())) for name, one in all_parameters().items()}
    assert labels["EC"] == ["EC carbonyl O", "EC ether O"]
    assert labels["DME"] == ["DME ether O"]
    assert labels["AN"] == ["AN N"]
    assert labels["PF6-"] == ["PF6- F"]
    assert labels["TFSI-"] == ["TFSI- F", "TFSI- N", "TFSI- O"]
    assert labels["DMSO"] == ["DMSO sulfoxide O"]
    assert labels["Sulfolane"] == ["Sulfolane sulfonyl O"]
    assert labels["Li+"] == ["Li"]


def test_sites_follow_the_order_of_the_atoms():
    sites = sites_of(BOX)
    assert np.all(np.diff(sites.atoms) > 0)
    assert sites.atoms[-1] < BOX.n_atoms
    assert (sites.labels == "Li").sum() == N_LITHIUM
    assert (sites.labels == "PF6- F").sum() == 6 * BOX.counts["PF6-"]
    assert sites.molecules.max() < sum(BOX.counts.values())


def test_the_first_shell_ends_at_the_minimum_and_a_liquid_without_one_has_none():
    r = np.arange(0.0025, 1.0, 0.005)
    g = 12 * np.exp(-(((r - 0.2) / 0.015) ** 2)) + 1 / (1 + np.exp(-(r - 0.38) / 0.01))
    assert first_minimum(r, g) == pytest.approx(0.28, abs=0.05)
    assert first_minimum(r, 0.5 * np.ones_like(r)) is None


def stays(lengths, gap, n_samples):
    """Bound samples of one pair: stays of so many samples with absences of ``gap`` samples between."""
    samples, start = [], 0
    for length in lengths:
        samples += range(start, min(start + length, n_samples))
        start += length + gap
    return np.array([one for one in samples if one < n_samples])


def test_residence_is_time_bound_over_departures_and_survives_a_short_absence():
    # Exponential stays of 40 ps of many pairs, cut off by the end of the run.
    generator = np.random.default_rng(4)
    samples, pairs = [], []
    for pair in range(400):
        own = stays(generator.exponential(40, 20).astype(int) + 1, 15, 300)
        samples.append(own)
        pairs.append(np.full(own.size, pair))
    found = residence([(np.concatenate(samples), np.concatenate(pairs), 300, 1.0)])
    assert found.time_ps == pytest.approx(40.5, rel=0.08)
    assert abs(found.time_ps - 40.5) < 3 * found.standard_error_ps
    blinking = residence([(stays([50, 50], 1, 300), np.zeros(100, dtype=int), 300, 1.0)])
    assert blinking.n_departures == 1


def test_a_molecule_that_never_leaves_gives_a_lower_bound():
    found = residence([(np.arange(300), np.zeros(300, dtype=int), 300, 1.0)])
    assert found.is_lower_bound
    assert found.time_ps == pytest.approx(298 / 3)


def test_nothing_bound_has_no_residence():
    assert residence([(np.empty(0, dtype=int), np.empty(0, dtype=int), 300, 1.0)]) is None
