"""Whatever a notebook has of results or liquids, as the one schema: files, frames, dictionaries, texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from saltloop.chemistry.errors import DataError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.result_files import Row, read_file, row_of
from saltloop.chemistry.result_schema import LabResult
from saltloop.chemistry.species import SpeciesBook
from saltloop.loop.lab.frames import (
    liquids_from_parameters,
    results_from_ax,
    results_from_frame,
    results_from_parameters,
)

if TYPE_CHECKING:
    import pandas as pd

    Results: TypeAlias = (
        str | Path | pd.DataFrame | LabResult | Mapping[str, Any] | Iterable[LabResult | Mapping[str, Any]]
    )
    Liquids: TypeAlias = str | Formulation | pd.DataFrame | Iterable[str | Formulation]


def results_of(
    given: Results,
    *,
    arms: pd.DataFrame | None,
    experiment: str,
    target: str,
    uncertainty: str | float | None,
    **how: Any,
) -> Sequence[LabResult | Row]:
    """Results from a file, a frame, or from objects of the schema.

    A frame that comes with ``arms`` is Ax's data; one with the column ``target`` holds parameters (BayBE); any other
    has the schema's fields as columns. ``how``: of ``results_from_parameters``.

    Raises:
        DataError: it is none of these, a row is wrong, no row holds a result, or it does not take an ``uncertainty``.
    """
    takes_uncertainty = hasattr(given, "columns") and arms is None and _holds_parameters(given, target)
    if uncertainty is not None and not takes_uncertainty:
        raise DataError(
            f"uncertainty={uncertainty!r} is of the column {target!r} of a frame of parameters, which this is not; "
            "give 'standard_uncertainty' with each result (of Ax: 'sem')."
        )
    if isinstance(given, str | Path):
        return read_file(given)
    found: Sequence[LabResult | Row]
    if hasattr(given, "columns"):
        if arms is not None:
            found = results_from_ax(arms, given, metric=target, experiment=experiment, **how)
        elif takes_uncertainty:
            found = results_from_parameters(given, target=target, uncertainty=uncertainty, **how)
        else:
            found = results_from_frame(given)
    else:
        listed = [given] if isinstance(given, LabResult | Mapping) else list(given)
        found = [
            Row(f"result {number}", one) if isinstance(one, LabResult) else row_of(f"result {number}", one)
            for number, one in enumerate(listed, start=1)
        ]
    if not found:
        raise DataError(
            f"There is no result in it; fill in the column {target!r}, or 'status' where there is no value."
        )
    return found


def _holds_parameters(frame: Any, target: str) -> bool:
    return target in frame.columns and "value" not in frame.columns


def liquids_of(given: Liquids, species: SpeciesBook) -> list[Formulation]:
    """Formulations from texts, formulations, or a frame of candidates or parameters.

    Raises:
        SaltloopError: one is no liquid.
    """
    if hasattr(given, "columns"):
        return liquids_from_parameters(given, species=species)
    listed = [given] if isinstance(given, str | Formulation) else given
    return [one if isinstance(one, Formulation) else Formulation.parse(one, species) for one in listed]
