"""Is the box one liquid? Cavities, demixing, salt clusters and crystals in the positions of molecules' centres of mass.

Pure functions on ``frames``: ``n_frames x n_molecules x 3``, nm, wrapped or not, in a cubic box. What a measure means
for a run is decided in ``sanity``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

CONTACT_NM = 0.55
"""Between the centres of a cation and an anion of one cluster: contact pairs of Li+ with the largest anions."""
NEIGHBOURS_NM = 0.8
"""Radius in which the ions around an ion are counted."""


def largest_cavity(frame: Array, edge_nm: float) -> float:
    """How many molecules the largest sphere without any centre would hold at the mean density.

    About 3 in a liquid of similar molecules; a vacuum bubble holds as many as are missing there.
    """
    from scipy.spatial import cKDTree

    spacing = edge_nm / len(frame) ** (1 / 3)
    n_grid = math.ceil(3 * edge_nm / spacing)
    ticks = np.arange(n_grid) * edge_nm / n_grid
    grid = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 3)
    tree = cKDTree(_wrapped(frame, edge_nm), boxsize=edge_nm)
    radius = float(tree.query(grid)[0].max())
    return 4 / 3 * math.pi * radius**3 * len(frame) / edge_nm**3


def demixing(frames: Array, is_member: Bools, edge_nm: float) -> float:
    """Amplitude of the longest composition waves: S(k)/(N x (1-x)), averaged over frames, the largest of 13 waves.

    S is the concentration structure factor of Bhatia and Thornton, Phys. Rev. B 2 (1970) 3004, of the molecules with
    ``is_member`` against the others. Random mixing gives 1/N times an exponential variate of mean one for one frame;
    two slabs of equal size give 0.41, a sphere of a tenth of the box about 0.1.
    """
    share = float(is_member.mean())
    if share in (0.0, 1.0):
        return 0.0
    waves = _half_sphere(math.sqrt(3))
    amplitudes = _amplitudes(frames, is_member - share, edge_nm, waves)
    return float((np.abs(amplitudes) ** 2).mean(axis=0).max() / (frames.shape[1] ** 2 * share * (1 - share)))


@dataclass(frozen=True)
class IonCluster:
    """The largest cluster of cations and anions in contact."""

    n_ions: int
    share: float
    """Of all ions."""
    crowding: float
    """Ions within 0.8 nm of its ions, over their number in random mixing."""
    purity: float
    """Ions among all molecules within 0.8 nm of its ions."""


def largest_ion_cluster(frame: Array, is_cation: Bools, is_anion: Bools, edge_nm: float) -> IonCluster:
    """The largest set of ions linked by cation-anion contacts of 0.55 nm in one frame (``n_molecules x 3``)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    ions = np.flatnonzero(is_cation | is_anion)
    if not len(ions):
        return IonCluster(0, 0.0, 0.0, 0.0)
    positions = _wrapped(frame[ions], edge_nm)
    tree = cKDTree(positions, boxsize=edge_nm)
    pairs = tree.query_pairs(min(CONTACT_NM, 0.49 * edge_nm), output_type="ndarray")
    contacts = pairs[is_cation[ions][pairs[:, 0]] != is_cation[ions][pairs[:, 1]]]
    links = coo_matrix((np.ones(len(contacts)), (contacts[:, 0], contacts[:, 1])), shape=(len(ions), len(ions)))
    labels = connected_components(links, directed=False)[1]
    largest = np.flatnonzero(labels == np.bincount(labels).argmax())
    radius = min(NEIGHBOURS_NM, 0.49 * edge_nm)
    near = tree.query_ball_point(positions[largest], radius, return_length=True).sum() - len(largest)
    everything = cKDTree(_wrapped(frame, edge_nm), boxsize=edge_nm)
    among = everything.query_ball_point(positions[largest], radius, return_length=True).sum() - len(largest)
    expected = len(largest) * max(1, len(ions) - 1) / edge_nm**3 * 4 / 3 * math.pi * radius**3
    return IonCluster(len(largest), len(largest) / len(ions), float(near / expected), float(near / max(1, among)))


def crystal_peak(frames: Array, edge_nm: float) -> float:
    """Largest peak of the mean structure factor of the centres, over N: near one for a crystal, a few/N for a liquid.

    Frames have to lie far apart: a peak that stays is a crystal's, one that comes and goes is averaged away. Wave
    vectors from 0.7 to 2 times that of the mean distance between neighbours.
    """
    n_molecules = frames.shape[1]
    waves_per_edge = n_molecules ** (1 / 3)
    waves = _half_sphere(2.0 * waves_per_edge)
    waves = waves[np.linalg.norm(waves, axis=1) >= 0.7 * waves_per_edge]
    peak = 0.0
    for some in np.array_split(waves, max(1, len(waves) // 256)):
        amplitudes = _amplitudes(frames, np.ones(n_molecules), edge_nm, some)
        peak = max(peak, float((np.abs(amplitudes) ** 2).mean(axis=0).max()))
    return peak / n_molecules**2


def relative_motion(unwrapped: Array, edge_nm: float) -> float:
    """Root mean square displacement between the first and the last quarter of a run, in mean distances of neighbours.

    Positions are averaged over each quarter, so that rattling in a cage does not count. The box's own drift is taken
    off.
    """
    quarter = max(1, len(unwrapped) // 4)
    moved = unwrapped[-quarter:].mean(axis=0) - unwrapped[:quarter].mean(axis=0)
    moved = moved - moved.mean(axis=0)
    return float(np.sqrt((moved**2).sum(axis=1).mean())) / (edge_nm / unwrapped.shape[1] ** (1 / 3))


def density_jump(series: Sequence[float] | Array) -> float:
    """Relative height of the step that parts a series best into two levels: a liquid that freezes or boils.

    Both sides hold at least a fifth of the series; a step below three standard deviations of the rest counts as none.
    """
    values = np.asarray(series, dtype=float)
    margin = max(5, len(values) // 5)
    if len(values) < 2 * margin + 1:
        return 0.0
    splits = np.arange(margin, len(values) - margin + 1)
    sums = np.cumsum(values)
    steps = (sums[-1] - sums[splits - 1]) / (len(values) - splits) - sums[splits - 1] / splits
    gains = steps**2 * splits * (len(values) - splits)
    best = int(gains.argmax())
    rest = np.concatenate([part - part.mean() for part in (values[: splits[best]], values[splits[best] :])]).std()
    return float(steps[best] / values.mean()) if abs(steps[best]) > 3 * rest else 0.0


def spread_frames(frames: Array, n: int) -> Array:
    """``n`` frames at equal distances over the second half of a run, as floats."""
    first = len(frames) // 2
    chosen = np.unique(np.linspace(first, len(frames) - 1, min(n, len(frames) - first)).astype(int))
    return np.asarray(frames[chosen], dtype=float)


def _wrapped(positions: Array, edge_nm: float) -> Array:
    wrapped = np.mod(positions, edge_nm)
    # A tiny negative coordinate comes out as the edge itself, which the tree refuses.
    return np.where(wrapped >= edge_nm, 0.0, wrapped)


def _half_sphere(radius: float) -> Array:
    """Whole-number vectors up to a length, one of each pair n and -n."""
    ticks = np.arange(-math.floor(radius), math.floor(radius) + 1)
    every = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 3)
    first = every[len(every) // 2 + 1 :]
    return np.asarray(first[np.linalg.norm(first, axis=1) <= radius + 1e-9], dtype=float)


def _amplitudes(frames: Array, weights: Array, edge_nm: float, waves: Array) -> NDArray[np.complex128]:
    """Fourier amplitudes sum_j w_j exp(i k r_j): ``n_frames x n_waves``."""
    phases = np.einsum("fmx,kx->fkm", frames, waves * (2 * math.pi / edge_nm), optimize=True)
    return np.asarray(np.exp(1j * phases) @ weights)
