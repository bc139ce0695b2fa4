"""Faults on purpose: a plan says which rank is to die, stop, raise, exit, be late or lose a connection, at which call.

A rank's calls are counted from 1: collectives and messages, of all groups, as they are made. A fault strikes before
its call does anything. `dist.testing.run_world` and `dist.simulate` take a plan; any job takes one by its environment:

    TENSORLIB_FAULTS="kill rank=1 call=3; delay rank=0 call=2 seconds=0.5" tlrun -n 4 train.py
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from dist.threads import current_threads
from dist.transport.base import Transport

VARIABLE = "TENSORLIB_FAULTS"
EXIT_CODE = 3
Kind = Literal["kill", "stop", "raise", "exit", "os._exit", "delay", "drop"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# What a simulated rank can survive, being a thread.
KINDS_OF_THREADS: tuple[Kind, ...] = ("raise", "exit", "delay", "drop")
_LONGEST_DELAY = 0.5  # seconds; of random ones


class FaultError(RuntimeError):
    """Raised by the fault "raise"."""


@runtime_checkable
class Droppable(Protocol):
    """A transport whose connections can be broken."""

    def drop(self, peer: int) -> None:
        """Break the connection to a rank, as if the network had failed."""
        ...


@dataclass(frozen=True)
class Fault:
    """What happens to one rank at one of its calls.

    Attributes:
        kind: "kill" (SIGKILL), "stop" (SIGSTOP), "raise" (a FaultError), "exit" (sys.exit(3)), "os._exit" (with code
            3), "delay" (by `seconds`) or "drop" (of the connection to `peer`; ranks that share memory may not miss it).
        rank: a global rank.
        call: which of its calls, counted from 1.
        op: where given, only calls of this name count: "all_reduce", "recv".
        seconds: how long a delay takes.
        peer: to which rank a connection is dropped; None means to all.

    Raises:
        ValueError: a value is out of range; says what is needed.
    """

    kind: Kind
    rank: int
    call: int
    op: str = ""
    seconds: float = 1.0
    peer: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"fault: kind is {self.kind!r}: need one of {', '.join(KINDS)}")
        if self.rank < 0 or self.call < 1 or not self.seconds >= 0:
            raise ValueError(f"fault: {self}: need rank >= 0, call >= 1, seconds >= 0")
        if self.peer == self.rank:
            raise ValueError(f"fault: {self}: need a peer other than the rank")

    def __str__(self) -> str:
        named = [(field.name, getattr(self, field.name), field.default) for field in fields(self)[1:]]
        return " ".join([self.kind, *(f"{name}={value}" for name, value, default in named if value != default)])


@dataclass(frozen=True)
class FaultPlan:
    """Faults to come, of any ranks.

    Example:
        >>> from dist.testing import Fault, FaultPlan
        >>> plan = FaultPlan(Fault("kill", rank=1, call=3), Fault("delay", rank=0, call=2, seconds=0.5))
        >>> str(plan)
        'kill rank=1 call=3; delay rank=0 call=2 seconds=0.5'
        >>> FaultPlan.parse(str(plan)) == plan
        True
        >>> FaultPlan.random(seed=7, ranks=4, calls=20) == FaultPlan.random(seed=7, ranks=4, calls=20)
        True
    """

    faults: tuple[Fault, ...]

    def __init__(self, *faults: Fault) -> None:
        object.__setattr__(self, "faults", faults)

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults))

    def check(self, caller: str, ranks: int, kinds: Sequence[Kind] = KINDS) -> None:
        """Refuse a plan for other ranks than there are, or of other kinds than can happen there.

        Raises:
            ValueError: says which fault, and what is needed.
        """
        for fault in self.faults:
            if fault.kind not in kinds:
                raise ValueError(f"{caller}: fault {fault}: need one of {', '.join(kinds)}")
            if max(fault.rank, fault.peer or 0) >= ranks:
                raise ValueError(f"{caller}: fault {fault}: need ranks from 0 to {ranks - 1}")

    @classmethod
    def parse(cls, text: str) -> FaultPlan:
        """Read what `str` wrote.

        Raises:
            ValueError: it is not a plan; shows what cannot be read.
        """
        return cls(*(_fault(part.split()) for part in text.split(";") if part.strip()))

    @classmethod
    def from_environment(cls) -> FaultPlan:
        """Read the plan that the environment variable TENSORLIB_FAULTS holds; an empty one where there is none."""
        return cls.parse(os.environ.get(VARIABLE, ""))

    @classmethod
    def random(cls, seed: int, ranks: int, calls: int, kinds: Sequence[Kind] = KINDS) -> FaultPlan:
        """Make a plan of one fault, the same for the same arguments.

        Args:
            seed: any integer.
            ranks: number of ranks, of which one is hit.
            calls: the fault strikes at one of the calls from 1 to this.
            kinds: what it may be.
        """
        draw = random.Random(seed)
        kind, rank, call = draw.choice(kinds), draw.randrange(ranks), draw.randint(1, calls)
        if kind == "delay":
            return cls(Fault(kind, rank, call, seconds=round(draw.uniform(0.0, _LONGEST_DELAY), 3)))
        if kind == "drop" and ranks > 1:
            return cls(Fault(kind, rank, call, peer=draw.choice([peer for peer in range(ranks) if peer != rank])))
        return cls(Fault(kind, rank, call))


def _fault(words: list[str]) -> Fault:
    kind, *settings = words
    types: dict[str, type] = {"rank": int, "call": int, "op": str, "seconds": float, "peer": int}
    try:
        pairs = dict(word.split("=", 1) for word in settings)
        values: dict[str, Any] = {name: types[name](value) for name, value in pairs.items()}
        return Fault(kind, **values)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        need = "need for example 'kill rank=1 call=3' or 'delay rank=0 call=2 op=recv seconds=0.5'"
        raise ValueError(f"fault plan: cannot read {' '.join(words)!r} ({error}): {need}") from None


class Injector:
    """Makes the faults of one rank happen; to be called before each of its calls.

    Raises:
        ValueError: the transport has no connections that could be dropped.
    """

    def __init__(self, plan: FaultPlan, transport: Transport) -> None:
        self._faults = [fault for fault in plan.faults if fault.rank == transport.rank]
        self._transport = transport
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        if any(fault.kind == "drop" for fault in self._faults) and not isinstance(transport, Droppable):
            raise ValueError(f"fault plan: {type(transport).__name__} has no connections that could be dropped")

    def __call__(self, op: str) -> None:
        """Count a call of this name, and do what is planned for it."""
        with self._lock:
            self._counts[""] += 1
            self._counts[op] += 1
            counts = {name: self._counts[name] for name in ("", op)}
        for fault in self._faults:
            if counts.get(fault.op) == fault.call:
                self._strike(fault)

    def _strike(self, fault: Fault) -> None:
        if fault.kind in ("kill", "stop"):
            os.kill(os.getpid(), signal.SIGKILL if fault.kind == "kill" else signal.SIGSTOP)
        elif fault.kind == "raise":
            raise FaultError(f"this is the fault that was planned: {fault}")
        elif fault.kind == "exit":
            sys.exit(EXIT_CODE)
        elif fault.kind == "os._exit":
            os._exit(EXIT_CODE)
        elif fault.kind == "delay":
            current_threads().sleep(fault.seconds)
        else:
            self._drop(fault)

    def _drop(self, fault: Fault) -> None:
        assert isinstance(self._transport, Droppable)
        others = [rank for rank in range(self._transport.size) if rank != fault.rank]
        for peer in others if fault.peer is None else [fault.peer]:
            self._transport.drop(peer)
