"""How quickly the command line answers, a long state is read, and a space is screened.

    python benchmarks/loop_latency.py        # about a minute

CPU seconds are user and system time of the process, the median of five runs.
"""

from __future__ import annotations

import hashlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml

N_EVENTS = 100_000
CAMPAIGN = {"name": "bench", "space": {"salts": ["LiPF6"], "solvents": ["EC", "DMC"]}, "oracle": {"kind": "lab"}}
RESULT = "1.0 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 298.15 K,11.2,mS/cm,0.3,experiment,x1"


def main() -> None:
    import torch

    print("| what | CPU, s |\n|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = new_campaign(folder)
        results = folder / "results.csv"
        results.write_text(f"formulation,value,unit,standard_uncertainty,source,external_id\n{RESULT}\n")
        for arguments in (["--help"], ["status", file], ["tell", file, results]):
            print(f"| `saltloop {arguments[0]}` | {median(lambda a=arguments: command_seconds(a)):.2f} |", flush=True)
        state = folder / "bench" / "state.jsonl"
        lengthen(state)
        title = f"`saltloop status`, {N_EVENTS:,} events ({state.stat().st_size / 1e6:.0f} MB)"
        print(f"| {title} | {median(lambda: command_seconds(['status', file])):.2f} |", flush=True)
        print(
            f"| resume (open for writing), {N_EVENTS:,} events | {median(lambda: resume_seconds(file)):.2f} |",
            flush=True,
        )
    rows, seconds = screening()
    speed = f"{rows / seconds:,.0f} a second (5 members, {torch.get_num_threads()} thread(s))"
    print(f"\nScreening: {rows:,} formulations in {seconds:.1f} s, {speed}.")


def new_campaign(folder: Path) -> Path:
    from saltloop.loop.campaign import Campaign

    file = folder / "bench.yaml"
    file.write_text(yaml.safe_dump(CAMPAIGN))
    Campaign.start_or_resume(file).close()
    return file


def lengthen(state: Path) -> None:
    """Append results until the state has ``N_EVENTS`` events; one fsync in all, for this is no test of the disk."""
    from saltloop.chemistry import Formulation, Measurement
    from saltloop.loop.events import compact_json
    from saltloop.loop.lab.result_entries import result_entry

    lines = state.read_bytes().splitlines()
    liquid = Formulation.parse("1.0 mol/kg LiPF6 in EC:DMC 1:1 (w/w) at 298.15 K")
    for seq in range(len(lines), N_EVENTS):
        measurement = Measurement(
            formulation=liquid,
            value=10.0,
            unit="mS/cm",
            standard_uncertainty=0.2,
            source="experiment",
            external_id=f"{seq}",
        )
        event = {
            "seq": seq,
            "id": f"{seq:032x}",
            "ts": "2026-01-01T00:00:00.000+00:00",
            "type": "result_ingested",
            "v": 1,
            "actor": "tell",
            "data": {"results": [result_entry(measurement, None, None)]},
            "prev": hashlib.sha256(lines[-1]).hexdigest(),
        }
        lines.append(compact_json(event).encode())
    state.write_bytes(b"\n".join(lines) + b"\n")


def command_seconds(arguments: list) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "saltloop.loop.cli", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def resume_seconds(file: Path) -> float:
    from saltloop.loop.campaign import Campaign

    start = time.process_time()
    Campaign.start_or_resume(file).close()
    return time.process_time() - start


def screening() -> tuple[int, float]:
    """Stream a space of every species through a briefly trained ensemble of the default size."""
    import torch
    from saltloop.chemistry import SpeciesBook, load_literature
    from saltloop.loop.space.candidate_space import CandidateSpace
    from saltloop.loop.space.settings import SpaceSettings
    from saltloop.surrogates.settings import SurrogateSettings
    from saltloop.surrogates.surrogate import MFNetSurrogate

    book = SpeciesBook.builtin()
    names = [s.name for s in book.salts], [s.name for s in book.solvents]
    surrogate = MFNetSurrogate(SurrogateSettings(epochs=2), book, *names)
    surrogate.fit(load_literature().measurements, seed=0)
    space = CandidateSpace(SpaceSettings(salts=names[0], solvents=names[1]), book)
    model, n_rows = surrogate.model(), 0
    start = time.perf_counter()
    for chunk in space.stream(surrogate.encoder):
        model.predict_encoded(torch.from_numpy(chunk))
        n_rows += len(chunk)
    return n_rows, time.perf_counter() - start


def median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(5))


if __name__ == "__main__":
    main()
