"""The outcome of a screening as a Parquet file: ranked candidates, a row group a block."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet
from saltloop.chemistry.conversion import Basis
from saltloop.chemistry.errors import DataError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.screening.parts import UNKNOWN_FLAG, Scored
from saltloop.loop.space.candidate_space import CandidateSpace

METADATA_KEY = b"saltloop.screening"
MEASURES = ("molality_mol_kg", "mean_mS_cm", "std_mS_cm", "lower_mS_cm", "upper_mS_cm")


class RankedTable:
    """Writes blocks of candidates, best first, in a ``with`` block; ``path`` is there only once ``finish`` is called.

    Columns: ``rank``, ``salt`` (of two also ``salt_2``, null where there is none, and ``salt_2_fraction``, its mole
    fraction among the salts), ``solvent_1``... and ``share_1``... (in the basis that the file's metadata names;
    null where there is none), ``concentration`` with ``concentration_unit``, ``temperature_K``, ``molality_mol_kg``,
    ``mean_mS_cm``, ``std_mS_cm``, ``lower_mS_cm`` and ``upper_mS_cm`` (mean -/+ ``width`` standard deviations), and
    ``in_domain`` where the surrogate says so.
    """

    def __init__(self, path: Path, space: CandidateSpace, *, width: float) -> None:
        self.path, self._space, self._width = path, space, width
        self._beside = path.with_name(f"{path.name}.tmp")
        self._writer: parquet.ParquetWriter | None = None
        self.n_rows = 0

    def write(self, block: Scored) -> None:
        """Append one block as a row group."""
        table = self._table(block)
        if self._writer is None:
            self._open(table.schema)
        assert self._writer is not None
        self._writer.write_table(table, row_group_size=max(len(block), 1))
        self.n_rows += len(block)

    def finish(self, metadata: dict[str, Any]) -> None:
        """Close the file and give it its name; ``metadata`` is JSON that goes into it."""
        if self._writer is None:
            nothing = np.zeros(0)
            self.write(Scored(nothing.astype(np.int64), nothing, nothing, nothing.astype(np.uint8)))
        assert self._writer is not None
        self._writer.add_key_value_metadata({METADATA_KEY: json.dumps(metadata).encode()})
        self._writer.close()
        self._writer = None
        self._beside.replace(self.path)

    def __enter__(self) -> RankedTable:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:  # Not finished: nothing stays under either name.
            self._writer.close()
            self._beside.unlink()

    def _open(self, schema: pa.Schema) -> None:
        split = [name for name in MEASURES if name != "molality_mol_kg"]
        self._writer = parquet.ParquetWriter(
            self._beside,
            schema,
            compression="zstd",
            compression_level=1,
            use_dictionary=[n for n in schema.names if n not in {*split, "rank", "in_domain"}],
            column_encoding={**dict.fromkeys(split, "BYTE_STREAM_SPLIT"), "rank": "DELTA_BINARY_PACKED"},
            write_statistics=["rank", "temperature_K", *MEASURES],
        )

    def _table(self, block: Scored) -> pa.Table:
        space = self._space
        candidates = space.decode(block.index)
        mean, std = block.mean.astype(np.float32), block.std.astype(np.float32)
        columns: dict[str, Any] = {
            "rank": pa.array(np.arange(self.n_rows + 1, self.n_rows + len(block) + 1)),
            "salt": _names(candidates.salts[:, 0], [salt.name for salt in space.salts]),
        }
        if space.settings.max_salts == 2:
            is_none = candidates.salts[:, 1] == len(space.salts)
            columns["salt_2"] = _names(candidates.salts[:, 1], [salt.name for salt in space.salts], is_none)
            columns["salt_2_fraction"] = pa.array(candidates.salt_shares[:, 1])
        for position in range(space.settings.max_solvents):
            is_none = candidates.solvents[:, position] == len(space.solvents)
            mask = is_none if is_none.any() else None
            columns[f"solvent_{position + 1}"] = _names(
                candidates.solvents[:, position], [one.name for one in space.solvents], mask
            )
            columns[f"share_{position + 1}"] = pa.array(candidates.shares[:, position], mask=mask)
        columns |= {
            "concentration": pa.array(candidates.concentration),
            "concentration_unit": _names(candidates.unit, list(space.units)),
            "temperature_K": pa.array(candidates.temperature_K),
            "molality_mol_kg": pa.array(candidates.molality.astype(np.float32)),
            "mean_mS_cm": pa.array(mean),
            "std_mS_cm": pa.array(std),
            "lower_mS_cm": pa.array(mean - np.float32(self._width) * std),
            "upper_mS_cm": pa.array(mean + np.float32(self._width) * std),
        }
        if len(block) == 0 or block.in_domain[0] != UNKNOWN_FLAG:
            columns["in_domain"] = pa.array(block.in_domain == 1)
        return pa.table(columns)


def read_metadata(path: Path) -> dict[str, Any]:
    """What a screening wrote beside its columns: settings, constraints, model, counts.

    Raises:
        DataError: the file is not one of a screening.
    """
    found = (parquet.read_metadata(path).metadata or {}).get(METADATA_KEY)
    if found is None:
        raise DataError(f"{path} was not written by 'saltloop screen'.")
    metadata: dict[str, Any] = json.loads(found)
    return metadata


def _names(codes: np.ndarray, names: list[str], mask: np.ndarray | None = None) -> pa.DictionaryArray:
    # A salt under two names is in the space twice; a Parquet dictionary holds each name once.
    once = list(dict.fromkeys(names))
    at = np.array([once.index(name) for name in names] + [0], dtype=np.int16)
    return pa.DictionaryArray.from_arrays(pa.array(at[codes], mask=mask), pa.array(once))


def best_rows(path: Path, n: int, book: SpeciesBook, *, is_distinct: bool = False) -> list[dict[str, Any]]:
    """The best ``n`` candidates of a ranked file, each with its ``formulation`` as text.

    ``is_distinct``: only the best of each salt and set of solvents.
    """
    file, basis = parquet.ParquetFile(path), read_metadata(path)["space"]["basis"]
    found: list[dict[str, Any]] = []
    seen: set[tuple[str, ...]] = set()
    for batch in file.iter_batches(batch_size=max(n, 4096)):
        frame = batch.to_pandas()
        species = [name for name in frame.columns if name in ("salt", "salt_2") or name.startswith("solvent_")]
        rows = frame.drop_duplicates(species) if is_distinct else frame.head(n)
        for row in rows.to_dict("records"):
            kind = tuple(str(row[name]) for name in species)
            if is_distinct and kind in seen:
                continue
            seen.add(kind)
            found.append({"rank": row["rank"], "formulation": str(_formulation(row, basis, book)), **_measures(row)})
            if len(found) == n:
                return found
    return found


def _formulation(row: dict[str, Any], basis: Basis, book: SpeciesBook) -> Formulation:
    positions = [name.removeprefix("solvent_") for name in row if name.startswith("solvent_")]
    solvents = {row[f"solvent_{i}"]: row[f"share_{i}"] for i in positions if isinstance(row[f"solvent_{i}"], str)}
    second = row.get("salt_2_fraction", 0.0)
    salts = {row["salt"]: row["concentration"] * (1 - second)}
    if second:
        salts[row["salt_2"]] = row["concentration"] * second
    return Formulation.create(
        salts,
        solvents,
        concentration_unit=row["concentration_unit"],
        basis=basis,
        temperature_K=row["temperature_K"],
        species=book,
    )


def _measures(row: dict[str, Any]) -> dict[str, Any]:
    measures: dict[str, Any] = {name: float(row[name]) for name in MEASURES}
    return measures | ({"in_domain": bool(row["in_domain"])} if "in_domain" in row else {})
