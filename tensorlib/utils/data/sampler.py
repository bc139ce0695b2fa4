"""Samplers: the order in which the samples of a data set are taken."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from tensorlib.creation import as_tensor
from tensorlib.dtypes import float64
from tensorlib.errors import ArgumentError
from tensorlib.random import Generator, randint, randperm
from tensorlib.sampling import multinomial

Taken = TypeVar("Taken", covariant=True)


class Sampler(Generic[Taken]):
    """An order of samples: a subclass defines `__iter__`, which yields numbers of samples, and usually `__len__`."""

    def __iter__(self) -> Iterator[Taken]:
        raise NotImplementedError(f"{type(self).__name__} has no __iter__: define one that yields numbers of samples")


class SequentialSampler(Sampler[int]):
    """The samples in their own order.

    Args:
        data_source: the data set.

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Any) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The samples in a random order, another one each time.

    Args:
        data_source: the data set.
        replacement: draw each sample from all, so that one may come twice.
        num_samples: how many to draw; as many as there are unless given.
        generator: where the randomness comes from. Unless given, each iteration takes one number from the default
            generator, so that `tensorlib.manual_seed` makes it reproducible.

    Raises:
        ArgumentError: `num_samples` is not positive.

    Example:
        >>> sorted(RandomSampler("abc"))
        [0, 1, 2]
    """

    def __init__(
        self,
        data_source: Any,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if num_samples is not None and num_samples <= 0:
            raise ArgumentError(f"RandomSampler: num_samples must be positive, {num_samples} given")
        self.data_source = data_source
        self.replacement = replacement
        self.generator = generator
        self._num_samples = num_samples

    @property
    def num_samples(self) -> int:
        """How many samples one iteration takes."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        generator = self.generator or Generator().manual_seed(random_seed())
        count, wanted = len(self.data_source), self.num_samples
        if self.replacement:
            yield from randint(0, count, (wanted,), generator=generator).tolist()
            return
        for taken in range(0, wanted, max(count, 1)):
            yield from randperm(count, generator=generator).tolist()[: wanted - taken]

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Given samples in a random order, another one each time.

    Args:
        indices: numbers of samples.
        generator: where the randomness comes from; the default generator unless given.

    Example:
        >>> sorted(SubsetRandomSampler([4, 2, 7]))
        [2, 4, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        return iter([self.indices[k] for k in randperm(len(self.indices), generator=self.generator).tolist()])

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Samples drawn with given weights.

    Args:
        weights: one number, not negative, for each sample; they need not add up to one.
        num_samples: how many to draw.
        replacement: draw each from all, so that one may come twice.
        generator: where the randomness comes from; the default generator unless given.

    Raises:
        ArgumentError: `num_samples` is not positive.

    Example:
        >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], 2))
        [1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float],
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if num_samples <= 0:
            raise ArgumentError(f"WeightedRandomSampler: num_samples must be positive, {num_samples} given")
        self.weights = as_tensor(weights, dtype=float64)
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """The order of another sampler in batches.

    Args:
        sampler: yields numbers of samples.
        batch_size: how many make a batch.
        drop_last: leave out a last batch that is not full.

    Raises:
        ArgumentError: the batch size is not positive.

    Example:
        >>> list(BatchSampler(range(5), 2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Any, batch_size: int, drop_last: bool) -> None:
        self.sampler: Iterable[int] = sampler
        self.batch_size = check_batch_size("BatchSampler", batch_size)
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        numbers = iter(self.sampler)
        while batch := list(itertools.islice(numbers, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        count = len(self.sampler)  # type: ignore[arg-type]  # raises where there is no length
        return count // self.batch_size if self.drop_last else math.ceil(count / self.batch_size)


def random_seed(generator: Generator | None = None) -> int:
    """Draw a seed from a generator, the default one unless given."""
    return int(randint(0, 2**63 - 1, (), generator=generator).item())


def check_batch_size(name: str, batch_size: float) -> int:
    """Return a batch size as an int; 64.0 will do.

    Raises:
        ArgumentError: it is no positive whole number.
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, (int, float)) or batch_size != int(batch_size):
        raise ArgumentError(f"{name}: batch_size must be a whole number, {batch_size!r} given")
    if batch_size < 1:
        raise ArgumentError(f"{name}: batch_size must be positive, {batch_size!r} given")
    return int(batch_size)
