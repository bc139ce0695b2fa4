"""Dividing a data set among the ranks of a distributed job."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tensorlib.errors import ArgumentError
from tensorlib.random import Generator, randperm
from tensorlib.utils.data.sampler import Sampler


class DistributedSampler(Sampler[int]):
    """One rank's part of a data set: every n-th sample of an order that is the same on all ranks.

    The samples go round the ranks like cards. So with batches of B / n per rank, the k-th batches of all n ranks
    together hold the same B samples whatever n is.

    Args:
        dataset: the whole; its length is the same on all ranks.
        num_replicas: number of ranks n; the size of the default process group unless given.
        rank: this rank; that in the default process group unless given.
        shuffle: take a random order, another one for each epoch that is set by `set_epoch`.
        seed: of the random order; the same on all ranks.
        drop_last: leave samples over at the end out, instead of repeating some so that all ranks have equally many.

    Raises:
        ArgumentError: the rank is not below the number of ranks.

    Example:
        >>> [list(DistributedSampler(range(6), num_replicas=2, rank=rank, shuffle=False)) for rank in (0, 1)]
        [[0, 2, 4], [1, 3, 5]]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        from tensorlib import distributed

        self.dataset = dataset
        self.num_replicas = distributed.get_world_size() if num_replicas is None else num_replicas
        self.rank = distributed.get_rank() if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ArgumentError(f"DistributedSampler: rank {self.rank} is not within {self.num_replicas} ranks")
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0
        whole = len(dataset) / self.num_replicas
        self.num_samples = math.floor(whole) if drop_last else math.ceil(whole)
        self.total_size = self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            order = randperm(count, generator=Generator().manual_seed(self.seed + self.epoch)).tolist()
        else:
            order = list(range(count))
        rounds = math.ceil(self.total_size / count) if count else 0
        return iter((order * rounds)[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes, so that each has another random order."""
        self.epoch = epoch
