"""Rows that do not belong where they stand: off their isotherm, one point at two temperatures, or another salt's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .audit_local import Local, local_fits
from .audit_rows import LEAST_mS_cm, Rows
from .audit_verdicts import Finding

ODD = {"deviations": 4.0, "factor": 1.15, "least_mS_cm": 0.1}
"""Off by more than four deviations, 15 % and 0.1 mS/cm: something is wrong with the row or its neighbours."""
WRONG = {"deviations": 8.0, "factor": 1.5, "least_mS_cm": 0.2}
"""Off by so much that the row is excluded; between the two it weighs less."""
FEWEST_TO_EXCLUDE = 10
"""Neighbours that the fit must rest on before a row is excluded for it."""

_ISOTHERMS_AGREE = 0.06
_FEWEST_OF_A_BLOCK = 8
_ANOTHER_SALT_AGREES, _ITS_NEIGHBOUR_AGREES = 0.06, 0.12


@dataclass(frozen=True)
class Isotherms:
    """Rows as they are after the other salts are set right, what their neighbours say, and which are odd or wrong."""

    rows: Rows
    local: Local
    odd: np.ndarray
    wrong: np.ndarray
    copy_of: dict[int, int]
    """Position of a point listed again at another temperature -> position where it belongs."""
    salts: dict[int, str]
    """Position -> the salt whose conductivities the row has."""
    compositions: dict[int, int]
    """Position -> position of the row whose solvents it has."""


def examine(rows: Rows, distrusted: np.ndarray) -> Isotherms:
    """Test every row against its neighbours, three times: each time without those that the time before were odd.

    ``distrusted`` rows (papers that are off as a whole) are tested and are nobody's neighbours.
    """
    k = rows.frame["k"].to_numpy()
    first = local_fits(rows, trusted=~distrusted)
    odd = first.odd(**ODD, k=k)
    salts, compositions = _other_salts(rows, first, odd & ~distrusted, ~distrusted)
    if salts:
        for i, salt in salts.items():
            rows = rows.with_salt(np.array([i]), salt)
        for i, like in compositions.items():
            rows.shares[i] = rows.shares[like]
    fragments = _fragments(rows)
    copies = _copies(rows)
    suspects = odd | np.isin(fragments, fragments[[i for pair in copies for i in pair if odd[i]]])
    moved = np.isin(np.arange(len(k)), list(salts))
    local = first
    for _ in range(2):
        again = np.union1d(local.resting_on(suspects), np.flatnonzero(moved))
        local = local.replaced(local_fits(rows, trusted=~(distrusted | suspects), at=again), again)
        suspects = local.odd(**ODD, k=k) | (suspects & ~np.isfinite(local.residual))
    odd = local.odd(**ODD, k=k)
    well_tested = np.array([len(used) >= FEWEST_TO_EXCLUDE for used in local.neighbours])
    wrong = _with_their_fragment(odd, local.odd(**WRONG, k=k) & well_tested, fragments)
    copy_of: dict[int, int] = {}
    for pair in copies:
        worse, better = sorted(pair, key=lambda i: -abs(local.residual[i]))
        if odd[worse] and not odd[better]:
            copy_of[worse] = better
    return Isotherms(rows, local, odd, wrong, copy_of, salts, compositions)


def isotherm_findings(found: Isotherms, distrusted: np.ndarray) -> Iterator[Finding]:
    """One finding for each row that is odd, with what was expected, the neighbours, and where the value would fit."""
    frame = found.rows.frame
    for i, salt in found.salts.items():
        yield _of_another_salt(found, i, salt)
    for i in np.flatnonzero(found.odd & ~distrusted).tolist():
        row, doi, k = int(frame["row"].iloc[i]), frame["doi"].iloc[i], float(frame["k"].iloc[i])
        expected = float(found.local.expected_mS_cm[i])
        evidence = f"{k:.3g} mS/cm reported, {expected:.3g} expected from {_neighbours(found, i)}"
        if i in found.copy_of:
            other = frame.iloc[found.copy_of[i]]
            evidence += f"; c and k equal those of row {other['row']} at {other['T']:.1f} K to the last digit"
            yield Finding(row=row, doi=doi, check="copied_point", verdict="exclude", evidence=evidence)
            continue
        if (fits_K := _isotherm_that_fits(found, i)) is not None:
            evidence += f"; fits the isotherm at {fits_K:.1f} K instead of {frame['T'].iloc[i]:.1f} K"
        if found.wrong[i] and i not in found.salts:
            yield Finding(row=row, doi=doi, check="off_isotherm", verdict="exclude", evidence=evidence)
        else:
            relative = round(abs(expected - k) / max(k, LEAST_mS_cm), 2)
            yield Finding(
                row=row,
                doi=doi,
                check="off_isotherm",
                verdict="downweight",
                relative_uncertainty=relative,
                evidence=evidence,
            )


def _neighbours(found: Isotherms, i: int) -> str:
    used = found.local.neighbours[i]
    named = ", ".join(str(found.rows.frame["row"].iloc[j]) for j in used[:4])
    n_papers = found.rows.frame["doi"].iloc[used].nunique()
    papers = f" of {n_papers} papers" if n_papers > 1 else ""
    return f"{len(used)} neighbours{papers} (rows {named}, …)"


def _isotherm_that_fits(found: Isotherms, i: int) -> float | None:
    """The temperature of the isotherm of the same paper and composition on which the value lies, if there is one."""
    frame = found.rows.frame
    mates = frame[(frame["block"] == frame["block"].iloc[i]) & ~found.odd & (frame["k"] > LEAST_mS_cm)]
    fitting = []
    for temperature_K, isotherm in mates.groupby(mates["T"].round(1)):
        isotherm = isotherm.sort_values("molality")
        molality = isotherm["molality"].to_numpy()
        at = frame["molality"].iloc[i]
        if len(isotherm) < 3 or not molality[0] * 0.9 <= at <= molality[-1] * 1.1:
            continue
        there = np.interp(at, molality, np.log(isotherm["k"].to_numpy()))
        if (off := abs(found.rows.log_k[i] - there)) < _ISOTHERMS_AGREE:
            fitting.append((off, float(temperature_K)))
    here_K = frame["T"].iloc[i]
    return min(fitting)[1] if fitting and abs(min(fitting)[1] - here_K) > 1 else None


def _fragments(rows: Rows) -> np.ndarray:
    """Number of the run of rows of one block in which the temperature only rises."""
    frame = rows.frame
    new = (frame["T"].diff() <= 0) | (frame["block"] != frame["block"].shift())
    return np.asarray(new.cumsum())


def _with_their_fragment(odd: np.ndarray, wrong: np.ndarray, fragments: np.ndarray) -> np.ndarray:
    """Odd rows are wrong, too, where at least half of their run of rising temperatures is odd and some of it wrong."""
    size = np.bincount(fragments)
    mostly_odd = 2 * np.bincount(fragments, weights=odd) >= size
    return wrong | (odd & (mostly_odd & (np.bincount(fragments, weights=wrong) > 0) & (size > 1))[fragments])


def _copies(rows: Rows) -> list[tuple[int, int]]:
    """Pairs of one block that share c and k to the last digit at different temperatures.

    Only where c was read off a figure (more than three decimals): nominal concentrations repeat by themselves.
    """
    frame = rows.frame
    read_off = frame[(frame["c"] - frame["c"].round(3)).abs() > 1e-6]
    groups = read_off.groupby(["block", "c", "k"], sort=True).indices.values()
    positions = read_off.index.to_numpy()
    return [(int(positions[a[0]]), int(positions[a[1]])) for a in groups if len(a) == 2]


def _other_salts(
    rows: Rows, first: Local, odd: np.ndarray, trusted: np.ndarray
) -> tuple[dict[int, str], dict[int, int]]:
    """Blocks with many odd rows that agree with another salt in the same liquid, and odd rows that continue them."""
    frame = rows.frame
    salts: dict[int, str] = {}
    compositions: dict[int, int] = {}
    for block, size in frame["block"].value_counts(sort=False).items():
        at = np.flatnonzero(frame["block"] == block)
        if size < _FEWEST_OF_A_BLOCK or odd[at].mean() < 0.3:
            continue
        for salt in sorted(set(frame["salt"]) - {frame["salt"].iloc[at[0]], ""}):
            off = local_fits(rows, trusted=trusted, at=at, salt=salt).residual[at]
            if np.isfinite(off).mean() < 0.5 or np.nanmedian(np.abs(off)) > _ANOTHER_SALT_AGREES:
                continue
            salts |= {int(i): salt for i in at}
            beyond = int(at[-1]) + 1
            if beyond < len(frame) and odd[beyond] and frame["doi"].iloc[beyond] == frame["doi"].iloc[at[0]]:
                moved = Rows(frame, rows.shares.copy(), rows.solvents, rows.raw)
                moved.shares[beyond] = rows.shares[at[0]]
                there = local_fits(moved, trusted=trusted, at=[beyond], salt=salt).residual[beyond]
                if abs(there) < _ITS_NEIGHBOUR_AGREES:
                    salts[beyond], compositions[beyond] = salt, int(at[-1])
            break
    return salts, compositions


def _of_another_salt(found: Isotherms, i: int, salt: str) -> Finding:
    frame, raw = found.rows.frame, found.rows.raw
    row, expected = int(frame["row"].iloc[i]), found.local.expected_mS_cm[i]
    corrected = {"salt": salt}
    if i in found.compositions:
        like = raw[int(frame["row"].iloc[found.compositions[i]])]
        columns = [name for name in raw[row] if name.strip() and name not in ("doi", "k", "T", "c")]
        corrected |= {name: like[name] for name in columns if name != "salt" and like[name] != raw[row][name]}
    said = f"listed as {raw[row]['salt']}: {frame['k'].iloc[i]:.3g} mS/cm reported"
    if np.isfinite(expected):
        said += f", {expected:.3g} expected for {salt} from {_neighbours(found, i)}"
    return Finding(
        row=row,
        doi=frame["doi"].iloc[i],
        check="other_salt",
        verdict="correct",
        relative_uncertainty=0.1,
        corrected=corrected,
        evidence=said,
    )
