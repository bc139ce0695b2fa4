"""How long an all_reduce in two levels takes: shared memory inside hosts, messages between them.

`docs/algorithms.md` tells how it goes; `dist.algorithms.hierarchical` does it.
"""

from __future__ import annotations

from dataclasses import replace

from dist.algorithms.hierarchical import SMALL_BYTES
from dist.cost_model.costs import Costs, Load, Work
from dist.cost_model.formulas import ring, shared_memory


def two_level_time(inside: Costs, between: Costs, hosts: int, ranks_per_host: int, nbytes: int) -> float:
    """Return how long an all_reduce is expected to take, in seconds, with a core for each rank.

    Args:
        inside: what things cost among the ranks of a host.
        between: what they cost between hosts; all ranks of a host share one link.
        hosts: how many, 2 or more.
        ranks_per_host: equally many on each.
        nbytes: of the array on each rank.

    >>> inside = Costs(call=2e-5, latency=1e-5, shared_latency=1e-5, message=0, byte=2e-10, reduced_byte=3e-11)
    >>> between = replace(inside, latency=4e-5, message=1e-5).with_link(1e-5, 3e9)
    >>> round(two_level_time(inside, between, hosts=4, ranks_per_host=8, nbytes=1 << 20) * 1e6)
    2884
    """
    if nbytes <= SMALL_BYTES:
        return _small(inside, between, hosts, ranks_per_host, nbytes)
    # Each rank of a host does for its slice what a rank of a ring does, and all of them at the same time.
    chain = ring(hosts, max(1, nbytes // ranks_per_host))
    shared = replace(between, call=0.0, link_byte=between.link_byte * ranks_per_host)
    return inside.time(shared_memory(ranks_per_host, nbytes), ranks_per_host) + shared.time(chain, hosts)


def _small(inside: Costs, between: Costs, hosts: int, ranks_per_host: int, nbytes: int) -> float:
    """One rank of each host gets what its host has, exchanges that with the others, adds up, and shows the result."""
    block = ranks_per_host * nbytes
    others = (hosts - 1) * block
    load = Load(messages=2 * (hosts - 1), bytes=2 * others, reduced=(hosts * ranks_per_host - 1) * nbytes)
    exchange = Work(steps=1, path=load, total=load * hosts, link_bytes=others)
    local = Load(bytes=2 * block)
    gather_and_broadcast = Work(steps=2, path=local, total=local * ranks_per_host, link_bytes=0)
    return inside.time(gather_and_broadcast, ranks_per_host) + replace(between, call=0.0).time(exchange, hosts)
