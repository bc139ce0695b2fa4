"""`ProcessGroup`: the ranks that communicate with each other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from dist.arguments import Buffer, group_ranks
from dist.process_group.barriers import Barriers
from dist.process_group.coalesced import Coalesced
from dist.process_group.exchanges import Exchanges
from dist.process_group.point_to_point import PointToPoint
from dist.process_group.reductions import Reductions


class ProcessGroup(Reductions, Exchanges, Coalesced, Barriers, PointToPoint):
    """Some ranks of the world, in ascending order, and the collectives among them.

    Roots and peers are global ranks, whatever the group. Tensors are NumPy arrays or objects whose `detach().numpy()`
    shares their memory; results are written in place. With `async_op=True` a collective returns a `Work` at once, and
    the tensors belong to it until its `wait()` returned; otherwise it returns None when it is done.

    All collectives raise `TypeError` or `ValueError` for a wrong argument, before anything is sent; `PeerError` when
    another rank failed; `CollectiveMismatch` when the ranks made different calls; `TransportTimeout` after `timeout`.
    The last three are final: every later call raises the same error.
    """

    _host_group: ProcessGroup | None = None

    def new_group(self, ranks: Iterable[int] | None = None, timeout: float | timedelta | None = None) -> ProcessGroup:
        """Make a group of some global ranks; all ranks make the same groups in the same order, members or not."""
        members = group_ranks(ranks, self.ranks)
        self._check_usable("new_group")
        with self._order:
            self._groups_made += 1
            name = f"{self.name}/{self._groups_made}"
        allowed = self.timeout if timeout is None else timeout
        make = self._make_collectives
        return ProcessGroup(self._transport, members, timeout=allowed, name=name, parent=self, make_collectives=make)

    def of_host_memory(self) -> ProcessGroup:
        """Return a group of the same ranks for tensors in host memory: this one, unless its tensors are on devices."""
        if self._buffer is Buffer:
            return self
        with self._order:
            if self._host_group is None:
                name = f"{self.name}/host"
                self._host_group = ProcessGroup(self._transport, self.ranks, None, self.timeout, name, self)
            return self._host_group

    def close(self) -> None:
        """See `Core.close`."""
        super().close()
        if self._host_group is not None:
            self._host_group.close()
