"""DataLoader: batches of a data set, fetched here or by worker processes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from multiprocessing.context import BaseContext
from typing import Any

from tensorlib.errors import ArgumentError
from tensorlib.random import Generator
from tensorlib.utils.data.collate import default_collate, default_convert
from tensorlib.utils.data.dataset import IterableDataset
from tensorlib.utils.data.fetch import Fetching, fetch_here
from tensorlib.utils.data.pool import WorkerPool
from tensorlib.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    check_batch_size,
    random_seed,
)


class DataLoader:
    """Iterates over a data set in batches.

    Of data sets with `fetch_batch`, such as TensorDataset, whole batches are taken at once unless a `collate_fn` is
    given. Worker processes are forked when an iteration starts and stopped when it ends; they never outlive the thread
    that started them. A worker's exception is raised here, with the worker's traceback as a note.

    Args:
        dataset: the data set, by number or iterable.
        batch_size: samples per batch; None gives single samples.
        shuffle: take the samples in a random order, another one each time.
        sampler: yields the numbers of the samples to take.
        batch_sampler: yields lists of numbers, one per batch.
        num_workers: processes that fetch batches; 0 fetches them here.
        collate_fn: puts a list of samples together to a batch; `default_collate` unless given.
        pin_memory: accepted for PyTorch's sake; NumPy's memory is as it is.
        drop_last: leave out a last batch that is not full.
        timeout: seconds, or a timedelta, to wait for a worker's batch; 0 for no limit.
        worker_init_fn: called in each worker with its number, before the first sample.
        multiprocessing_context: how workers are started: "fork", "spawn", "forkserver", or a context.
        generator: where the order and the workers' seeds come from; the default generator unless given.
        prefetch_factor: batches that each worker prepares ahead; 2 unless given.
        persistent_workers: keep the workers from one iteration to the next.

    Raises:
        ArgumentError: options exclude one another or are out of range.

    Example:
        >>> from tensorlib.utils.data import TensorDataset
        >>> loader = DataLoader(TensorDataset(tensorlib.arange(5)), batch_size=2)
        >>> len(loader), [batch for (batch,) in loader]
        (3, [tensor([0, 1]), tensor([2, 3]), tensor([4])])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: float | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float | timedelta = 300.0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
    ) -> None:
        self.dataset = dataset
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.timeout = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = 2 if prefetch_factor is None else prefetch_factor
        self.persistent_workers = persistent_workers
        self._check_workers()
        self._choose_order(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.collate_fn = collate_fn or (default_convert if self.batch_sampler is None else default_collate)
        self._pool: WorkerPool | None = None

    def _check_workers(self) -> None:
        if self.num_workers < 0 or self.prefetch_factor < 1 or self.timeout < 0:
            raise ArgumentError(
                f"DataLoader: num_workers {self.num_workers} and timeout {self.timeout} must not be negative, "
                f"prefetch_factor {self.prefetch_factor} must be positive"
            )
        if self.persistent_workers and not self.num_workers:
            raise ArgumentError("DataLoader: persistent_workers needs num_workers above 0")

    def _choose_order(
        self,
        batch_size: float | None,
        shuffle: bool | None,
        sampler: Iterable[int] | None,
        batch_sampler: Iterable[list[int]] | None,
        drop_last: bool,
    ) -> None:
        """Find out from the options which samples make which batch."""
        self._check_exclusions(batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.drop_last = drop_last
        self.batch_size = None
        if batch_sampler is None and batch_size is not None:
            self.batch_size = check_batch_size("DataLoader", batch_size)
        if sampler is None:
            iterable = isinstance(self.dataset, IterableDataset)
            if shuffle:
                sampler = RandomSampler(self.dataset, generator=self.generator)
            else:
                sampler = itertools.repeat(-1) if iterable else SequentialSampler(self.dataset)
        self.sampler = sampler
        if batch_sampler is None and self.batch_size is not None:
            batch_sampler = BatchSampler(sampler, self.batch_size, drop_last)
        self.batch_sampler = batch_sampler

    def _check_exclusions(
        self, batch_size: Any, shuffle: bool | None, sampler: Any, batch_sampler: Any, drop_last: bool
    ) -> None:
        if sampler is not None and shuffle:
            raise ArgumentError("DataLoader: sampler and shuffle exclude one another")
        if isinstance(self.dataset, IterableDataset) and (shuffle or sampler or batch_sampler):
            raise ArgumentError("DataLoader: an IterableDataset has its own order; shuffle and samplers do not apply")
        if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
            raise ArgumentError("DataLoader: batch_sampler excludes batch_size, shuffle, sampler and drop_last")
        if batch_size is None and drop_last and batch_sampler is None:
            raise ArgumentError("DataLoader: drop_last needs a batch_size")

    def __iter__(self) -> Iterator[Any]:
        seed = random_seed(self.generator)  # drawn also without workers, so that the order is the same
        fetching = Fetching(self.batch_sampler is not None, self.collate_fn, self.drop_last)
        indices = iter(self.sampler if self.batch_sampler is None else self.batch_sampler)
        if not self.num_workers:
            return fetch_here(fetching(self.dataset), indices)
        pool = self._pool
        if pool is None or not pool.is_open:
            context = self.multiprocessing_context
            pool = WorkerPool(self.dataset, self.num_workers, fetching, self.worker_init_fn, context)
        if self.persistent_workers:
            self._pool = pool
        return pool.batches(indices, seed, self.prefetch_factor, self.timeout, keep=self.persistent_workers)

    def __len__(self) -> int:
        """Return the number of batches.

        Raises:
            TypeError: the data set or sampler does not know its length.
        """
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
        count = len(self.dataset)  # type: ignore[arg-type]  # raises where there is no length
        if self.batch_size is None:
            return count
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
