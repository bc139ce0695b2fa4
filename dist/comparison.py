"""What the ranks were doing, side by side: finds the first call in which they differ, and says who is where.

Each rank publishes its latest calls as JSON; every rank can read and compare them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dist.fingerprint import NO_ROOT, Signature
from dist.flight_record import Call, FlightRecord
from dist.rank_names import rank_names

SHOWN_CALLS = 32


class Published(NamedTuple):
    """A call as other ranks see it; the attributes are those of `Call`."""

    group: str
    members: tuple[int, ...]
    number: int
    signature: Signature
    site: str
    state: str

    def __str__(self) -> str:
        number = f" #{self.number}" if self.number else ""
        group = "" if self.group == "world" else f" in group {self.group}"
        return f"{self.signature}{number}{group} at {self.site}"


def latest(record: FlightRecord) -> list[Published]:
    """Return the latest calls of a process, oldest first."""
    return [_published(call) for call in record.calls()[-SHOWN_CALLS:]]


def publish(record: FlightRecord) -> str:
    """Write the latest calls of this process as the text that `read` understands."""
    return json.dumps(latest(record))


def read(text: str) -> list[Published]:
    """Read what another rank published; nothing where it published nothing."""
    return [
        Published(group, tuple(members), number, read_signature(*signature), site, state)
        for group, members, number, signature, site, state in json.loads(text or "[]")
    ]


def read_signature(op: str, dtype: str, elements: int | list[int], root: int, reduce_op: str) -> Signature:
    """Make a signature of what JSON has made of one."""
    return Signature(op, dtype, tuple(elements) if isinstance(elements, list) else elements, root, reduce_op)


def _published(call: Call) -> Published:
    return Published(call.group, call.members, call.number, call.signature, call.site, call.state)


class Difference(NamedTuple):
    """What does not fit together: the call of each rank, and what it is about."""

    subject: str
    calls: dict[int, Published]

    def __str__(self) -> str:
        one_group = len({call.members for call in self.calls.values()}) == 1
        ranks: dict[str, list[int]] = defaultdict(list)
        for rank, call in sorted(self.calls.items()):
            group = "" if one_group else f" in a group of {rank_names(call.members)}"
            ranks[f"{call.signature} at {call.site}{group}"].append(rank)
        return f"{self.subject}: " + "; ".join(f"{rank_names(who)} called {call}" for call, who in ranks.items())


def first_difference(calls: Mapping[int, Iterable[Published]]) -> Difference | None:
    """Find the first collective in which the ranks differ; None where what is known agrees."""
    made: dict[tuple[int, str], dict[int, Published]] = defaultdict(dict)
    for rank, last_calls in calls.items():
        for call in last_calls:
            if call.number:
                made[call.number, call.group][rank] = call
    for (number, group), by_rank in sorted(made.items(), key=lambda item: item[0]):
        if not _fit(by_rank):
            return Difference(f"call #{number} of group {group} differs", by_rank)
    return None


def _fit(calls: Mapping[int, Published]) -> bool:
    """Tell whether what each rank calls is one call."""
    if len({(call.signature.agreed(), call.members) for call in calls.values()}) > 1:
        return False
    if len({call.signature for call in calls.values()}) == 1:
        return True
    # What lengths the others have matters to the root, or where there is none, to everybody.
    concerned = [rank for rank, call in calls.items() if call.signature.root in (rank, NO_ROOT)]
    return all(
        calls[rank].signature.fits(rank, other.signature, other_rank, other.members)
        for rank in concerned
        for other_rank, other in calls.items()
        if other_rank != rank
    )


def unlike_messages(calls: Mapping[int, Iterable[Published]], receiver: int, receive: Call) -> Difference | None:
    """Find what was last sent to a rank that does not fit what it asked for; None where nothing is known of it."""
    wanted = _published(receive)
    sent = {
        rank: call
        for rank, last_calls in calls.items()
        for call in last_calls
        if call.signature.op in ("send", "isend")
        and (call.signature.root, call.group) == (receiver, wanted.group)
        and wanted.signature.root in (rank, NO_ROOT)
        and _contents(call) != _contents(wanted)
    }
    return Difference("a message differs", sent | {receiver: wanted}) if sent else None


def _contents(message: Published) -> tuple[object, ...]:
    """What sender and receiver must agree on."""
    return message.signature.dtype, message.signature.elements, message.members


class Absence(NamedTuple):
    """The ranks that a call waits for: those that have not made it, or the peer of a message."""

    ranks: tuple[int, ...]
    verb: str

    def __str__(self) -> str:
        return f"{rank_names(self.ranks)} {'has' if len(self.ranks) == 1 else 'have'} not {self.verb} it"


def not_come(calls: Mapping[int, Iterable[Published]], waiting: Call) -> Absence | None:
    """Find the ranks that a call waits for; None where all have made it, or any rank would do."""
    if waiting.number:
        came = {rank for rank, latest in calls.items() for call in latest if _is_as_far(call, waiting)}
        behind = tuple(rank for rank in waiting.members if rank not in came)
        return Absence(behind, "called") if behind else None
    op, peer = waiting.signature.op, waiting.signature.root
    return Absence((peer,), "received" if op.endswith("send") else "sent") if peer != NO_ROOT else None


def _is_as_far(call: Published, waiting: Call) -> bool:
    return call.group == waiting.group and call.number >= waiting.number


def who_is_where(calls: Mapping[int, Iterable[Published]]) -> str:
    """Say, a line per rank, which call each made last."""
    return "\n".join(f"  rank {rank}: {last_call(list(made))}" for rank, made in sorted(calls.items()))


def last_call(calls: list[Published]) -> str:
    """Say which call a rank made last, and how far it is.

    >>> last_call([])
    'has made no call'
    """
    if not calls:
        return "has made no call"
    verb = {"running": "is in", "queued": "has queued", "failed": "failed in"}.get(calls[-1].state, "has finished")
    return f"{verb} {calls[-1]}"
