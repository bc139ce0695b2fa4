"""Data sets: what knows its samples by number, or yields them one after the other."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from tensorlib._xp import array_module
from tensorlib.errors import ArgumentError
from tensorlib.tensor import Tensor, wrap
from tensorlib.utils.data.collate import default_collate

Sample = TypeVar("Sample", covariant=True)


class Dataset(Generic[Sample]):
    """Samples by number: a subclass defines `__getitem__` and `__len__`.

    It may also define `__getitems__(indices)`, which returns a list of samples at once, and
    `fetch_batch(indices)`, which returns them as one batch, as `default_collate` would put it together.

    Example:
        >>> class Squares(Dataset):
        ...     def __getitem__(self, index):
        ...         return index**2
        ...
        ...     def __len__(self):
        ...         return 10
        >>> Squares()[3], len(Squares() + Squares())
        (9, 20)
    """

    def __getitem__(self, index: Any) -> Sample:
        raise NotImplementedError(f"{type(self).__name__} has no __getitem__: define one that returns a sample")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Sample]):
    """Samples one after the other: a subclass defines `__iter__`.

    With several workers each of them iterates over its own copy; `get_worker_info()` tells it which part is its own.

    Example:
        >>> class Countdown(IterableDataset):
        ...     def __iter__(self):
        ...         return iter([3, 2, 1])
        >>> list(Countdown())
        [3, 2, 1]
    """

    def __iter__(self) -> Iterator[Sample]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__: define one that yields samples")

    def __add__(self, other: Dataset[Any]) -> ChainDataset:  # type: ignore[override]  # as in PyTorch
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples that are rows of tensors: sample k is the tuple of the k-th rows.

    Args:
        *tensors: tensors of equal length.

    Raises:
        ArgumentError: there is none, or their lengths differ.
        TypeError: one is no tensor.

    Example:
        >>> TensorDataset(tensorlib.tensor([[1.0], [2.0]]), tensorlib.tensor([0, 1]))[1]
        (tensor([2.]), tensor(1))
    """

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ArgumentError("TensorDataset: needs at least one tensor")
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise TypeError(f"TensorDataset: needs tensors, not {type(tensor).__name__}")
        shapes = [tuple(tensor.shape) for tensor in tensors]
        if not all(shapes) or len({shape[0] for shape in shapes}) != 1:
            raise ArgumentError(f"TensorDataset: needs tensors of equal length, given are shapes {shapes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple([tensor[index] for tensor in self.tensors])

    def fetch_batch(self, indices: Sequence[int]) -> list[Tensor]:
        """Return the rows of several samples together: one tensor each."""
        arrays = [tensor._array for tensor in self.tensors]
        return [wrap(array.take(array_module(array).asarray(indices), axis=0)) for array in arrays]

    def __len__(self) -> int:
        return len(self.tensors[0])


class ConcatDataset(Dataset[Sample]):
    """The samples of several data sets, one set after the other.

    Args:
        datasets: data sets that know their lengths.

    Raises:
        ArgumentError: there is none.
        TypeError: one is an IterableDataset.

    Example:
        >>> both = ConcatDataset([range(3), range(10, 12)])
        >>> len(both), both[3], both[-1]
        (5, 10, 11)
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("ConcatDataset: needs at least one data set")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise TypeError("ConcatDataset: an IterableDataset has no length; use ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __getitem__(self, index: int) -> Sample:
        count = len(self)
        if not -count <= index < count:
            raise IndexError(f"ConcatDataset: index {index} is out of range for {count} samples")
        index %= count
        which = bisect.bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[which - 1] if which else 0
        sample: Sample = self.datasets[which][index - start]
        return sample

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset[Any]):
    """The samples of several iterable data sets, one set after the other.

    Args:
        datasets: data sets to iterate over.

    Example:
        >>> list(ChainDataset([[1, 2], [3]]))
        [1, 2, 3]
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)

    def __iter__(self) -> Iterator[Any]:
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum(map(len, self.datasets))


class Subset(Dataset[Sample]):
    """Some of the samples of a data set.

    Args:
        dataset: the whole.
        indices: numbers of the samples, in the order wanted.

    Example:
        >>> list(Subset("abcdef", [4, 1]))
        ['e', 'b']
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (list, tuple)):
            return self.dataset[[self.indices[k] for k in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """Return several samples."""
        chosen = [self.indices[k] for k in indices]
        if hasattr(self.dataset, "__getitems__"):
            samples: list[Sample] = self.dataset.__getitems__(chosen)
            return samples
        return [self.dataset[k] for k in chosen]

    def fetch_batch(self, indices: Sequence[int]) -> Any:
        """Return several samples as one batch."""
        if hasattr(self.dataset, "fetch_batch"):
            return self.dataset.fetch_batch([self.indices[k] for k in indices])
        return default_collate(self.__getitems__(indices))

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[float], generator: Any = None) -> list[Subset[Any]]:
    """Divide a data set at random into parts that do not overlap.

    Args:
        dataset: the whole; knows its length.
        lengths: how many samples each part gets, or fractions that add up to 1.
        generator: where the randomness comes from; the default generator unless given.

    Raises:
        ArgumentError: the lengths do not add up to that of the data set.

    Example:
        >>> parts = random_split(range(10), [0.8, 0.2])
        >>> [len(part) for part in parts], sorted([*parts[0], *parts[1]]) == list(range(10))
        ([8, 2], True)
    """
    from tensorlib.random import randperm

    counts = _split_counts(len(dataset), lengths)
    order = randperm(len(dataset), generator=generator).tolist()
    ends = list(itertools.accumulate(counts))
    return [Subset(dataset, order[end - count : end]) for count, end in zip(counts, ends, strict=True)]


def _split_counts(total: int, lengths: Sequence[float]) -> list[int]:
    """Return whole numbers for lengths or fractions; what fractions leave over goes to the first parts."""
    if math.isclose(sum(lengths), 1) and all(0 <= length <= 1 for length in lengths):
        counts = [math.floor(total * fraction) for fraction in lengths]
        for k in range(total - sum(counts)):
            counts[k % len(counts)] += 1
        return counts
    if sum(lengths) != total:
        raise ArgumentError(
            f"random_split: the lengths {list(lengths)} add up to {sum(lengths)}, not to {total} samples"
        )
    return [int(length) for length in lengths]
