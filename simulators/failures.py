"""Why a simulation gave no result; caught by the oracle and turned into a visible ``Failure``."""

from __future__ import annotations

import re

from saltloop.chemistry.errors import SaltloopError

KINDS_THAT_RESUME = frozenset({"device_lost", "foreign_checkpoint", "out_of_memory", "platform"})
"""Not the simulation's fault: its folder stays, and the next attempt goes on from the last checkpoint."""


class SimulationFailureError(SaltloopError, RuntimeError):
    """A run that cannot go on: packing failed, the box blew up, the density is absurd."""

    def __init__(self, kind: str, reason: str, *, is_retryable: bool) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.is_retryable = is_retryable

    @property
    def can_resume(self) -> bool:
        """Whether the checkpoint is good and the next attempt goes on from it."""
        return self.kind in KINDS_THAT_RESUME


_MEMORY = re.compile(
    r"out.of.(device |host )?memory|bad_alloc|clCreateBuffer|mem_object_allocation|failed to allocate", re.IGNORECASE
)
_BOX = re.compile(r"periodic box size|cutoff distance cannot be greater", re.IGNORECASE)
_DIVERGED = re.compile(r"\bnan\b|\binf(inite|inity)?\b|coordinate is|did not converge", re.IGNORECASE)
_DEVICE = re.compile(
    r"CUDA|OpenCL|\bcl[A-Z]\w+ ?\(-?\d+\)|CUFFT|nvrtc|NVML|HIP_|hipError"
    r"|invoking kernel|(up|down)loading array|synchronizing on event|No compatible",
)


def openmm_failure(error: Exception) -> SimulationFailureError:
    """What an exception of OpenMM means for the run, with what to do about it.

    The words are those of OpenMM 8 (its CUDA and OpenCL platforms pass on the driver's; github.com/openmm/openmm issues
    820, 3177, 4775, 4917). What is not recognised counts as a blow-up: the next attempt starts afresh and gently.
    """
    message = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, MemoryError) or _MEMORY.search(message):
        return SimulationFailureError(
            "out_of_memory",
            f"memory ran out ({message}); the next attempt goes on from the last checkpoint: run fewer jobs at once on "
            "this device, or lower box.target_atoms",
            is_retryable=True,
        )
    if _BOX.search(message):
        return SimulationFailureError(
            "box_too_small",
            f"the box became smaller than twice the cutoff ({message}); raise box.target_atoms",
            is_retryable=False,
        )
    if _DIVERGED.search(message) and not _DEVICE.search(message):
        return SimulationFailureError(
            "blow_up",
            f"it diverged ({message}); the next attempt starts from another packing with half the time step",
            is_retryable=True,
        )
    if _DEVICE.search(message):
        return SimulationFailureError(
            "device_lost",
            f"the graphics card or its driver failed ({message}); the next attempt, in a new process, goes on from the "
            "last checkpoint. If it fails again: see nvidia-smi, or take 'platform: CPU'",
            is_retryable=True,
        )
    return SimulationFailureError("blow_up", f"OpenMM stopped: {message}", is_retryable=True)
