"""Rendezvous in a store that the program has opened: `init_process_group(store=...)`."""

from __future__ import annotations

import secrets

from dist.rendezvous import environment
from dist.rendezvous.base import Rendezvous, Settings
from dist.rendezvous.gathering import Hall, gather
from dist.store import PrefixStore, Store


def from_store(store: Store, settings: Settings) -> Rendezvous:
    """Meet those that have opened the same store; ranks are given, or found out in it.

    The group has a store of its own afterwards: the program's may be closed.
    """
    rank, size = environment.rank_if_given_and_size(settings.rank, settings.world_size)
    hall = Hall(PrefixStore(f"rendezvous/{settings.group_name}", store), secrets.token_hex(8))
    return gather(hall, settings, rank, size)
