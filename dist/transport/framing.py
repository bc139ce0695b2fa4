"""The header that goes before every message on a byte stream.

    offset  0  magic         4 bytes, b"TLdp"
            4  version       u8
            5  kind          u8: DATA, ABORT, GOODBYE or LOAN
            6  (zero)        2 bytes
            8  source        u32, the sender's rank
           12  (zero)        4 bytes
           16  tag           u64
           24  fingerprint   u64
           32  length        u64, bytes of payload that follow

All numbers are little-endian. An ABORT's payload is its reason in UTF-8, its tag the rank to blame; a GOODBYE has
neither. A LOAN's payload stays with its sender; a ticket of `TICKET_BYTES` follows, with which the receiver gets it.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from dist.errors import TransportError

MAGIC: Final = b"TLdp"
VERSION: Final = 1

DATA: Final = 1
ABORT: Final = 2
GOODBYE: Final = 3
LOAN: Final = 4
KINDS: Final = (DATA, ABORT, GOODBYE, LOAN)
TICKET_BYTES: Final = 16

_LAYOUT: Final = struct.Struct("<4sBBxxIxxxxQQQ")
HEADER_BYTES: Final = _LAYOUT.size


class Header(NamedTuple):
    """What a message says of itself before its payload."""

    kind: int
    source: int
    tag: int
    fingerprint: int
    length: int


def pack_header(kind: int, source: int, tag: int = 0, fingerprint: int = 0, length: int = 0) -> bytes:
    """Return the `HEADER_BYTES` bytes that announce a message.

    >>> len(pack_header(DATA, source=1, tag=7, length=12)) == HEADER_BYTES
    True
    """
    return _LAYOUT.pack(MAGIC, VERSION, kind, source, tag, fingerprint, length)


def unpack_header(data: bytes | bytearray | memoryview) -> Header:
    """Read a header.

    Raises:
        TransportError: these bytes are no header of this version.

    >>> unpack_header(pack_header(DATA, source=1, tag=7, length=12))
    Header(kind=1, source=1, tag=7, fingerprint=0, length=12)
    """
    magic, version, kind, source, tag, fingerprint, length = _LAYOUT.unpack(data)
    if magic != MAGIC or version != VERSION or kind not in KINDS:
        raise TransportError(
            f"header: magic {magic!r}, version {version}, kind {kind}: need {MAGIC!r}, {VERSION}, one of {KINDS}"
        )
    return Header(kind, source, tag, fingerprint, length)
