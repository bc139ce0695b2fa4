"""The board: each rank has a place in shared memory to put things up for all, and all take turns in rounds.

In a round every rank puts something up, says so, waits until all have said so, and takes what it wants. Places are used
in turns of two: what a rank put up in one round stays there while it fills the other half for the next one, which it
cannot finish before all others have taken what they wanted. So a round needs one wait, and nothing else is locked.

A rank says that it is ready by writing the *mark* of the round, made of the call's fingerprint: who reads another mark
than its own has met a rank that makes another call.

    offset   0  mark of even rounds, how many rounds its call takes, its balance      (8 bytes each)
            64  the same of odd rounds
           128  1 + rank that aborted, or 0
           192  1 once the rank has closed its end
           256  why this rank aborted, in UTF-8, up to the first zero
          4096  two slots, of `slot_bytes` each
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from dist.channel import Channel
from dist.errors import CollectiveMismatch, LengthMismatch, PeerLost, TransportTimeout
from dist.shared_memory.segment import Memory
from dist.shared_memory.waiting import fence, spins, wait_until

HEAD_BYTES: Final = 4096
_LINE: Final = 8  # words
_ABORTED: Final = 2 * _LINE
_CLOSED: Final = 3 * _LINE
_REASON: Final = slice(4 * _LINE * 8, HEAD_BYTES)
_MASK: Final = 2**64 - 1
_ROUND: Final = 0xD1B54A32D192ED03  # odd: different rounds of a call have different marks


class Board:
    """One rank's view of the board of a group.

    Attributes:
        slots: `slots[half][k]` is what group rank k puts up in rounds of that half; write to one's own only.
        half: of the round that comes next.
        taken: what all ranks have put up in the round before.

    Args:
        memories: of each rank, `HEAD_BYTES` and two slots, zeros at first.
        ranks: the global rank of each group rank, for messages.
        rank: this one's group rank.
        cores: how many cores the ranks have together.
    """

    def __init__(self, memories: Sequence[Memory], ranks: Sequence[int], rank: int, cores: int) -> None:
        self.slot_bytes = (min(map(len, memories)) - HEAD_BYTES) // 2
        self.slots = [[self._slot(memory, half) for memory in memories] for half in (0, 1)]
        self.half = 0
        self.taken = self.slots[1]
        self._memories = memories
        self._ranks = ranks
        self._rank = rank
        self._heads = [memory[:HEAD_BYTES].view(np.uint64).data for memory in memories]
        self._own = self._heads[rank]
        self._others = [(peer, head) for peer, head in enumerate(self._heads) if peer != rank]
        self._marks = [0, 0]
        self._spins = spins(len(memories), cores)

    def sync(self, channel: Channel, number: int = 0) -> None:
        """Say that what this rank puts up in a call's round `number` is there, and wait until all ranks have said so.

        Raises:
            CollectiveMismatch: another rank makes another call.
            PeerLost: a rank has aborted, or has closed its end.
            TransportTimeout: a rank did not come before the channel's deadline.
        """
        mark = (channel.fingerprint + number * _ROUND) & _MASK
        place = self.half * _LINE
        fence()
        self._own[place] = mark
        for peer, head in self._others:
            if head[place] != mark:
                self._wait(channel, peer, place, mark)
        fence()
        self._marks[self.half] = mark
        self.taken = self.slots[self.half]
        self.half ^= 1

    def rounds(
        self,
        channel: Channel,
        count: int,
        put: Callable[[int, Memory], None],
        take: Callable[[int], None],
        balance: int = 0,
    ) -> None:
        """Run the rounds of a call: as many as the rank needs that needs most.

        Args:
            channel: the call's.
            count: how many rounds this rank knows that it needs.
            put: `put(number, slot)` fills this rank's slot; called `count` times.
            take: `take(number)` uses what all ranks have put up, and may write to this rank's slot of the next round.
            balance: the sum over all ranks must be 0 modulo 2**64: what they give and expect fits together.

        Raises:
            LengthMismatch: it is not.
        """
        number, needed = 0, max(count, 1)
        while number < needed:
            if number < count:
                put(number, self.slots[self.half][self._rank])
            if number == 0:
                self._own[self.half * _LINE + 1] = count
                self._own[self.half * _LINE + 2] = balance & _MASK
            half = self.half
            self.sync(channel, number)
            if number == 0:
                needed = max(head[half * _LINE + 1] for head in self._heads)
                if sum(head[half * _LINE + 2] for head in self._heads) & _MASK:
                    raise LengthMismatch("a rank gives more or less than another one expects")
            take(number)
            number += 1

    def abort(self, reason: str) -> None:
        """Make what waits here, on all ranks, raise `PeerLost`."""
        text = np.frombuffer(reason.encode()[: _REASON.stop - _REASON.start - 1], np.uint8)
        own = self._memories[self._rank][_REASON]
        own[: len(text)] = text
        fence()
        for head in self._heads:
            head[_ABORTED] = 1 + self._rank

    def close(self) -> None:
        """Let the others know that this rank comes to no further round."""
        self._own[_CLOSED] = 1

    def _slot(self, memory: Memory, half: int) -> Memory:
        start = HEAD_BYTES + half * self.slot_bytes
        return memory[start : start + self.slot_bytes]

    def _wait(self, channel: Channel, peer: int, place: int, mark: int) -> None:
        head, before = self._heads[peer], self._marks[self.half]

        def ready() -> bool:
            found = head[place]
            if found == mark:
                return True
            if found != before:
                raise CollectiveMismatch(f"rank {self._ranks[peer]} makes another call")
            self._check(peer, place, mark)
            return False

        if not wait_until(ready, self._spins, channel.deadline):
            raise TransportTimeout(f"rank {self._ranks[peer]} did not come", self._ranks[peer])

    def _check(self, peer: int, place: int, mark: int) -> None:
        """Raise if a rank has aborted, or if `peer` has gone without having come to this round."""
        if aborted := self._own[_ABORTED]:
            who = self._ranks[aborted - 1]
            reason = self._memories[aborted - 1][_REASON].tobytes().partition(b"\0")[0].decode(errors="replace")
            raise PeerLost(f"rank {who} aborted: {reason}", who)
        head = self._heads[peer]
        if head[_CLOSED] and head[place] != mark:
            raise PeerLost(f"rank {self._ranks[peer]} has closed its transport", self._ranks[peer])


def typed(slot: Memory, start: int, length: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return `length` elements of a slot, from byte `start` on."""
    return slot[start : start + length * dtype.itemsize].view(dtype)
