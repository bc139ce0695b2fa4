"""The server's list of who belongs together: groups form, lose members, fail, and end."""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dist.rank_names import rank_names
from dist.store.request import ERROR, EVENT, GONE, NO_RANK, PEER_FAILED, TIMEOUT, Request, Send

# A rank's own last words, or the launcher's, say more than its closed connection: they get this long to arrive.
LAST_WORDS_SECONDS = 0.3


@dataclass
class Member:
    """A rank of a group, and the connection it came by.

    Attributes:
        rank: its number; until the group is complete, that of a member without `has_number` may change.
        job_rank: the number that a launcher knows it by; -1 means `rank`.
        machine: where it runs.
        serves: whether its process runs this server.
        reached: the address at which it reached this server.
    """

    rank: int
    size: int
    host: str
    pid: int
    request: Request
    timeout: float
    joined: float
    heard: float
    job_rank: int = -1
    machine: str = ""
    serves: bool = False
    reached: str = ""
    call: str = ""
    lost_at: float = math.inf

    def __post_init__(self) -> None:
        self.has_number = self.rank >= 0
        self.job_rank = self.rank if self.job_rank == -1 else self.job_rank

    def __str__(self) -> str:
        name = f"rank {self.rank}" if self.rank >= 0 else "a rank"
        return f"{name} (host {self.host}, pid {self.pid})"

    @property
    def deadline(self) -> float:
        """When to stop to wait for the others (only before the group is complete)."""
        return self.joined + self.timeout

    def silence(self, patience: float) -> str:
        """Say how a lost member was lost: its process is gone, or it stopped talking."""
        silent = self.lost_at - self.heard
        if silent < 0.9 * patience:
            return "is gone: it was killed or exited without a word"
        return f"is silent for {silent:.0f} s: stopped or cut off"


@dataclass
class Group:
    """Ranks that found each other. Who left or was lost is no longer `present`."""

    name: str
    members: dict[int, Member]
    present: set[int] = field(default_factory=set)
    failed: bool = False


class Roster:
    """Groups that form by name and live until their last member is gone.

    Args:
        send: sends to a client.
        forget: removes the keys of a group that has ended.
        world_size: the number of processes in the job, or None where that is not known.
        patience: seconds without a sign of life after which a client counts as lost.
        serves_one_group: refuse whoever comes after the first group is complete.
    """

    def __init__(
        self,
        send: Send,
        forget: Callable[[str], None],
        world_size: int | None,
        patience: float,
        serves_one_group: bool = False,
    ) -> None:
        self._send = send
        self._forget = forget
        self._world_size = world_size
        self._patience = patience
        self._forming: dict[str, dict[int, Member]] = {}
        # By group that forms: who came and was lost again, as long as nobody has come in its place.
        self._lost: dict[str, dict[int, str]] = {}
        self._membership: dict[bytes, tuple[Group, Member]] = {}
        self._refused: set[bytes] = set()
        # By group and rank: why the group could not form, for ranks that have not come so far.
        self._owed: dict[str, dict[int, str]] = {}
        self._ended: dict[int, str] = {}
        self._formed = 0
        self._serves_one_group = serves_one_group
        self._closed = ""

    def join(self, request: Request) -> None:
        """Arguments: JSON with group, and what a `Member` is made of. Answered when the group is complete."""
        asked = json.loads(request.arguments[0])
        name, now = str(asked.pop("group")), time.monotonic()
        member = Member(request=request, joined=now, heard=now, **asked)
        if self._closed:
            self._deny(member, self._closed, GONE)
            return
        owed = self._owed_to(member, name)
        if owed:
            self._deny(member, owed)
            return
        for rank in sorted(self._ended.keys() & self._needed(member)):
            self._deny(member, _came_to_nothing(rank, self._ended[rank]), PEER_FAILED)
            return
        arrived = self._forming.setdefault(name, {})
        problem = self._problem(member, arrived)
        if problem:
            self._contradict(name, problem, member)
            return
        _take_place(member, arrived)
        self._lost.get(name, {}).pop(member.rank, None)
        if len(arrived) == member.size:
            self._form(name, self._forming.pop(name))

    def dissolve(self, reason: str) -> None:
        """Send those away who wait, and whoever comes; does nothing once the only group is complete."""
        if not self._closed:
            self._closed = reason
            for name in list(self._forming):
                self._refuse(name, reason, GONE)

    def leave(self, request: Request) -> None:
        """Arguments: how, as in "exited". This member is done, and its connection's end will not be a failure."""
        group, member = self._membership.pop(request.peer, (None, None))
        if group and member:
            self._tell(group, b"left", b"%d" % member.rank, *request.arguments)
            self._remove(group, member)
        request.answer()

    def fail(self, request: Request) -> None:
        """Arguments: what happened, as in "raised ValueError: bad batch"."""
        group, member = self._membership.get(request.peer, (None, None))
        if group and member:
            self._declare(group, member, request.arguments[0].decode())
        request.answer()

    def announce(self, request: Request) -> None:
        """Arguments: kind, payload. Passed on to every member present, the sender included."""
        kind, payload = request.arguments
        group, member = self._membership.get(request.peer, (None, None))
        if group and member:
            self._tell(group, b"announced", b"%d" % member.rank, kind, payload)
        request.answer()

    def status(self, request: Request) -> None:
        """Arguments: what the member is doing. Also its sign of life."""
        _, member = self._membership.get(request.peer, (None, None))
        if member:
            member.heard, member.call = time.monotonic(), request.arguments[0].decode()

    def calls(self, request: Request) -> None:
        """No arguments. Answers JSON: rank to what that rank said last, and how many seconds ago if it is present."""
        group, _ = self._membership.get(request.peer, (None, None))
        now, said = time.monotonic(), {}
        if group:
            for rank, member in group.members.items():
                said[rank] = member.call, now - member.heard if rank in group.present else 0.0
        request.answer(json.dumps(said).encode())

    def lost(self, peer: bytes) -> None:
        """The connection of `peer` is gone."""
        self._refused.discard(peer)
        group, member = self._membership.get(peer, (None, None))
        if group and member:
            member.lost_at = min(member.lost_at, time.monotonic())
        for name, arrived in self._forming.items():
            for rank in [rank for rank, member in arrived.items() if member.request.peer == peer]:
                self._lost.setdefault(name, {})[rank] = str(arrived.pop(rank))

    def will_not_come(self, rank: int, message: str) -> None:
        """The owner of the server knows that a rank has ended: those that need it to form a group wait in vain."""
        self._ended.setdefault(rank, message)
        for name, arrived in list(self._forming.items()):
            if any(rank in self._needed(member) for member in arrived.values()):
                self._refuse(name, _came_to_nothing(rank, message), PEER_FAILED)

    def report(self, rank: int, message: str, only_if_expected: bool) -> None:
        """The owner of the server knows that a rank failed or, `only_if_expected`, that it ended in order."""
        self.will_not_come(rank, message)
        for group in {id(group): group for group, _ in self._membership.values()}.values():
            for member in group.members.values():
                if member.job_rank == rank and (member.rank in group.present or not only_if_expected):
                    self._declare(group, member, message)

    def give_up(self, message: str) -> None:
        """The owner of the server ends the job, for a reason that is no rank's."""
        for name in list(self._forming):
            self._refuse(name, message, PEER_FAILED)
        for group in {id(group): group for group, _ in self._membership.values()}.values():
            self._fail(group, NO_RANK, message)

    def check(self, now: float) -> float:
        """Act on what is overdue; return the seconds until something is next."""
        due = math.inf
        for name, arrived in list(self._forming.items()):
            overdue = [member for member in arrived.values() if member.deadline <= now]
            if overdue:
                self._refuse(name, self._who_is_missing(name, overdue[0]), status=TIMEOUT)
            due = min([due, *(member.deadline - now for member in arrived.values())])
        for peer, (group, member) in list(self._membership.items()):
            if member.lost_at + LAST_WORDS_SECONDS <= now:
                del self._membership[peer]
                self._declare(group, member, member.silence(self._patience))
                self._remove(group, member)
            due = min(due, member.lost_at + LAST_WORDS_SECONDS - now)
        return max(0.0, due)

    def is_empty(self) -> bool:
        """Tell whether no group has members left, and whoever is to be refused has been told and has hung up."""
        return not self._membership and not self._refused and not any(self._owed.values())

    def _owed_to(self, member: Member, name: str) -> str:
        owed = self._owed.get(name, {})
        return owed.pop(member.rank if member.has_number else next(iter(owed), -1), "")

    def _needed(self, member: Member) -> set[int]:
        """Return which processes of the job must come for a group of this size: of a part of the job, any may."""
        return set(range(member.size)) if self._world_size in (None, member.size) else set()

    def _problem(self, member: Member, arrived: dict[int, Member]) -> str:
        for other in arrived.values():
            if other.size != member.size:
                return f"world_size differs: {other} has {other.size}, {member} has {member.size}"
        if self._world_size and member.size > self._world_size:
            return f"world_size is too large: {member} has {member.size}, the job has {self._world_size}"
        if member.rank in arrived and arrived[member.rank].has_number:
            return f"two processes are rank {member.rank}: {arrived[member.rank]} and {member}"
        if not -1 <= member.rank < member.size:
            return f"{member} is outside of world_size {member.size}"
        return ""

    def _contradict(self, name: str, problem: str, newcomer: Member) -> None:
        """Nobody can meet under `name` this time: tell those that are here now, and the others as they come."""
        members = [*self._forming[name].values(), newcomer]
        absent = set(range(max(member.size for member in members))) - {member.rank for member in members}
        self._owed[name] = dict.fromkeys(absent, problem)
        self._refuse(name, problem)
        self._deny(newcomer, problem)

    def _refuse(self, name: str, problem: str, status: bytes = ERROR) -> None:
        self._lost.pop(name, None)
        for member in self._forming.pop(name).values():
            self._deny(member, problem, status)

    def _deny(self, member: Member, problem: str, status: bytes = ERROR) -> None:
        member.request.fail(problem, status)
        self._refused.add(member.request.peer)

    def _who_is_missing(self, name: str, impatient: Member) -> str:
        arrived = self._forming[name]
        missing = [rank for rank in range(impatient.size) if rank not in arrived]
        here = ", ".join(str(arrived[rank]) for rank in sorted(arrived))
        who = f"{rank_names(missing)} did not arrive within {impatient.timeout:.3g} s"
        others = {id(group): group for group, _ in self._membership.values()}.values()
        busy = [str(group.members[rank]) for group in others for rank in sorted(group.present)]
        lost = [member for _, member in sorted(self._lost.get(name, {}).items())]
        return (
            f"of {impatient.size} ranks, {who}; here are {here}"
            + (f"; {', '.join(lost)} came and {'was' if len(lost) == 1 else 'were'} lost" if lost else "")
            + (f"; still in another group are {', '.join(busy)}" if busy else "")
        )

    def _form(self, name: str, members: dict[int, Member]) -> None:
        self._formed += 1
        self._lost.pop(name, None)
        group = Group(f"{name}#{self._formed}", members, set(members))
        people = {rank: str(members[rank]) for rank in sorted(members)}
        known = {
            "name": group.name,
            "secret": secrets.token_hex(32),
            "members": people,
            "machines": {rank: member.machine for rank, member in members.items()},
            "reached": {rank: member.reached for rank, member in members.items()},
            "served_by": next((rank for rank, member in members.items() if member.serves), None),
        }
        for rank, member in members.items():
            self._membership[member.request.peer] = group, member
            member.request.answer(json.dumps(known | {"rank": rank}).encode())
        if self._serves_one_group:
            self._closed = "the ranks have met, without this one"

    def _declare(self, group: Group, member: Member, message: str) -> None:
        self._fail(group, member.rank, f"{member} {message}")

    def _fail(self, group: Group, rank: int, message: str) -> None:
        if not group.failed:
            group.failed = True
            self._tell(group, b"failed", b"%d" % rank, message.encode())

    def _tell(self, group: Group, *frames: bytes) -> None:
        for rank in sorted(group.present):
            self._send(group.members[rank].request.peer, [EVENT, *frames])

    def _remove(self, group: Group, member: Member) -> None:
        group.present.discard(member.rank)
        if not group.present:
            self._forget(f"{group.name}/")


def _take_place(member: Member, arrived: dict[int, Member]) -> None:
    """Add a member to those that arrived; who has no number of its own takes a free one, and moves where need be."""
    free = next(rank for rank in range(member.size) if rank not in arrived)
    if not member.has_number:
        member.rank = free
    elif member.rank in arrived:
        mover = arrived[member.rank]
        mover.rank = free
        arrived[free] = mover
    arrived[member.rank] = member


def _came_to_nothing(rank: int, message: str) -> str:
    return f"rank {rank} {message} before all ranks had arrived"
