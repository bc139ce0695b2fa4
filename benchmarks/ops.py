"""Operations, against PyTorch on the CPU: chains of tiny ones forward and backward, and single large ones.

python benchmarks/ops.py [--repeat 200] [--threads 1] [--json FILE]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compare import Row, compare, load_torch, show, use_threads

CHAIN = 200
LARGE = 1_000_000


def chain(x: Any, w: Any, b: Any) -> Callable[[], None]:
    """200 operations on 8 numbers each, forward and backward: product, sum, hyperbolic tangent, difference."""

    def run() -> None:
        h = x
        for _ in range(CHAIN // 4):
            h = (h * w + b).tanh() - h
        h.sum().backward()
        x.grad = w.grad = b.grad = None

    return run


def large(library: Any, x: Any, y: Any) -> dict[str, Callable[[], Any]]:
    """Single operations on a million float32, and a layer norm written out, without gradients."""
    rows = x.reshape(1000, 1000)

    def layer_norm() -> Any:
        centred = rows - rows.mean(-1, keepdim=True)
        return centred / (rows.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()

    return {
        "add": lambda: x + y,
        "mul": lambda: x * y,
        "exp": lambda: library.exp(x),
        "tanh": lambda: library.tanh(x),
        "sigmoid": lambda: library.sigmoid(x),
        "sum": lambda: x.sum(),
        "max": lambda: x.max(),
        "softmax": lambda: library.softmax(rows, 1),
        "layer norm": layer_norm,
    }


def others(library: Any, x: Any, y: Any) -> dict[str, tuple[float | None, Callable[[], Any]]]:
    """Products, indexing and copies, with the ratio aimed at."""
    left, right = x[: 1 << 20].reshape(1024, 1024), y[: 1 << 20].reshape(1024, 1024)
    batch = x[:960_000].reshape(60, 125, 128)
    mask, places = left > 0, (left[0].abs() * 1e6).long() % 1024
    return {
        "matmul 1024": (1.0, lambda: left @ right),
        "bmm 60 x 125 x 128": (1.0, lambda: library.bmm(batch, batch.transpose(1, 2))),
        "index by rows": (1.2, lambda: left[places]),
        "index by mask": (1.2, lambda: left[mask]),
        "slice and add": (1.2, lambda: left[::2, ::2] + 1),
        "cat": (1.2, lambda: library.cat([left, right])),
        "transpose and copy": (1.2, lambda: left.t().contiguous()),
        "relu": (None, lambda: library.relu(x)),
        "log_softmax": (None, lambda: library.log_softmax(left, 1)),
        "sum of columns": (None, lambda: left.sum(0)),
        "max of rows": (None, lambda: left.amax(1)),
        "gather": (1.2, lambda: library.gather(left, 1, places.expand(1024, 1024))),
        "svd 100": (None, lambda: library.linalg.svd(left[:100, :100])),
        "rfft": (None, lambda: library.fft.rfft(left)),
    }


def measure(repeat: int, threads: int) -> list[Row]:
    """Measure everything, and return one row each."""
    torch = load_torch(threads)
    import numpy

    import tensorlib

    random = numpy.random.default_rng(0)
    small = [random.standard_normal(8, "f4") for _ in range(3)]
    rows = [
        compare(
            f"{CHAIN} chained tiny ops, forward + backward",
            chain(*[tensorlib.from_numpy(a.copy()).requires_grad_() for a in small]),
            chain(*[torch.from_numpy(a.copy()).requires_grad_() for a in small]),
            repeat,
            target=0.8,
        )
    ]
    arrays = [random.standard_normal(LARGE, "f4") for _ in range(2)]
    ours = large(tensorlib, *map(tensorlib.from_numpy, arrays))
    theirs = large(torch, *map(torch.from_numpy, arrays))
    million = [compare(f"{name}, 1M", ours[name], theirs[name], max(repeat // 4, 10), target=1.2) for name in ours]
    mean = [statistics.geometric_mean([getattr(row, which) for row in million]) for which in ("ours", "theirs")]
    rows += [*million, Row("geometric mean of these", *mean, target=1.0)]
    return rows + _compared_others(repeat, tensorlib, torch, random)


def _compared_others(repeat: int, tensorlib: Any, torch: Any, random: Any) -> list[Row]:
    arrays = [random.standard_normal(1 << 20, "f4") for _ in range(2)]
    ours = others(tensorlib, *map(tensorlib.from_numpy, arrays))
    theirs = others(torch, *map(torch.from_numpy, arrays))
    count = max(repeat // 10, 10)
    return [compare(name, ours[name][1], theirs[name][1], count, ours[name][0]) for name in ours]


def main() -> None:
    """Read the options, measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    use_threads(options.threads)
    show(f"operations, {options.threads} thread(s)", measure(options.repeat, options.threads), options.json)


if __name__ == "__main__":
    main()
