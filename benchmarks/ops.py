"""Operations, against PyTorch on the CPU: chains of tiny ones forward and backward, and single large ones.

python benchmarks/ops.py [--repeat 200] [--threads 1] [--json FILE]
"""

from __future__ import annotations

import argparse
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
    """Single operations on a million float32 without gradients."""
    return {
        "add 1M": lambda: x + y,
        "mul 1M": lambda: x * y,
        "exp 1M": lambda: library.exp(x),
        "tanh 1M": lambda: library.tanh(x),
        "sigmoid 1M": lambda: library.sigmoid(x),
        "relu 1M": lambda: library.relu(x),
        "sum 1M": lambda: x.sum(),
        "softmax 1000x1000": lambda: library.softmax(x.reshape(1000, 1000), 1),
        "matmul 1000": lambda: x.reshape(1000, 1000) @ y.reshape(1000, 1000),
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
            target=1.0,
        )
    ]
    arrays = [random.standard_normal(LARGE, "f4") for _ in range(2)]
    ours = large(tensorlib, *map(tensorlib.from_numpy, arrays))
    theirs = large(torch, *map(torch.from_numpy, arrays))
    rows += [compare(name, ours[name], theirs[name], max(repeat // 4, 10)) for name in ours]
    return rows


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
