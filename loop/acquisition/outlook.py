"""Is anything better left? From joint draws over everything that a decision looked at."""

from __future__ import annotations

from typing import Any

import torch
from botorch.sampling.normal import IIDNormalSampler
from saltloop.loop.acquisition.field import Field
from saltloop.loop.acquisition.table import TableModel, table_of

N_DRAWS = 512


def outlook(field: Field) -> dict[str, Any]:
    """What is believed of the formulations that are neither measured nor pending.

    ``best_measured_mS_cm``: highest posterior mean among the measured; ``probability_better``: that the best of the
    candidates lies above the best of the measured; ``expected_improvement_mS_cm``: by how much, counting nothing where
    it does not; ``n``: candidates looked at. The first and the last but one are None where nothing is measured, or
    where conductivity is not among the objectives.
    """
    told: dict[str, Any] = {
        "best_measured_mS_cm": None,
        "probability_better": 1.0,
        "expected_improvement_mS_cm": None,
        "n": len(field.candidates),
    }
    conductivity = next((o for o in field.objectives.items if o.settings.quantity == "conductivity"), None)
    if conductivity is None or not field.n_baseline:
        return told
    table = field.table if field.objectives.is_single else table_of(conductivity.model, field.X)
    assert isinstance(table, TableModel)
    draws = table.draws(range(len(field.X)), IIDNormalSampler(torch.Size([N_DRAWS]), seed=field.seed))
    measured, left = draws[:, : field.n_baseline].amax(-1), draws[:, field.candidates.start :].amax(-1)
    mean = table.mean[: field.n_baseline]
    told["best_measured_mS_cm"] = float(mean.max())
    told["probability_better"] = float((left > measured).double().mean())
    told["expected_improvement_mS_cm"] = float((left - measured).clamp_min(0).mean())
    return told
