"""What is wrong with a file, said in one way by all that read files."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy

ENCRYPTED = 1  # among a member's flags


class Damage(Exception):
    """What is wrong with a file; whoever opened it adds its name."""


@contextlib.contextmanager
def damage_named() -> Iterator[None]:
    """Tell what the reading of a damaged file came upon."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError, OverflowError, EOFError) as error:
        raise Damage(f"is damaged ({type(error).__name__}: {error})") from None


def member_bytes(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the content of a member that is not compressed."""
    return archive.read(_stored(archive, name))


def member_memory(archive: zipfile.ZipFile, name: str) -> Any:
    """Return the content of a member that is not compressed as an array of bytes that may be written to."""
    info = _stored(archive, name)
    memory = numpy.empty(min(info.file_size, info.compress_size), numpy.uint8)
    with archive.open(info) as member:
        fill(memory, member, name)
        if member.read(1):  # which also compares the checksum
            raise Damage(f"is damaged: {name} is longer than it says")
    return memory


def fill(memory: Any, file: Any, name: str) -> None:
    """Read as many bytes as an array has from a file into the array."""
    view = memoryview(memory)
    while view:
        count = file.readinto(view)
        if not count:
            raise Damage(f"is truncated: {name} ends {len(view)} bytes early")
        view = view[count:]


def opened_archive(file: Any) -> zipfile.ZipFile:
    """Open a zip file for reading."""
    with damage_named():
        return zipfile.ZipFile(file)


def _stored(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        raise Damage(f"is damaged: {name} is compressed")  # a few bytes could become a great many
    if info.flag_bits & ENCRYPTED:
        raise Damage(f"is damaged: {name} is encrypted")
    return info
