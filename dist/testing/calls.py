"""Conformance of calls: asynchronous and coalesced ones, in groups, at the same time, and messages between ranks."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import dist
from dist.reduction import ReduceOp
from dist.testing.values import Array, empty_like, expect, here, reduced, same, same_all, values
from dist.work import Work


def check_asynchronous() -> None:
    """Asynchronous calls run in call order, and a synchronous one does not overtake them."""
    rank, size = here()
    arrays = [np.full(50 + 100 * i, float(i + rank)) for i in range(12)]
    rows = [np.zeros(4, np.int32) for _ in range(size)]
    works = [dist.all_reduce(x, async_op=True) for x in arrays]
    works.append(dist.all_gather(rows, np.full(4, rank, np.int32), async_op=True))
    works.append(dist.broadcast(arrays[0], 0, async_op=True))
    works.append(dist.barrier(async_op=True))
    dist.broadcast(arrays[-1], 0)
    for work in reversed(works):
        expect(work is not None and work.wait(60.0) and work.is_completed(), "a work that was waited for is not done")
    same_all(rows, [np.full(4, k, np.int32) for k in range(size)], "asynchronous all_gather")
    sums = [float(sum(i + other for other in range(size))) for i in range(12)]
    same_all(arrays, [np.full(50 + 100 * i, sums[i]) for i in range(12)], "asynchronous all_reduce")
    work = dist.all_reduce(arrays[0], async_op=True)
    assert work is not None
    expect(work.result()[0] is arrays[0], "the result of a work is not the tensor that was given")


def check_coalesced() -> None:
    """Lists of small tensors give what each alone would give."""
    rank, size = here()
    kinds = [(3, "float32"), (0, "float32"), (2, "int64"), (5, "float32"), (1, "float16")]
    parts = [[values(other, count, dtype) for count, dtype in kinds] for other in range(size)]
    expected = [reduced(ReduceOp.SUM, list(each)) for each in zip(*parts, strict=True)]
    x = [part.copy() for part in parts[rank]]
    dist.all_reduce_coalesced(x)
    same_all(x, expected, "all_reduce_coalesced")
    y = [part.copy() for part in parts[rank]]
    with dist.coalescing(async_op=True) as together:
        for part in y:
            together.all_reduce(part)
    together.wait()
    same_all(y, expected, "coalescing")
    found = [empty_like(x) for _ in range(size)]
    dist.all_gather_coalesced(found, [np.full_like(part, rank) for part in x])
    for other, row in enumerate(found):
        same_all(row, [np.full_like(part, other) for part in x], "all_gather_coalesced")


def check_groups() -> None:
    """Groups that overlap, one after the other and at the same time, from a thread each."""
    rank, size = here()
    members = [list(range(size)), list(range(0, size, 2)), list(range(size // 2, size)), [size - 1]]
    groups = [dist.new_group(ranks) for ranks in members]
    mine = [(group, ranks) for group, ranks in zip(groups, members, strict=True) if rank in ranks]

    def use(group: Any, ranks: list[int]) -> None:
        for i in range(5):
            x = np.full(100, rank + i)
            dist.all_reduce(x, group=group)
            same(x, np.full(100, sum(ranks) + i * len(ranks)), f"all_reduce of ranks {ranks}")
            y = np.full(3, rank)
            dist.broadcast(y, ranks[-1], group)
            same(y, np.full(3, ranks[-1]), f"broadcast among ranks {ranks}")

    for group, ranks in mine:
        use(group, ranks)
    with ThreadPoolExecutor(len(mine)) as pool:
        for done in [pool.submit(use, group, ranks) for group, ranks in mine]:
            done.result()
    dist.barrier()
    for group in groups:
        dist.destroy_process_group(group)


def check_barrier() -> None:
    """Nobody leaves a barrier before everybody has come; the ranks share a clock, that of their host."""
    rank, size = here()
    for late in {0, size - 1}:
        time.sleep(0.02 * (rank == late))
        came = time.monotonic()
        dist.barrier()
        left = time.monotonic()
        times = np.empty((size, 2))
        dist.all_gather_into_tensor(times, np.array([came, left]))
        expect(times[:, 0].max() <= times[:, 1].min(), "a rank left a barrier before another one came")
    dist.monitored_barrier(timeout=60.0)


def check_messages() -> None:
    """Messages between ranks: both sides send first, tags keep messages apart, and a receive from any rank names it."""
    rank, size = here()
    right, left = (rank + 1) % size, (rank - 1) % size
    if size > 1:
        for count in (0, 1, 200_000):
            x = np.empty(count)
            sending, receiving = dist.isend(np.full(count, float(rank)), right), dist.irecv(x, left)
            expect(receiving.wait(60.0) and sending.wait(60.0), "a message did not come")
            same(x, np.full(count, float(left)), f"message of {count}")
        works: list[Work] = [dist.isend(np.array([rank, tag]), right, tag=tag) for tag in (1, 2)]
        for tag in (2, 1):
            y = np.empty(2, int)
            dist.recv(y, left, tag=tag)
            same(y, np.array([left, tag]), f"message with tag {tag}")
        for work in works:
            work.wait()
    if rank:
        dist.send(np.array([rank]), 0, tag=3)
    else:
        boxes = [np.empty(1, int) for _ in range(size - 1)]
        senders = [dist.irecv(box, tag=3).source_rank() for box in boxes]
        expect(senders == [int(box[0]) for box in boxes], f"messages {boxes} are said to come from {senders}")


def check_schedule() -> None:
    """A long random mixture of calls, the same on all ranks, some of them asynchronous."""
    rank, size = here()
    random = np.random.default_rng(size)
    pending: list[tuple[Work | None, Array, Array]] = []
    for _ in range(60):
        count, root, later = int(random.integers(0, 3000)), int(random.integers(size)), bool(random.integers(2))
        parts = [values(other, count, "int32") for other in range(size)]
        x = parts[rank].copy()
        if random.integers(2):
            pending.append((dist.all_reduce(x, async_op=later), x, reduced(ReduceOp.SUM, parts)))
        else:
            pending.append((dist.broadcast(x, root, async_op=later), x, parts[root]))
    for work, x, expected in pending:
        expect(work is None or work.wait(60.0), "a work did not end")
        same(x, expected, "a call of a random schedule")
