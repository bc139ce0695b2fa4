"""From flight records to a diagnosis: who waits for whom, who is missing, whose call differs. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dist.comparison import Difference, first_difference
from dist.debug.records import RankRecord, RecordedCall
from dist.fingerprint import NO_ROOT

# The ranks of one run write within seconds of each other: who wrote so much earlier belonged to another run.
SAME_RUN_SECONDS = 600.0


@dataclass(frozen=True)
class Wait:
    """A rank that is blocked in a call.

    Attributes:
        rank: its number.
        call: what it is blocked in.
        others: the ranks that have not come to the call; none where all have and it is not over.
        any_of: whether one of them is enough, as in a receive from any rank.
    """

    rank: int
    call: RecordedCall
    others: tuple[int, ...]
    any_of: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """What the records of a run say.

    Attributes:
        records: by rank, without those of earlier runs.
        world_size: number of ranks.
        missing: the ranks that left no record.
        outdated: those whose record is of an earlier run.
        failures: what was known of the failure, and to which ranks.
        difference: the first call in which the ranks differ.
        waits: who is blocked, where, and for whom.
        circle: ranks of which each waits for the next, and the last for the first; often none.
        awaited: the ranks that others wait for, and that do not wait themselves.
    """

    records: Mapping[int, RankRecord]
    world_size: int
    missing: tuple[int, ...]
    outdated: tuple[int, ...]
    failures: Mapping[str, tuple[int, ...]]
    difference: Difference | None
    waits: tuple[Wait, ...]
    circle: tuple[int, ...]
    awaited: tuple[int, ...]


def diagnose(records: Mapping[int, RankRecord]) -> Diagnosis:
    """Find out what happened.

    Args:
        records: at least one.
    """
    newest = max(records.values(), key=lambda record: record.written)
    current = {rank: r for rank, r in sorted(records.items()) if r.written > newest.written - SAME_RUN_SECONDS}
    size = newest.world_size
    waits = tuple(find_waits(current))
    return Diagnosis(
        records=current,
        world_size=size,
        missing=tuple(rank for rank in range(size) if rank not in current),
        outdated=tuple(sorted(records.keys() - current.keys())),
        failures=_failures(current.values()),
        difference=first_difference({rank: [made.call for made in r.calls] for rank, r in current.items()}),
        waits=waits,
        circle=find_circle(waits),
        awaited=_awaited(waits),
    )


def find_waits(records: Mapping[int, RankRecord]) -> Iterator[Wait]:
    """Say for every rank that is blocked in a call which ranks have not come to it."""
    reached = {rank: _numbers(record) for rank, record in records.items()}
    for rank, record in records.items():
        for made in blocked_calls(record):
            call, peer = made.call, made.call.signature.root
            others = tuple(other for other in call.members if other != rank)
            if call.number:
                behind = (other for other in others if reached.get(other, {}).get(call.group, 0) < call.number)
                yield Wait(rank, made, tuple(behind))
            elif peer == NO_ROOT:
                yield Wait(rank, made, others, any_of=len(others) > 1)
            else:
                yield Wait(rank, made, (peer,))


def blocked_calls(record: RankRecord) -> list[RecordedCall]:
    """Return the calls that keep a rank: the first of each group that is not done, and messages waited for.

    A message counts as waited for if the wait has failed, or if its thread has made no other call since.
    """
    last_of_thread = {made.thread: made for made in record.calls}
    first_of_group: dict[str, RecordedCall] = {}
    messages = []
    for made in record.calls:
        if made.pending and made.call.number:
            first_of_group.setdefault(made.call.group, made)
        elif made.pending and (made.call.state == "failed" or last_of_thread[made.thread] is made):
            messages.append(made)
    return [*first_of_group.values(), *messages]


def find_circle(waits: Iterable[Wait]) -> tuple[int, ...]:
    """Return ranks of which each waits for the next, and the last for the first; none where there is no circle."""
    others: dict[int, set[int]] = defaultdict(set)
    for wait in waits:
        if not wait.any_of:
            others[wait.rank].update(wait.others)
    # Whoever waits for nobody that waits is no part of a circle; what remains when these are gone is only circles.
    while done := [rank for rank, whom in others.items() if not whom & others.keys()]:
        for rank in done:
            del others[rank]
    if not others:
        return ()
    path = [min(others)]
    while (following := min(others[path[-1]] & others.keys())) not in path:
        path.append(following)
    return tuple(path[path.index(following) :])


def _numbers(record: RankRecord) -> dict[str, int]:
    """Return the number of the last collective that a rank has come to, by group."""
    return {made.call.group: made.call.number for made in record.calls if made.call.number}


def _awaited(waits: Iterable[Wait]) -> tuple[int, ...]:
    waits = list(waits)
    blocked = {wait.rank for wait in waits}
    return tuple(sorted({other for wait in waits if not wait.any_of for other in wait.others} - blocked))


def _failures(records: Iterable[RankRecord]) -> dict[str, tuple[int, ...]]:
    ranks: dict[str, list[int]] = defaultdict(list)
    for record in records:
        ranks[f"{record.error}: {record.message}"].append(record.rank)
    return {message: tuple(who) for message, who in ranks.items()}
