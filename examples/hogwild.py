"""Trains one model on handwritten digits in several processes at once, without locks (Hogwild).

    python examples/hogwild.py --processes 4           # 1,797 real digits of 8 x 8 pixels, from scikit-learn

The parameters lie in memory that all processes share. Each process computes gradients of its own batches and subtracts
them from the parameters while the others read and write them. Updates that meet are lost now and then; as they are
small and many, training gets there all the same.

Source: Niu, Recht, Re, Wright, "Hogwild!: A Lock-Free Approach to Parallelizing Stochastic Gradient Descent" (2011).
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np

import tensorlib
from tensorlib import multiprocessing, nn
from tensorlib.nn import functional as F
from tensorlib.optim import SGD
from tensorlib.utils.data import DataLoader, TensorDataset

TRAIN = 1437  # images to train with; the rest is for the test


def load_data() -> tuple[Any, Any]:
    """Return the images, of shape (N, 64), and their labels, in an order that is random but always the same."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        sys.exit("hogwild.py: error: the digits come with scikit-learn: pip install scikit-learn")
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    images = tensorlib.tensor(digits.data[order] / 16.0, dtype=tensorlib.float32)
    return images, tensorlib.tensor(digits.target[order], dtype=tensorlib.int64)


def make_model() -> nn.Module:
    """Return a network of two layers for images of 64 pixels."""
    return nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))


def accuracy(model: nn.Module, images: Any, labels: Any) -> float:
    """Return the share of images that are recognised."""
    with tensorlib.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


def train(rank: int, model: nn.Module, images: Any, labels: Any, updates: Any, options: argparse.Namespace) -> None:
    """Train the shared model on all images, in an order of this process's own; count the updates."""
    tensorlib.manual_seed(options.seed + 1 + rank)
    optimizer = SGD(model.parameters(), lr=options.lr)
    for epoch in range(options.epochs):
        for x, y in DataLoader(TensorDataset(images, labels), batch_size=options.batch_size, shuffle=True):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            updates[rank] += 1
        sys.stdout.write(f"process {rank}  epoch {epoch + 1}  loss {loss.item():.4f}\n")  # in one piece, unlike print()
        sys.stdout.flush()


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=4, help="of each process")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start-method", choices=multiprocessing.get_all_start_methods(), default="spawn")
    parser.add_argument("--sharing", choices=sorted(multiprocessing.get_all_sharing_strategies()))
    options = parser.parse_args()
    for name in ("processes", "epochs", "batch_size", "lr"):
        if not vars(options)[name] > 0:
            parser.error(f"--{name.replace('_', '-')} must be above zero")
    return options


def main() -> None:
    """Train and test."""
    options = parse_options()
    if options.sharing:
        multiprocessing.set_sharing_strategy(options.sharing)
    tensorlib.manual_seed(options.seed)
    model = make_model().share_memory()
    images, labels = (tensor.share_memory_() for tensor in load_data())
    updates = tensorlib.zeros(options.processes, dtype=tensorlib.int64).share_memory_()
    started = time.perf_counter()
    arguments = (model, images[:TRAIN], labels[:TRAIN], updates, options)
    multiprocessing.start_processes(train, arguments, options.processes, start_method=options.start_method)
    seconds = time.perf_counter() - started
    print(f"{updates.sum().item()} updates in {seconds:.1f} s by {options.processes} processes")
    print(f"accuracy {accuracy(model, images[TRAIN:], labels[TRAIN:]):.2%}")


if __name__ == "__main__":
    main()
