"""What a ranked file adds up to, read row group by row group: best of each pair, distribution, the best mixture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import RecordBatch, parquet
from saltloop.chemistry.errors import DataError
from saltloop.loop.screening.table import read_metadata
from saltloop.loop.space.settings import SpaceSettings, values_of

ROOM_TEMPERATURE_K = 298.15
FEWEST_BINS, MOST_BINS = 20, 160


@dataclass
class Landscape:
    """Sums over a ranked file; conductivities in mS/cm."""

    temperature_K: float
    """The temperature on the grid nearest to 298.15 K; ``best_*`` are of it."""
    basis: str
    """Of the shares: mass, volume, or mole."""
    best: dict[str, Any]
    """The first row, which has the highest mean only where the file is ranked by it."""
    highest_mean: float
    mean_edges: np.ndarray
    std_edges: np.ndarray
    counts: np.ndarray
    """Rows by predicted mean and standard deviation, bins x bins."""
    counts_here: np.ndarray
    """Rows by predicted mean at ``temperature_K``, bins."""
    salts: list[str] = field(default_factory=list)
    solvents: list[str] = field(default_factory=list)
    best_of_salt: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    """salts x solvents, of mixtures in which both have the largest share; NaN where there is no candidate."""
    best_of_pair: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    """solvents x solvents, symmetric; the diagonal is of single solvents."""
    same_mixture: list[dict[str, Any]] = field(default_factory=list)
    """Rows of the best candidate's salt, solvents, ratio and unit."""
    n_rows: int = 0


def read_landscape(path: Path) -> Landscape:
    """Read a ranked file once, a row group at a time.

    Raises:
        DataError: the file is not one of a screening, or has no rows.
    """
    space = read_metadata(path)["space"]
    file = parquet.ParquetFile(path)
    if file.metadata.num_rows == 0:
        raise DataError(f"{path} has no rows, so there is nothing to draw; loosen the constraints.")
    temperatures = np.array(values_of(SpaceSettings.model_validate(space).temperatures_K))
    first = next(file.iter_batches(batch_size=1)).to_pylist()[0]
    top_mean, top_std = (_largest(file, name) for name in ("mean_mS_cm", "std_mS_cm"))
    n_bins = int(np.clip(file.metadata.num_rows**0.5, FEWEST_BINS, MOST_BINS))
    sums = Landscape(
        temperature_K=float(temperatures[np.abs(temperatures - ROOM_TEMPERATURE_K).argmin()]),
        basis=space["basis"],
        best=first,
        highest_mean=top_mean,
        mean_edges=np.linspace(0, top_mean * 1.001 + 1e-9, n_bins + 1),
        std_edges=np.linspace(0, top_std * 1.001 + 1e-9, n_bins + 1),
        counts=np.zeros((n_bins, n_bins)),
        counts_here=np.zeros(n_bins),
    )
    for batch in file.iter_batches(batch_size=262_144):
        _add(sums, batch)
    sums.best_of_pair = np.fmax(sums.best_of_pair, sums.best_of_pair.T)
    for grid in (sums.best_of_salt, sums.best_of_pair):
        grid[np.isneginf(grid)] = np.nan
    return sums


def _largest(file: parquet.ParquetFile, name: str) -> float:
    column = file.schema_arrow.names.index(name)
    groups = [file.metadata.row_group(i).column(column) for i in range(file.metadata.num_row_groups)]
    return max(float(group.statistics.max) for group in groups if group.num_values)


def _add(sums: Landscape, batch: RecordBatch) -> None:
    n_positions = sum(name.startswith("solvent_") for name in batch.schema.names)
    mean, std = (batch.column(name).to_numpy() for name in ("mean_mS_cm", "std_mS_cm"))
    salt = _main_salt(batch, sums.salts)
    solvents = [_codes(batch, f"solvent_{i + 1}", sums.solvents) for i in range(n_positions)]
    sums.best_of_salt = _grown(sums.best_of_salt, len(sums.salts), len(sums.solvents))
    sums.best_of_pair = _grown(sums.best_of_pair, len(sums.solvents), len(sums.solvents))
    is_here = np.abs(batch.column("temperature_K").to_numpy() - sums.temperature_K) < 1e-6
    sums.counts += np.histogram2d(mean, std, bins=(sums.mean_edges, sums.std_edges))[0]
    sums.counts_here += np.histogram(mean[is_here], bins=sums.mean_edges)[0]
    sums.n_rows += len(mean)
    shares = np.stack([np.nan_to_num(batch.column(f"share_{i + 1}").to_numpy(False)) for i in range(n_positions)])
    is_main = shares >= shares.max(axis=0) - 1e-9
    for i, one in enumerate(solvents):
        rows = is_here & (one >= 0)
        main = rows & is_main[i]
        np.maximum.at(sums.best_of_salt, (salt[main], one[main]), mean[main])
        for other in solvents[i + 1 :]:
            both = rows & (other >= 0)
            np.maximum.at(sums.best_of_pair, (one[both], other[both]), mean[both])
    n_present = sum((codes >= 0).astype(int) for codes in solvents)
    alone = is_here & (n_present == 1)
    np.maximum.at(sums.best_of_pair, (solvents[0][alone], solvents[0][alone]), mean[alone])
    sums.same_mixture += batch.filter(_same_mixture(sums, batch, solvents)).to_pylist()


def _same_mixture(sums: Landscape, batch: RecordBatch, solvents: list[np.ndarray]) -> Any:
    best = sums.best
    same = _codes(batch, "salt", sums.salts) == sums.salts.index(best["salt"])
    for i, codes in enumerate(solvents, start=1):
        name = best[f"solvent_{i}"]
        same &= codes == (sums.solvents.index(name) if name is not None else -1)
    rows = np.flatnonzero(same)
    second = [name for name in ("salt_2", "salt_2_fraction") if name in best]
    for name in [*second, *(f"share_{i + 1}" for i in range(len(solvents))), "concentration_unit"]:
        values = batch.column(name).take(rows).to_pylist()
        rows = np.array([row for row, value in zip(rows, values, strict=True) if value == best[name]], dtype=int)
    mask = np.zeros(len(batch), bool)
    mask[rows] = True
    return pa.array(mask)


def _main_salt(batch: RecordBatch, known: list[str]) -> np.ndarray:
    """Positions in ``known`` of the salts, of two the one there is more of."""
    first = _codes(batch, "salt", known)
    if "salt_2" not in batch.schema.names:
        return first
    return np.where(batch.column("salt_2_fraction").to_numpy() > 0.5, _codes(batch, "salt_2", known), first)


def _codes(batch: RecordBatch, name: str, known: list[str]) -> np.ndarray:
    """Positions in ``known``, which gains the names that are new; -1 for none."""
    column = batch.column(name)
    names = column.dictionary.to_pylist()
    known += [one for one in names if one not in known]
    at = np.array([known.index(one) for one in names] + [-1])
    return at[column.indices.fill_null(len(names)).to_numpy()]


def _grown(grid: np.ndarray, n_rows: int, n_columns: int) -> np.ndarray:
    larger = np.full((n_rows, n_columns), -np.inf)
    larger[: grid.shape[0], : grid.shape[1]] = grid
    return larger
