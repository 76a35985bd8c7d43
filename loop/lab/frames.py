"""Candidates and results as pandas frames: the schema's own columns, and those that BayBE and Ax users have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saltloop.chemistry.errors import DataError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.result_liquid import liquid_of
from saltloop.chemistry.result_schema import FAILURES, LabResult, lab_result
from saltloop.chemistry.results_csv import is_for_reader
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.campaign import Campaign
from saltloop.loop.record_items import Held, Result

if TYPE_CHECKING:
    import pandas as pd


def candidates_frame(campaign: Campaign, candidate_ids: Sequence[str] | None = None) -> pd.DataFrame:
    """Candidates, by default the open ones: a row each, a column for every salt (mol/kg) and solvent (mass fraction).

    This is what BayBE's ``recommend`` or an Ax trial looks like; fill in a column ``conductivity`` and give it to
    ``results_from_parameters``.
    """
    import pandas as pd

    record = campaign.record
    ids = [one.candidate_id for one in record.open_candidates()] if candidate_ids is None else candidate_ids
    rows = []
    for candidate_id in ids:
        liquid = campaign.formulation(candidate_id)
        candidate = record.candidates[candidate_id]
        rows.append(
            {
                "candidate_id": candidate_id,
                "formulation": candidate.text,
                **liquid.molality,
                **liquid.mass_fractions,
                "temperature_K": liquid.temperature_K,
                "predicted_mS_cm": candidate.why["predicted"]["mean"],
                "predicted_std_mS_cm": candidate.why["predicted"]["standard_deviation"],
                "state": candidate.status,
            }
        )
    if not rows:
        return pd.DataFrame()
    frame = pd.DataFrame(rows).set_index("candidate_id")
    salts = [name for name in frame.columns if name in campaign.species and campaign.species.find(name).kind == "salt"]
    solvents = [name for name in frame.columns if name in campaign.species and name not in salts]
    species = [*salts, *solvents]
    frame[species] = frame[species].fillna(0.0)
    return frame[["formulation", *species, *(name for name in frame.columns[1:] if name not in species)]]


def results_frame(campaign: Campaign) -> pd.DataFrame:
    """Every result on record with its state: ``counts`` says which are learned from."""
    import pandas as pd

    rows = []
    for result in campaign.record.results.values():
        state = "retracted" if result.is_retracted else result.status
        rows.append(_row(campaign, result, state, result.reason or result.note))
    for held in campaign.record.quarantined.values():
        rows.append(_row(campaign, held, held.decision or "quarantined", held.why_decided or held.reason))
    return pd.DataFrame(rows).set_index("measurement_id") if rows else pd.DataFrame()


def results_from_frame(frame: pd.DataFrame) -> list[LabResult]:
    """Results from a frame whose columns are fields of the schema (or a worklist's). What is NaN or None is not given.

    Raises:
        DataError: names the row, the field and the remedy.
    """
    return [
        _result({key: value for key, value in row.items() if not _is_missing(value) and not is_for_reader(key)}, number)
        for number, row in enumerate(_rows(frame), start=1)
    ]


def results_from_parameters(
    frame: pd.DataFrame,
    *,
    target: str = "conductivity",
    unit: str = "mS/cm",
    uncertainty: str | float | None = None,
    basis: str = "mass_fraction",
    concentration: str = "mol/kg",
    species: SpeciesBook | None = None,
    source: str = "experiment",
) -> list[LabResult]:
    """Results from a frame of parameters and a target, as BayBE's ``add_measurements`` takes it.

    A column that is the name of a salt holds its concentration, of a solvent its fraction; ``temperature_K``,
    ``external_id``, ``candidate_id`` and any other field of the schema are taken over; other columns are left alone.
    Where no species has a column, ``formulation`` is the liquid. A row without a value is left out, unless its
    ``status`` says why there is none (``failed``, ``crystallised``, ...).

    Args:
        target: the column of values.
        uncertainty: a column of standard uncertainties, or one relative standard uncertainty for all; by default the
            column ``standard_uncertainty``.
        basis: of the solvents: mass_fraction, volume_fraction or mole_fraction.
        concentration: unit of the salts' columns.

    Raises:
        DataError: names the row and what is wrong.
    """
    book = species or SpeciesBook.builtin()
    stated = "standard_uncertainty" if uncertainty is None else uncertainty
    if isinstance(stated, str) and stated not in frame.columns:
        raise DataError(
            f"the frame has no column {stated!r}; say how sure the values are: uncertainty=0.02 for 2 % of each, or "
            "the name of a column of standard uncertainties"
        )
    found = []
    for number, row in enumerate(_rows(frame), start=1):
        data = {"source": source, **_liquid_fields(row, number, target, book, basis, concentration)}
        if not _is_missing(row.get(target)):
            value = _number(row, target, number)
            own = _number(row, stated, number) if isinstance(stated, str) else abs(value) * stated
            data |= {"value": value, "unit": unit, "standard_uncertainty": own}
        elif data.get("status") not in FAILURES:
            continue
        found.append(_result(data, number))
    return found


def liquids_from_parameters(
    frame: pd.DataFrame,
    *,
    basis: str = "mass_fraction",
    concentration: str = "mol/kg",
    species: SpeciesBook | None = None,
) -> list[Formulation]:
    """The liquids of a frame of parameters, or of its column ``formulation``. As ``results_from_parameters``."""
    book = species or SpeciesBook.builtin()
    kept = ("formulation", "components", "temperature", "temperature_unit")
    found = []
    for number, row in enumerate(_rows(frame), start=1):
        fields = _liquid_fields(row, number, "", book, basis, concentration)
        found.append(liquid_of(_result({key: fields[key] for key in kept if key in fields}, number), book))
    return found


def results_from_ax(
    arms: pd.DataFrame, data: pd.DataFrame, *, metric: str = "conductivity", experiment: str, **how: Any
) -> list[LabResult]:
    """Results from Ax: a frame of arms (arm_name, parameters) and ``Data.df`` (arm_name, metric_name, mean, sem).

    The external_id is ``experiment``, trial and arm. ``how``: unit, basis, concentration, species, source of
    ``results_from_parameters``.

    Raises:
        DataError: a column is missing, or a row is wrong.
    """
    for name, frame, needed in (
        ("arms", arms, {"arm_name"}),
        ("data", data, {"arm_name", "metric_name", "mean", "sem"}),
    ):
        if missing := needed - set(frame.columns):
            raise DataError(f"the frame {name!r} has no column {', '.join(sorted(missing))}")
    chosen = data[data["metric_name"] == metric]
    parameters = arms[[name for name in arms.columns if name == "arm_name" or name not in data.columns]]
    joined = chosen.merge(parameters, on="arm_name", how="left", validate="many_to_one")
    trials = joined["trial_index"] if "trial_index" in joined.columns else [0] * len(joined)
    joined["external_id"] = [f"{experiment}-{t}-{arm}" for t, arm in zip(trials, joined["arm_name"], strict=True)]
    return results_from_parameters(joined, target="mean", uncertainty="sem", **how)


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Each row by column, with an index that has the name of a field."""
    rows = frame.reset_index() if frame.index.name in LabResult.model_fields else frame
    for _, row in rows.iterrows():
        yield {str(name): _plain(value) for name, value in row.items()}


def _liquid_fields(
    row: Mapping[str, Any], number: int, target: str, book: SpeciesBook, basis: str, concentration: str
) -> dict[str, Any]:
    """The fields of the schema that a row of parameters has, with the liquid by its species' columns."""
    data = {name: row[name] for name in row if name in LabResult.model_fields and name != target}
    data = {name: value for name, value in data.items() if not _is_missing(value)}
    amounts = {name: _number(row, name, number) for name in row if name in book and not _is_missing(row[name])}
    components = [
        {"name": name, "amount": amount, "unit": concentration}
        if book.find(name).kind == "salt"
        else {"name": name, "amount": amount, "unit": "1", "basis": basis}
        for name, amount in amounts.items()
        if amount != 0
    ]
    if components:
        data.pop("formulation", None)
        data["components"] = components
    if not _is_missing(row.get("temperature_K")):
        data |= {"temperature": _number(row, "temperature_K", number), "temperature_unit": "K"}
    return data


def _number(row: Mapping[str, Any], name: str, number: int) -> float:
    try:
        return float(row[name])
    except (TypeError, ValueError):
        raise DataError(f"row {number}: {name} is {str(row[name])[:80]!r}, which is no number") from None


def _row(campaign: Campaign, one: Result | Held, state: str, note: str) -> dict[str, Any]:
    fields = ("quantity", "value", "unit", "standard_uncertainty", "source", "external_id", "method")
    told = {"measurement_id": one.measurement_id, "candidate_id": one.candidate_id}
    liquid = Formulation.from_dict(one.measurement["formulation"], species=campaign.species)
    values = {name: one.measurement[name] for name in fields}
    return {**told, "formulation": str(liquid), **values, "state": state, "counts": state == "ok", "note": note}


def _result(data: dict[str, Any], number: int) -> LabResult:
    n = data.get("n")
    if isinstance(n, float) and n.is_integer():  # pandas makes floats of whole numbers where a row has none
        data = {**data, "n": int(n)}
    try:
        return lab_result(data)
    except ValueError as error:
        raise DataError(f"row {number}: {error}") from None


def _plain(value: Any) -> Any:
    """A numpy value or a Timestamp as Python has it."""
    if _is_missing(value):
        return None
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime()
    return value.tolist() if hasattr(value, "tolist") else value


def _is_missing(value: Any) -> bool:
    import pandas as pd

    if isinstance(value, Iterable):
        return isinstance(value, str) and not value
    return bool(pd.isna(value))
