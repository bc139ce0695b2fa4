"""Data sets, samplers, putting batches together, and loading in this process."""

from __future__ import annotations

from collections import Counter, namedtuple
from itertools import chain

import numpy
import pytest

import tensorlib
from tensorlib.errors import ArgumentError, ShapeError
from tensorlib.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)

Point = namedtuple("Point", "x y")


def generator(seed=0):
    return tensorlib.Generator().manual_seed(seed)


def rows(count=10):
    return TensorDataset(tensorlib.arange(count).reshape(count, 1).float(), tensorlib.arange(count))


class Squares(Dataset):
    def __init__(self, count=10):
        self.count = count

    def __getitem__(self, index):
        return index**2

    def __len__(self):
        return self.count


class Stream(IterableDataset):
    def __init__(self, count=10):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))


def values(loader):
    return [batch.tolist() for batch in loader]


class TestDatasets:
    def test_rows_of_tensors(self):
        x, y = rows()[3]
        assert (x.tolist(), y.item(), len(rows())) == ([3.0], 3, 10)
        x, y = rows().fetch_batch([5, 2])
        assert (x.tolist(), y.tolist()) == ([[5.0], [2.0]], [5, 2])

    @pytest.mark.parametrize(
        ("tensors", "kind", "message"),
        [
            ((), ValueError, "at least one"),
            (([1],), TypeError, "needs tensors, not list"),
            (
                (tensorlib.ones(2), tensorlib.ones(3)),
                ArgumentError,
                r"equal length, given are shapes \[\(2,\), \(3,\)\]",
            ),
            ((tensorlib.tensor(1.0),), ArgumentError, "equal length"),
        ],
    )
    def test_tensors_that_do_not_fit(self, tensors, kind, message):
        with pytest.raises(kind, match=message):
            TensorDataset(*tensors)

    def test_concatenation(self):
        both = Squares(3) + Squares(2)
        assert [both[k] for k in range(-5, 5)] == [0, 1, 4, 0, 1] * 2
        for index in (5, -6):
            with pytest.raises(IndexError, match="out of range for 5 samples"):
                both[index]
        with pytest.raises(ValueError, match="at least one"):
            ConcatDataset([])
        with pytest.raises(TypeError, match="use ChainDataset"):
            ConcatDataset([Stream()])

    def test_chain(self):
        assert list(Stream(2) + Stream(3)) == [0, 1, 0, 1, 2]
        assert len(ChainDataset([range(2), range(3)])) == 5

    def test_subset(self):
        part = Subset(Squares(), [5, 1, 3])
        assert [part[k] for k in range(3)] == [25, 1, 9]
        assert part.__getitems__([2, 0]) == [9, 25]
        assert Subset(part, [1]).__getitems__([0]) == [1]
        assert part.fetch_batch([0, 1]).tolist() == [25, 1]
        assert Subset(rows(), [4, 7]).fetch_batch([1])[1].tolist() == [7]
        assert Subset(rows(), [4, 7])[[0, 1]][1].tolist() == [4, 7]

    def test_random_split(self):
        parts = random_split(Squares(10), [3, 7], generator())
        assert sorted(parts[0].indices + parts[1].indices) == list(range(10))
        assert random_split(Squares(10), [3, 7], generator())[0].indices == parts[0].indices
        assert [len(part) for part in random_split(Squares(11), [0.5, 0.25, 0.25])] == [6, 3, 2]
        with pytest.raises(ArgumentError, match="add up to 9, not to 10"):
            random_split(Squares(10), [4, 5])

    @pytest.mark.parametrize("use", [lambda: Dataset()[0], lambda: iter(IterableDataset())])
    def test_missing_methods(self, use):
        with pytest.raises(NotImplementedError, match="define one"):
            use()


class TestSamplers:
    def test_random(self):
        sampler = RandomSampler(Squares(), generator=generator())
        first, second = list(sampler), list(sampler)
        assert sorted(first) == sorted(second) == list(range(10))
        assert first != second
        assert list(RandomSampler(Squares(), generator=generator())) == first

    def test_random_by_the_default_generator(self):
        tensorlib.manual_seed(5)
        first = list(RandomSampler(Squares()))
        tensorlib.manual_seed(5)
        assert list(RandomSampler(Squares())) == first

    def test_more_samples_than_there_are(self):
        sampler = RandomSampler(Squares(4), num_samples=10)
        assert len(sampler) == 10
        assert Counter(Counter(sampler).values()) in ({2: 2, 3: 2},)
        drawn = list(RandomSampler(Squares(4), replacement=True, num_samples=100))
        assert len(drawn) == 100
        assert set(drawn) == {0, 1, 2, 3}
        with pytest.raises(ValueError, match="must be positive, 0 given"):
            RandomSampler(Squares(), num_samples=0)

    def test_subset_and_weights(self):
        assert sorted(SubsetRandomSampler([3, 1], generator())) == [1, 3]
        sampler = WeightedRandomSampler([0.0, 3.0, 1.0], 400, generator=generator())
        drawn = Counter(sampler)
        assert len(sampler) == 400
        assert set(drawn) == {1, 2}
        assert 250 < drawn[1] < 350
        assert sorted(WeightedRandomSampler([1.0, 3.0, 1.0], 3, replacement=False)) == [0, 1, 2]
        with pytest.raises(ValueError, match="must be positive"):
            WeightedRandomSampler([1.0], 0)

    def test_batches(self):
        assert list(BatchSampler(range(5), 2, drop_last=True)) == [[0, 1], [2, 3]]
        assert len(BatchSampler(range(5), 2, drop_last=True)) == 2
        assert len(BatchSampler(range(5), 2.0, drop_last=False)) == 3
        for size, message in [(0, "must be positive"), (2.5, "a whole number"), (True, "a whole number")]:
            with pytest.raises(ArgumentError, match=message):
                BatchSampler(range(5), size, drop_last=False)


class TestDistributedSampler:
    def batches(self, world, epoch=0, count=48, whole_batch=8, **options):
        """The global batches: those of all ranks together, as sets."""
        ranks = []
        for rank in range(world):
            sampler = DistributedSampler(Squares(count), world, rank, seed=3, **options)
            sampler.set_epoch(epoch)
            assert len(sampler) == len(list(sampler))
            ranks.append(BatchSampler(sampler, whole_batch // world, drop_last=False))
        return [sorted(chain.from_iterable(parts)) for parts in zip(*ranks, strict=True)]

    @pytest.mark.parametrize("shuffle", [True, False])
    def test_global_batches_are_the_same_for_every_world_size(self, shuffle):
        alone = self.batches(1, shuffle=shuffle)
        assert len(alone) == 6
        assert all(self.batches(world, shuffle=shuffle) == alone for world in (2, 4, 8))

    def test_epochs_differ_and_repeat(self):
        assert self.batches(2, epoch=1) != self.batches(2, epoch=2)
        assert self.batches(2, epoch=1) == self.batches(2, epoch=1)

    def test_uneven_lengths(self):
        kept = chain.from_iterable(self.batches(4, count=10, shuffle=False))
        assert sorted(kept) == sorted([*range(10), 0, 1])
        dropped = chain.from_iterable(self.batches(4, count=10, shuffle=False, drop_last=True))
        assert sorted(dropped) == list(range(8))
        assert self.batches(8, count=3, shuffle=False) == [[0, 0, 0, 1, 1, 1, 2, 2]]
        assert list(DistributedSampler(Squares(0), 2, 1)) == []

    def test_wrong_rank(self):
        with pytest.raises(ValueError, match="rank 2 is not within 2 ranks"):
            DistributedSampler(Squares(), 2, 2)


class TestCollate:
    def test_structures(self):
        batch = default_collate([({"a": 1, "s": "x"}, Point(1.5, True)), ({"a": 2, "s": "y"}, Point(2.5, False))])
        assert batch[0]["a"].tolist() == [1, 2]
        assert batch[0]["s"] == ["x", "y"]
        assert isinstance(batch[1], Point)
        assert batch[1].x.dtype == tensorlib.float64
        assert batch[1].y.dtype == tensorlib.bool
        assert default_collate([numpy.ones(2, "f4"), numpy.zeros(2, "f4")]).dtype == tensorlib.float32
        assert default_collate([numpy.int64(1), numpy.int64(2)]).tolist() == [1, 2]
        assert default_collate([b"a"]) == [b"a"]

    @pytest.mark.parametrize(
        ("samples", "kind", "message"),
        [
            ([tensorlib.ones(2), tensorlib.ones(3)], ShapeError, r"one shape, given are \[\(2,\), \(3,\)\]"),
            ([(1, 2), (1,)], ShapeError, r"one length, given are \[1, 2\]"),
            ([object()], TypeError, "not object"),
        ],
    )
    def test_what_does_not_fit(self, samples, kind, message):
        with pytest.raises(kind, match=message):
            default_collate(samples)

    def test_conversion_of_single_samples(self):
        converted = default_convert((numpy.ones(1), {"n": 3}, Point(numpy.zeros(1), "text")))
        assert converted[0].tolist() == [1.0]
        assert converted[1] == {"n": 3}
        assert converted[2].x.tolist() == [0.0]


class TestLoader:
    def test_batches(self):
        loader = DataLoader(Squares(5), batch_size=2)
        assert values(loader) == [[0, 1], [4, 9], [16]]
        assert len(loader) == 3
        assert values(DataLoader(Squares(5), batch_size=2.0, drop_last=True)) == [[0, 1], [4, 9]]
        assert list(DataLoader(Squares(3), batch_size=None)) == [0, 1, 4]
        assert next(iter(loader)).tolist() == [0, 1]

    def test_shuffling_is_repeated_by_the_generator_and_by_the_seed(self):
        loader = DataLoader(Squares(), 3, shuffle=True, generator=generator(1))
        first, second = values(loader), values(loader)
        assert first != second
        assert values(DataLoader(Squares(), 3, shuffle=True, generator=generator(1))) == first
        tensorlib.manual_seed(4)
        third = values(DataLoader(Squares(), 3, shuffle=True))
        tensorlib.manual_seed(4)
        assert values(DataLoader(Squares(), 3, shuffle=True)) == third

    def test_samplers(self):
        assert values(DataLoader(Squares(), 2, sampler=[3, 1, 2])) == [[9, 1], [4]]
        assert values(DataLoader(Squares(), batch_sampler=[[1], [2, 3]])) == [[1], [4, 9]]
        assert list(DataLoader(Squares(), 2, collate_fn=sum)) == [1, 13, 41, 85, 145]

    def test_whole_batches_are_fetched_at_once(self):
        class Counting(TensorDataset):
            calls = 0

            def fetch_batch(self, indices):
                self.calls += 1
                return super().fetch_batch(indices)

        data = Counting(tensorlib.arange(6))
        assert [x.tolist() for (x,) in DataLoader(data, 3)] == [[0, 1, 2], [3, 4, 5]]
        assert data.calls == 2
        assert [len(batch) for batch in DataLoader(data, 3, collate_fn=list)] == [3, 3]
        assert data.calls == 2

    def test_several_samples_at_once(self):
        class Several(Squares):
            def __getitems__(self, indices):
                return [-k for k in indices]

        assert values(DataLoader(Several(4), 2)) == [[0, -1], [-2, -3]]

    def test_iterable(self):
        assert values(DataLoader(Stream(5), 2)) == [[0, 1], [2, 3], [4]]
        assert values(DataLoader(Stream(5), 2, drop_last=True)) == [[0, 1], [2, 3]]
        assert list(DataLoader(Stream(2), batch_size=None)) == [0, 1]
        with pytest.raises(TypeError):
            len(DataLoader(Stream(5)))
        assert len(DataLoader(ChainDataset([range(5)]), 2)) == 3
        assert len(DataLoader(ChainDataset([range(5)]), 2, drop_last=True)) == 2
        assert len(DataLoader(ChainDataset([range(5)]), batch_size=None)) == 5

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"shuffle": True, "sampler": [1]}, "sampler and shuffle exclude one another"),
            ({"batch_sampler": [[1]], "batch_size": 2}, "batch_sampler excludes"),
            ({"batch_sampler": [[1]], "drop_last": True}, "batch_sampler excludes"),
            ({"batch_size": None, "drop_last": True}, "drop_last needs a batch_size"),
            ({"batch_size": 0}, "must be positive, 0 given"),
            ({"num_workers": -1}, "num_workers -1"),
            ({"timeout": -1}, "timeout -1"),
            ({"prefetch_factor": 0}, "prefetch_factor 0"),
            ({"persistent_workers": True}, "needs num_workers above 0"),
        ],
    )
    def test_wrong_options(self, options, message):
        with pytest.raises(ArgumentError, match=message):
            DataLoader(Squares(), **options)

    def test_an_iterable_has_its_own_order(self):
        with pytest.raises(ArgumentError, match="its own order"):
            DataLoader(Stream(), shuffle=True)
