"""What holds for all tests."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Take thousands of collected tests out of every later search for garbage."""
    gc.collect()
    gc.freeze()
