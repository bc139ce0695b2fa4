"""Waiting until somebody listens at an address."""

from __future__ import annotations

import contextlib
import socket
import struct
import time

from dist.timeouts import attempts

_LONGEST_PAUSE = 0.2  # seconds
# The system asks again after one second, where the first request got lost.
_LONGEST_ATTEMPT, _SHORTEST_ATTEMPT = 2.5, 0.05  # seconds
_HANG_UP_AT_ONCE = struct.pack("ii", 1, 0)


def wait_for_listener(address: str, port: int, deadline: float) -> bool:
    """Return True once somebody listens at the port, or False at `deadline`, of `time.monotonic()`.

    Where nobody does, and the port is one of those that the system lets connections start from, each attempt may by
    chance start from that very port, and so be connected to itself. Such a connection would keep the port for a minute
    after its end, and rank 0 from listening there; one that is marked for reuse and hung up at once does not.

    >>> with socket.create_server(("127.0.0.1", 0)) as listener:
    ...     wait_for_listener("127.0.0.1", listener.getsockname()[1], time.monotonic() + 5)
    True
    """
    return any(_is_listened_at(address, port, deadline) for _ in attempts(deadline, longest=_LONGEST_PAUSE))


def _is_listened_at(address: str, port: int, deadline: float) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HANG_UP_AT_ONCE)
        probe.settimeout(min(_LONGEST_ATTEMPT, max(_SHORTEST_ATTEMPT, deadline - time.monotonic())))
        with contextlib.suppress(OSError):
            probe.connect((address, port))
            return bool(probe.getsockname() != probe.getpeername())
    return False
