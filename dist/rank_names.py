"""How messages name ranks."""

from __future__ import annotations

from collections.abc import Iterable

SHOWN_RANKS = 16


def rank_names(ranks: Iterable[int]) -> str:
    """Write down some ranks, of many only the first.

    >>> rank_names([3])
    'rank 3'
    >>> rank_names(range(100))
    'ranks 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, ...'
    """
    numbers = [str(rank) for rank in ranks]
    shown = ", ".join(numbers[:SHOWN_RANKS]) + (", ..." if len(numbers) > SHOWN_RANKS else "")
    return f"rank {shown}" if len(numbers) == 1 else f"ranks {shown}"
