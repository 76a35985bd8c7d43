"""Which OpenMM platform computes: CUDA, OpenCL on a GPU, or the CPU, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from saltloop.simulators.failures import SimulationFailureError

PlatformName = Literal["auto", "CUDA", "OpenCL", "CPU", "Reference"]
_CPU_DEVICES = ("cpu", "pthread", "pocl", "xeon", "epyc", "ryzen", "llvm", "core(tm)")


@dataclass(frozen=True)
class ChosenPlatform:
    """An OpenMM platform with its properties, and in words."""

    name: str
    properties: dict[str, str]
    description: str

    def context(self, system: Any, integrator: Any) -> Any:
        """A new OpenMM context on this platform."""
        import openmm

        return openmm.Context(system, integrator, openmm.Platform.getPlatformByName(self.name), self.properties)


def choose_platform(wanted: PlatformName, threads: int) -> ChosenPlatform:
    """The platform of that name, or with ``auto`` the first that works of CUDA, OpenCL on a GPU, CPU.

    An OpenCL driver that runs on the processor is passed over: OpenMM's own CPU platform is faster.

    Raises:
        SimulationFailureError: a platform that was asked for by name does not work here.
    """
    problems = []
    for name in ("CUDA", "OpenCL", "CPU") if wanted == "auto" else (wanted,):
        chosen, problem = _try(name, threads, allow_cpu_device=wanted != "auto")
        if chosen:
            return chosen
        problems.append(f"{name}: {problem}")
    raise SimulationFailureError(
        "platform", f"no OpenMM platform works ({'; '.join(problems)}); try 'platform: auto'", is_retryable=False
    )


def _try(name: str, threads: int, *, allow_cpu_device: bool) -> tuple[ChosenPlatform | None, str]:
    import openmm

    properties: dict[str, str] = {}
    if name == "CPU":
        properties["Threads"] = str(threads)
    elif name in ("CUDA", "OpenCL"):
        properties["Precision"] = "mixed"
    try:
        system = openmm.System()
        system.addParticle(1.0)
        platform = openmm.Platform.getPlatformByName(name)
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform, properties)
        names = platform.getPropertyNames()
        device = platform.getPropertyValue(context, "DeviceName") if "DeviceName" in names else ""
    except openmm.OpenMMException as error:
        return None, str(error).splitlines()[0]
    if name == "OpenCL" and not allow_cpu_device and any(word in device.lower() for word in _CPU_DEVICES):
        return None, f"its device is a processor ({device})"
    if name == "CPU":
        return ChosenPlatform(name, properties, f"CPU, {threads} thread{'s' if threads > 1 else ''}"), ""
    return ChosenPlatform(name, properties, f"{name}{f' on {device}' if device else ''}"), ""
