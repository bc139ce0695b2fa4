"""Rendezvous in a file that all ranks see: `file:///path`.

Every rank notes in the file that it is there. When all are, rank 0 starts the store's server and notes its address;
once all have met there, they leave the file, and the last one removes it. Those who come after a group is complete
begin another one, so that a job can be run again while processes of the last run are still ending. A process that was
killed does not count, because the lock that it held in the file is gone.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from dist.errors import RendezvousError, StoreTimeout
from dist.rank_names import rank_names
from dist.rendezvous import environment
from dist.rendezvous.base import Rendezvous, Settings
from dist.rendezvous.hosts import address_among, machine_name, process_name
from dist.rendezvous.meeting import Place, meet, meet_as_host, open_place
from dist.store import FileStore

POLL_SECONDS = 0.01
# How often those who wait for rank 0 look whether it lives.
_LOOK_SECONDS = 0.25


@dataclass
class Group:
    """The ranks that have come so far.

    Attributes:
        size: the number of ranks.
        members: by rank: the names of its store's member and of the process, the machine it runs on, and whether its
            number was given or is any that is free.
        error: why they cannot become a group, or "".
    """

    size: int
    members: dict[int, dict[str, str]] = field(default_factory=dict)
    error: str = ""

    @property
    def is_complete(self) -> bool:
        """Tell whether all have come."""
        return len(self.members) == self.size

    @classmethod
    def from_bytes(cls, text: bytes) -> Group:
        """Read what `to_bytes` made."""
        found: dict[str, Any] = json.loads(text)
        members = {int(rank): member for rank, member in found.pop("members").items()}
        return cls(members=members, **found)

    def to_bytes(self) -> bytes:
        """Write everything as a store's value."""
        return json.dumps(asdict(self)).encode()


def from_file(settings: Settings) -> Rendezvous:
    """`file:///path`: a file on a file system that all ranks see; ranks are given, or found out in the file."""
    path = _path(settings.init_method)
    rank, size = environment.rank_if_given_and_size(settings.rank, settings.world_size)
    deadline = time.monotonic() + settings.timeout
    with contextlib.closing(FileStore(path, settings.group_name, settings.timeout)) as store:
        key = _arrive(store, rank, size)
        group = _wait_for_all(store, key, settings, deadline)
        own = next(number for number, member in group.members.items() if member["store"] == store.member)
        address = address_among(member["machine"] for member in group.members.values())
        if own == 0:
            return _host(store, key, settings, size, address, deadline)
        return _follow(store, key, settings, own, group, address, deadline)


def _path(url: str) -> str:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or path.endswith("/") or len(path) < 2:
        raise RendezvousError(f"init_method must be file:///path, an absolute path of a file, got {url!r}")
    return path


def _arrive(store: FileStore, rank: int | None, size: int) -> str:
    """Add this process to the group that forms now; return the group's key."""
    while True:
        number = store.add("current", 0)
        key = f"group {number}"
        before = store.compare_set(key, b"", b"")  # the value as it is, and b"" where there is none
        group = Group.from_bytes(before) if before else Group(size)
        if group.is_complete or group.error:
            store.compare_set("current", b"%d" % number, b"%d" % (number + 1))
            continue
        group.members = {known: m for known, m in group.members.items() if store.is_alive(m["store"])}
        _add(group, rank, size, store.member)
        after = group.to_bytes()
        if store.compare_set(key, before, after) == after:
            return key


def _free_rank(group: Group) -> int:
    return next(rank for rank in range(group.size) if rank not in group.members)


def _add(group: Group, given: int | None, size: int, member: str) -> None:
    """Add a process with the rank given, or any; or note why it does not fit."""
    process = process_name()
    if not group.members:
        group.size = size
    rank = _free_rank(group) if given is None else given
    holder = group.members.get(rank)
    if holder and holder["number"] == "any":
        # Whoever does not mind moves on: as long as some are missing, there is a number free.
        free = _free_rank(group)
        group.members[free], holder = group.members.pop(rank), None
    name = f"rank {rank} ({process})"
    if size != group.size:
        other = min(group.members)
        first = f"rank {other} ({group.members[other]['process']})"
        group.error = f"world_size differs: {name} has {size}, {first} has {group.size}"
    elif holder:
        group.error = f"two processes are rank {rank}: {name} and rank {rank} ({holder['process']})"
    else:
        number = "any" if given is None else "given"
        group.members[rank] = {"store": member, "process": process, "machine": machine_name(), "number": number}


def _wait_for_all(store: FileStore, key: str, settings: Settings, deadline: float) -> Group:
    """Wait until the group is complete.

    Raises:
        RendezvousError: it did not become so in time, or cannot.
    """
    while True:
        group = Group.from_bytes(store.get(key))
        if group.error:
            raise RendezvousError(f"{settings.init_method}: {group.error}")
        if group.is_complete:
            return group
        if time.monotonic() > deadline:
            raise RendezvousError(f"{settings.init_method}: {_who_is_missing(store, group, settings.timeout)}")
        time.sleep(POLL_SECONDS)


def _who_is_missing(store: FileStore, group: Group, seconds: float) -> str:
    here = {rank: m["process"] for rank, m in sorted(group.members.items()) if store.is_alive(m["store"])}
    ended = {rank: m["process"] for rank, m in sorted(group.members.items()) if rank not in here}
    missing = rank_names([rank for rank in range(group.size) if rank not in here])
    text = f"of {group.size} ranks, {missing} did not arrive within {seconds:g} s; here are {_names(here)}"
    return text + (f"; {_names(ended)} came and ended" if ended else "")


def _names(processes: Mapping[int, str]) -> str:
    return ", ".join(f"rank {rank} ({process})" for rank, process in processes.items())


def _host(store: FileStore, key: str, settings: Settings, size: int, address: str, deadline: float) -> Rendezvous:
    """Be rank 0: start the server, and tell the others where it is."""
    place = open_place(settings, address)
    try:
        store.set(f"{key} place", place.to_bytes())
    except BaseException:
        place.close()
        raise
    return meet_as_host(settings, 0, size, place, deadline)


def _follow(
    store: FileStore, key: str, settings: Settings, rank: int, group: Group, address: str, deadline: float
) -> Rendezvous:
    """Be another rank: learn where rank 0 has its server, and go there."""
    while True:
        try:
            place = Place.from_bytes(store.get(f"{key} place", _LOOK_SECONDS), address)
            break
        except StoreTimeout:
            first = group.members[0]
            name = f"rank 0 ({first['process']})"
            if not store.is_alive(first["store"]):
                raise RendezvousError(f"{settings.init_method}: {name} ended before the ranks had met") from None
            if time.monotonic() > deadline:
                raise RendezvousError(
                    f"{settings.init_method}: {name} came, and then did not say where it is"
                ) from None
    return meet(settings, rank, group.size, place, deadline)
