"""What the model expected of a result before it learned of it, and whether the result is a surprise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from saltloop.chemistry.errors import SaltloopError
from saltloop.chemistry.formulation import Formulation
from saltloop.chemistry.measurement import Measurement
from saltloop.loop.campaign import Campaign
from saltloop.loop.strategy import Strategy, SurrogateStrategy

#: Mean and standard deviation (mS/cm) of each liquid, after everything the campaign has learned.
Predict = Callable[[Sequence[Formulation]], Sequence[Mapping[str, Any]]]


def predictor(campaign: Campaign, strategy: Strategy | None = None) -> Predict | None:
    """The campaign's model, or None where none is fitted or its weights are not at hand. Loads nothing yet."""
    deciding = strategy or SurrogateStrategy(campaign)
    if not deciding.has_model(campaign):
        return None
    return lambda liquids: deciding.predict(campaign, liquids)


def is_comparable(measurement: Measurement) -> bool:
    """Whether the model predicts this: conductivities of experiments. Simulated ones differ by their source's bias."""
    return measurement.quantity == "conductivity" and measurement.source == "experiment"


def expectations(
    campaign: Campaign, predict: Predict, measurements: Sequence[Measurement]
) -> tuple[list[dict[str, Any]], str]:
    """For each conductivity the model's mean and standard deviation and how many deviations the value is off.

    A deviation is the root of the model's variance and the measurement's. All are compared with what was known before
    the first of them. The second value says why there are none, if the model cannot be asked.
    """
    try:
        told = predict([measurement.formulation for measurement in measurements])
    except SaltloopError as error:
        return [], f"not compared with the model: {error}"
    weights = campaign.record.fits[-1].get("weights_sha256", "") if campaign.record.fits else ""
    found = []
    for measurement, prediction in zip(measurements, told, strict=True):
        own = measurement.in_unit("mS/cm")
        mean, std = float(prediction["mean"]), float(prediction["standard_deviation"])
        deviations = (own.value - mean) / math.hypot(std, own.standard_uncertainty)
        found.append({"mean": mean, "standard_deviation": std, "deviations": deviations, "weights_sha256": weights})
    return found, ""


def words(measurement: Measurement, expected: Mapping[str, Any]) -> str:
    """A surprise, for a person."""
    return (
        f"{measurement.in_unit('mS/cm').value:.4g} mS/cm is {abs(expected['deviations']):.1f} standard deviations "
        f"{'above' if expected['deviations'] > 0 else 'below'} the model's {expected['mean']:.4g} ± "
        f"{expected['standard_deviation']:.2g}"
    )
