"""How long an all_reduce takes among many ranks: the costs of this machine, fitted, checked, and extrapolated.

    python benchmarks/scale.py [--write] [--json FILE] [--ranks 2 3 4 6 8 12 16] [--seconds 0.08]

Measures every algorithm over TCP, and shared memory, with real processes; fits the costs of `dist.cost_model` to some
of the numbers of ranks and sizes, and checks the predictions of the others. `--write` puts the tables into
docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from compare import use_threads

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "scale.md"
RANKS = (2, 3, 4, 6, 8, 12, 16)
SIZES = (4, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20)
# The rest is held out, to check what the model says of it.
FITTED_RANKS = {2, 4, 8, 16}
FITTED_SIZES = {4, 16 << 10, 256 << 10, 4 << 20}
MOST_BYTES = 160 << 20  # that all ranks together send in a call
STREAMS = (4, 16, 64)
SECONDS = 120.0
SHARED_MEMORY = "shared memory"
CLUSTER = (16, 64, 256, 1024, 4096)
CLUSTER_SIZES = (4, 64 << 10, 1 << 20, 64 << 20)
RANKS_PER_HOST = 8
NETWORK = {"latency": 10e-6, "bandwidth": 25e9 / 8}
FIRST_GUESSES = {"call": 2e-5, "latency": 2e-5, "shared_latency": 5e-5, "message": 1e-5, "byte": 2e-10}


@dataclass
class Row:
    """One measurement: the median of an all_reduce, or of messages sent one after the other."""

    backend: str
    algorithm: str
    ranks: int
    nbytes: int
    seconds: float
    fitted: bool


def measure(plan: dict[str, list[int]], seconds: float) -> list[tuple[str, int, float]]:
    """Run on every rank: return algorithm, size and the median of an all_reduce, in seconds.

    Args:
        plan: sizes for each algorithm; "" is the one that is chosen.
        seconds: for each.
    """
    import numpy as np

    import dist
    from dist.algorithms.choose import OVERRIDE

    found = []
    for name, sizes in plan.items():
        os.environ[OVERRIDE] = f"all_reduce={name}" if name else ""
        group = dist.new_group()  # looks at the variable
        for nbytes in sizes:
            array = np.zeros(nbytes // 4, np.float32)
            found.append((name, nbytes, _time_of(partial(dist.all_reduce, array, group=group), seconds)))
    return found


def _time_of(call: Callable[[], Any], seconds: float) -> float:
    """Return the median of a call that all ranks make: as often as fits into `seconds`, and 5 times at least."""
    import numpy as np

    import dist

    for _ in range(3):
        call()
    times: list[float] = []
    go_on = np.ones(1, np.int32)
    end = time.perf_counter() + seconds
    while go_on[0]:
        for _ in range(5):
            dist.barrier()
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        go_on[0] = time.perf_counter() < end
        dist.broadcast(go_on, 0)
    return statistics.median(times)


def measure_streams(counts: tuple[int, ...], seconds: float) -> list[float]:
    """Run on two ranks: the time of so many messages of 4 bytes, one after the other, and one back."""
    import numpy as np

    import dist

    world = dist.group.WORLD
    assert world is not None
    transport = world._transport  # algorithms use it as it is, without what public functions do per message
    peer = 1 - transport.rank

    def stream(count: int) -> None:
        start = transport.irecv if transport.rank else transport.isend
        messages = [start(np.zeros(4, np.uint8).data, peer, 7) for _ in range(count)]
        for message in messages:
            message.wait(SECONDS)
        back = transport.isend if transport.rank else transport.irecv
        back(np.zeros(4, np.uint8).data, peer, 8).wait(SECONDS)

    return [_time_of(partial(stream, count), seconds) for count in counts]


def cost_of_reducing() -> float:
    """Return the seconds per byte of adding two float32 arrays, of a size that algorithms work on at a time."""
    import numpy as np

    left, right = np.ones(1 << 18, np.float32), np.ones(1 << 18, np.float32)
    times = []
    for _ in range(100):
        started = time.perf_counter()
        np.add(left, right, out=left)
        times.append(time.perf_counter() - started)
    return statistics.median(times) / left.nbytes


def collect(ranks: Iterable[int], seconds: float) -> list[Row]:
    """Measure everything; each number of ranks in processes of its own."""
    from dist.testing import run_world

    rows = []
    for count, spent in zip(STREAMS, run_world(2, measure_streams, STREAMS, seconds, backend="tcp")[0], strict=True):
        rows.append(Row("tcp", "stream", count, 4, spent, True))
    for size in ranks:
        for backend, plan in (("tcp", _plan(size)), ("shm", {"": list(SIZES)})):
            found = run_world(size, measure, plan, seconds, backend=backend, timeout=SECONDS)[0]
            for name, nbytes, spent in found:
                fitted = size in FITTED_RANKS and nbytes in FITTED_SIZES
                rows.append(Row(backend, name or SHARED_MEMORY, size, nbytes, spent, fitted))
        print(f"{size} ranks measured", file=sys.stderr, flush=True)
    return rows


def _plan(size: int) -> dict[str, list[int]]:
    """Return what to measure over TCP: algorithms that add in rank order, and sizes that do not take too long."""
    from dist.cost_model import all_reduce_work

    return {
        name: [nbytes for nbytes in SIZES if all_reduce_work(size, nbytes, name).total.bytes <= 2 * MOST_BYTES]
        for name in _in_rank_order()
    }


def _in_rank_order() -> list[str]:
    from dist.algorithms.choose import EXACT_ONLY
    from dist.cost_model import FORMULAS

    return [name for name in FORMULAS if ("all_reduce", name) not in EXACT_ONLY]


class Model:
    """Costs of one backend, fitted by least squares of the logarithms of measured times."""

    def __init__(self, rows: list[Row], cores: int, reduced_byte: float) -> None:
        import numpy as np
        from scipy.optimize import least_squares

        self.cores = cores
        # Ranks that share memory send no messages.
        self._names = [name for name in FIRST_GUESSES if name != "message" or any(r.backend == "tcp" for r in rows)]
        self._reduced_byte = reduced_byte
        fitted = [row for row in rows if row.fitted]

        def residuals(logarithms: Any) -> list[float]:
            self.costs = self._costs(np.exp(logarithms))
            return [float(np.log(self.predict(row) / row.seconds)) for row in fitted]

        start = np.log([FIRST_GUESSES[name] for name in self._names])
        lower, upper = np.log(1e-13), np.log(1e-2)
        found = least_squares(residuals, start, loss="soft_l1", bounds=(lower, upper))
        self.costs = self._costs(np.exp(found.x))

    def _costs(self, values: Any) -> Any:
        from dist.cost_model import Costs

        found = dict.fromkeys(FIRST_GUESSES, 0.0) | dict(zip(self._names, map(float, values), strict=True))
        return Costs(**found, reduced_byte=self._reduced_byte)

    def predict(self, row: Row) -> float:
        """Return the seconds that a row should have measured."""
        from dist.cost_model import all_reduce_work
        from dist.cost_model.formulas import shared_memory

        if row.algorithm == "stream":
            return float(self.costs.call + 2 * self.costs.latency + row.ranks * self.costs.message)
        make = shared_memory if row.algorithm == SHARED_MEMORY else None
        work = make(row.ranks, row.nbytes) if make else all_reduce_work(row.ranks, row.nbytes, row.algorithm)
        return float(self.costs.time(work, row.ranks, self.cores))


def factors(model: Model, rows: Iterable[Row]) -> list[float]:
    """Return how far off each prediction is, as a factor of 1 or more, sorted."""
    ratios = [model.predict(row) / row.seconds for row in rows]
    return sorted(max(ratio, 1 / ratio) for ratio in ratios)


def constants(models: dict[str, Model]) -> str:
    """Return the table of costs."""
    lines = ["| | " + " | ".join(models) + " |", "| --- |" + " --- |" * len(models)]
    shown = {
        "call": ("call, per rank", 1e6, "us"),
        "latency": ("latency, a core per rank", 1e6, "us"),
        "shared_latency": ("latency, ranks that share cores", 1e6, "us"),
        "message": ("message, at each end", 1e6, "us"),
        "byte": ("byte of a message, at each end", 1e9, "ns"),
        "reduced_byte": ("byte of a sum", 1e9, "ns"),
    }
    for name, (label, factor, unit) in shown.items():
        values = [getattr(model.costs, name) * factor for model in models.values()]
        cells = ["-" if value < 1e-3 else f"{value:.3g} {unit}" for value in values]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def errors(models: dict[str, Model], rows: list[Row]) -> str:
    """Return the table of how far predictions are from what was measured."""
    lines = ["| | fitted: median | 9 of 10 within | held out: median | 9 of 10 within |", "| --- |" + " --- |" * 4]
    names = dict.fromkeys((row.backend, row.algorithm) for row in rows if row.algorithm != "stream")
    for backend, algorithm in [*names, *((backend, "all") for backend in models)]:
        cells = []
        for fitted in (True, False):
            chosen = [r for r in rows if r.backend == backend and r.fitted == fitted and r.algorithm != "stream"]
            off = factors(models[backend], [r for r in chosen if algorithm in ("all", r.algorithm)])
            cells += [f"x {off[len(off) // 2]:.2f}", f"x {off[len(off) * 9 // 10]:.2f}"] if off else ["-", "-"]
        lines.append(f"| {backend}, {algorithm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def comparison(models: dict[str, Model], rows: list[Row]) -> str:
    """Return the table of what was measured and predicted, for what `dist.all_reduce` chooses."""
    from dist.algorithms.choose import choose

    sizes = [4, 64 << 10, 1 << 20, 4 << 20]
    lines = [_header(["", "ranks"], sizes)]
    found = {(row.backend, row.algorithm, row.ranks, row.nbytes): row for row in rows}
    for backend, model in models.items():
        for ranks in sorted({row.ranks for row in rows if row.backend == backend and row.algorithm != "stream"}):
            cells = []
            for nbytes in sizes:
                name = SHARED_MEMORY if backend == "shm" else choose("all_reduce", nbytes, ranks)
                row = found.get((backend, name, ranks, nbytes))
                mark = "" if row is None or row.fitted else " *"
                cells.append(f"{time_text(row.seconds)} / {time_text(model.predict(row))}{mark}" if row else "-")
            lines.append(f"| {backend} | {ranks} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def extrapolation(costs: Any) -> str:
    """Return the table of predicted times with a core and a link for each rank."""
    from dist.algorithms.choose import choose
    from dist.cost_model import all_reduce_time

    hosts = 1 if costs.link_byte == 0 else 2

    lines = [
        "| ranks | " + " | ".join(map(bytes_text, CLUSTER_SIZES)) + " |",
        "| --- |" + " --- |" * len(CLUSTER_SIZES),
    ]
    for ranks in CLUSTER:
        cells = []
        for nbytes in CLUSTER_SIZES:
            times = {name: all_reduce_time(costs, ranks, nbytes, name) for name in _in_rank_order()}
            name, best = choose("all_reduce", nbytes, ranks, hosts=hosts), min(times, key=times.__getitem__)
            better = "" if best == name else f"; {best} {time_text(times[best])}"
            cells.append(f"{name} {time_text(times[name])}{better}")
        lines.append(f"| {ranks:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def in_two_levels(inside: Any, between: Any) -> str:
    """Return the table of predicted times for hosts with several ranks."""
    from dist.cost_model import two_level_time

    lines = [_header(["ranks"], CLUSTER_SIZES)]
    for ranks in CLUSTER:
        hosts = ranks // RANKS_PER_HOST
        times = [two_level_time(inside, between, hosts, RANKS_PER_HOST, nbytes) for nbytes in CLUSTER_SIZES]
        lines.append(f"| {ranks:,} on {hosts} hosts | " + " | ".join(map(time_text, times)) + " |")
    return "\n".join(lines)


def _header(first: list[str], sizes: Iterable[int]) -> str:
    columns = [*first, *map(bytes_text, sizes)]
    return f"| {' | '.join(columns)} |\n|" + " --- |" * len(columns)


def time_text(seconds: float) -> str:
    """Write a time with two or three digits."""
    for factor, unit in ((1e6, "us"), (1e3, "ms"), (1.0, "s")):
        if seconds * factor < 1000 or unit == "s":
            return f"{seconds * factor:.{0 if seconds * factor >= 100 else 1}f} {unit}"
    raise AssertionError("the last unit fits everything")


def bytes_text(nbytes: int) -> str:
    """Write a number of bytes."""
    for shift, unit in ((20, "MB"), (10, "KB")):
        if nbytes >> shift:
            return f"{nbytes >> shift} {unit}"
    return f"{nbytes} B"


def write(tables: dict[str, str]) -> None:
    """Replace the tables in docs/scale.md, each between two comments that bear its name."""
    text = DOCUMENT.read_text()
    for name, table in tables.items():
        before, _, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        if not end:
            sys.exit(f"{DOCUMENT}: there is no place for {name}")
        text = f"{before}<!-- {name} -->\n{table}\n{end}{after}"
    DOCUMENT.write_text(text)


def main() -> None:
    """Measure, fit, and show or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    parser.add_argument("--json", type=Path, help="write what was measured, and the costs")
    parser.add_argument("--ranks", type=int, nargs="+", default=list(RANKS))
    parser.add_argument("--seconds", type=float, default=0.08, help="for each size and algorithm")
    options = parser.parse_args()
    use_threads(1)
    started, load = time.monotonic(), os.getloadavg()[0]
    cores = len(os.sched_getaffinity(0))
    rows = collect(options.ranks, options.seconds)
    reduced_byte = cost_of_reducing()
    backends = dict.fromkeys(row.backend for row in rows)
    models = {name: Model([row for row in rows if row.backend == name], cores, reduced_byte) for name in backends}
    tcp = models["tcp"].costs
    about = (
        f"Python {platform.python_version()}, {cores} cores, other load at the start {load:.1f}, "
        f"{len(rows)} measurements in {time.monotonic() - started:.0f} s."
    )
    tables = {
        "conditions": about,
        "constants": constants(models),
        "errors": errors(models, rows),
        "comparison": comparison(models, rows),
        "one machine": extrapolation(tcp),
        "network": extrapolation(tcp.with_link(**NETWORK)),
        "two levels": in_two_levels(models["shm"].costs, tcp.with_link(**NETWORK)),
    }
    for name, table in tables.items():
        print(f"\n{name}\n{table}")
    if options.json:
        found = {"costs": {name: asdict(model.costs) for name, model in models.items()}, "rows": [*map(asdict, rows)]}
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    if options.write:
        write(tables)


if __name__ == "__main__":
    main()
