"""The flight record: the last calls of a process, kept at all times and shown when something fails.

A record costs about a microsecond: where it was called from is kept as a code object and an instruction, and becomes
a line number only when somebody reads it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from functools import lru_cache
from pathlib import Path
from types import CodeType
from typing import Literal

from dist.fingerprint import Signature
from dist.user_code import Place, shown_path

LENGTH = 1000
State = Literal["queued", "running", "done", "failed"]

_PACKAGE = Path(__file__).resolve().parent
# What stands between the user's line and us is no better an answer: `with dist.coalescing()` ends in contextlib.
_OWN_CODE = (f"{_PACKAGE}{os.sep}", f"{_PACKAGE.parent / 'tensorlib'}{os.sep}", contextlib.__file__)
# A call is recorded by what runs it, at the request of a method of the group.
_OWN_FRAMES = 2


@lru_cache(maxsize=4096)
def _is_own(file: str) -> bool:
    return file.startswith(_OWN_CODE)


class Call:
    """One call of a collective or of a point-to-point function.

    Attributes:
        number: counts the collectives of the group from 1; 0 for point-to-point calls.
        group: the name of the group.
        members: its global ranks.
        signature: operation, dtype, element count, root, reduce op.
        fingerprint: what marks the messages of the call.
        state: queued, running, done or failed.
        started, ended: seconds of `time.monotonic()`; `ended` is 0.0 until the call ended.
        thread: the number of the thread that made it.
    """

    __slots__ = (
        "_code",
        "_instruction",
        "ended",
        "fingerprint",
        "group",
        "members",
        "number",
        "signature",
        "started",
        "state",
        "thread",
    )

    def __init__(
        self, number: int, group: str, members: tuple[int, ...], signature: Signature, fingerprint: int
    ) -> None:
        frame = sys._getframe(_OWN_FRAMES)
        while _is_own(frame.f_code.co_filename) and frame.f_back is not None:
            frame = frame.f_back
        self._code: CodeType = frame.f_code
        self._instruction = frame.f_lasti
        self.number = number
        self.group = group
        self.members = members
        self.signature = signature
        self.fingerprint = fingerprint
        self.state: State = "queued"
        self.started = time.monotonic()
        self.ended = 0.0
        self.thread = threading.get_ident()

    @property
    def place(self) -> Place:
        """Where the user's code made the call."""
        code, instruction = self._code, self._instruction
        lines = (line for start, end, line in code.co_lines() if start <= instruction < end and line is not None)
        return Place(shown_path(code.co_filename), next(lines, code.co_firstlineno), code.co_qualname)

    @property
    def site(self) -> str:
        """Where the user's code made the call: "train.py:41"."""
        place = self.place
        return f"{place.file}:{place.line}"

    def __str__(self) -> str:
        number = f" #{self.number}" if self.number else ""
        group = "" if self.group == "world" else f" in {self.group}"
        return f"{self.signature}{number}{group} at {self.site}"


class FlightRecord:
    """The last 1,000 calls of all groups of a process, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=LENGTH)
        self.add = self._calls.append

    def calls(self) -> list[Call]:
        """Return the calls, oldest first."""
        return list(self._calls)

    def last(self, group: str | None = None) -> Call | None:
        """Return the latest call, of one group or of any."""
        return next((call for call in reversed(self.calls()) if group in (None, call.group)), None)

    def __str__(self) -> str:
        now = time.monotonic()
        return "\n".join(
            f"{call.state:7} {(call.ended or now) - call.started:10.6f} s  {call}" for call in self.calls()
        )
