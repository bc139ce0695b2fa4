"""A diagnosis in plain English, and as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from rich.table import Table

from dist.debug.analysis import Diagnosis, Wait
from dist.debug.records import RankRecord, RecordedCall
from dist.rank_names import rank_names


def explain(diagnosis: Diagnosis) -> list[str]:
    """Say what happened, a sentence or two per line; what matters most comes first."""
    lines = [f"{_some(diagnosis.failures[said])}: {said}" for said in diagnosis.failures]
    if diagnosis.difference:
        lines.append(f"The ranks made different calls: {diagnosis.difference}.")
    lines += _waits(diagnosis)
    lines += _circle(diagnosis)
    lines += [_why_awaited(diagnosis, rank) for rank in diagnosis.awaited]
    unasked = [rank for rank in diagnosis.missing if rank not in diagnosis.awaited]
    if unasked:
        lines.append(f"{_some(unasked)} left no record, and nobody waited there: {_NO_RECORD}.")
    if diagnosis.outdated:
        lines.append(f"The record of {rank_names(diagnosis.outdated)} is of an earlier run, and was not used.")
    return lines


_NO_RECORD = "killed, stopped, ended before the failure was known, or writing on another machine"


def _some(ranks: tuple[int, ...] | list[int]) -> str:
    return rank_names(ranks).capitalize()


def _waits(diagnosis: Diagnosis) -> Iterator[str]:
    """One line for all ranks that wait for the same ranks in the same call."""
    alike: dict[tuple[str, tuple[int, ...], bool], list[Wait]] = defaultdict(list)
    for wait in diagnosis.waits:
        alike[f"{_call(wait.call)} at {wait.call.place}", wait.others, wait.any_of].append(wait)
    for (call, others, any_of), waits in alike.items():
        who = [wait.rank for wait in waits]
        verb = "waits" if len(who) == 1 else "wait"
        if others:
            yield f"{_some(who)} {verb} for {'any of ' * any_of}{rank_names(others)} in {call}."
        else:
            yield f"{_some(who)} {verb} in {call}, which all its ranks have begun."


def _circle(diagnosis: Diagnosis) -> Iterator[str]:
    if diagnosis.circle:
        ranks = [*diagnosis.circle, diagnosis.circle[0]]
        chain = ", ".join(f"rank {one} for rank {other}" for one, other in pairwise(ranks))
        yield f"They wait in a circle, and none can go on: {chain}."


def _why_awaited(diagnosis: Diagnosis, rank: int) -> str:
    record = diagnosis.records.get(rank)
    if record is None:
        return f"Rank {rank} left no record: {_NO_RECORD}."
    return f"Rank {rank} was waited for: {_last(record)}{_whereabouts(record)}."


def _last(record: RankRecord) -> str:
    if not record.calls:
        return "it has made no call"
    made = record.calls[-1]
    if made.ended is None:
        return f"its last call is {_call(made)} at {made.place}, {made.call.state}"
    ago = max(0.0, record.written - made.ended)
    return f"its last call, {_call(made)} at {made.place}, had ended {ago:.1f} s before"


def _whereabouts(record: RankRecord) -> str:
    places = [f"{thread.name} at {thread.places[0]}" for thread in record.threads]
    return f"; it was with {', '.join(places)}" if places else ""


def _call(made: RecordedCall) -> str:
    number = f" #{made.call.number}" if made.call.number else ""
    group = "" if made.call.group == "world" else f" of group {made.call.group}"
    return f"{made.call.signature}{number}{group}"


def overview(diagnosis: Diagnosis) -> Table:
    """Return a row per rank: who and where it is, its last call, and where its threads are."""
    table = Table("rank", "host", "pid", "last call", "state", "seconds", "called at", "threads at")
    for rank in range(diagnosis.world_size):
        record = diagnosis.records.get(rank)
        table.add_row(str(rank), *(_row(record) if record else ["-", "-", "left no record"]))
    return table


def _row(record: RankRecord) -> list[str]:
    who = [record.host, str(record.pid)]
    where = "\n".join(f"{thread.places[0]}" for thread in record.threads)
    if not record.calls:
        return [*who, "none", "", "", "", where]
    made = record.calls[-1]
    seconds = (made.ended or record.written) - made.started
    return [*who, _call(made), made.call.state, f"{seconds:.3f}", str(made.place), where]


def listing(record: RankRecord, count: int) -> Table:
    """Return a row for each of the last `count` calls of a rank."""
    table = Table("call", "state", "seconds", "called at", title=f"rank {record.rank}", title_justify="left")
    for made in record.calls[len(record.calls) - min(count, len(record.calls)) :]:
        seconds = (made.ended or record.written) - made.started
        table.add_row(_call(made), made.call.state, f"{seconds:.6f}", str(made.place))
    return table


def stacks(record: RankRecord) -> list[str]:
    """Say where the threads of a rank were, innermost line first."""
    lines = []
    for thread in record.threads:
        lines.append(f"rank {record.rank}, {thread.name}:")
        lines += [f"    {place}" for place in thread.places]
    return lines
