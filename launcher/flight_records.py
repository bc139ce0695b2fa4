"""The folder in which the ranks of a job leave their flight records when something fails.

Ranks make it themselves, and only then: nothing is left of a job that ends well, nor of one that is killed outright.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "TENSORLIB_FLIGHT_RECORD"


class FlightRecords:
    """The flight records of one job.

    Args:
        variables: the environment of the ranks. It may name a folder; otherwise a temporary one is named.

    Attributes:
        folder: where the records are.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        given = variables.get(VARIABLE, "")
        self._is_own = not given
        self.folder = given or os.path.join(tempfile.gettempdir(), f"tlrun-{secrets.token_hex(4)}")
        self._began = time.time()

    def summary(self) -> str:
        """One line on how to read what the ranks of this job have written; nothing where they have not."""
        written = [path for path in Path(self.folder).glob("rank*.jsonl") if path.stat().st_mtime >= self._began - 1.0]
        if not written:
            return ""
        return f"what every rank was doing: python -m dist.debug {self.folder}"

    def discard(self) -> None:
        """Remove the folder, unless the user has named it."""
        if self._is_own:
            shutil.rmtree(self.folder, ignore_errors=True)
