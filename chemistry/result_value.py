"""The value of a reported result with its standard uncertainty: as stated, from repeats, or from an impedance."""

from __future__ import annotations

import math
import statistics
from typing import NamedTuple

from .errors import DataError, UnitError
from .formulation import Formulation
from .measurement import Measurement
from .result_schema import LabResult
from .units import CANONICAL_UNITS, convert

#: A stated value and the one that follows from repeats or impedance may differ by this relative amount.
AGREEMENT = 0.02
#: What is larger, in any unit, cannot be squared; no quantity comes near it.
LARGEST = 1e150


class Reading(NamedTuple):
    """A value in a unit with one standard deviation; of a censored value the uncertainty is None."""

    value: float
    unit: str
    standard_uncertainty: float | None


def reading(result: LabResult) -> Reading:
    """The value that a result reports.

    Repeats: the mean with s / sqrt(n), s the sample standard deviation (GUM, JCGM 100:2008, 4.2.3). Impedance:
    K / R with the relative uncertainties of K and R added in squares (ibid., 5.1.6). A stated ``standard_uncertainty``
    stands: it may hold what repeats cannot show.

    Raises:
        DataError: value or uncertainty are missing, or said twice with different results.
        UnitError: the unit is unknown or not of the quantity.
    """
    expected = CANONICAL_UNITS.get(result.quantity)
    if expected is None:
        raise UnitError(f"the quantity {result.quantity!r} is unknown; known are {', '.join(CANONICAL_UNITS)}")
    if result.resistance_ohm is not None or result.cell_constant_per_cm is not None:
        return _from_impedance(result)
    if not result.has_value:
        raise DataError("no value; remove the row if it was not measured, or say why under 'status'")
    if not result.unit:
        raise UnitError(f"no unit; write one beside the value, such as '{expected}'")
    for value in (*result.replicates, *([] if result.value is None else [result.value])):
        if abs(convert(value, result.unit, expected)) > LARGEST:
            raise DataError(f"{value:g} {result.unit} is too large to be a {result.quantity}")
    deviation, n = result.standard_deviation, result.n
    mean = statistics.fmean(result.replicates) if result.replicates else result.value
    assert mean is not None
    value = _agreed(mean, result.value, "the mean of the replicates")
    if result.replicates:
        if n not in (None, len(result.replicates)):
            raise DataError(f"n is {n}, but there are {len(result.replicates)} replicates")
        n = len(result.replicates)
        if deviation is None and n > 1:
            deviation = statistics.stdev(result.replicates)
    if result.status == "censored":
        return Reading(value, result.unit, None)
    uncertainty = result.standard_uncertainty
    if uncertainty is None and deviation is not None and n is not None:
        uncertainty = deviation / math.sqrt(n)
    if uncertainty is None and deviation is not None:
        raise DataError("a standard_deviation needs n, the number of readings whose mean the value is")
    if uncertainty is None or uncertainty <= 0:
        why = "; the replicates are all equal" if uncertainty == 0 else ""
        raise DataError(
            f"no standard_uncertainty; give one standard deviation, or replicates, or standard_deviation and n{why}"
        )
    return _bounded(Reading(value, result.unit, uncertainty))


def measurement_of(result: LabResult, liquid: Formulation) -> Measurement:
    """A result as a measurement of its liquid.

    Raises:
        DataError, UnitError: as ``reading``.
    """
    value, unit, uncertainty = reading(result)
    return Measurement(
        formulation=liquid,
        quantity=result.quantity,
        value=value,
        unit=unit,
        # What lies beyond a limit has no uncertainty; its measurement is kept for the record and never learned from.
        standard_uncertainty=abs(value) or 1.0 if uncertainty is None else uncertainty,
        source=result.source,
        method=result.method,
        reference=result.reference,
        external_id=result.external_id,
    )


def _from_impedance(result: LabResult) -> Reading:
    R, K = result.resistance_ohm, result.cell_constant_per_cm
    if result.quantity != "conductivity":
        raise UnitError(f"resistance and cell constant give a conductivity, not a {result.quantity}")
    if R is None or K is None:
        raise DataError("an impedance needs both resistance_ohm and cell_constant_per_cm")
    if result.replicates or result.standard_deviation is not None:
        raise DataError("replicates beside an impedance: give the mean resistance and its uncertainty, or values")
    unit = result.unit or "mS/cm"
    value = _agreed(convert(K / R, "S/cm", unit), result.value, "cell_constant_per_cm / resistance_ohm")
    if result.status == "censored":
        return Reading(value, unit, None)
    if result.standard_uncertainty is not None:
        return _bounded(Reading(value, unit, result.standard_uncertainty))
    uR, uK = result.resistance_uncertainty_ohm, result.cell_constant_uncertainty_per_cm
    if uR is None or uK is None:
        raise DataError(
            "no uncertainty: give resistance_uncertainty_ohm and cell_constant_uncertainty_per_cm, or the "
            "standard_uncertainty of the conductivity"
        )
    return _bounded(Reading(value, unit, value * math.hypot(uR / R, uK / K)))


def _agreed(derived: float, stated: float | None, what: str) -> float:
    """The stated value where there is one: it has the lab's own rounding."""
    if stated is None:
        return derived
    if abs(stated - derived) > AGREEMENT * max(abs(stated), abs(derived)):
        raise DataError(f"the value is {stated:g}, but {what} is {derived:g}; correct one of them, or leave it out")
    return stated


def _bounded(found: Reading) -> Reading:
    if not all(abs(number or 0.0) <= LARGEST for number in (found.value, found.standard_uncertainty)):
        raise DataError("value and uncertainty are too large to be computed with")
    return found
