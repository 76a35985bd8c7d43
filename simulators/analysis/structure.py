"""How lithium is solvated: radial distributions by kind of donor, coordination numbers, pairs and aggregates.

Distances are those to the nearest image in the cubic box; all samples of all replicas count alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .structure_errors import fraction_of_lithium, mean_over_lithium
from .structure_residence import Residence, residence
from .structure_sites import LITHIUM, Sites, sites_of
from .trajectory import Trajectory

Array = NDArray[np.float64]

BIN_NM = 0.005
MAX_R_NM = 1.0
NEAR_NM = 0.45
"""Pairs nearer than this are kept for the contacts."""
FIRST_PEAK_NM = (0.15, 0.26)
FIRST_MINIMUM_NM = 0.36
"""The first minimum is sought between the peak and here."""
FALLBACK_CUTOFF_NM = 0.28
"""Where a donor has no first peak: it is not coordinated, and a cutoff is needed to say so."""
MAX_SAMPLES = 2000
"""Of each run; more are thinned evenly."""
MIN_SAMPLES = 4


@dataclass(frozen=True)
class Shell:
    """Lithium and one kind of donor."""

    r_nm: Array
    """Middles of the bins."""
    g: Array
    """Radial distribution function."""
    running: Array
    """Number of donors within the upper edge of each bin."""
    cutoff_nm: float
    """First minimum of g."""
    has_peak: bool
    """False where there is no first shell: the cutoff is the usual one for lithium."""
    coordination: float
    coordination_error: float


@dataclass(frozen=True)
class Solvation:
    """Around the lithium ions of all replicas."""

    shells: Mapping[str, Shell]
    """By label of the donor."""
    total: tuple[float, float]
    """Donors of all kinds within their cutoffs, and its standard error."""
    molecules: Mapping[str, tuple[float, float]]
    """Molecules of each species bound to a lithium ion."""
    fractions: Mapping[str, tuple[float, float]]
    """Of lithium ions: ``solvent_separated`` (no anion bound), ``contact_pair`` (one, which has no other lithium),
    ``aggregate`` (the rest)."""
    residence: Mapping[str, Residence | None]
    """By species; None where nothing is bound for longer than an instant."""
    n_samples: int


@dataclass(frozen=True)
class _Run:
    """Near pairs in one trajectory."""

    n_samples: int
    sample_ps: float
    counts: NDArray[np.int64]
    """Histogram of distances, ``n_labels x n_bins``."""
    sample: NDArray[np.int64]
    lithium: NDArray[np.int64]
    site: NDArray[np.int64]
    """Sample, lithium (counted from 0) and site (index among the sites) of each near pair."""
    distance: NDArray[np.float32]


def solvation_in(trajectories: Sequence[Trajectory]) -> Solvation | None:
    """The solvation of lithium; None without lithium or without samples of the structure."""
    sites = sites_of(trajectories[0].contents)
    used = [one for one in trajectories if one.structure is not None and len(one.structure) >= MIN_SAMPLES]
    if not used or not (sites.labels == LITHIUM).any() or not sites.donors:
        return None
    n_bins = int(min(MAX_R_NM, *(one.edge_nm / 2 for one in used)) / BIN_NM)
    runs = [_near_pairs(one, sites, n_bins) for one in used]
    volume = float(np.mean([one.volume_nm3 for one in used]))
    n_lithium = int((sites.labels == LITHIUM).sum())
    n_samples = sum(run.n_samples for run in runs)
    label_of = _label_indices(sites)
    cutoffs = np.full(len(sites.donors), FALLBACK_CUTOFF_NM)
    curves = []
    for index, label in enumerate(sites.donors):
        counts = np.asarray(sum(run.counts[index] for run in runs), dtype=float) / (n_samples * n_lithium)
        curve = _distribution(counts, float((sites.labels == label).sum()) / volume)
        found = first_minimum(curve[0], curve[1])
        cutoffs[index] = found or FALLBACK_CUTOFF_NM
        curves.append((*curve, found is not None))
    bound = [run.distance < cutoffs[label_of[run.site]] for run in runs]
    shells = {}
    for index, label in enumerate(sites.donors):
        series = [
            _per_lithium(run, near & (label_of[run.site] == index), n_lithium)
            for run, near in zip(runs, bound, strict=True)
        ]
        r, g, running, has_peak = curves[index]
        shells[label] = Shell(r, g, running, float(cutoffs[index]), has_peak, *mean_over_lithium(series))
    total = [_per_lithium(run, near, n_lithium) for run, near in zip(runs, bound, strict=True)]
    molecules: dict[str, tuple[float, float]] = {}
    stays: dict[str, Residence | None] = {}
    for name in dict.fromkeys(str(one) for one in sites.species[sites.labels != LITHIUM]):
        pairs = [_bound_molecules(run, near, sites, name) for run, near in zip(runs, bound, strict=True)]
        series = [
            _count(run.n_samples, n_lithium, samples, pair // sites.n_molecules)
            for run, (samples, pair) in zip(runs, pairs, strict=True)
        ]
        molecules[name] = mean_over_lithium(series)
        stays[name] = residence(
            [(samples, pair, run.n_samples, run.sample_ps) for run, (samples, pair) in zip(runs, pairs, strict=True)]
        )
    charges = {species.name: species.formal_charge for species, _ in trajectories[0].contents.molecules}
    fractions = _fractions(runs, bound, sites, {name for name, charge in charges.items() if charge < 0}, n_lithium)
    return Solvation(shells, mean_over_lithium(total), molecules, fractions, stays, n_samples)


def first_minimum(r_nm: Array, g: Array) -> float | None:
    """Where the first shell ends (nm): the minimum of g after its first peak; None where no peak rises above 1.

    g is smoothed over three bins; of a flat minimum, its middle.
    """
    smooth = np.convolve(g, np.ones(3) / 3, mode="same")
    inside = (r_nm >= FIRST_PEAK_NM[0]) & (r_nm <= FIRST_PEAK_NM[1])
    if not inside.any() or smooth[inside].max() < 1.0:
        return None
    peak = int(np.flatnonzero(inside)[np.argmax(smooth[inside])])
    after = np.flatnonzero((np.arange(len(r_nm)) > peak) & (r_nm <= FIRST_MINIMUM_NM))
    if not after.size:
        return None
    low = smooth[after] <= smooth[after].min() + 0.005 * smooth[peak]
    start = int(np.argmax(low))
    flat = after[start : start + int(np.argmin(np.append(low[start:], False)))]
    return float(r_nm[flat].mean())


def _near_pairs(trajectory: Trajectory, sites: Sites, n_bins: int) -> _Run:
    assert trajectory.structure is not None
    stride = math.ceil(len(trajectory.structure) / MAX_SAMPLES)
    samples = trajectory.structure[::stride]
    is_lithium = sites.labels == LITHIUM
    donors = np.flatnonzero(~is_lithium)
    labels = _label_indices(sites)[donors]
    edge = np.float32(trajectory.edge_nm)
    counts = np.zeros(len(sites.donors) * n_bins, dtype=np.int64)
    near: list[tuple[NDArray[np.int64], ...]] = []
    distances = []
    for index, positions in enumerate(np.asarray(samples, dtype=np.float32)):
        apart = positions[donors][None, :, :] - positions[is_lithium][:, None, :]
        apart -= edge * np.round(apart / edge)
        distance = np.sqrt(np.einsum("ldx,ldx->ld", apart, apart))
        bins = (distance / BIN_NM).astype(np.int64)
        inside = bins < n_bins
        counts += np.bincount((labels * n_bins + bins)[inside], minlength=counts.size)
        lithium, donor = np.nonzero(distance < NEAR_NM)
        near.append((np.full(len(lithium), index), lithium, donors[donor]))
        distances.append(distance[lithium, donor])
    sample, lithium, site = (np.concatenate([one[part] for one in near]) for part in range(3))
    return _Run(
        len(samples),
        trajectory.structure_ps * stride,
        counts.reshape(len(sites.donors), n_bins),
        sample,
        lithium,
        site,
        np.concatenate(distances),
    )


def _label_indices(sites: Sites) -> NDArray[np.int64]:
    """Index of each site's label among the donors; -1 for lithium."""
    index = {label: i for i, label in enumerate(sites.donors)}
    return np.array([index.get(str(label), -1) for label in sites.labels], dtype=np.int64)


def _distribution(counts: Array, density_per_nm3: float) -> tuple[Array, Array, Array]:
    edges = BIN_NM * np.arange(len(counts) + 1)
    volumes = 4 / 3 * np.pi * np.diff(edges**3)
    return (edges[1:] + edges[:-1]) / 2, counts / (volumes * density_per_nm3), np.cumsum(counts)


def _per_lithium(run: _Run, chosen: NDArray[np.bool_], n_lithium: int) -> Array:
    return _count(run.n_samples, n_lithium, run.sample[chosen], run.lithium[chosen])


def _count(n_samples: int, n_lithium: int, sample: NDArray[np.int64], lithium: NDArray[np.int64]) -> Array:
    """How often each lithium stands in each sample, ``n_samples x n_lithium``."""
    counts = np.bincount(sample * n_lithium + lithium, minlength=n_samples * n_lithium)
    return counts.reshape(n_samples, n_lithium).astype(float)


def _bound_molecules(
    run: _Run, near: NDArray[np.bool_], sites: Sites, name: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sample and number of the pair (lithium, molecule) of each bound pair, once however many donors bind."""
    chosen = near & (sites.species[run.site] == name)
    pair = run.lithium[chosen] * sites.n_molecules + sites.molecules[run.site[chosen]]
    both = np.unique(np.stack([pair, run.sample[chosen]], axis=1), axis=0)
    return both[:, 1], both[:, 0]


def _fractions(
    runs: Sequence[_Run],
    bound: Sequence[NDArray[np.bool_]],
    sites: Sites,
    anions: set[str],
    n_lithium: int,
) -> dict[str, tuple[float, float]]:
    states: dict[str, list[NDArray[np.bool_]]] = {"solvent_separated": [], "contact_pair": [], "aggregate": []}
    for run, near in zip(runs, bound, strict=True):
        chosen = near & np.isin(sites.species[run.site], sorted(anions))
        rows = np.stack([run.sample[chosen], run.lithium[chosen], sites.molecules[run.site[chosen]]], axis=1)
        sample, lithium, anion = np.unique(rows, axis=0).T
        of_lithium = _count(run.n_samples, n_lithium, sample, lithium)
        of_anion = np.bincount(sample * sites.n_molecules + anion, minlength=run.n_samples * sites.n_molecules)
        alone = (of_lithium[sample, lithium] == 1) & (of_anion[sample * sites.n_molecules + anion] == 1)
        is_free = of_lithium == 0
        is_pair = _count(run.n_samples, n_lithium, sample[alone], lithium[alone]) == 1
        states["solvent_separated"].append(is_free)
        states["contact_pair"].append(is_pair)
        states["aggregate"].append(~is_free & ~is_pair)
    return {name: fraction_of_lithium(one) for name, one in states.items()}
