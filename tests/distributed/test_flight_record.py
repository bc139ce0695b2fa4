"""The flight record: which calls it keeps, and where in the user's code it finds that they were made."""

from __future__ import annotations

import _thread
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import dist
import tensorlib
from dist import functional
from dist.process_group import ProcessGroup
from dist.transport.inproc import make_inproc_world


def test_flight_record_shows_calls_with_their_sites() -> None:
    def work() -> str:
        dist.all_reduce(np.ones(3, np.float32))  # the line that is looked for
        dist.barrier()
        if dist.get_rank() == 0:
            dist.send(np.ones(1), 1)
        else:
            dist.recv(np.ones(1), 0)
        return dist.get_flight_record()

    first, second = dist.simulate(2, work)
    here = Path(__file__)
    line = next(i for i, text in enumerate(here.read_text().splitlines(), start=1) if "that is looked for" in text)
    record = first.splitlines()
    assert record[0].startswith("done ")
    assert re.search(rf"all_reduce\(3 x float32, SUM\) #1 at .*{here.name}:{line}$", record[0])
    assert "barrier() #2 at" in record[1]
    assert "send(1 x float64, to 1) at" in record[2]
    assert "recv(1 x float64, from 0) at" in second


def coalesced() -> None:
    with dist.coalescing() as together:
        together.all_reduce(np.ones(1))


def in_a_batch() -> None:
    peer = 1 - dist.get_rank()
    calls = [dist.P2POp(dist.isend, np.ones(1), peer), dist.P2POp(dist.irecv, np.ones(1), peer)]
    for work in dist.batch_isend_irecv(calls):
        work.wait()


@pytest.mark.parametrize(
    "call",
    [
        lambda: dist.all_reduce(np.ones(1)),
        lambda: dist.group.WORLD.all_reduce(np.ones(1)),
        lambda: dist.all_reduce_coalesced([np.ones(1), np.ones(2)]),
        lambda: functional.all_reduce(tensorlib.ones(1)),
        lambda: dist.all_gather_object([None, None], "x"),
        lambda: dist.monitored_barrier(),
        coalesced,
        in_a_batch,
    ],
    ids=["function", "method", "coalesced", "functional", "objects", "monitored", "block", "batch"],
)
def test_the_site_is_in_the_users_code_however_the_call_was_made(call: Callable[[], None]) -> None:
    def work() -> str:
        call()
        return dist.get_flight_record()

    first, _ = dist.simulate(2, work)
    sites = [line.rpartition(" at ")[2].rpartition(":")[0] for line in first.splitlines()]
    assert {Path(site).name for site in sites} == {Path(__file__).name}


def test_a_thread_that_is_nothing_but_a_call_has_a_site_too() -> None:
    (transport,) = make_inproc_world(1)
    group = ProcessGroup(transport)
    _thread.start_new_thread(group.barrier, ())
    deadline = time.monotonic() + 10
    while not (call := group.record.last()) or call.state != "done":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert Path(call.place.file).name == "barriers.py"
    assert group.all_reduce(np.ones(1)) is None


def test_flight_record_keeps_the_last_thousand_calls() -> None:
    (transport,) = make_inproc_world(1)
    group = ProcessGroup(transport)
    for _ in range(1003):
        group.barrier()
    calls = group.record.calls()
    assert [calls[0].number, calls[-1].number, len(calls)] == [4, 1003, 1000]
    assert all(call.state == "done" and call.ended >= call.started for call in calls)
