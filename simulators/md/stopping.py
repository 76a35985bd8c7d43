"""When the replicas of a liquid have produced enough: each decision is written down and never taken twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from saltloop.simulators.checkpoints import write_json_durably
from saltloop.simulators.failures import SimulationFailureError

from .control_settings import SlowLiquid
from .protocols import Protocol
from .slowness import Motion

MAX_GROWTH = 2.0
"""Of production from one decision to the next."""
MIN_GROWTH = 1.25
MARGIN = 1.1
"""Production beyond what the error, falling as 1/sqrt(t), is expected to need."""


@dataclass(frozen=True)
class Decision:
    """What was decided after a length of production, and from what."""

    production_ps: float
    """Of each replica."""
    quantity: str
    value: float
    relative_error: float
    slow: tuple[str, ...]
    """Ions that have not moved far enough, in words."""
    wall_s: float
    """Of all replicas and sessions, with the attempts that failed."""
    next_ps: float | None
    """Production to go on to, or None: it ends here."""
    why: str


def decide(
    protocol: Protocol,
    *,
    production_ps: float,
    simulated_ps: float,
    quantity: str,
    value: float,
    standard_error: float,
    ions: Sequence[Motion],
    wall_s: float,
) -> Decision:
    """End, or go on and how far.

    Args:
        protocol: ``stop`` and ``slow`` of it count.
        production_ps: of each replica so far.
        simulated_ps: of each replica so far, all stages, for the speed.
        quantity: what is reported.
        value: of it, with ``standard_error``, in one unit.
        ions: how far they have moved.
        wall_s: spent so far.
    """
    error = abs(standard_error / value) if value else float("inf")
    slow = [one for one in ions if protocol.slow and one.is_slow(protocol.slow)]
    next_ps, why = _next(protocol, production_ps, simulated_ps, error, slow, wall_s)
    words = tuple(str(one) for one in slow)
    return Decision(production_ps, quantity, value, min(error, 1e9), words, wall_s, next_ps, why)


def _next(
    protocol: Protocol, production_ps: float, simulated_ps: float, error: float, slow: Sequence[Motion], wall_s: float
) -> tuple[float | None, str]:
    stop, most_ps = protocol.stop, protocol.max_production_ps
    if stop is None:
        return None, f"production is as long as the protocol says ({production_ps:g} ps)"
    if not slow and error <= stop.relative_error:
        return None, f"the relative standard error of {error:.2g} is not above {stop.relative_error:g}"
    if slow and _is_hopeless(slow, protocol.slow, most_ps / production_ps):
        return None, f"too slow to be sampled within {most_ps:g} ps"
    wanted_ps = production_ps * min(max(MARGIN * (error / stop.relative_error) ** 2, MIN_GROWTH), MAX_GROWTH)
    if slow:
        wanted_ps = production_ps * MAX_GROWTH
    allowed_ps = most_ps
    if stop.max_wall_s is not None:
        allowed_ps = min(most_ps, production_ps + (stop.max_wall_s - wall_s) / wall_s * simulated_ps)
    if allowed_ps < production_ps + protocol.checkpoint_ps:
        budget = f"wall time of {stop.max_wall_s:g} s" if allowed_ps < most_ps else f"production of {most_ps:g} ps"
        return None, f"the {budget} is used up; the relative standard error is {error:.2g}"
    pieces = int(min(wanted_ps, allowed_ps) / protocol.checkpoint_ps + 1e-9)
    next_ps = most_ps if wanted_ps >= most_ps <= allowed_ps else max(1, pieces) * protocol.checkpoint_ps
    why = "ions have not moved far enough" if slow else f"the relative standard error is {error:.2g}"
    return max(next_ps, production_ps + protocol.checkpoint_ps), why


def _is_hopeless(slow: Sequence[Motion], settings: SlowLiquid | None, stretch: float) -> bool:
    return settings is not None and any(one.is_hopeless(settings, stretch) for one in slow)


def read_decisions(path: Path) -> list[Decision]:
    """Decisions taken so far.

    Raises:
        SimulationFailureError: the file is damaged.
    """
    try:
        rows = json.loads(path.read_bytes())
        return [Decision(**{**row, "slow": tuple(row["slow"])}) for row in rows]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError) as error:
        raise SimulationFailureError(
            "damaged_checkpoint", f"{path} cannot be read ({error}); delete it to decide again", is_retryable=False
        ) from None


def write_decisions(path: Path, decisions: Sequence[Decision]) -> None:
    """All of them, durably."""
    write_json_durably(path, [asdict(one) for one in decisions])
