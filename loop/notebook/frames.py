"""Verdicts, worklists, predictions and events as data frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saltloop.chemistry.formulation import Formulation
from saltloop.loop.events import Event
from saltloop.loop.lab.verdict import Verdict
from saltloop.loop.reports.log import tell

if TYPE_CHECKING:
    import pandas as pd
    from saltloop.loop.lab.worklist import Worklist


def verdicts_frame(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """A row each: what became of it and why; what the model expected (mS/cm), by how many deviations it was off."""
    import pandas as pd

    return pd.DataFrame([_verdict(one) for one in verdicts]).set_index("row")


def worklist_frame(worklist: Worklist) -> pd.DataFrame:
    """A row for each vial, with the columns of the worklist's file."""
    import pandas as pd
    from saltloop.loop.lab.worklist_files import table

    columns, rows = table(worklist)
    return pd.DataFrame(rows, columns=columns).replace("", None).set_index("vial")


def predictions_frame(liquids: Sequence[Formulation], predictions: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Mean, standard deviation and 95 % interval in mS/cm, and why a liquid is unlike anything known."""
    import pandas as pd

    rows = [
        (told["mean"], told["standard_deviation"], *told["interval_95"], "; ".join(told["unfamiliar"]))
        for told in predictions
    ]
    columns = ["mean_mS_cm", "std_mS_cm", "low_95_mS_cm", "high_95_mS_cm", "unfamiliar"]
    return pd.DataFrame(rows, columns=columns, index=pd.Index(map(str, liquids), name="formulation", dtype=object))


def events_frame(events: Iterable[Event]) -> pd.DataFrame:
    """Every event: when (UTC), by whom, and in words."""
    import pandas as pd

    rows = [
        {
            "seq": event.seq,
            "time": pd.Timestamp(event.ts),
            "actor": event.actor,
            "type": event.type,
            "what": re.sub(r"\s*\n\s*", "; ", tell(event)),
        }
        for event in events
    ]
    return pd.DataFrame(rows).set_index("seq")


def _verdict(one: Verdict) -> dict[str, Any]:
    result, measured, expected = one.result, one.measurement, one.expected or {}
    return {
        "row": one.where,
        "verdict": one.kind,
        "reason": one.reason,
        "candidate_id": result.candidate_id if result else "",
        "external_id": result.external_id if result else "",
        "formulation": str(measured.formulation) if measured else "",
        "value": measured.value if measured else None,
        "standard_uncertainty": measured.standard_uncertainty if measured else None,
        "unit": measured.unit if measured else "",
        "expected_mS_cm": expected.get("mean"),
        "deviations": expected.get("deviations"),
        "note": one.remarks,
        "measurement_id": one.measurement_id,
    }
