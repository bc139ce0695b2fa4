"""Lists of hosts as SLURM and its relatives write them: "node[01-03,7],login" stands for five names."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from dist.errors import RendezvousError

# A comma separates hosts where it is outside of brackets.
_HOST = re.compile(r"((?:[^,\[\]]|\[[^\[\]]*\])+)(?:,|$)")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
MOST_HOSTS = 1 << 20


def expand_host_list(text: str) -> list[str]:
    """Return the hosts in a list, in the order in which it names them; of several brackets the last varies fastest.

    >>> expand_host_list("node[01-03,7],login")
    ['node01', 'node02', 'node03', 'node7', 'login']
    >>> expand_host_list("rack[1-2]-[8,9].cluster")
    ['rack1-8.cluster', 'rack1-9.cluster', 'rack2-8.cluster', 'rack2-9.cluster']

    Raises:
        RendezvousError: it is not such a list.
    """
    hosts: list[str] = []
    at = 0
    while at < len(text):
        match = _HOST.match(text, at)
        if not match:
            raise RendezvousError(f"not a list of hosts: {text!r}")
        hosts += itertools.islice(_expand_one(match[1], text), MOST_HOSTS)
        at = match.end()
    return hosts


def _expand_one(host: str, text: str) -> Iterator[str]:
    parts = re.split(r"\[([^\]]*)\]", host)  # plain text and the insides of brackets alternate
    choices = [list(_numbers(part, text)) if index % 2 else [part] for index, part in enumerate(parts)]
    return ("".join(chosen) for chosen in itertools.product(*choices))


def _numbers(ranges: str, text: str) -> Iterator[str]:
    for item in ranges.split(","):
        match = _RANGE.fullmatch(item)
        first, last = (match[1], match[2] or match[1]) if match else ("1", "0")
        if not 0 <= int(last) - int(first) < MOST_HOSTS:
            raise RendezvousError(f"not a list of hosts: {text!r}: in brackets there is {item!r}")
        yield from (str(number).zfill(len(first)) for number in range(int(first), int(last) + 1))
