"""Large messages stay in the sender's memory, until the receiver has copied them from there into its buffer.

What is said of loans stands in shared memory beside the ring from lender to borrower, and not in the rings, where it
would have to wait behind messages that nobody asks for:

    offset   0  revoked   u64: 1 once the lender has taken its memory back; changed by the lender alone
            64  returned  u64: how often anything was given back; changed by the borrower alone
           128  back      64 times u64: 1 for a loan that was given back, until its lender has seen it
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dist.transport.shared_memory.doorbell import Doorbell, Fence
from dist.transport.shared_memory.remote_memory import address_of, read_memory

_REVOKED, _RETURNED, _BACK = 0, 8, 16  # in words of 8 bytes
_LOANS: Final = 64
LEDGER_BYTES: Final = 128 + 8 * _LOANS
# What is copied in one step: after each, others have their turn.
_STEP_BYTES: Final = 4 * 1024 * 1024

TICKET: Final = struct.Struct("<QQ")  # the loan's number, and the address


@dataclass(eq=False, slots=True)
class _Fetch:
    """A loan that is being copied."""

    number: int
    address: int
    rest: memoryview
    done: Callable[[OSError | None], None]


class Loans:
    """This rank's loans to one neighbour, and those of the neighbour to it.

    Args:
        lent: the memory described above, for what this rank lends.
        borrowed: for what it borrows.
        doorbell: of the neighbour.
        look_again: has the thread that serves call `poll` soon.
        pid: the neighbour's process.
        permitted: whether the neighbour can read the memory of this process.
    """

    def __init__(
        self,
        lent: memoryview,
        borrowed: memoryview,
        doorbell: Doorbell,
        look_again: Callable[[], None],
        pid: int,
        permitted: bool,
    ) -> None:
        self._lent = lent.cast("Q")
        self._borrowed = borrowed.cast("Q")
        self._doorbell = doorbell
        self._look_again = look_again
        self._fence = Fence()
        self._pid = pid
        self._free = list(range(_LOANS)) if permitted else []
        self._out: dict[int, Callable[[], None]] = {}
        self._seen = 0
        self._given_back = 0
        self._fetches: deque[_Fetch] = deque()

    def lend(self, buffer: memoryview, returned: Callable[[], None]) -> bytes | None:
        """Return a ticket for the neighbour, or None where nothing can be lent now.

        `returned()` is called once the buffer is not needed any more, unless all is revoked before.
        """
        if not self._free:
            return None
        number = self._free.pop()
        self._out[number] = returned
        return TICKET.pack(number, address_of(buffer))

    def revoke(self) -> None:
        """Take back all that is lent and not given back yet, and copy nothing that is borrowed any more."""
        self._collect()
        self._free.clear()
        self._out.clear()
        self._fetches.clear()
        self._lent[_REVOKED] = 1
        self._fence.order()

    def fetch(self, ticket: bytes, view: memoryview, done: Callable[[OSError | None], None]) -> None:
        """Start to copy what the neighbour has lent; call `done` with None, or with why it could not be copied."""
        number, address = TICKET.unpack(ticket)
        self._fetches.append(_Fetch(number, address, view, done))
        self._look_again()

    def give_back(self, ticket: bytes) -> None:
        """Let the neighbour know that this loan is not needed any more."""
        self._return(TICKET.unpack(ticket)[0])

    def poll(self) -> bool:
        """Take note of what was given back, and copy a part of what is to be fetched; tell whether there was any."""
        if not self._fetches and not self._out:
            return False
        news = bool(self._fetches)
        if news:
            self._copy(self._fetches[0])
        if self._lent[_RETURNED] != self._seen:
            news = True
            self._collect()
        return news

    def close(self) -> None:
        """Let go of the memory."""
        self._lent.release()
        self._borrowed.release()

    def _copy(self, fetch: _Fetch) -> None:
        part, rest = fetch.rest[:_STEP_BYTES], fetch.rest[_STEP_BYTES:]
        try:
            read_memory(self._pid, fetch.address, part)
        except OSError as error:
            self._fetches.popleft()
            fetch.done(error)
            return
        fetch.rest = rest
        fetch.address += len(part)
        self._fence.order()
        if self._borrowed[_REVOKED]:  # what was copied may be something else; word of why is on its way
            self._fetches.clear()
        elif not rest:
            self._fetches.popleft()
            self._return(fetch.number)
            fetch.done(None)

    def _return(self, number: int) -> None:
        self._borrowed[_BACK + number] = 1
        self._fence.order()
        self._given_back += 1
        self._borrowed[_RETURNED] = self._given_back
        self._doorbell.ring()

    def _collect(self) -> None:
        self._seen = self._lent[_RETURNED]
        self._fence.order()
        for number in [number for number in self._out if self._lent[_BACK + number]]:
            self._lent[_BACK + number] = 0
            returned = self._out.pop(number)
            self._free.append(number)
            returned()
