"""Papers beside each other: off by several times, in conflict, repeating each other, smooth grids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .audit_rows import LEAST_mS_cm, Rows
from .audit_verdicts import Finding

if TYPE_CHECKING:
    import pandas

OFF_FACTOR = 3.0
"""A paper is off when the median of its rows is so many times below or above comparable rows of other papers."""
FEWEST_COMPARED_ROWS = 5

_CLASSES = {
    "cyclic carbonate": {"EC", "PC", "FEC"},
    "linear carbonate": {"DMC", "EMC", "DEC", "MOEMC", "TFP"},
    "ester": {"EA", "MA"},
    "ether": {"DME", "DOL", "2-MeTHF", "DMM", "THF", "2-Glyme", "3-Glyme", "4-Glyme", "Ethyldiglyme", "Ethylmonoglyme"},
}
_SAME_SOLVENTS, _SAME_CLASSES = 0.2, 0.15
_RECIPROCAL_WINDOW, _MOLALITY_WINDOW = 0.06, 0.25

_SAME_SHARE, _SAME_MOLALITY, _SAME_K = 0.006, 0.012, 0.35
CONFLICT_FACTOR, CONFLICT_mS_cm = 1.185, 0.13
"""exp(3 x 4 % x root 2), and 3 x 0.03 mS/cm x root 2: more than two good measurements would differ."""
_REPEATED = 0.01
_FEWEST_REPEATS = 40
_GRID_ROWS, _GRID_SCATTER = 300, 0.01


@dataclass(frozen=True)
class PaperRatio:
    """How a paper's rows compare with those of other papers."""

    doi: str
    ratio: float
    """Median of reported over comparable."""
    low: float
    high: float
    """10th and 90th percentile."""
    n_rows: int
    n_comparisons: int
    n_papers: int


@dataclass(frozen=True)
class Comparison:
    """Reported over the median of comparable rows of other papers, by row (NaN without any), and by paper."""

    ratio: np.ndarray
    n: np.ndarray
    papers: tuple[PaperRatio, ...]

    def off(self, rows: Rows) -> np.ndarray:
        """Which rows are of papers that are off by several times."""
        far = [
            p.doi for p in self.papers if max(p.ratio, 1 / p.ratio) > OFF_FACTOR and p.n_rows >= FEWEST_COMPARED_ROWS
        ]
        return np.asarray(rows.frame["doi"].isin(far))


def compare_papers(rows: Rows) -> Comparison:
    """Each row against rows of other papers: same salt, near temperature and molality, like solvents.

    Like solvents: mole fractions within 0.2 (half the sum of differences); where there are none, the shares of cyclic
    carbonates, linear carbonates, esters and ethers within 0.15.
    """
    frame = rows.frame
    doi, salt = frame["doi"].to_numpy(), frame["salt"].to_numpy()
    reciprocal, molality = 1000.0 / frame["T"].to_numpy(), frame["molality"].to_numpy()
    classes = _class_shares(rows)
    pools = {name: np.flatnonzero((salt == name) & (frame["k"].to_numpy() > LEAST_mS_cm)) for name in set(salt)}
    ratio, n = np.full(len(frame), np.nan), np.zeros(len(frame), dtype=int)
    others: list[np.ndarray] = [np.empty(0, dtype=int)] * len(frame)
    for i in range(len(frame)):
        pool = pools[salt[i]]
        near = pool[
            (doi[pool] != doi[i])
            & (np.abs(reciprocal[pool] - reciprocal[i]) < _RECIPROCAL_WINDOW)
            & (np.abs(molality[pool] - molality[i]) < _MOLALITY_WINDOW * molality[i])
        ]
        if not len(near):
            continue
        like = near[0.5 * np.abs(rows.shares[near] - rows.shares[i]).sum(axis=1) < _SAME_SOLVENTS]
        if not len(like):
            like = near[0.5 * np.abs(classes[near] - classes[i]).sum(axis=1) < _SAME_CLASSES]
        if len(like):
            ratio[i], n[i], others[i] = np.exp(rows.log_k[i] - np.median(rows.log_k[like])), len(like), like
    papers = []
    for name, at in sorted(frame.groupby("doi").indices.items()):
        compared = at[np.isfinite(ratio[at])]
        if len(compared):
            low, middle, high = np.quantile(ratio[compared], [0.1, 0.5, 0.9])
            n_papers = len({doi[j] for i in compared for j in others[i]})
            total = int(n[compared].sum())
            papers.append(PaperRatio(name, float(middle), float(low), float(high), len(compared), total, n_papers))
    return Comparison(ratio, n, tuple(papers))


def far_papers(rows: Rows, comparison: Comparison) -> Iterator[Finding]:
    """Every row of a paper that is off by several times; its uncertainty is the distance to comparable rows."""
    off = comparison.off(rows)
    for paper in comparison.papers:
        at = np.flatnonzero(off & (rows.frame["doi"] == paper.doi).to_numpy())
        for i in at:
            own = comparison.ratio[i]
            of_row = (
                f"{1 / own:.3g} times below the median of {counted(comparison.n[i], 'comparable row')}"
                if np.isfinite(own)
                else "no comparable row of its own"
            )
            yield Finding(
                row=int(rows.frame["row"].iloc[i]),
                doi=paper.doi,
                check="far_below_comparable_papers",
                verdict="downweight",
                relative_uncertainty=float(f"{1 / (own if np.isfinite(own) else paper.ratio):.2g}"),
                evidence=f"{of_row}; the paper {1 / paper.ratio:.3g} times ({paper.n_rows} rows compared, "
                f"{paper.n_comparisons} comparisons with {counted(paper.n_papers, 'paper')})",
            )


def same_liquid_pairs(rows: Rows, skip: np.ndarray) -> pandas.DataFrame:
    """Pairs of rows of two papers that measured one liquid at one temperature: positions i < j, ln(k_i / k_j).

    One liquid: mole fractions within 0.006, molality within 0.012 mol/kg, temperature within 0.35 K together.
    """
    import pandas
    from scipy.spatial import cKDTree

    frame = rows.frame
    taken = np.flatnonzero(~skip & (frame["molality"] > 0).to_numpy())
    salt = frame["salt"].astype("category").cat.codes.to_numpy()
    scales = [frame["molality"] / _SAME_MOLALITY, frame["T"] / _SAME_K, 1e3 * salt]
    points = np.column_stack([rows.shares / _SAME_SHARE, *scales])[taken]
    pairs = taken[cKDTree(points).query_pairs(1.0, output_type="ndarray")]
    doi, k = frame["doi"].to_numpy(), frame["k"].to_numpy()
    pairs = np.sort(pairs[doi[pairs[:, 0]] != doi[pairs[:, 1]]], axis=1)
    pairs = pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))]
    i, j = pairs[:, 0], pairs[:, 1]
    return pandas.DataFrame({"i": i, "j": j, "doi_i": doi[i], "doi_j": doi[j], "k_i": k[i], "k_j": k[j]})


def conflicts(rows: Rows, pairs: pandas.DataFrame) -> Iterator[Finding]:
    """Both rows of a pair that differ beyond three standard uncertainties; each weighs less by the difference."""
    row, seen = rows.frame["row"].to_numpy(), set()
    for one in pairs.itertuples():
        if min(one.k_i, one.k_j) < LEAST_mS_cm or abs(one.k_i - one.k_j) < CONFLICT_mS_cm:
            continue
        apart = abs(np.log(one.k_i / one.k_j))
        if apart < np.log(CONFLICT_FACTOR):
            continue
        sides = ((one.i, one.j, one.k_i, one.k_j, one.doi_j), (one.j, one.i, one.k_j, one.k_i, one.doi_i))
        for mine, other, k, other_k, other_doi in sides:
            if mine in seen:
                continue
            seen.add(mine)
            yield Finding(
                row=int(row[mine]),
                doi=rows.frame["doi"].iloc[mine],
                check="conflict",
                verdict="downweight",
                relative_uncertainty=round(float(apart / np.sqrt(2)), 2),
                evidence=f"{k:.3g} mS/cm reported, {other_k:.3g} in row {row[other]} of {other_doi}, the same liquid",
            )


def repeats(rows: Rows, pairs: pandas.DataFrame) -> Iterator[Finding]:
    """Rows of a paper that repeats another one: many points at the same liquids with conductivities within 1 %."""
    row = rows.frame["row"].to_numpy()
    same = pairs[(pairs["k_i"] - pairs["k_j"]).abs() <= _REPEATED * pairs["k_i"].abs() + _REPEATED]
    for (first, second), group in same.groupby(["doi_i", "doi_j"]):
        if len(group) < _FEWEST_REPEATS:
            continue
        once = group.drop_duplicates("j")
        n_shared = len(pairs[(pairs["doi_i"] == first) & (pairs["doi_j"] == second)].drop_duplicates("j"))
        yield Finding(
            doi=second,
            check="repeated_by_another_paper",
            verdict="note",
            evidence=f"{len(once)} of the {n_shared} liquids shared with {first} have conductivities within 1 %: "
            "splits by row, and by paper, leak",
        )
        for i, j in zip(once["i"], once["j"], strict=True):
            yield Finding(
                row=int(row[j]),
                doi=second,
                check="repeated_by_another_paper",
                verdict="note",
                evidence=f"within 1 % of row {row[i]} of {first}",
            )


def smooth_grids(rows: Rows, skip: np.ndarray) -> Iterator[Finding]:
    """Papers with many rows that scatter by less than 1 % about smooth curves in temperature."""
    frame = rows.frame[~skip & (rows.frame["k"] > 10 * LEAST_mS_cm).to_numpy()]
    for doi, paper in frame.groupby("doi"):
        if len(paper) < _GRID_ROWS:
            continue
        bends = []
        for _, series in paper.groupby(["block", paper["molality"].round(1)]):
            ordered = series.sort_values(["molality", "T"])
            for start, end in pairwise([0, *(np.flatnonzero(np.diff(ordered["T"]) <= 0) + 1), len(ordered)]):
                piece = ordered.iloc[start:end]
                if len(piece) >= 5 and np.ptp(np.diff(piece["T"])) < 1.0:
                    bends.append(np.diff(np.log(piece["k"]), n=4) / np.sqrt(70.0))
        if not bends:
            continue
        scatter = 1.4826 * float(np.median(np.abs(np.concatenate(bends))))
        if scatter < _GRID_SCATTER:
            yield Finding(
                doi=str(doi),
                check="smooth_grid",
                verdict="note",
                evidence=f"{len(paper):,} rows scatter by {scatter:.1%} about smooth curves in temperature: rows of "
                "one curve are not independent, and a grid of fitted values would look the same",
            )


def counted(n: int, thing: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def _class_shares(rows: Rows) -> np.ndarray:
    """Mole fractions by class of solvent, each solvent without a class on its own."""
    known = set().union(*_CLASSES.values())
    groups = [[name] for name in rows.solvents if name not in known] + [sorted(one) for one in _CLASSES.values()]
    return np.column_stack([rows.shares[:, np.isin(rows.solvents, group)].sum(axis=1) for group in groups])
