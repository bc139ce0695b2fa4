"""Writing of files such that one is replaced as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

File = str | os.PathLike[str] | IO[bytes]


@contextlib.contextmanager
def opened_for_writing(f: File) -> Iterator[IO[bytes]]:
    """Give a file; one at a path comes into being, in the place of an older one, only when all went well."""
    if not isinstance(f, (str, os.PathLike)):
        yield f
        return
    path = Path(f).resolve()
    if path.exists() and not path.is_file():
        with path.open("wb") as file:  # a pipe or the like cannot be replaced
            yield file
        return
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with _nameless_file(path.parent) or temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if not temporary.exists():
                _give_name(file, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _nameless_file(folder: Path) -> IO[bytes] | None:
    """Open a file of which nothing is left if the process is killed; None where the file system has no such files."""
    try:
        return open(os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666), "wb")
    except OSError:
        return None


def _give_name(file: IO[bytes], path: Path) -> None:
    # The system shall follow the link in /proc, which leads to the file; Python says so only where src_dir_fd is given.
    os.link(f"/proc/self/fd/{file.fileno()}", path, src_dir_fd=file.fileno())
