"""What a process says of itself in a datagram, marked so that only those of its job take it for true."""

from __future__ import annotations

import hmac
import json
from dataclasses import asdict, dataclass, fields
from typing import Final

MAGIC: Final = b"tensorlib rendezvous 1\n"
_MARK_BYTES: Final = 32


@dataclass(frozen=True)
class Announcement:
    """A process that looks for the others of its group.

    Attributes:
        name: random, of this process's visit.
        rank: its number, or -1 where it has none.
        process: as in "host h, pid 71".
        machine: as `machine_name` says.
        port: of the store's server that it runs for the group, or 0.
        address: at which those who hear this reach it.
    """

    name: str
    rank: int
    process: str
    machine: str
    port: int = 0
    address: str = ""

    @property
    def precedence(self) -> tuple[bool, int, str]:
        """Who is lowest serves the store: of those with numbers the lowest, else whom the dice choose."""
        return self.rank < 0, self.rank, self.name

    def to_bytes(self, key: bytes) -> bytes:
        """Write a datagram, marked with an HMAC-SHA256 under `key`."""
        text = json.dumps(asdict(self)).encode()
        return MAGIC + hmac.digest(key, text, "sha256") + text

    @classmethod
    def from_bytes(cls, datagram: bytes, key: bytes) -> Announcement | None:
        """Read a datagram; None if it was not written by `to_bytes` with the same key.

        >>> here = Announcement("5f", -1, "host h, pid 71", "a machine")
        >>> Announcement.from_bytes(here.to_bytes(b"key"), b"key") == here
        True
        >>> Announcement.from_bytes(here.to_bytes(b"key"), b"another key") is None
        True
        """
        text_at = len(MAGIC) + _MARK_BYTES
        text = datagram[text_at:]
        if not hmac.compare_digest(datagram[:text_at], MAGIC + hmac.digest(key, text, "sha256")):
            return None
        said = json.loads(text)
        return cls(**{field.name: said[field.name] for field in fields(cls)})
