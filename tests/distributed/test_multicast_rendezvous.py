"""Rendezvous at a multicast address: threads for breadth, network namespaces as hosts for truth."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dist.errors import RendezvousError
from dist.rendezvous import Rendezvous, rendezvous
from dist.rendezvous.announcement import MAGIC, Announcement
from dist.rendezvous.hosts import machine_name
from dist.rendezvous.interfaces import Interface, ipv4_interfaces, ipv6_interfaces
from dist.rendezvous.multicast import Neighbourhood, _key
from dist.rendezvous.multicast_socket import MulticastSocket
from tests.distributed.control_plane import (
    ROOT,
    free_port,
    in_threads,
    kill,
    nothing_left,
    start,
    without_job_variables,
)

GROUP = "239.255.77.1"
GROUPS = {"ipv4": GROUP, "ipv6": "ff15:1e18:5d4c:4cf0:d02d:b659:53ba:b0a7", "ipv6-link": "ff02::4d5"}


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    with nothing_left():
        yield


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    without_job_variables(monkeypatch)


@pytest.fixture
def port() -> int:
    return free_port(socket.SOCK_DGRAM)


def url(port: int, group: str = GROUP) -> str:
    return f"tcp://[{group}]:{port}" if ":" in group else f"tcp://{group}:{port}"


def meet_and_part(address: str, rank: int, size: int, **options: Any) -> Rendezvous:
    """Meet, see everyone, part; return what the rank knew."""
    meeting = rendezvous(address, rank, size, **({"timeout": 20} | options))
    try:
        meeting.store.set(str(meeting.rank), b"here")
        meeting.store.wait([str(other) for other in range(size)])
    finally:
        meeting.close()
    return meeting


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
def test_ranks_meet(port: int, group: str) -> None:
    met = in_threads(4, lambda _: meet_and_part(url(port, group), -1, 4))
    assert sorted(one.rank for one in met) == [0, 1, 2, 3]
    assert {one.host for one in met} == {"127.0.0.1"}
    assert len({one.secret for one in met}) == 1
    assert all(one.members == met[0].members for one in met)
    (host,) = (one for one in met if one.server)
    assert {(one.store_host_rank, one.store_host) for one in met} == {(host.rank, host.members[host.rank])}


@pytest.mark.parametrize("given", [[0, 1, 2, 3], [-1, 2, 0, -1], [3, -1, -1, -1]], ids=str)
def test_ranks_are_given(port: int, given: list[int]) -> None:
    def call(index: int) -> Rendezvous:
        time.sleep(0.05 * index)
        return meet_and_part(url(port), given[index], 4)

    met = in_threads(4, call)
    assert sorted(one.rank for one in met) == [0, 1, 2, 3]
    assert all(rank in (-1, one.rank) for one, rank in zip(met, given, strict=True))


def test_the_lowest_number_serves_the_store(port: int) -> None:
    met = in_threads(4, lambda index: meet_and_part(url(port), [-1, 2, 1, -1][index], 4))
    assert [bool(one.server) for one in met] == [False, False, True, False]


def test_ranks_meet_alone_and_again_at_once(port: int) -> None:
    assert [meet_and_part(url(port), -1, 1).rank for _ in range(2)] == [0, 0]


def test_meeting_again_and_again_with_the_same_arguments(port: int) -> None:
    rounds = in_threads(3, lambda _: [meet_and_part(url(port), -1, 3) for _ in range(3)])
    for meetings in zip(*rounds, strict=True):
        assert sorted(one.rank for one in meetings) == [0, 1, 2]
        assert len({one.secret for one in meetings}) == 1


def test_group_names_and_secrets_keep_jobs_apart(port: int) -> None:
    met = in_threads(6, lambda index: meet_and_part(url(port), -1, 2, group_name=f"job {index % 3}"))
    for job in range(3):
        assert met[job].secret == met[job + 3].secret
        assert {met[job].rank, met[job + 3].rank} == {0, 1}
    assert len({one.secret for one in met}) == 3


def test_servers_that_did_not_hear_of_each_other_become_one(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody listens before it serves: so all begin to, and all but one have to give it up.
    monkeypatch.setattr("dist.rendezvous.multicast._SETTLE_SECONDS", -1.0)
    met = in_threads(5, lambda _: meet_and_part(url(port), -1, 5))
    assert sorted(one.rank for one in met) == list(range(5))
    assert sum(bool(one.server) for one in met) == 1


def test_whoever_is_too_many_does_not_join_a_group_that_is_complete(port: int) -> None:
    together = threading.Barrier(2, timeout=20)

    def call(index: int) -> Rendezvous:
        if index == 2:
            together.wait()
            return meet_and_part(url(port), -1, 2, timeout=0.8)
        meeting = rendezvous(url(port), -1, 2, timeout=20)
        if meeting.rank == 0:
            together.wait()
            time.sleep(1.0)
        meeting.close()
        return meeting

    *met, late = in_threads(3, call)
    assert sorted(one.rank for one in met) == [0, 1]
    with pytest.raises(RendezvousError, match=r"of 2 ranks, rank 1 did not arrive within 0\.\d+ s; here are rank 0"):
        raise late


def test_timeout_says_who_is_missing_and_what_was_seen(port: int) -> None:
    started = time.monotonic()
    for error in in_threads(2, lambda index: meet_and_part(url(port), [2, -1][index], 4, timeout=1.5)):
        assert isinstance(error, RendezvousError)
        assert f"{url(port)}: join: of 4 ranks, ranks 1, 3 did not arrive within 1." in str(error)
        assert f"here are rank 0 (host {socket.gethostname()}, pid {os.getpid()}), rank 2 (host " in str(error)
        assert "; heard by multicast on lo" in str(error)
    assert time.monotonic() - started < 6


def test_datagrams_that_do_not_travel_are_noticed(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MulticastSocket, "send", lambda *_: None)
    for error in in_threads(2, lambda _: meet_and_part(url(port), -1, 2, timeout=1)):
        assert isinstance(error, RendezvousError)
        assert "rank 1 did not arrive" in str(error)
        assert "nobody else; not even this process itself, so multicast does not work here" in str(error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([(0, 3), (0, 3)], r"two processes are rank 0: rank 0 \(host .*, pid \d+\) and rank 0 \(host .*, pid \d+\)$"),
        ([(-1, 3), (-1, 4)], r"world_size differs: rank 0 \(host .*\) has \d, a rank \(host .*\) has \d$"),
    ],
)
def test_ranks_that_contradict_each_other(
    port: int, arguments: list[tuple[int, int]], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dist.rendezvous.meeting.FAREWELL_SECONDS", 0.3)
    for error in in_threads(2, lambda index: meet_and_part(url(port), *arguments[index])):
        with pytest.raises(RendezvousError, match=message):
            raise error


def test_world_size_is_needed(port: int) -> None:
    with pytest.raises(RendezvousError, match=r"WORLD_SIZE is not set \(or pass world_size=\)$"):
        rendezvous(url(port))


@pytest.mark.parametrize("end", ["?ttl=0", "?ttl=many", "?hops=3", "/path"])
def test_malformed_url(port: int, end: str) -> None:
    with pytest.raises(RendezvousError, match=r"^init_method must be tcp://host:port, got"):
        rendezvous(url(port) + end, -1, 1)
    assert meet_and_part(url(port) + "?ttl=4", -1, 1).size == 1


def forged(key: bytes) -> list[bytes]:
    """Datagrams of strangers that pretend to be servers."""
    real = Announcement("0" * 16, 0, "host evil, pid 1", "elsewhere", port=1, address="127.0.0.1").to_bytes(key)
    return [b"", b"\xff" * 2000, MAGIC, MAGIC + b"\0" * 31, real, real[:-1], MAGIC + b"\0" * 32 + b"{}"]


def test_strangers_change_nothing(port: int) -> None:
    stop = threading.Event()

    def annoy(_: int) -> None:
        with closing(MulticastSocket(GROUP, port)) as noise:
            texts = itertools.cycle(forged(b"another key"))
            while not stop.wait(0.002):
                noise.send(lambda interface: next(texts))

    def call(index: int) -> Any:
        if index == 3:
            return annoy(index)
        try:
            if index < 2:
                return meet_and_part(url(port), -1, 2)
            return meet_and_part(url(port), -1, 2, group_name="lonely", timeout=1)
        finally:
            if index == 2:
                stop.set()

    first, second, error, _ = in_threads(4, call)
    assert first.secret == second.secret
    with pytest.raises(RendezvousError, match=r"rank 1 did not arrive .*nobody else; \d+ datagrams that are not of"):
        raise error


def test_a_server_that_cannot_be_reached_is_tried_until_it_can(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # A member of the job announces a server where none is; later it stops to, as one does that was killed.
    monkeypatch.setattr("dist.rendezvous.multicast._CONNECT_SECONDS", 0.2)
    monkeypatch.setattr("dist.rendezvous.multicast._key", lambda *_: b"known")
    with closing(MulticastSocket(GROUP, port)) as socket:
        liar = Neighbourhood(socket, b"known", Announcement("0" * 16, 0, "host h, pid 1", machine_name()))
        until = time.monotonic() + 0.5

        def call(index: int) -> Any:
            if index < 2:
                return meet_and_part(url(port), index, 2)
            while time.monotonic() < until:
                liar.announce(port=1)
                time.sleep(0.05)
            return None

        met = in_threads(3, call)[:2]
    assert [one.rank for one in met] == [0, 1]


def test_interfaces() -> None:
    assert Interface("lo", socket.if_nametoindex("lo"), "127.0.0.1") in ipv4_interfaces()
    assert all(interface.is_loopback == (interface.name == "lo") for interface in ipv4_interfaces())
    assert not any(interface.address.startswith("fe80") for interface in ipv6_interfaces())
    with pytest.raises(RendezvousError, match="no network interface of this machine carries multicast to ff02::1"):
        MulticastSocket("ff02::1%none", 12345)


JOB = """
import sys
import numpy as np
import dist
try:
    dist.init_process_group(init_method=sys.argv[1], world_size=int(sys.argv[2]), rank=int(sys.argv[3]), timeout=30)
except dist.DistError as error:
    print(error, flush=True)
    sys.exit(3)
x = np.ones(3)
dist.all_reduce(x)
print(dist.get_rank(), x.sum(), flush=True)
dist.destroy_process_group()
"""


def finish(job: list[subprocess.Popen[str]]) -> None:
    """See that all ranks of a job met, and added up ones."""
    ends = [process.communicate(timeout=50) for process in job]
    assert sorted(ends) == [(f"{rank} {3.0 * len(job)}\n", "") for rank in range(len(job))]
    assert [process.returncode for process in job] == [0] * len(job)


def test_processes_meet_though_the_one_that_served_was_killed(port: int) -> None:
    killed = start(JOB, url(port), 3, 0)
    with closing(MulticastSocket(GROUP, port)) as socket:
        ears = Neighbourhood(socket, _key("", GROUP, port), Announcement("", -1, "", ""))
        deadline = time.monotonic() + 30
        while not ears.servers():
            ears.listen(1.0)
            assert time.monotonic() < deadline
    kill(killed)
    finish([start(JOB, url(port), 3, rank) for rank in (-1, 0, -1)])


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[str]]:
    """Three network namespaces, each as isolated as a machine, with a switch between them."""
    switch, *hosts = (f"tensorlib-test-{os.getpid()}-{number}" for number in range(4))
    try:
        try:
            ip("netns", "add", switch)
            ip("-n", switch, "link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("network namespaces cannot be made here")
        ip("-n", switch, "link", "set", "switch", "up")
        for number, host in enumerate(hosts, 1):
            ip("netns", "add", host)
            ip("-n", host, "link", "set", "lo", "up")
            ip("-n", host, "link", "add", "eth0", "type", "veth", "peer", "name", f"port{number}", "netns", switch)
            ip("-n", switch, "link", "set", f"port{number}", "master", "switch", "up")
            ip("-n", host, "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
            ip("-n", host, "addr", "add", f"fd77::{number}/64", "dev", "eth0", "nodad")
            ip("-n", host, "link", "set", "eth0", "up")
        yield hosts
    finally:
        for name in (switch, *hosts):
            with contextlib.suppress(OSError):
                subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True, timeout=20)


@pytest.mark.parametrize("group", [GROUPS["ipv4"], GROUPS["ipv6-link"]])
def test_ranks_on_several_hosts_meet(hosts: list[str], port: int, group: str) -> None:
    places = [hosts[0], hosts[1], hosts[2], hosts[2]]
    command = [sys.executable, "-W", "error", "-c", JOB, url(port, group), "4", "-1"]
    finish(
        [
            subprocess.Popen(
                ["ip", "netns", "exec", host, *command],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for host in places
        ]
    )
