"""Worlds whose ranks make random calls until a random fault strikes one of them, or it makes another call: by a seed.

Every survivor has to raise an error that names the culprit, in time, and to leave nothing behind. `scripts/faults.py`
runs hundreds, the test suite a handful.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import dist
from dist.faults import Fault, FaultPlan, Injector
from dist.process_group import ProcessGroup
from dist.testing import Outcome, run_ranks
from tests.distributed.leftovers import held, observed

OPERATIONS = 25
# The schedule holds so many calls for every rank at least, so that nearly all faults strike.
CALLS = 20
TIMEOUT = 30.0  # seconds
# Two calls of a survivor may lie between the end of a rank and its error, on a machine that does other things as well.
LIMIT = 5.0  # seconds
WORLD_LIMIT = 60.0  # seconds
COUNTS = (0, 1, 7, 1000, 200_000)
# Of four seeds one has a rank that makes another call, instead of a fault.
OTHER_CALLS = 0.25

Call = Callable[[ProcessGroup, int, int], None]


@dataclass(frozen=True)
class Deviation:
    """The rank that makes another call than the others, at the first collective from some place of the schedule on."""

    rank: int
    place: int

    def __str__(self) -> str:
        return f"other-call rank={self.rank} place={self.place}"


@dataclass
class Result:
    """What came of one seed: empty `problems` mean that all is as it should be.

    Attributes:
        seed: of the schedule and the fault.
        ranks: how many there were.
        fault: what was planned.
        struck: whether it happened.
        seconds: from then until the last survivor had raised.
        message: what one of them said.
        problems: what is wrong.
    """

    seed: int
    ranks: int
    fault: str
    struck: bool
    seconds: float
    message: str
    problems: list[str]


class Schedule:
    """Random calls, in the same order on all ranks; every one checks what it gets."""

    def __init__(self, seed: int, deviation: Deviation | None = None) -> None:
        self.deviation = deviation
        self.random = random.Random(f"schedule {seed}")
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        some = sorted(self.random.sample(range(self.size), self.random.randint(1, self.size)))
        self.groups = [dist.new_group(), dist.new_group(some), dist.new_group()]

    def run(self) -> None:
        """Make all calls."""
        calls = [self.reduce_all, self.broadcast, self.gather_all, self.exchange, self.pass_on, self.queue, self.meet]
        for place in range(OPERATIONS):
            call = self.random.choice(calls)
            group = self.random.choice(self.groups)
            count, root = self.random.choice(COUNTS), self.random.choice(group.ranks)
            if self.deviates(place, group, call):
                call, count = self.another(call, count)
            if self.rank in group.ranks:
                call(group, count, root)
        self.end()

    def deviates(self, place: int, group: ProcessGroup, call: Call) -> bool:
        """Tell whether this rank is to make another call here: one of a collective that others make, too."""
        wanted = self.deviation
        if not wanted or wanted.rank != self.rank or place < wanted.place or call == self.pass_on:
            return False
        if self.rank not in group.ranks or group.size < 2:
            return False
        self.deviation = None
        return True

    def another(self, call: Call, count: int) -> tuple[Call, int]:
        """Return a call that differs, in what it is or in how much it is about."""
        collectives: list[Call] = [self.reduce_all, self.broadcast, self.gather_all, self.exchange, self.meet]
        draw = random.Random(f"another {self.rank} {count}")
        if call != self.meet and draw.random() < 0.5:
            return call, draw.choice([other for other in COUNTS if other != count])
        return draw.choice([other for other in collectives if other not in (call, self.like(call))]), count

    def like(self, call: Call) -> Call:
        """Return the call that begins with the same collective."""
        return self.reduce_all if call == self.queue else call

    def end(self) -> None:
        """Have every rank need every other one, whatever moves the bytes."""
        for peer in range(self.size):
            if peer != self.rank:
                dist.isend(np.ones(1), peer)
        for peer in range(self.size):
            if peer != self.rank:
                dist.recv(np.ones(1), peer)
        for group in [*self.groups, *self.groups]:
            if self.rank in group.ranks:
                dist.barrier(group)

    def reduce_all(self, group: ProcessGroup, count: int, root: int) -> None:
        x = np.full(count, self.rank, np.float32)
        dist.all_reduce(x, group=group)
        assert (x == sum(group.ranks)).all()

    def broadcast(self, group: ProcessGroup, count: int, root: int) -> None:
        x = np.full(count, self.rank)
        dist.broadcast(x, root, group)
        assert (x == root).all()

    def gather_all(self, group: ProcessGroup, count: int, root: int) -> None:
        rows = [np.empty(count) for _ in group.ranks]
        dist.all_gather(rows, np.full(count, float(self.rank)), group)
        assert all((row == rank).all() for row, rank in zip(rows, group.ranks, strict=True))

    def exchange(self, group: ProcessGroup, count: int, root: int) -> None:
        received = [np.empty(count) for _ in group.ranks]
        dist.all_to_all(received, [np.full(count, float(self.rank)) for _ in group.ranks], group)
        assert all((row == rank).all() for row, rank in zip(received, group.ranks, strict=True))

    def pass_on(self, group: ProcessGroup, count: int, root: int) -> None:
        """Send to the next rank of the group, and receive from the last one."""
        place, received = group.ranks.index(self.rank), np.empty(count)
        if group.size > 1:
            send = dist.isend(np.full(count, float(self.rank)), group.ranks[(place + 1) % group.size], group)
            source = dist.recv(received, group.ranks[place - 1], group)
            send.wait()
            assert (received == source).all()

    def queue(self, group: ProcessGroup, count: int, root: int) -> None:
        arrays = [np.full(count, self.rank) for _ in range(3)]
        for work in [dist.all_reduce(x, group=group, async_op=True) for x in arrays]:
            work.wait()
        assert all((x == sum(group.ranks)).all() for x in arrays)

    def meet(self, group: ProcessGroup, count: int, root: int) -> None:
        dist.barrier(group)


def play(
    seed: int, deviation: Deviation | None, backend: str | None, folder: str
) -> tuple[str, int | None, float, str]:
    """Be one rank; return the error and its rank, when it was raised, and what is left of the group."""
    note_time_of_strikes(Path(folder))
    before = held()
    message, blamed, ended = "", None, 0.0
    try:
        dist.init_process_group(backend, timeout=TIMEOUT)
        Schedule(seed, deviation).run()
    except dist.DistError as error:
        message, blamed, ended = f"{type(error).__name__}: {error}", getattr(error, "rank", None), time.monotonic()
    if dist.is_initialized():
        dist.destroy_process_group()
    return message, blamed, ended, ", ".join(sorted(held() - before))


def note_time_of_strikes(folder: Path) -> None:
    """Write down when a fault strikes in this process."""
    strike: Callable[[Injector, Fault], None] = Injector._strike

    def write_and_strike(injector: Injector, fault: Fault) -> None:
        (folder / "struck").write_text(str(time.monotonic()))
        strike(injector, fault)

    Injector._strike = write_and_strike  # type: ignore[method-assign]


def run_seed(seed: int, backend: str | None = None) -> Result:
    """Run the world of a seed, and judge it."""
    draw = random.Random(f"world {seed}")
    ranks = draw.randint(2, 4)
    if draw.random() < OTHER_CALLS:
        return run_other_call(seed, ranks, Deviation(draw.randrange(ranks), draw.randrange(OPERATIONS // 2)), backend)
    return run_fault(seed, ranks, FaultPlan.random(seed, ranks, CALLS), backend)


def run_other_call(seed: int, ranks: int, deviation: Deviation, backend: str | None) -> Result:
    """Run a world in which a rank makes another call: all ranks are to show both."""
    with observed() as (folder, problems):
        outcomes = run_ranks(ranks, play, seed, deviation, backend, str(folder), timeout=WORLD_LIMIT)
    problems += [str(outcome) for outcome in outcomes if outcome.failed]
    messages = {outcome.rank: outcome.value[0] for outcome in outcomes if not outcome.failed}
    both = re.compile(r"CollectiveMismatch: call #\d+ .* differs: .* called .*; .* called ")
    culprit = re.compile(rf"\b{deviation.rank}\b(, \d+)* called ")
    problems += [
        f"rank {rank} does not show both: {said}"
        for rank, said in messages.items()
        if not (both.match(said) and culprit.search(said))
    ]
    problems += [f"rank {one.rank} has left {one.value[3]}" for one in outcomes if not one.failed and one.value[3]]
    return Result(seed, ranks, str(deviation), True, 0.0, next(iter(messages.values()), ""), problems)


def run_fault(seed: int, ranks: int, plan: FaultPlan, backend: str | None) -> Result:
    """Run a world in which a fault strikes: the survivors are to name who was struck."""
    (fault,) = plan.faults
    with observed() as (folder, problems):
        outcomes = run_ranks(ranks, play, seed, None, backend, str(folder), timeout=WORLD_LIMIT, faults=plan)
        note = folder / "struck"
        struck = float(note.read_text()) if note.exists() else None
    survivors = [one for one in outcomes if not (struck and one.rank == fault.rank and fault.kind not in MILD)]
    problems += [str(outcome) for outcome in survivors if outcome.failed]
    returned = [outcome for outcome in survivors if not outcome.failed]
    # Ranks that share memory may never miss the connection between them; then nobody does, and all goes on.
    unnoticed = fault.kind == "drop" and backend != "tcp" and not any(outcome.value[0] for outcome in returned)
    if struck is None or fault.kind == "delay" or unnoticed:
        problems += [f"rank {one.rank} raised for nothing: {one.value[0]}" for one in returned if one.value[0]]
        return Result(seed, ranks, str(fault), struck is not None, 0.0, "", problems)
    for outcome in returned:
        problems += wrong_with(outcome, fault, struck)
    seconds = max((outcome.value[2] - struck for outcome in returned), default=0.0)
    message = next((outcome.value[0] for outcome in returned), "")
    return Result(seed, ranks, str(fault), True, seconds, message, problems)


# What a rank survives, if it may be with an error.
MILD = ("delay", "drop")


def wrong_with(outcome: Outcome, fault: Fault, struck: float) -> list[str]:
    """Judge a rank that has met a fault."""
    message, blamed, ended, left = outcome.value
    who = f"rank {outcome.rank}"
    culprits = {fault.rank, fault.peer} if fault.kind == "drop" else {fault.rank}
    problems = []
    if not message:
        problems.append(f"{who} raised nothing")
    elif blamed not in culprits:
        problems.append(f"{who} does not name rank {fault.rank}: {message}")
    if ended - struck > LIMIT:
        problems.append(f"{who} raised after {ended - struck:.1f} s: need {LIMIT:g}")
    if left:
        problems.append(f"{who} has left {left}")
    return problems
