"""What production leaves on disk, without a simulation."""

from types import SimpleNamespace

import numpy as np
import pytest
from saltloop.simulators.analysis.structure_sites import sites_of
from saltloop.simulators.checkpoints import read_pieces, write_piece
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.md.recorder import Recorder
from saltloop.simulators.md.store import Store
from synthetic_trajectory import contents

BOX = contents(atoms=300, pairs=2)
MASSES = np.array([atom.mass for species, n in BOX.molecules for _ in range(n) for atom in species.atoms])
STARTS = np.cumsum([0, *(species.n_atoms for species, n in BOX.molecules for _ in range(n))])[:-1]


class FakeContext:
    """Hands out a new set of positions at each call."""

    def __init__(self):
        self.generator = np.random.default_rng(1)
        self.positions = []

    def getState(self, positions, energy):
        if positions:
            self.positions.append(self.generator.random((BOX.n_atoms, 3)))
        return SimpleNamespace(
            getPositions=lambda asNumpy: SimpleNamespace(_value=self.positions[-1]),
            getPeriodicBoxVolume=lambda: SimpleNamespace(_value=4.0),
            getKineticEnergy=lambda: SimpleNamespace(_value=100.0),
            getPotentialEnergy=lambda: SimpleNamespace(_value=-1000.0),
        )


def recorder(context, done=0):
    return Recorder(context, STARTS, MASSES, BOX, 900, structure_every=4, n_frames_before=done)


def frames(one, n):
    for index in range(n):
        one.record("produce", is_last=index == n - 1)
    return one.take()


def test_structure_is_sampled_every_so_many_frames_whatever_the_pieces_are():
    context = FakeContext()
    one = recorder(context)
    pieces = [frames(one, 3), frames(one, 6)]
    # A resumption makes a new recorder, which goes on counting.
    pieces.append(frames(recorder(context, done=9), 5))
    found = np.concatenate([piece["structure"] for piece in pieces])
    sites = sites_of(BOX).atoms
    expected = np.array([context.positions[index][sites] for index in (3, 7, 11)])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32
    assert [len(piece["structure"]) for piece in pieces] == [0, 2, 1]


def test_centres_of_mass_are_those_of_the_molecules():
    context = FakeContext()
    found = frames(recorder(context), 1)["positions"][0]
    second = slice(STARTS[-1], BOX.n_atoms)
    expected = np.average(context.positions[0][second], axis=0, weights=MASSES[second])
    np.testing.assert_allclose(found[-1], expected, atol=1e-6)


def test_pieces_join_and_older_ones_without_structure_still_do(tmp_path):
    one = recorder(FakeContext())
    write_piece(tmp_path, "produce", 0, **frames(one, 3))
    write_piece(tmp_path, "produce", 1, **frames(one, 6))
    joined = read_pieces(tmp_path, "produce", 2)
    assert joined["positions"].shape == (9, len(STARTS), 3)
    assert joined["structure"].shape == (2, len(sites_of(BOX).atoms), 3)
    old = {name: values for name, values in frames(one, 4).items() if name != "structure"}
    write_piece(tmp_path, "old", 0, **old)
    assert "structure" not in read_pieces(tmp_path, "old", 1)


@pytest.mark.parametrize("n_bytes", [0, 100, None])
def test_a_damaged_or_missing_piece_is_a_damaged_checkpoint(tmp_path, n_bytes):
    one, store = recorder(FakeContext()), Store(tmp_path, "this simulation")
    for _ in range(2):
        store.add("produce", frames(one, 4))
    piece = tmp_path / "produce-00001.npz"
    content = piece.read_bytes()
    piece.unlink()
    if n_bytes is not None:
        piece.write_bytes(content[:n_bytes])
    with pytest.raises(SimulationFailureError, match="cannot be read") as caught:
        store.samples("produce")
    assert caught.value.kind == "damaged_checkpoint"
    assert caught.value.is_retryable


def test_the_density_is_that_of_the_box():
    one = recorder(FakeContext())
    one.record("npt", is_last=True)
    assert one.take()["density"][0] == pytest.approx(BOX.density_g_cm3(4.0))
