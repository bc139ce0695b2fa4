"""Trains a small convolutional network on handwritten digits, on one process or several.

    tlrun -n 4 examples/digits.py                      # 1,797 real digits of 8 x 8 pixels, from scikit-learn
    tlrun -n 4 examples/digits.py --data DIR           # MNIST: IDX files in DIR, plain or .gz
    python examples/digits.py                          # without a launcher: one process

The batch size is that of all processes together, so the loss curve does not depend on their number. The networks are
smooth, with tanh and average pooling: with ReLU or max pooling a last bit, which depends on how a batch is divided, now
and then decides which way a gradient goes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import dist
import tensorlib
from tensorlib import nn
from tensorlib.nn import functional as F
from tensorlib.nn.parallel import DistributedDataParallel
from tensorlib.optim import SGD
from tensorlib.utils.data import DataLoader, DistributedSampler, TensorDataset
from tensorlib.vision import DataFileError, read_idx

RANK = int(os.environ.get("RANK", "0"))
WORLD_SIZE = int(os.environ.get("WORLD_SIZE", "1"))
Splits = tuple[TensorDataset, TensorDataset]


class DigitsNet(nn.Module):
    """Two convolutions and two linear layers for images of 1 x 8 x 8."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x: Any) -> Any:
        """Return the scores of the ten digits for images of shape (N, 1, 8, 8)."""
        x = F.avg_pool2d(self.conv1(x).tanh(), 2)
        x = F.avg_pool2d(self.conv2(x).tanh(), 2)
        return self.fc2(self.fc1(x.flatten(1)).tanh())


class LeNet(nn.Module):
    """LeNet-5 for images of 1 x 28 x 28 (LeCun, Bottou, Bengio, Haffner 1998)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Any) -> Any:
        """Return the scores of the ten digits for images of shape (N, 1, 28, 28)."""
        x = F.avg_pool2d(self.conv1(x).tanh(), 2)
        x = F.avg_pool2d(self.conv2(x).tanh(), 2)
        x = self.fc1(x.flatten(1)).tanh()
        return self.fc3(self.fc2(x).tanh())


def fail(message: str) -> NoReturn:
    """Say once what is wrong with the input, and end every process with exit code 2."""
    if RANK == 0:
        print(f"digits.py: error: {message}", file=sys.stderr, flush=True)
    sys.exit(2)


class Parser(argparse.ArgumentParser):
    """Reports a wrong option once, not once per process."""

    def error(self, message: str) -> NoReturn:
        """Report the message and exit."""
        fail(message)


def positive(text: str) -> int:
    """Read a whole number above zero."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} given, at least 1 needed")
    return value


def parse_options() -> argparse.Namespace:
    """Read and check the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="MNIST as IDX files instead of the embedded digits")
    parser.add_argument("--epochs", type=positive, default=20)
    parser.add_argument("--batch-size", type=positive, default=32, help="of all processes together")
    parser.add_argument("--lr", type=float, help="of the first epoch, falls linearly to zero; 0.1, for MNIST 0.03")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="written after every epoch")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="a checkpoint to go on from")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="loss and accuracy by epoch")
    options = parser.parse_args()
    if options.lr is None:
        options.lr = 0.03 if options.data else 0.1
    if options.batch_size % WORLD_SIZE:
        fail(f"--batch-size {options.batch_size} cannot be shared equally by {WORLD_SIZE} processes")
    for path in (options.checkpoint, options.plot):
        if path is not None and not os.access(path if path.exists() else path.resolve().parent, os.W_OK):
            fail(f"{path}: cannot be written")
    return options


def embedded_digits() -> tuple[Any, Any, int]:
    """Return images, labels, and how many are for training, of the digits that come with scikit-learn."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))  # the file is sorted by writer
    return digits.images[order] / 16.0, digits.target[order], 1437


def mnist(directory: Path) -> tuple[Any, Any, int]:
    """Return images, labels, and how many are for training; of a lone t10k set the last 1,000 are held out."""
    names = [name for name in ("train", "t10k") if any(directory.glob(f"{name}-images*"))]
    if not names:
        fail(f"{directory}: no IDX files train-images-idx3-ubyte or t10k-images-idx3-ubyte (plain or .gz) there")
    parts = []
    for name in names:
        images = read_idx(first_of(directory, f"{name}-images-idx3-ubyte")) / 255.0
        labels = read_idx(first_of(directory, f"{name}-labels-idx1-ubyte"))
        if len(images) != len(labels):
            fail(f"{directory}: {len(images)} {name} images, but {len(labels)} labels")
        parts.append((images, labels))
    train = len(parts[0][0]) - (1000 if len(parts) == 1 else 0)
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return images, labels, train


def first_of(directory: Path, name: str) -> Path:
    """Return the plain file if there is one, else the compressed one."""
    plain = directory / name
    return plain if plain.exists() else directory / f"{name}.gz"


def load_data(options: argparse.Namespace) -> Splits:
    """Return the training and the test set."""
    try:
        images, labels, train = mnist(options.data) if options.data else embedded_digits()
    except DataFileError as error:
        fail(str(error))
    images = (images - images[:train].mean()) / images[:train].std()
    x = tensorlib.tensor(images[:, None], dtype=options.dtype)
    y = tensorlib.tensor(labels, dtype=tensorlib.int64)
    return TensorDataset(x[:train], y[:train]), TensorDataset(x[train:], y[train:])


class Trainer:
    """The model, its optimizer, and what has been measured so far."""

    def __init__(self, options: argparse.Namespace, splits: Splits) -> None:
        self.options = options
        self.train_set, self.test_set = splits
        tensorlib.manual_seed(options.seed)
        self.net = (LeNet() if options.data else DigitsNet()).to(tensorlib.dtypes.as_dtype(options.dtype))
        self.optimizer = SGD(self.net.parameters(), lr=options.lr, momentum=0.9)
        self.sampler = DistributedSampler(self.train_set, WORLD_SIZE, RANK, seed=options.seed, drop_last=True)
        self.loader = DataLoader(self.train_set, options.batch_size // WORLD_SIZE, sampler=self.sampler, drop_last=True)
        self.history: list[dict[str, float]] = []
        if options.resume:
            self.resume(options.resume)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint."""
        try:
            state = tensorlib.load(path)
            self.net.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.history = state["history"]
        except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
            fail(f"{path}: cannot be resumed: {str(error).splitlines()[0]}")

    def save(self) -> None:
        """Write a checkpoint; the file is replaced in one step, so there is always a whole one."""
        if RANK == 0 and self.options.checkpoint:
            state = {"model": self.net.state_dict(), "optimizer": self.optimizer.state_dict(), "history": self.history}
            tensorlib.save(state, self.options.checkpoint)

    def run(self) -> None:
        """Train the epochs that are left."""
        model = DistributedDataParallel(self.net) if WORLD_SIZE > 1 else self.net
        with progress_display(self.options.epochs * len(self.loader), len(self.history) * len(self.loader)) as show:
            for epoch in range(len(self.history), self.options.epochs):
                started = time.perf_counter()
                loss = self.train_epoch(model, epoch, show)
                seconds = time.perf_counter() - started
                samples = len(self.loader) * self.options.batch_size
                row = {"loss": loss, "accuracy": self.accuracy(), "rate": samples / seconds}
                self.history.append(row)
                show(f"epoch {epoch + 1:3d}  loss {loss:.6f}  accuracy {row['accuracy']:.2%}", done=True)
                self.save()

    def train_epoch(self, model: nn.Module, epoch: int, show: Any) -> float:
        """Run over the training set once; return the mean loss over all processes."""
        model.train()
        self.sampler.set_epoch(epoch)
        self.optimizer.param_groups[0]["lr"] = self.options.lr * (1 - epoch / self.options.epochs)
        losses = []
        for images, labels in self.loader:
            self.optimizer.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
            show(f"epoch {epoch + 1}  loss {losses[-1]:.4f}")
        return float(summed(np.array([np.mean(losses)]))[0] / WORLD_SIZE)

    def accuracy(self) -> float:
        """Return the share of the test set that is recognised; each process looks at a part of it."""
        self.net.eval()
        mine = slice(RANK, None, WORLD_SIZE)
        images, labels = self.test_set.tensors
        with tensorlib.no_grad():
            right = (self.net(images[mine]).argmax(1) == labels[mine]).sum().item()
        return int(summed(np.array([right]))[0]) / len(labels)

    def checksum(self) -> str:
        """Return a digest of the parameters' bits."""
        import hashlib

        digest = hashlib.sha256()
        for parameter in self.net.parameters():
            digest.update(np.ascontiguousarray(parameter.detach().numpy()).tobytes())
        return digest.hexdigest()[:16]


def summed(array: Any) -> Any:
    """Return the sum of an array over all processes."""
    if WORLD_SIZE > 1:
        dist.all_reduce(array)
    return array


@contextmanager
def progress_display(total: int, done: int) -> Iterator[Any]:
    """Yield a function that shows progress: a live bar on a terminal, a line per epoch otherwise, on rank 0 only."""
    console = Console()
    if RANK != 0:
        yield lambda text, done=False: None
        return
    if not console.is_terminal:
        yield lambda text, done=False: print(text, flush=True) if done else None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=total, completed=done)

        def show(text: str, done: bool = False) -> None:
            if done:
                bar.console.print(text, highlight=False)
            else:
                bar.update(task, advance=1, description=text)

        yield show


def report(trainer: Trainer, checksums: list[str], communication: float) -> None:
    """Print what was reached: a table of the epochs, the time spent in communication, the parameters' checksums."""
    table = Table("epoch", "loss", "accuracy", "samples/s")
    for epoch, row in enumerate(trainer.history, 1):
        table.add_row(str(epoch), f"{row['loss']:.6f}", f"{row['accuracy']:.2%}", f"{row['rate']:,.0f}")
    console = Console()
    console.print(table)
    console.print(f"communication: {communication:.2f} s on rank 0", highlight=False)
    for rank, checksum in enumerate(checksums):
        console.print(f"parameters of rank {rank}: {checksum}", highlight=False)


def plot(history: list[dict[str, float]], path: Path) -> None:
    """Draw loss and accuracy by epoch."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, left = pyplot.subplots()
    epochs = range(1, len(history) + 1)
    left.plot(epochs, [row["loss"] for row in history], color="tab:blue", label="training loss")
    left.set(xlabel="epoch", ylabel="training loss", yscale="log")
    right = left.twinx()
    right.plot(epochs, [row["accuracy"] for row in history], color="tab:orange", label="test accuracy")
    right.set(ylabel="test accuracy")
    figure.legend(loc="upper center", ncols=2)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Train, report, and leave."""
    options = parse_options()
    trainer = Trainer(options, load_data(options))
    checksums = [""] * WORLD_SIZE
    if WORLD_SIZE > 1:
        dist.init_process_group()
    trainer.run()
    checksums[RANK] = trainer.checksum()
    communication = 0.0
    if WORLD_SIZE > 1:
        communication = dist.get_statistics().seconds
        dist.all_gather_object(checksums, checksums[RANK])
        dist.destroy_process_group()
    if RANK == 0:
        report(trainer, checksums, communication)
        if options.plot:
            plot(trainer.history, options.plot)


if __name__ == "__main__":
    main()
