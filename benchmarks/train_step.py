"""Whole training steps, against PyTorch on the CPU: an MLP with Adam, LeNet with SGD.

    python benchmarks/train_step.py [--repeat 100] [--threads 1] [--json FILE]

The same text builds both models; both start from the same weights, and see the same batch.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compare import Row, compare, load_torch, show, use_threads


def mlp(nn: Any) -> Any:
    """784-512-512-10 with ReLU."""
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def lenet(nn: Any) -> Any:
    """LeNet-5 for images of 1 x 28 x 28, with ReLU and max pooling."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def step(nn: Any, model: Any, optimizer: Any, inputs: Any, labels: Any) -> Callable[[], None]:
    """One training step: zero the gradients, forward, loss, backward, update."""
    criterion = nn.CrossEntropyLoss()

    def run() -> None:
        optimizer.zero_grad()
        criterion(model(inputs), labels).backward()
        optimizer.step()

    return run


def measure(repeat: int, threads: int) -> list[Row]:
    """Measure both steps, and return one row each."""
    torch = load_torch(threads)
    import numpy

    import tensorlib
    from tensorlib import nn, optim

    random = numpy.random.default_rng(0)
    cases: list[tuple[str, Callable[[Any], Any], tuple[int, ...], Callable[[Any, Any], Any], float]] = [
        ("MLP 784-512-512-10, batch 128, Adam", mlp, (128, 784), lambda o, p: o.Adam(p, lr=1e-3), 0.7),
        ("LeNet, batch 64, SGD", lenet, (64, 1, 28, 28), lambda o, p: o.SGD(p, lr=0.01, momentum=0.9), 1.2),
    ]
    rows = []
    for name, build, shape, make_optimizer, target in cases:
        theirs, ours = build(torch.nn), build(nn)
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.data = tensorlib.from_numpy(other.detach().numpy().copy())
        images, labels = random.standard_normal(shape, "f4"), random.integers(0, 10, shape[0])
        rows.append(
            compare(
                name,
                step(
                    nn,
                    ours,
                    make_optimizer(optim, ours.parameters()),
                    tensorlib.from_numpy(images),
                    tensorlib.from_numpy(labels),
                ),
                step(
                    torch.nn,
                    theirs,
                    make_optimizer(torch.optim, theirs.parameters()),
                    torch.from_numpy(images),
                    torch.from_numpy(labels),
                ),
                repeat,
                target,
            )
        )
    return rows


def main() -> None:
    """Read the options, measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    use_threads(options.threads)
    show(f"training steps, {options.threads} thread(s)", measure(options.repeat, options.threads), options.json)


if __name__ == "__main__":
    main()
