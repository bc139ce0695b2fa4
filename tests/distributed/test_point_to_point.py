"""Messages from one rank to another, one by one and in batches."""

from __future__ import annotations

import numpy as np
import pytest

import dist
from dist.testing import run_world


def test_point_to_point() -> None:
    def work() -> None:
        rank, size = dist.get_rank(), dist.get_world_size()
        right, left = (rank + 1) % size, (rank - 1) % size
        # All ranks send first: at any size, starting to send does not block.
        for elements in (1, 300_000):
            received = np.empty(elements)
            sending = dist.isend(np.full(elements, float(rank)), right)
            receiving = dist.irecv(received, left)
            assert receiving.wait()
            assert receiving.is_completed()
            assert sending.wait()
            assert set(received) == {float(left)}
        strided = np.zeros((4, 2))[:, 0]
        dist.isend(np.arange(8.0)[::2], right).wait()
        assert dist.recv(strided, left) == left
        assert strided.tolist() == [0, 2, 4, 6]

    dist.simulate(3, work)


def test_recv_from_any_rank_tells_the_sender_and_tags_keep_messages_apart() -> None:
    def work() -> None:
        rank = dist.get_rank()
        if rank:
            dist.send(np.array([rank]), 0, tag=5)
            dist.send(np.array([10 * rank]), 0, tag=4)
            return
        x = np.empty(1, np.int64)
        assert [dist.recv(x, source, tag=4) * 10 == x[0] for source in (1, 2)] == [True, True]
        senders = []
        for _ in range(2):
            senders.append(dist.recv(x, tag=5))
            assert senders[-1] == x[0]
        assert sorted(senders) == [1, 2]

    dist.simulate(3, work)


def test_a_batch_of_messages_in_any_order() -> None:
    def work() -> None:
        rank, size, count = dist.get_rank(), dist.get_world_size(), 100_000
        others = [other for other in range(size) if other != rank]
        boxes = {other: np.empty(count) for other in others}
        sends = [dist.P2POp(dist.isend, np.full(count, float(rank)), other, tag=7) for other in others]
        receives = [dist.P2POp(dist.irecv, boxes[other], other, tag=7) for other in others]
        works = dist.batch_isend_irecv(sends + receives if rank % 2 else receives + sends)
        for work in works:
            work.wait(30)
        assert [boxes[other][-1] for other in others] == others
        if rank < 2:
            box = np.empty(1)
            message = dist.P2POp(dist.irecv, box) if rank == 0 else dist.P2POp(dist.isend, np.ones(1), group_peer=0)
            (work,) = dist.batch_isend_irecv([message])
            assert work.result() == ([box] if rank == 0 else [])
            assert work.source_rank() == 1 - rank

    dist.simulate(3, work)


def send_to_the_right_and_receive_from_the_left() -> None:
    """Send first, on all ranks, with calls that block."""
    rank, size = dist.get_rank(), dist.get_world_size()
    right, left = (rank + 1) % size, (rank - 1) % size
    for elements in (1000, 300_000, 4_000_000):
        dist.send(np.full(elements, rank, np.float32), right)
        dist.send(np.full(elements, -rank, np.float32), right, tag=1)
        received = np.empty(elements, np.float32)
        for tag, expected in ((0, left), (1, -left)):
            assert dist.recv(received, left, tag=tag) == left
            assert (received == expected).all()


@pytest.mark.parametrize("seed", range(3))
def test_simulated_ranks_that_all_send_first_do_not_block_each_other(seed: int) -> None:
    for size in (2, 3):
        dist.simulate(size, send_to_the_right_and_receive_from_the_left, seed=seed)


@pytest.mark.parametrize("backend", ["tcp", "shm"])
def test_processes_that_all_send_first_do_not_block_each_other(backend: str) -> None:
    run_world(3, send_to_the_right_and_receive_from_the_left, backend=backend)
