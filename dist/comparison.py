"""What the ranks were doing, side by side: finds the first call in which they differ, and says who is where.

Each rank publishes its latest calls as JSON; every rank can read and compare them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dist.flight_record import Call, FlightRecord

SHOWN_CALLS = 32


class Published(NamedTuple):
    """A call as other ranks see it."""

    group: str
    number: int
    signature: str
    site: str
    state: str

    def __str__(self) -> str:
        number = f" #{self.number}" if self.number else ""
        group = "" if self.group == "world" else f" in group {self.group}"
        return f"{self.signature}{number}{group} at {self.site}"


def publish(record: FlightRecord) -> str:
    """Write the latest calls of this process as the text that `read` understands."""
    return json.dumps([_published(call) for call in record.calls()[-SHOWN_CALLS:]])


def read(text: str) -> list[Published]:
    """Read what another rank published; nothing where it published nothing."""
    return [Published(*fields) for fields in json.loads(text or "[]")]


def _published(call: Call) -> Published:
    return Published(call.group, call.number, str(call.signature), call.site, call.state)


def first_difference(calls: Mapping[int, Iterable[Published]]) -> str | None:
    """Say in which call the ranks differ first, and who made which; None where what is known agrees."""
    made: dict[tuple[str, int], dict[int, Published]] = defaultdict(dict)
    for rank, latest in calls.items():
        for call in latest:
            if call.number:
                made[call.group, call.number][rank] = call
    for (group, number), by_rank in sorted(made.items(), key=lambda item: item[0][1]):
        if len({call.signature for call in by_rank.values()}) > 1:
            return f"call #{number} of group {group} differs: {_who_called_what(by_rank)}"
    return None


def _who_called_what(by_rank: Mapping[int, Published]) -> str:
    ranks: dict[str, list[int]] = defaultdict(list)
    for rank, call in sorted(by_rank.items()):
        ranks[f"{call.signature} at {call.site}"].append(rank)
    return "; ".join(f"{named(who)} called {call}" for call, who in ranks.items())


def who_is_where(calls: Mapping[int, Iterable[Published]]) -> str:
    """Say, a line per rank, which call each made last."""
    return "\n".join(f"  rank {rank}: {_last(list(latest))}" for rank, latest in sorted(calls.items()))


def _last(latest: list[Published]) -> str:
    if not latest:
        return "has made no call"
    verb = {"running": "is in", "queued": "has queued", "failed": "failed in"}.get(latest[-1].state, "has finished")
    return f"{verb} {latest[-1]}"


def named(ranks: Iterable[int]) -> str:
    """Write a list of ranks: "rank 3" or "ranks 0, 2".

    >>> named([0, 2])
    'ranks 0, 2'
    """
    numbers = [str(rank) for rank in ranks]
    return f"rank{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}"
