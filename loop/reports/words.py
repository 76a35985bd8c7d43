"""Values and results in words."""

from __future__ import annotations

from typing import Any

from saltloop.loop.record_items import Result


def result_words(result: Result) -> str:
    """A result, and what is to be known of it: a limit, an amendment, a retraction, another liquid than asked for."""
    words = reported_words(result.measurement, result.limit)
    words += f", amended {len(result.earlier)} time(s)" * bool(result.earlier)
    words += f", retracted: {result.reason}" * result.is_retracted
    return words + f"; measured was another liquid: {result.note}" * bool(result.note)


def reported_words(measurement: dict[str, Any], limit: str | None) -> str:
    """A value as it was reported: measured, or a limit."""
    if limit is None:
        return measured_words(measurement)
    value = f"{measurement['value']:.4g} {measurement['unit']}"
    return f"{measurement['quantity']} {limit} {value} ({measurement['source']})"


def measured_words(measurement: dict[str, Any]) -> str:
    """Quantity, value, standard uncertainty, source and method."""
    unit = "" if measurement["unit"] == "1" else f" {measurement['unit']}"
    method = f", {measurement['method']}" if measurement["method"] else ""
    return (
        f"{measurement['quantity']} {measurement['value']:.4g} ± {measurement['standard_uncertainty']:.2g}{unit} "
        f"({measurement['source']}{method})"
    )


def some(n: int, one: str, many: str = "") -> str:
    """``3 results``, ``1 result``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def pm(value: float, error: float) -> str:
    """A conductivity with its standard deviation."""
    return f"{value:.2f} ± {error:.2f} mS/cm"
