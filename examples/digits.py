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
import importlib.util
import math
import os
import pickle
import signal
import sys
import tempfile
import textwrap
import time
import zlib
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
    """Speaks once, not once per process."""

    def error(self, message: str) -> NoReturn:
        """Report the message and exit."""
        fail(message)

    def print_help(self, file: Any = None) -> None:
        """Print the help on rank 0."""
        if RANK == 0:
            super().print_help(file)


def count(text: str) -> int:
    """Read a whole number above zero."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"needs a whole number above zero, not {text!r}")
    return int(text)


def rate(text: str) -> float:
    """Read a finite number above zero."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"needs a number above zero, not {text!r}")
    return value


def parse_options() -> argparse.Namespace:
    """Read and check the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="MNIST as IDX files instead of the embedded digits")
    parser.add_argument("--epochs", type=count, default=20)
    parser.add_argument("--batch-size", type=count, default=32, help="of all processes together")
    parser.add_argument("--lr", type=rate, help="of the first epoch, falls linearly to zero; 0.1, for MNIST 0.03")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--checkpoint", type=Path, metavar="FILE", help="written after every epoch")
    parser.add_argument("--resume", type=Path, metavar="FILE", help="a checkpoint to go on from, with the same options")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="loss and accuracy by epoch")
    options = parser.parse_args()
    if options.lr is None:
        options.lr = 0.03 if options.data else 0.1
    if options.batch_size % WORLD_SIZE:
        possible = options.batch_size + WORLD_SIZE - options.batch_size % WORLD_SIZE
        fail(f"--batch-size {options.batch_size} cannot be shared equally by {WORLD_SIZE} processes; {possible} can")
    if not -(2**63) <= options.seed < 2**64:
        fail(f"--seed must fit in 64 bits, {options.seed} does not")
    if options.plot and options.plot.suffix != ".png":
        fail(f"--plot needs the name of a .png file, not {str(options.plot)!r}")
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        fail("--plot needs matplotlib: pip install matplotlib")
    for path in filter(None, (options.checkpoint, options.plot)):
        check_writable(path)
    return options


def check_writable(path: Path) -> None:
    """Say now, not after hours of training, that a file cannot be written."""
    try:
        if path.is_dir():
            fail(f"{path}: cannot be written: it is a directory")
        if path.exists() and not os.access(path, os.W_OK):
            fail(f"{path}: cannot be written: it is read-only")
        tempfile.TemporaryFile(dir=path.resolve().parent).close()
    except OSError as error:
        fail(f"{path}: cannot be written: {error.strerror}")


def embedded_digits() -> tuple[Any, Any, int]:
    """Return images, labels, and how many are for training, of the digits that come with scikit-learn."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        fail("the embedded digits come with scikit-learn: pip install scikit-learn, or give --data DIR")
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))  # the file is sorted by writer
    return digits.images[order] / 16.0, digits.target[order], 1437


def mnist(directory: Path) -> tuple[Any, Any, int]:
    """Return images, labels, and how many are for training; of a lone t10k set the last 1,000 are held out."""
    names = [name for name in ("train", "t10k") if any(directory.glob(f"{name}-images*"))]
    if not names:
        fail(f"{directory}: no IDX files train-images-idx3-ubyte or t10k-images-idx3-ubyte (plain or .gz) there")
    sets = [read_set(directory, name) for name in names]
    images, labels = (np.concatenate(arrays) for arrays in zip(*sets, strict=True))
    return images / 255.0, labels, len(sets[0][0]) if len(sets) == 2 else max(0, len(images) - 1000)


def read_set(directory: Path, name: str) -> tuple[Any, Any]:
    """Return the images, (N, 28, 28), and labels, (N,), of the set `train` or `t10k`."""
    images = read_idx(first_of(directory, f"{name}-images-idx3-ubyte"))
    labels = read_idx(first_of(directory, f"{name}-labels-idx1-ubyte"))
    if images.shape[1:] != (28, 28):
        fail(f"{directory}: {name} images have shape {images.shape}, needed is (N, 28, 28)")
    if labels.shape != images.shape[:1]:
        fail(f"{directory}: {len(images)} {name} images, but labels of shape {labels.shape}")
    if not np.isin(labels, range(10)).all():
        fail(f"{directory}: {name} labels are from {labels.min()} to {labels.max()}, needed are 0 to 9")
    return images, labels


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
    if options.batch_size > train:
        fail(f"--batch-size {options.batch_size} is more than the {train} images to train with")
    if train == len(images):
        fail(f"{options.data}: no images to test with")
    images = (images - images[:train].mean()) / images[:train].std()
    x = tensorlib.tensor(images[:, None], dtype=options.dtype)
    y = tensorlib.tensor(labels, dtype=tensorlib.int64)
    return TensorDataset(x[:train], y[:train]), TensorDataset(x[train:], y[train:])


def checksum_of_data(splits: Splits) -> str:
    """Return a checksum of all images and labels, the same for every dtype."""
    checksum = 0
    for tensor in (tensor for split in splits for tensor in split.tensors):
        checksum = zlib.crc32(np.ascontiguousarray(tensor.float().numpy()).data, checksum)
    return f"{checksum:08x}"


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
        self.settings = {f"--{name}": vars(options)[name] for name in ("epochs", "lr", "seed", "dtype")}
        self.settings |= {"--batch-size": options.batch_size, "data of checksum": checksum_of_data(splits)}
        if options.resume:
            self.resume(options.resume)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, if that gives the curve of a run without interruption."""
        try:
            state = tensorlib.load(path)
            if not isinstance(state, dict) or not {"model", "optimizer", "settings", "history"} <= state.keys():
                raise ValueError("it is no checkpoint of digits.py")
            self.net.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
        except OSError as error:
            fail(f"{path}: cannot be read: {error.strerror}")
        except (KeyError, TypeError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
            fail(textwrap.shorten(f"{path}: cannot be resumed: {error}", 250, placeholder=" ..."))
        for name, value in self.settings.items():
            if state["settings"].get(name) != value:
                fail(f"{path}: cannot be resumed: was trained with {name} {state['settings'].get(name)}, not {value}")
        self.history = state["history"]

    def save(self) -> None:
        """Write a checkpoint; the file is replaced in one step, so there is always a whole one."""
        if RANK == 0 and self.options.checkpoint:
            state = {"model": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
            tensorlib.save(state | {"settings": self.settings, "history": self.history}, self.options.checkpoint)

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
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
