"""One port for the stores of several jobs, on a machine where no two of them know the same secret."""

from __future__ import annotations

import hashlib
import os
import socket

from dist.errors import StoreError
from dist.forks import abandon_in_children
from dist.store.socket_thread import resolve

BACKLOG = 512


class SharedPort:
    """A listening socket that others can have beside it; connections go to one of them by chance.

    That this process alone serves the secret there is what a name in the kernel stands for, which it gives back when
    the process ends.

    Args:
        host: name or address, or "*" for all interfaces.
        port: 0 takes a free one, see `port`.
        secret: of the job.

    Raises:
        StoreError: the address cannot be listened at, or is by another server for the same secret.
    """

    def __init__(self, host: str, port: int, secret: bytes) -> None:
        family = socket.AF_INET6 if host == "*" or ":" in resolve(host) else socket.AF_INET
        self._listening = socket.socket(family, socket.SOCK_STREAM)
        self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:
                self._listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "*"))
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self._listening.bind(("" if host == "*" else resolve(host), port))
            self.port: int = self._listening.getsockname()[1]
            self._claim.bind(_name(self.port, secret))
            self._listening.listen(BACKLOG)
        except OSError as error:
            self.close()
            raise StoreError(f"cannot listen at {host}:{port}: {os.strerror(error.errno or 0)}") from None
        abandon_in_children(self)

    def detach(self) -> int:
        """Hand over the listening socket's descriptor, for somebody else to close."""
        return self._listening.detach()

    def close(self) -> None:
        """Give up the port. Idempotent."""
        self._listening.close()
        self._claim.close()

    def abandon(self) -> None:
        """See `Inherited.abandon`."""
        self.close()


def _name(port: int, secret: bytes) -> bytes:
    """Return a name that lives with the socket alone, not in a file system."""
    digest = hashlib.sha256(b"%d " % port + secret).hexdigest()
    return b"\0tensorlib store " + digest.encode()
