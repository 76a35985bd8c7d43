"""What a data set holds: counts, ranges and the long tail of conductivity, as numbers, text and pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import quantiles
from typing import Any

from .dataset import Dataset
from .errors import DataError
from .measurement import Measurement
from .units import CANONICAL_UNITS

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TAIL_mS_cm = (10.0, 15.0, 20.0)


def summarise(dataset: Dataset) -> dict[str, Any]:
    """Counts by salt, solvent, source and reference, ranges, and the conductivity's quantiles and tail; plain JSON.

    Raises:
        DataError: the data set has no measurements.
    """
    rows = dataset.measurements
    if not rows:
        raise DataError(f"The data set {dataset.name!r} has no measurements.")
    conductivities = conductivities_mS_cm(rows)
    return {
        "name": dataset.name,
        "treatment": dataset.treatment,
        "n_measurements": len(rows),
        "n_formulations": len({one.formulation.formulation_id for one in rows}),
        "n_salt_and_solvent_sets": len({_composition(one) for one in rows}),
        "by_quantity": _counts(one.quantity for one in rows),
        "by_salt": _counts(name for one in rows for name in one.formulation.molality),
        "by_solvent": _counts(name for one in rows for name in one.formulation.mole_fractions),
        "by_n_solvents": _counts(str(len(one.formulation.mole_fractions)) for one in rows),
        "by_source": _counts(one.source for one in rows),
        "by_reference": _counts(one.reference or "(none)" for one in rows),
        "temperature_K": _range([one.formulation.temperature_K for one in rows]),
        "molality_mol_kg": _range([sum(one.formulation.molality.values()) for one in rows]),
        "conductivity_mS_cm": _distribution(conductivities) if conductivities else None,
        "notes": [
            {"action": action, "reason": reason, "n_rows": n} for (action, reason), n in dataset.note_counts().items()
        ],
    }


def conductivities_mS_cm(rows: Iterable[Measurement]) -> list[float]:
    """The values of the rows that are conductivities, in mS/cm."""
    unit = CANONICAL_UNITS["conductivity"]
    return [one.in_unit(unit).value for one in rows if one.quantity == "conductivity"]


def summary_text(summary: Mapping[str, Any]) -> str:
    """A summary in words and columns, for the terminal."""
    temperature, molality = summary["temperature_K"], summary["molality_mol_kg"]
    lines = [
        f"{summary['name']}: {summary['n_measurements']:,} measurements of {summary['n_formulations']:,} formulations "
        f"({summary['n_salt_and_solvent_sets']:,} salt and solvent combinations)",
        *([f"treatment    {summary['treatment']}"] if summary["treatment"] else []),
        f"temperature  {temperature['min']:.1f} to {temperature['max']:.1f} K",
        f"salt         {molality['min']:.3g} to {molality['max']:.3g} mol/kg of solvent",
    ]
    for title, key in (("salt", "by_salt"), ("solvent", "by_solvent"), ("source", "by_source")):
        lines += ["", f"by {title}", *_columns(summary[key])]
    lines += ["", "by reference", *(f"  {n:>7,}  {name}" for name, n in summary["by_reference"].items())]
    if conductivity := summary["conductivity_mS_cm"]:
        lines += ["", "conductivity, mS/cm", f"  min {conductivity['min']:.4g}, max {conductivity['max']:.4g}"]
        lines.append("  " + ", ".join(f"{name} {value:.3g}" for name, value in conductivity["quantiles"].items()))
        lines += [
            f"  above {limit} mS/cm: {n:,} ({n / conductivity['n']:.2%})" for limit, n in conductivity["above"].items()
        ]
    if summary["notes"]:
        lines += ["", "rows that were not taken as they stood"]
        lines += [f"  {one['n_rows']:>7,}  {one['action']}: {one['reason']}" for one in summary["notes"]]
    return "\n".join(lines)


def _composition(one: Measurement) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(sorted(one.formulation.molality)), tuple(sorted(one.formulation.mole_fractions))


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _range(values: Sequence[float]) -> dict[str, float]:
    return {"min": min(values), "max": max(values)}


def _distribution(values: Sequence[float]) -> dict[str, Any]:
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else [values[0]] * 99
    return {
        "n": len(values),
        **_range(values),
        "quantiles": {f"{share:.0%}": cuts[round(share * 100) - 1] for share in QUANTILES},
        "above": {f"{limit:g}": sum(value > limit for value in values) for limit in TAIL_mS_cm},
    }


def _columns(counts: Mapping[str, int], width: int = 3) -> list[str]:
    cells = [f"{n:>7,}  {name:<22}" for name, n in counts.items()]
    return ["  " + "".join(cells[i : i + width]).rstrip() for i in range(0, len(cells), width)]
