"""Rendezvous in a file that all ranks see: `file:///path`.

The ranks gather in a store that is kept in the file. Whoever comes first makes the file, and once all have met, the
last one to leave removes it. A process that was killed does not count, because the lock that it held in the file is
gone.
"""

from __future__ import annotations

import contextlib
from urllib.parse import unquote, urlsplit

from dist.errors import RendezvousError
from dist.rendezvous import environment
from dist.rendezvous.base import Rendezvous, Settings
from dist.rendezvous.gathering import Hall, gather
from dist.store import FileStore

POLL_SECONDS = 0.01


def from_file(settings: Settings) -> Rendezvous:
    """`file:///path`: a file on a file system that all ranks see; ranks are given, or found out in the file."""
    path = _path(settings.init_method)
    rank, size = environment.rank_if_given_and_size(settings.rank, settings.world_size)
    with contextlib.closing(FileStore(path, name=settings.group_name, timeout=settings.timeout)) as store:
        return gather(Hall(store, store.member, store.is_alive, POLL_SECONDS), settings, rank, size)


def _path(url: str) -> str:
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or parts.query or parts.fragment or path.endswith("/") or len(path) < 2:
        raise RendezvousError(f"init_method must be file:///path, an absolute path of a file, got {url!r}")
    return path
