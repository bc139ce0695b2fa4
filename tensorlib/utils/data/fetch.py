"""How numbers of samples become a batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tensorlib.utils.data.collate import default_collate
from tensorlib.utils.data.dataset import IterableDataset

Fetch = Callable[[Any], Any]


class Exhausted(Exception):
    """An iterable data set has no more samples."""


@dataclass(frozen=True)
class Fetching:
    """Turns a data set into the function that fetches from it.

    Attributes:
        batched: it gets a list of numbers and returns a batch, instead of a number and a sample.
        collate: puts samples together to a batch, or converts the single sample.
        drop_last: an iterable data set's last batch is left out if it is not full.
    """

    batched: bool
    collate: Callable[[Any], Any]
    drop_last: bool

    def __call__(self, dataset: Any) -> Fetch:
        """Return the function; that of an iterable data set starts a new iteration, and raises Exhausted at its end."""
        if isinstance(dataset, IterableDataset):
            samples = iter(dataset)
            return lambda wanted: self._next(samples, wanted)
        if not self.batched:
            return lambda index: self.collate(dataset[index])
        if self.collate is default_collate and hasattr(dataset, "fetch_batch"):
            whole: Fetch = dataset.fetch_batch
            return whole
        if hasattr(dataset, "__getitems__"):
            return lambda indices: self.collate(dataset.__getitems__(indices))
        return lambda indices: self.collate([dataset[index] for index in indices])

    def _next(self, samples: Iterator[Any], wanted: Any) -> Any:
        taken = list(itertools.islice(samples, len(wanted) if self.batched else 1))
        if not taken or (self.batched and self.drop_last and len(taken) < len(wanted)):
            raise Exhausted
        return self.collate(taken if self.batched else taken[0])


def fetch_here(fetch: Fetch, indices: Iterable[Any]) -> Iterator[Any]:
    """Yield batches that are fetched in this process."""
    for wanted in indices:
        try:
            batch = fetch(wanted)
        except Exhausted:
            return
        yield batch
