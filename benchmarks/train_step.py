"""Whole training steps, against PyTorch on the CPU: an MLP with Adam, LeNet with SGD.

    python benchmarks/train_step.py [--repeat 100] [--threads 1] [--json FILE] [--one-process]

The same text builds both models, on batches of the same shapes. Each library runs in a process of its own, and they
take turns; with `--one-process` both run in one, where PyTorch gains from memory that tensorlib makes the process keep.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compare import Peer, Row, compare, compare_processes, load_torch, serve, show, use_threads

TARGETS = {"MLP 784-512-512-10, batch 128, Adam": 0.7, "LeNet, batch 64, SGD": 1.2}
BATCHES = dict(zip(TARGETS, (128, 64), strict=True))


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


def trainers(library: Any) -> dict[str, Callable[[int], Callable[[], None]]]:
    """Return for each model of a library, tensorlib or PyTorch, what makes a step with a batch of so many images."""
    import numpy

    random = numpy.random.default_rng(0)
    nn, optim = library.nn, library.optim

    def trainer(model: Any, optimizer: Any, *shape: int) -> Callable[[int], Callable[[], None]]:
        def make(images: int) -> Callable[[], None]:
            batch, labels = random.standard_normal((images, *shape), "f4"), random.integers(0, 10, images)
            return step(nn, model, optimizer, library.from_numpy(batch), library.from_numpy(labels))

        return make

    perceptron, convnet = mlp(nn), lenet(nn)
    adam = optim.Adam(perceptron.parameters(), lr=1e-3)
    sgd = optim.SGD(convnet.parameters(), lr=0.01, momentum=0.9)
    made = (trainer(perceptron, adam, 784), trainer(convnet, sgd, 1, 28, 28))
    return dict(zip(TARGETS, made, strict=True))


def steps(library: Any) -> dict[str, Callable[[], None]]:
    """Return the steps of one library, with the usual batches."""
    return {name: make(BATCHES[name]) for name, make in trainers(library).items()}


def load(which: str, threads: int) -> Any:
    """Import one of the libraries."""
    if which == "theirs":
        return load_torch(threads)
    import tensorlib

    return tensorlib


def measure(repeat: int, threads: int, one_process: bool) -> list[Row]:
    """Measure all steps, and return one row each."""
    if one_process:
        theirs, ours = steps(load("theirs", threads)), steps(load("ours", threads))
        return [compare(name, ours[name], theirs[name], repeat, target) for name, target in TARGETS.items()]
    peers = [Peer(__file__, which, threads) for which in ("ours", "theirs")]
    rows = [compare_processes(name, *peers, repeat, target) for name, target in TARGETS.items()]
    for peer in peers:
        peer.close()
    return rows


def main() -> None:
    """Read the options, measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=100)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one-process", action="store_true")
    parser.add_argument("--serve", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    use_threads(options.threads)
    if options.serve:
        serve(steps(load(options.serve, options.threads)))
        return
    rows = measure(options.repeat, options.threads, options.one_process)
    where = "one process" if options.one_process else "a process each"
    show(f"training steps, {options.threads} thread(s), {where}", rows, options.json)


if __name__ == "__main__":
    main()
