"""Synthetic boxes: hard-sphere-like liquids that must pass, and holes, slabs, lumps and crystals that must not."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.md import phases
from saltloop.simulators.md.attempts import Attempts
from saltloop.simulators.md.control_settings import Retry
from saltloop.simulators.md.sanity import check_homogeneous, check_liquid

EDGE = 3.0
N = 180


def hard_spheres(rng, n=N, edge=EDGE, diameter=0.36, inside=lambda point: True):
    """Random sequential addition."""
    placed = np.empty((n, 3))
    count = 0
    while count < n:
        point = rng.uniform(0, edge, 3)
        gap = placed[:count] - point
        gap -= edge * np.round(gap / edge)
        if inside(point) and (count == 0 or (gap**2).sum(axis=1).min() > diameter**2):
            placed[count] = point
            count += 1
    return placed


def wandering(start, rng, n_frames=60, step=0.06):
    return start + np.cumsum(rng.normal(0, step, (n_frames, *start.shape)), axis=0)


def rattling(start, rng, n_frames=60, width=0.03):
    return start + rng.normal(0, width, (n_frames, *start.shape))


def trajectory(positions, names, edge=EDGE, density=()):
    kinds = list(dict.fromkeys(names))
    charges = {"Li+": 1, "PF6-": -1}
    species = tuple(
        (SimpleNamespace(name=kind, formal_charge=charges.get(kind, 0)), list(names).count(kind)) for kind in kinds
    )
    return SimpleNamespace(
        contents=SimpleNamespace(molecules=species),
        edge_nm=edge,
        positions=positions.astype(np.float32),
        molecule_names=np.array(names),
        averaged_density_g_cm3=np.array(density),
        length_ps=100.0,
    )


def electrolyte_names(n=N, pairs=14):
    rest = n - 2 * pairs
    return ["Li+"] * pairs + ["PF6-"] * pairs + ["EC"] * (rest // 2) + ["EMC"] * (rest - rest // 2)


def independent_liquid(seed):
    """Frames that share a start and forget it, as in a liquid of hard spheres."""
    rng = np.random.default_rng(seed)
    return np.stack([hard_spheres(rng, 90, 2.4) for _ in range(8)])


@pytest.fixture(scope="module")
def liquids():
    return [independent_liquid(seed) for seed in range(6)]


def test_liquids_raise_no_alarm(liquids):
    names = electrolyte_names(90, 7)
    for frames in liquids:
        moving = frames.repeat(8, axis=0)
        assert check_homogeneous(trajectory(moving, names, 2.4)) == ()
        assert phases.crystal_peak(frames, 2.4) * 90 < 15


def test_random_mixing_in_frozen_frames_raises_no_alarm():
    """The least favourable liquid: one ideal-gas configuration that never changes, 300 of them."""
    rng = np.random.default_rng(3)
    is_member = np.arange(90) < 30
    waves = [phases.demixing(rng.uniform(0, 2.4, (1, 90, 3)), is_member, 2.4) for _ in range(300)]
    assert np.mean(np.array(waves) * 90 > 10) <= 0.01


def test_a_hole_is_a_failure():
    rng = np.random.default_rng(1)
    centre = np.full(3, EDGE / 2)
    start = hard_spheres(rng, inside=lambda point: math.dist(point, centre) > 1.0)
    assert phases.largest_cavity(start, EDGE) > 15
    with pytest.raises(SimulationFailureError, match="has a hole") as caught:
        check_homogeneous(trajectory(rattling(start, rng), electrolyte_names()))
    assert caught.value.kind == "cavity"


def test_two_liquids_side_by_side_are_a_failure():
    rng = np.random.default_rng(2)
    start = hard_spheres(rng)
    start = start[np.argsort(start[:, 0])]
    with pytest.raises(SimulationFailureError, match=r"the liquid separated: .* gathers in one part") as caught:
        check_homogeneous(trajectory(rattling(start, rng), ["EC"] * 90 + ["DEC"] * 90))
    assert caught.value.kind == "phase_separation"
    assert not caught.value.is_retryable


def test_a_replica_that_separated_gives_no_trajectory(tmp_path):
    rng = np.random.default_rng(2)
    start = hard_spheres(rng)
    start = start[np.argsort(start[:, 0])]
    separated = SimpleNamespace(
        run=lambda production_ps: (tmp_path / "md").mkdir(),
        trajectory=lambda: trajectory(rattling(start, rng), ["EC"] * 90 + ["DEC"] * 90),
        notes=[],
        stage_words="production",
        gentleness="",
        store=SimpleNamespace(elapsed_s=1.0),
    )
    one = Attempts(tmp_path / "md", lambda *settings: separated, Retry(), platform=None)
    with pytest.raises(SimulationFailureError, match="the liquid separated"):
        one.run(100.0)
    assert (tmp_path / "md.failed-1").is_dir()


def test_a_partial_separation_is_a_warning():
    rng = np.random.default_rng(4)
    start = hard_spheres(rng)
    start = start[np.argsort(np.cos(2 * math.pi * start[:, 0] / EDGE) + rng.normal(0, 1.5, N))]
    (warning,) = check_homogeneous(trajectory(rattling(start, rng), ["EC"] * 90 + ["DEC"] * 90))
    assert "may be separating" in warning


def rock_salt(pairs_per_edge, spacing=0.36):
    """Lattice sites and which of them are cations."""
    ticks = np.arange(pairs_per_edge)
    sites = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 3)
    return sites * spacing, sites.sum(axis=1) % 2 == 0


def test_a_lump_of_salt_is_a_failure():
    rng = np.random.default_rng(6)
    salt, is_cation = rock_salt(3)
    order = np.argsort(~is_cation, kind="stable")[:26]
    salt = salt[order][[*range(13), *range(14, 26), 13]] + 1.1
    solvent = hard_spheres(rng, 150, inside=lambda point: not all(0.8 < x < 2.1 for x in point), diameter=0.33)
    names = ["Li+"] * 13 + ["PF6-"] * 13 + ["EC"] * 150
    frames = rattling(np.concatenate([salt, solvent]), rng)
    with pytest.raises(SimulationFailureError, match="the salt") as caught:
        check_homogeneous(trajectory(frames, names))
    assert caught.value.kind in ("precipitation", "phase_separation")


def test_the_ions_of_a_solution_are_no_lump():
    rng = np.random.default_rng(7)
    names = np.array(electrolyte_names())
    cluster = phases.largest_ion_cluster(hard_spheres(rng), names == "Li+", names == "PF6-", EDGE)
    assert cluster.share < 0.6
    assert 0.5 < cluster.crowding < 2.5


def test_a_concentrated_salt_is_one_cluster_but_no_precipitate():
    rng = np.random.default_rng(8)
    names = np.array(electrolyte_names(N, 80))
    frames = wandering(hard_spheres(rng, edge=2.5, diameter=0.33), rng)
    assert phases.largest_ion_cluster(frames[-1], names == "Li+", names == "PF6-", 2.5).share > 0.6
    assert check_homogeneous(trajectory(frames, names, 2.5)) == ()


def test_a_crystal_is_a_failure():
    rng = np.random.default_rng(9)
    ticks = np.arange(4) * 0.5
    cell = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]) * 0.5
    corners = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 3)
    lattice = (corners[:, None] + cell).reshape(-1, 3)
    frames = rattling(lattice, rng, width=0.03)
    with pytest.raises(SimulationFailureError, match="the box crystallised: a Bragg peak") as caught:
        check_liquid(trajectory(frames, ["EC"] * len(lattice), 2.0))
    assert caught.value.kind == "frozen"


def test_a_glass_is_a_warning_about_bounds():
    rng = np.random.default_rng(10)
    (warning,) = check_liquid(trajectory(rattling(hard_spheres(rng), rng), electrolyte_names()))
    assert "upper bounds" in warning


def test_a_moving_liquid_is_a_liquid():
    rng = np.random.default_rng(11)
    frames = wandering(hard_spheres(rng), rng)
    assert check_liquid(trajectory(frames, electrolyte_names(), density=1.2 + rng.normal(0, 0.02, 200))) == ()


def test_a_density_that_jumps_is_a_warning():
    rng = np.random.default_rng(12)
    density = np.where(np.arange(200) < 120, 1.0, 1.12) + rng.normal(0, 0.01, 200)
    (warning,) = check_liquid(trajectory(wandering(hard_spheres(rng), rng), electrolyte_names(), density=density))
    assert "jumped by +1" in warning


def test_a_steady_density_has_no_jump():
    rng = np.random.default_rng(13)
    jumps = [phases.density_jump(1.0 + rng.normal(0, 0.01, 100)) for _ in range(100)]
    assert max(abs(jump) for jump in jumps) < 0.01


def test_few_molecules_cannot_tell():
    rng = np.random.default_rng(14)
    (warning,) = check_homogeneous(trajectory(rng.uniform(0, 1, (20, 12, 3)), ["AN"] * 12, 1.0))
    assert "too few" in warning


def test_a_molecule_at_the_edge_is_no_trouble():
    frame = np.array([[-1e-18, 0.5, 0.5], [1.0, 1.0, 1.0], [2.5, -7.0, 0.2]])
    assert phases.largest_cavity(frame, 1.0) > 0
