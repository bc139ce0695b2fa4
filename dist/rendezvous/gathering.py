"""Rendezvous in a store that all ranks see already: a file, or one that the program has opened.

Every rank notes in the store that it is there. When all are, rank 0 starts the server of the group's own store and
notes its address, where all go. Those who come after a group is complete begin another one, so that a job can be run
again while processes of the last run are still ending.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dist.errors import RendezvousError, StoreError, StoreTimeout
from dist.rank_names import rank_names
from dist.rendezvous.base import Rendezvous, Settings
from dist.rendezvous.hosts import address_among, machine_name, process_name
from dist.rendezvous.meeting import Place, meet, meet_as_host, open_place
from dist.store import Store
from dist.timeouts import attempts

# How often those who wait for rank 0 look whether it lives.
_LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class Hall:
    """Where the ranks gather.

    Attributes:
        store: the store, under a prefix of the job's own.
        member: a name for this process's visit, unlike all others.
        is_alive: tells whether the process of a visit is there; None where the store cannot know.
        pause: seconds between looks into the store, at most.
    """

    store: Store
    member: str
    is_alive: Callable[[str], bool] | None = None
    pause: float = 0.05

    def has(self, member: str) -> bool:
        """Tell whether the process of a visit is there, as far as the store knows."""
        return self.is_alive is None or self.is_alive(member)


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


def gather(hall: Hall, settings: Settings, rank: int | None, size: int) -> Rendezvous:
    """Wait until all ranks have come to the hall, and then meet where rank 0 says.

    Args:
        hall: where.
        settings: of which `init_method` stands before messages.
        rank: None for any number.
        size: the number of ranks.

    Raises:
        RendezvousError: not all came in time, or they contradict each other.
    """
    deadline = time.monotonic() + settings.timeout
    key = _arrive(hall, rank, size)
    try:
        group = _wait_for_all(hall, key, settings, deadline)
        own = next(number for number, member in group.members.items() if member["store"] == hall.member)
        address = address_among(member["machine"] for member in group.members.values())
        if own == 0:
            return _host(hall, key, settings, size, address, deadline)
        return _follow(hall, key, settings, own, group, address, deadline)
    except BaseException:
        if hall.is_alive is None:
            _withdraw(hall, key)
        raise


def _arrive(hall: Hall, rank: int | None, size: int) -> str:
    """Add this process to the group that forms now; return the group's key."""
    store = hall.store
    while True:
        number = store.add("current", 0)
        key = f"group {number}"
        before = store.compare_set(key, b"", b"")  # the value as it is, and b"" where there is none
        group = Group.from_bytes(before) if before else Group(size)
        if group.is_complete or group.error:
            store.compare_set("current", b"%d" % number, b"%d" % (number + 1))
            continue
        group.members = {known: m for known, m in group.members.items() if hall.has(m["store"])}
        _add(group, rank, size, hall.member)
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


def _withdraw(hall: Hall, key: str) -> None:
    """Take this process out of a group that is not complete, so that it does not count as there the next time."""
    with contextlib.suppress(StoreError):
        while True:
            before = hall.store.get(key, 0)
            group = Group.from_bytes(before)
            if group.is_complete:
                return
            group.members = {rank: m for rank, m in group.members.items() if m["store"] != hall.member}
            after = group.to_bytes()
            if hall.store.compare_set(key, before, after) == after:
                return


def _wait_for_all(hall: Hall, key: str, settings: Settings, deadline: float) -> Group:
    """Wait until the group is complete.

    Raises:
        RendezvousError: it did not become so in time, or cannot.
    """
    group = Group(0)
    for _ in attempts(deadline, longest=hall.pause):
        try:
            group = Group.from_bytes(hall.store.get(key, 0))
        except StoreTimeout:
            raise RendezvousError(f"{settings.init_method}: the other ranks have met without this one") from None
        if group.error:
            raise RendezvousError(f"{settings.init_method}: {group.error}")
        if group.is_complete:
            return group
    raise RendezvousError(f"{settings.init_method}: {_who_is_missing(hall, group, settings.timeout)}")


def _who_is_missing(hall: Hall, group: Group, seconds: float) -> str:
    here = {rank: m["process"] for rank, m in sorted(group.members.items()) if hall.has(m["store"])}
    ended = {rank: m["process"] for rank, m in sorted(group.members.items()) if rank not in here}
    missing = rank_names([rank for rank in range(group.size) if rank not in here])
    text = f"of {group.size} ranks, {missing} did not arrive within {seconds:g} s; here are {_names(here)}"
    return text + (f"; {_names(ended)} came and ended" if ended else "")


def _names(processes: Mapping[int, str]) -> str:
    return ", ".join(f"rank {rank} ({process})" for rank, process in processes.items())


def _host(hall: Hall, key: str, settings: Settings, size: int, address: str, deadline: float) -> Rendezvous:
    """Be rank 0: start the server, and tell the others where it is."""
    place = open_place(settings, address)
    try:
        hall.store.set(f"{key} place", place.to_bytes())
        _forget_group_before(hall, key)
    except BaseException:
        place.close()
        raise
    return meet_as_host(settings, 0, size, place, deadline)


def _forget_group_before(hall: Hall, key: str) -> None:
    """Remove what nobody reads any more: rank 0 has left that group, which its ranks have joined or given up."""
    before = f"group {int(key.removeprefix('group ')) - 1}"
    hall.store.delete(before)
    hall.store.delete(f"{before} place")


def _follow(
    hall: Hall, key: str, settings: Settings, rank: int, group: Group, address: str, deadline: float
) -> Rendezvous:
    """Be another rank: learn where rank 0 has its server, and go there."""
    while True:
        try:
            place = Place.from_bytes(hall.store.get(f"{key} place", _LOOK_SECONDS), address)
            break
        except StoreTimeout:
            first = group.members[0]
            name = f"rank 0 ({first['process']})"
            if not hall.has(first["store"]):
                raise RendezvousError(f"{settings.init_method}: {name} ended before the ranks had met") from None
            if time.monotonic() > deadline:
                raise RendezvousError(
                    f"{settings.init_method}: {name} came, and then did not say where it is"
                ) from None
    return meet(settings, rank, group.size, place, deadline)
