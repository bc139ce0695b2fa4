"""Finds Python's tracebacks in what ranks write to stderr, so that one failure is shown once, not once per rank.

When a rank fails, the others soon fail because of it, and on Ctrl-C all of them raise KeyboardInterrupt. An `Editor`
per rank decides for each traceback whether it is shown in full, as its last line, or not at all; other lines pass as
they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Under a launcher, a rank that ends because of another one writes this and the reason, in one line.
PEER_ERROR = "PeerError: "
HEADER = b"Traceback (most recent call last):"
CHAINED = (
    b"During handling of the above exception, another exception occurred:",
    b"The above exception was the direct cause of the following exception:",
)
# What Python writes on the lines before a header; and the header of a script that does not compile.
PREFACE = re.compile(
    rb"Exception in thread .*:$|Exception ignored (in|on) |Process \S+:$|Fatal Python error: |Python runtime state: "
)
SYNTAX_HEADER = re.compile(rb'  File ".*", line \d+$')
FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+)', re.MULTILINE)
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
# A program that writes a header and then only indented lines is not waited for.
LONGEST = 5000
# This many lines after it, a traceback no longer counts as the end of what a rank wrote.
RECENT = 20
LIBRARIES = tuple(str(Path(__file__).resolve().parents[1] / name) + "/" for name in ("tensorlib", "dist"))

_State = Callable[[bytes], "_State | None"]


@dataclass(frozen=True)
class Traceback:
    """One traceback, with those that it is chained to.

    Attributes:
        lines: as they were written, with line ends.
    """

    lines: tuple[bytes, ...]

    @property
    def exceptions(self) -> tuple[str, ...]:
        """The lines that name an exception, as `ValueError: bad batch`; that of the last traceback of a chain last."""
        lines = self._plain()
        while lines and PREFACE.match(lines[0]):
            del lines[0]
        named = [line for line in lines if line and line not in (HEADER, *CHAINED) and not line.startswith(b" ")]
        return tuple(line.decode(errors="replace") for line in named)

    @property
    def summary(self) -> str:
        """The exception and the innermost line of the user's code: `ValueError: bad batch (train.py:41)`."""
        exception = self.exceptions[-1] if self.exceptions else ""
        last = b"\n".join(self._plain()).decode(errors="replace").rpartition(HEADER.decode())[2]
        frames = [(frame["file"], frame["line"]) for frame in FRAME.finditer(last)]
        of_user = [frame for frame in frames if _is_of_user(frame[0])] or frames
        return f"{exception} ({Path(of_user[-1][0]).name}:{of_user[-1][1]})" if of_user else exception

    @property
    def is_interrupt(self) -> bool:
        """Whether it ends in KeyboardInterrupt."""
        return bool(self.exceptions) and self.exceptions[-1].split(":")[0] == "KeyboardInterrupt"

    @property
    def is_peer_error(self) -> bool:
        """Whether it only says that another rank has failed."""
        return bool(self.exceptions) and _is_peer_error(self.exceptions[-1])

    @property
    def is_consequence(self) -> bool:
        """Whether the failure of another rank is the cause, or the cause of the cause."""
        return any(map(_is_peer_error, self.exceptions))

    def _plain(self) -> list[bytes]:
        return [_plain(line) for line in self.lines]


def _plain(line: bytes) -> bytes:
    """A line without its end and its colours, which Python 3.13 gives to tracebacks on a terminal."""
    return COLOUR.sub(b"", line).rstrip()


def _is_peer_error(exception: str) -> bool:
    return exception.split(":")[0].split(".")[-1] == "PeerError"


def _is_of_user(file: str) -> bool:
    return not file.startswith(("<", *LIBRARIES)) and "/site-packages/" not in file and "/lib/python3" not in file


class TracebackReader:
    """Cuts one rank's stderr into tracebacks and other lines.

    A traceback is held until a line comes that does not belong to it; who reads calls `flush` when none comes.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._expect: _State = _begins

    @property
    def holds(self) -> bool:
        """Whether lines wait for `flush`."""
        return bool(self._lines)

    def feed(self, line: bytes) -> list[bytes | Traceback]:
        """Take one line, with its line end, and return what is now complete."""
        complete: list[bytes | Traceback] = []
        text = _plain(line)
        following = self._expect(text) if len(self._lines) < LONGEST else None
        if following is None and self._lines:
            complete += self.flush()
            following = _begins(text)
        if following is None:
            return [*complete, line]
        self._lines.append(line)
        self._expect = following
        return complete

    def flush(self) -> list[bytes | Traceback]:
        """Return what is held."""
        lines, self._lines, self._expect = self._lines, [], _begins
        end = len(lines)
        while end and _plain(lines[end - 1]) in (b"", *CHAINED):
            end -= 1
        traceback = Traceback(tuple(lines[:end]))
        if end == 0 or not traceback.exceptions:  # cut short, or only the look of a traceback
            return list(lines)
        return [traceback, *lines[end:]]


# The states of a reader: each takes a line and returns the state that it leads to, or None where the line is foreign.


def _begins(text: bytes) -> _State | None:
    if text == HEADER or SYNTAX_HEADER.match(text):
        return _in_frames
    return _after_preface if PREFACE.match(text) else None


def _after_preface(text: bytes) -> _State | None:
    return _after_preface if PREFACE.match(text) else _in_frames if text == HEADER else None


def _in_frames(text: bytes) -> _State | None:
    return _in_frames if text.startswith(b" ") or not text else _after_exception


def _after_exception(text: bytes) -> _State | None:
    return None if text else _before_chained


def _before_chained(text: bytes) -> _State | None:
    if not text or text in CHAINED:
        return _before_chained
    return _in_frames if text == HEADER else None


class Policy:
    """What to show of the tracebacks of all ranks of a job.

    Attributes:
        interrupted: whether the ranks were sent SIGINT: KeyboardInterrupt is then no news.
        failed_rank: the rank that failed first, once it is known: tracebacks of others are then shortened.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self.failed_rank: int | None = None
        self._in_full: dict[int, Traceback] = {}  # the latest of each rank

    def shown(self, rank: int, traceback: Traceback) -> list[bytes]:
        """The lines to show of a traceback: none where it is no news, the last where another rank's tells more."""
        other_failed = self.failed_rank not in (None, rank)
        if (traceback.is_interrupt and self.interrupted) or (traceback.is_peer_error and other_failed):
            return []
        same = any(other != rank and shown == traceback for other, shown in self._in_full.items())
        if same or traceback.is_consequence or other_failed:
            return [traceback.exceptions[-1].encode() + b"\n"]
        self._in_full[rank] = traceback
        return list(traceback.lines)

    def shows(self, line: bytes) -> bool:
        """Whether to show another line: who failed is told once, at the end, not by each of its peers."""
        return not line.startswith(PEER_ERROR.encode())


class Editor:
    """What one rank writes to stderr, line by line: tracebacks as the policy wants them, the rest as it is.

    Attributes:
        last_line: the last line that was not blank.
    """

    def __init__(self, rank: int, policy: Policy) -> None:
        self.last_line = ""
        self._rank = rank
        self._policy = policy
        self._reader = TracebackReader()
        self._latest: Traceback | None = None
        self._lines_since = 0

    @property
    def holds(self) -> bool:
        """Whether lines wait for `flush`."""
        return self._reader.holds

    @property
    def last_traceback(self) -> Traceback | None:
        """The traceback that stderr ended with, a few lines aside."""
        return self._latest if self._lines_since <= RECENT else None

    def feed(self, line: bytes) -> list[bytes]:
        """Take one line, with its line end, and return the lines to show now."""
        return self._shown(self._reader.feed(line))

    def flush(self) -> list[bytes]:
        """Return what is to be shown of the lines held."""
        return self._shown(self._reader.flush())

    def _shown(self, parts: list[bytes | Traceback]) -> list[bytes]:
        lines: list[bytes] = []
        for part in parts:
            if isinstance(part, Traceback):
                self._latest, self._lines_since = part, 0
                lines += self._policy.shown(self._rank, part)
            else:
                self._lines_since += 1
                self.last_line = _plain(part).decode(errors="replace").strip() or self.last_line
                lines += [part] * self._policy.shows(part)
        return lines
