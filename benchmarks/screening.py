"""How fast a space is screened, and in how much memory: the command itself, with the default network.

    python benchmarks/screening.py                        # SCAN's 11,515,140 candidates, some minutes
    python benchmarks/screening.py --part 10              # a tenth of them
    python benchmarks/screening.py --model FILE.safetensors

Without --model the network is trained for one epoch: its cost does not depend on what it has learned. Memory is the
sum over the command's processes of their resident pages that are not files mapped from disk, sampled ten times a
second. Processor seconds by stage are those of the command's own clock; "outside" is start-up and what it prints.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import yaml


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="checkpoint to score with")
    parser.add_argument("--part", type=int, default=1, help="screen one candidate in so many (fewer conditions)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--plot", type=Path, help="PNG of the landscape; counted in the time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = arguments.model or untrained(folder / "model.safetensors")
        space = space_file(folder / "space.yaml", arguments.part)
        command = ["screen", space, "--model", model, "-o", folder / "out.parquet", "--json"]
        command += ["--workers", arguments.workers, *(["--plot", arguments.plot] if arguments.plot else [])]
        answer, wall_s, cpu_s, peak = measured([str(word) for word in command])
        size = (folder / "out.parquet").stat().st_size
    n = answer["n_candidates"]
    stages = answer["cpu_seconds"]
    print("| what | measured |\n|---|---|")
    print(f"| candidates | {n:,} |")
    print(f"| time of the whole command | {wall_s:.1f} s with {arguments.workers} threads |")
    print(f"| candidates a second | {n / wall_s:,.0f} |")
    print(f"| processor time | {cpu_s:.1f} s: {', '.join(f'{k} {v:.1f}' for k, v in stages.items())} |")
    print(f"| of that, outside the surrogate | {sum(stages.values()) - stages['predict']:.1f} s |")
    print(f"| surrogate, candidates a processor second | {n / stages['predict']:,.0f} |")
    print(
        f"| memory, all processes | {peak['private'] / 1e9:.2f} GB (with mapped files {peak['resident'] / 1e9:.2f}) |"
    )
    print(f"| file | {size / 1e6:.0f} MB |")


def measured(arguments: list[str]) -> tuple[dict[str, Any], float, float, dict[str, int]]:
    """Run the command: its JSON, seconds, processor seconds, and peak memory in bytes."""
    peak = {"private": 0, "resident": 0}
    start = time.perf_counter()
    command = [sys.executable, "-m", "saltloop.loop.cli", *arguments]
    process = psutil.Popen(command, stdout=subprocess.PIPE, text=True)
    watcher = threading.Thread(target=watch, args=(process, peak), daemon=True)
    watcher.start()
    output, _ = process.communicate()
    wall_s = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"saltloop screen ended with {process.returncode}.")
    answer = json.loads(output)
    return answer, wall_s, peak.pop("cpu_ms") / 1e3, peak


def watch(process: psutil.Popen, peak: dict[str, int]) -> None:
    """Keep the largest memory of a process and its children, and their last processor time (ms)."""
    while process.is_running():
        try:
            family = [process, *process.children(recursive=True)]
            memory = [one.memory_info() for one in family]
            times = [one.cpu_times() for one in family]
        except psutil.Error:
            return
        peak["resident"] = max(peak["resident"], sum(m.rss for m in memory))
        peak["private"] = max(peak["private"], sum(m.rss - getattr(m, "shared", 0) for m in memory))
        peak["cpu_ms"] = max(peak.get("cpu_ms", 0), int(1e3 * sum(t.user + t.system for t in times)))
        time.sleep(0.1)


def space_file(path: Path, part: int) -> Path:
    """SCAN's space as it counts it, thinned by leaving concentrations and temperatures out."""
    from saltloop.loop.screening.settings import load_space
    from saltloop.loop.space.settings import values_of

    settings = load_space("scan-as-counted").settings
    values = settings.model_dump(mode="json")
    pairs = [(c, T) for c in values_of(settings.concentration) for T in values_of(settings.temperatures_K)]
    wanted = max(1, len(pairs) // part)
    n_temperatures = max(1, min(7, round(wanted**0.5)))
    values["temperatures_K"] = list(values_of(settings.temperatures_K))[-n_temperatures:]
    values["concentration"] = list(values_of(settings.concentration))[: max(1, round(wanted / n_temperatures))]
    path.write_text(yaml.safe_dump(values))
    return path


def untrained(path: Path) -> Path:
    """A checkpoint of the default network after one epoch on the literature set."""
    from saltloop.chemistry import SpeciesBook, load_literature
    from saltloop.surrogates.settings import SurrogateSettings
    from saltloop.surrogates.surrogate import MFNetSurrogate

    book = SpeciesBook.builtin()
    names = [s.name for s in book.salts], [s.name for s in book.solvents]
    surrogate = MFNetSurrogate(SurrogateSettings(epochs=1), book, *names)
    surrogate.fit(load_literature().measurements, seed=0)
    surrogate.save(path)
    return path


if __name__ == "__main__":
    main()
