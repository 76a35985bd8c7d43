"""Why a simulation gave no result; caught by the oracle and turned into a visible ``Failure``."""

from __future__ import annotations

from saltloop.chemistry.errors import SaltloopError


class SimulationFailureError(SaltloopError, RuntimeError):
    """A run that cannot go on: packing failed, the box blew up, the density is absurd."""

    def __init__(self, kind: str, reason: str, *, is_retryable: bool) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.is_retryable = is_retryable
