"""Where the time of a simulation goes, and how fast the engine is beside bare OpenMM stepping the same system.

    OMP_NUM_THREADS=1 python benchmarks/md_speed.py --atoms 1200 --base quick --chunk-ps 20 --rounds 5

The engine and the bare steps alternate in one process, in chunks of the same length; on the CPU both are timed by
processor seconds as well as by the clock, so that other work on the machine does not enter the first. Then: force
groups one by one, and two jobs of one thread beside one job of two threads. With ``--platform CUDA`` the same on a GPU
(clock only), with 1, 2 and 4 boxes that share it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from md_boxes import simulation
from saltloop.simulators.failures import SimulationFailureError
from saltloop.simulators.md import contexts, engine
from saltloop.simulators.md.engine import Simulation
from saltloop.simulators.md.platforms import choose_platform
from saltloop.simulators.md.recorder import Recorder
from saltloop.simulators.md.store import Store

GROUP_REPEATS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="quick", help="protocol whose frames and checkpoints are taken")
    parser.add_argument("--atoms", type=int, default=1200)
    parser.add_argument("--chunk-ps", type=float, default=20.0, help="a multiple of the protocol's checkpoint_ps")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--platform", default="CPU")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    report: dict[str, Any] = {"load_at_start": os.getloadavg()[0], **vars(arguments)}
    with tempfile.TemporaryDirectory() as folder:
        try:
            box = simulation(
                Path(folder), base=arguments.base, atoms=arguments.atoms, platform=arguments.platform, threads=1
            )
        except SimulationFailureError as failure:
            sys.exit(f"no {arguments.platform} here: {failure.reason}")
        report["n_atoms"], report["platform_found"] = box.contents.n_atoms, box.platform.description
        box.run(arguments.chunk_ps)
        report["overhead"] = overhead(box, arguments.chunk_ps, arguments.rounds)
        report["force_groups"] = force_groups(box)
        report["boxes_at_once"] = boxes_at_once(box, arguments.rounds)
    try:
        choose_platform("CUDA", 1)
    except SimulationFailureError as failure:
        report["gpu"] = f"none found: {failure.reason}"
    report["load_at_end"] = os.getloadavg()[0]
    text = json.dumps(report, indent=1, default=str)
    print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")


class Stopwatch:
    """Processor and wall time by name."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = defaultdict(float)
        self.wall_s: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.wall_s[name] += time.perf_counter() - wall
            self.cpu_s[name] += time.process_time() - cpu

    def around(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def timed(*arguments: Any, **more: Any) -> Any:
            with self(name):
                return function(*arguments, **more)

        return timed


def overhead(box: Simulation, chunk_ps: float, rounds: int) -> dict[str, Any]:
    """Engine over bare steps, round by round; and what of the engine's time is not stepping, in processor seconds."""
    stage, _, state = box._at
    n_steps = round(chunk_ps / stage.timestep_ps)
    bare = contexts.context_of(box, stage, state, seed=5, is_start=False)
    bare.getIntegrator().step(50)
    watch, length_ps = Stopwatch(), chunk_ps
    parts = Stopwatch()
    originals = (engine.context_of, Recorder.record, Recorder.take, Store.add, Store.save)
    engine.context_of = parts.around(engine.context_of, "context")
    Recorder.record = parts.around(Recorder.record, "recording")
    Recorder.take = parts.around(Recorder.take, "recording")
    Store.add = parts.around(Store.add, "writing samples")
    Store.save = parts.around(Store.save, "checkpoints")
    ratios: dict[str, list[float]] = {"cpu": [], "wall": []}
    try:
        for _ in range(rounds):
            before = {clock: getattr(watch, clock)["engine"] for clock in ("cpu_s", "wall_s")}
            context_before = {clock: getattr(parts, clock)["context"] for clock in ("cpu_s", "wall_s")}
            length_ps += chunk_ps
            with watch("engine"):
                box.run(length_ps)
            bare_before = {clock: getattr(watch, clock)["bare"] for clock in ("cpu_s", "wall_s")}
            with watch("bare"):
                bare.getIntegrator().step(n_steps)
                bare.getState(energy=True)
            for name, clock in (("cpu", "cpu_s"), ("wall", "wall_s")):
                # A context is made once a session and stage, which in these short chunks would count for too much.
                spent = getattr(watch, clock)["engine"] - before[clock]
                spent -= getattr(parts, clock)["context"] - context_before[clock]
                ratios[name].append(spent / (getattr(watch, clock)["bare"] - bare_before[clock]))
    finally:
        engine.context_of, Recorder.record, Recorder.take, Store.add, Store.save = originals
    stepped_ns = rounds * chunk_ps / 1e3
    return {
        "engine_over_bare_cpu": [round(one, 4) for one in ratios["cpu"]],
        "engine_over_bare_wall": [round(one, 4) for one in ratios["wall"]],
        "median_overhead_cpu": round(statistics.median(ratios["cpu"]) - 1, 4),
        "median_overhead_wall": round(statistics.median(ratios["wall"]) - 1, 4),
        "bare_ns_per_cpu_day": round(stepped_ns / watch.cpu_s["bare"] * 86_400, 1),
        "bare_ns_per_day_here": round(stepped_ns / watch.wall_s["bare"] * 86_400, 1),
        "context_s": round(parts.cpu_s["context"] / rounds, 3),
        "share_of_engine_cpu": {
            name: round(spent / (watch.cpu_s["engine"] - parts.cpu_s["context"]), 4)
            for name, spent in parts.cpu_s.items()
            if name != "context"
        },
    }


def force_groups(box: Simulation) -> dict[str, float]:
    """Processor milliseconds for the forces of one group at a time, and for a whole step."""
    import openmm

    stage, _, state = box._at
    edge = state.getPeriodicBoxVectors()[0][0]._value
    system = box.forces.system(box.contents.molecules, edge)
    names = {}
    for index, force in enumerate(system.getForces()):
        force.setForceGroup(index)
        names[index] = type(force).__name__
        if isinstance(force, openmm.NonbondedForce):
            force.setReciprocalSpaceForceGroup(31)
            names[index], names[31] = "non-bonded, direct", "PME, reciprocal"
    integrator = openmm.LangevinMiddleIntegrator(298.15, 0.2, stage.timestep_ps)
    context = box.platform.context(system, integrator)
    context.setPositions(state.getPositions())
    context.setVelocities(state.getVelocities())
    found = {}
    for group, name in names.items():
        context.getState(forces=True, groups={group})
        started = time.process_time()
        for _ in range(GROUP_REPEATS):
            context.getState(forces=True, groups={group})
        found[name] = round((time.process_time() - started) / GROUP_REPEATS * 1e3, 3)
    integrator.step(20)
    started = time.process_time()
    integrator.step(4 * GROUP_REPEATS)
    found["whole step"] = round((time.process_time() - started) / (4 * GROUP_REPEATS) * 1e3, 3)
    return found


def boxes_at_once(box: Simulation, rounds: int, n_steps: int = 1500) -> dict[str, Any]:
    """ns/day of all boxes together, for each way to share the machine, alternating; medians."""
    import openmm

    stage, _, state = box._at
    edge = state.getPeriodicBoxVectors()[0][0]._value
    system = openmm.XmlSerializer.serialize(box.forces.system(box.contents.molecules, edge))
    inputs = (system, openmm.XmlSerializer.serialize(state), stage.timestep_ps, n_steps, box.platform.name)
    ways = [(1, 2), (2, 1)] if box.platform.name == "CPU" else [(1, 1), (2, 1), (4, 1)]
    found: dict[tuple[int, int], list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for n_boxes, threads in ways:
            with ProcessPoolExecutor(n_boxes, mp_context=get_context("spawn")) as pool:
                times = list(pool.map(steps_of_one, *zip(*[(*inputs, threads)] * n_boxes, strict=True)))
            rate = sum(n_steps * stage.timestep_ps / 1e3 / seconds for seconds in times) * 86_400
            found[n_boxes, threads].append(rate)
    named = {f"{n} box(es), {t} thread(s) each": statistics.median(rates) for (n, t), rates in found.items()}
    return {
        "ns_per_day_in_all": {name: round(rate, 1) for name, rate in named.items()},
        "ratio_of_last_to_first_by_round": [
            round(last / first, 2) for first, last in zip(found[ways[0]], found[ways[-1]], strict=True)
        ],
    }


def steps_of_one(system: str, state: str, timestep_ps: float, n_steps: int, platform: str, threads: int) -> float:
    """Wall time of so many steps in this process."""
    import openmm

    integrator = openmm.LangevinMiddleIntegrator(298.15, 0.2, timestep_ps)
    context = choose_platform(platform, threads).context(openmm.XmlSerializer.deserialize(system), integrator)
    context.setState(openmm.XmlSerializer.deserialize(state))
    integrator.step(100)
    context.getState(energy=True)
    started = time.perf_counter()
    integrator.step(n_steps)
    context.getState(energy=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
