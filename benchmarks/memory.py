"""Memory that training steps need at their peak, and the time that an import takes, against PyTorch on the CPU.

    python benchmarks/memory.py [--repeat 5] [--json FILE]

Each library runs in a process of its own. A step with a single image comes first, so that code, parameters, gradients
and the optimizer's state are there. What counts is how far the process's memory (VmHWM) then grows in steps with whole
batches: activations, their gradients, and what the allocators keep beside them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from compare import Row, show, use_threads
from train_step import BATCHES, TARGETS, load, trainers

MEBIBYTE = 1 << 20


def resident(field: str) -> int:
    """Return a size from this process's status, in bytes: VmRSS for now, VmHWM for the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


def growth(which: str, name: str) -> int:
    """Return by how many bytes steps with whole batches make this process grow."""
    made = trainers(load(which, threads=1))
    first, run = made[name](1), made[name](BATCHES[name])
    for _ in range(2):
        first()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what there is
    before = resident("VmRSS")
    for _ in range(10):
        run()
    return resident("VmHWM") - before


def child(*arguments: str) -> float:
    """Run this file in a process of its own, and return the number that it prints."""
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout))


def import_time(library: str) -> float:
    """Return the seconds that a Python takes to start and import a library."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {library}"], check=True)
    return time.perf_counter() - started


def measure(repeat: int) -> tuple[list[Row], list[Row]]:
    """Return the rows of memory, in MiB, and of imports."""
    memory = []
    for name in TARGETS:
        pairs = [[child("--growth", which, name) / MEBIBYTE for which in ("ours", "theirs")] for _ in range(repeat)]
        medians = [statistics.median(each) for each in zip(*pairs, strict=True)]
        memory.append(Row(name, *medians, target=1.1))
    times = [[import_time(library) for library in ("tensorlib", "torch")] for _ in range(repeat)]
    medians = [statistics.median(each) for each in zip(*times, strict=True)]
    return memory, [Row("import", *medians)]


def main() -> None:
    """Read the options, measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--growth", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    use_threads(1)
    if options.growth:
        print(json.dumps(growth(*options.growth)))
        return
    memory, imports = measure(options.repeat)
    show("growth at the peak of a step, one thread", memory, options.json, unit="MiB")
    show("start of Python and import", imports, None)


if __name__ == "__main__":
    main()
