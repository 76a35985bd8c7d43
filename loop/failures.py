"""Which failures are the liquid's (final, and taught), and which the machine's (to be tried again, never taught)."""

from __future__ import annotations

#: What goes wrong around a call and says nothing about the liquid: it is never taught.
MACHINE_FAILURES = frozenset({
    "timeout", "worker_died", "io_error", "result_changed", "platform", "packing", "box_too_small",
    "foreign_checkpoint", "damaged_checkpoint", "settings", "failed", "out_of_memory", "device_lost", "over_budget",
    "parameters",
})  # fmt: skip
#: A simulation that crashed. One crash may be chance and is tried again; after the last attempt it is the liquid's.
CRASHES = frozenset({"blow_up", "temperature"})
#: What a lab may say of a candidate in the ``status`` column; ``failed`` is a mishap of the measurement.
LAB_FAILURES = frozenset({"failed", "infeasible", "crystallised", "separated"})


def is_of_liquid(kind: str, *, is_retryable: bool) -> bool:
    """Whether a failure after the last attempt is the liquid's own.

    Args:
        kind: the oracle's word for it, or the lab's ``status``.
        is_retryable: the oracle thinks that the same call may succeed another time.
    """
    if kind in MACHINE_FAILURES:
        return False
    return not is_retryable or kind in CRASHES
