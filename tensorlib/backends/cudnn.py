"""Settings of cuDNN, which is not used here: they may be set and change nothing.

Attributes:
    deterministic: with cuDNN, take only algorithms that give the same bits each time.
    benchmark: with cuDNN, try which algorithm is fastest.
    enabled: with cuDNN, use it.
"""

deterministic = False
benchmark = False
enabled = False


def is_available() -> bool:
    """Tell whether cuDNN is used: it is not."""
    return False


def version() -> int | None:
    """Return cuDNN's version: None, as it is not used."""
    return None
