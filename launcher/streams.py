"""From the bytes that a rank writes, in pieces of any size, to the bytes that are shown."""

from __future__ import annotations

from typing import Protocol

from launcher.tracebacks import HEADER, Editor

# A longer line is shown in parts, so that memory stays bounded whatever a rank writes.
LONGEST_LINE = 16 * 2**20


class Stream(Protocol):
    """One of the two streams of one rank."""

    @property
    def holds(self) -> bool:
        """Whether `flush` has something to show."""

    def feed(self, data: bytes) -> bytes:
        """Take what was read, and return what to show now."""

    def flush(self) -> bytes:
        """Return what to show of a traceback that seems complete."""

    def finish(self) -> bytes:
        """Return what to show at the end of the stream: all that is left."""


class LineStream:
    """Shows whole lines, each after a prefix; a line without an end gets one at the end of the stream.

    A carriage return starts over within a line, as progress bars do: the prefix is repeated after it.

    Args:
        prefix: such as `b"[1] "`, or empty.
        editor: of the tracebacks; None where the stream has none.
    """

    def __init__(self, prefix: bytes, editor: Editor | None = None) -> None:
        self._prefix = prefix
        self._editor = editor
        self._started: list[bytes] = []
        self._started_bytes = 0

    @property
    def holds(self) -> bool:
        """Whether a traceback waits for `flush`."""
        return self._editor is not None and self._editor.holds

    def feed(self, data: bytes) -> bytes:
        """Take what was read, and return the lines to show now."""
        head, newline, rest = data.rpartition(b"\n")
        self._started.append(head + newline)
        whole = b""
        if newline or self._started_bytes + len(data) > LONGEST_LINE:
            whole, self._started, self._started_bytes = b"".join(self._started), [], 0
        self._started.append(rest)
        self._started_bytes += len(data) if not newline else len(rest)
        return self._show(whole)

    def flush(self) -> bytes:
        """Return what to show of a traceback that seems complete."""
        return self._decorated(self._editor.flush()) if self._editor else b""

    def finish(self) -> bytes:
        """Return what to show of the last line, and of a traceback."""
        last, self._started = b"".join(self._started), []
        return self._show(last) + self.flush()

    def _show(self, whole: bytes) -> bytes:
        if not whole:
            return b""
        lines = [line + b"\n" for line in whole.removesuffix(b"\n").split(b"\n")]
        if self._editor is not None:
            lines = [shown for line in lines for shown in self._editor.feed(line)]
        return self._decorated(lines)

    def _decorated(self, lines: list[bytes]) -> bytes:
        return b"".join(self._prefix + self._repeat_prefix(line) for line in lines)

    def _repeat_prefix(self, line: bytes) -> bytes:
        if not self._prefix or b"\r" not in line:
            return line
        body = line.removesuffix(b"\n").removesuffix(b"\r")
        return body.replace(b"\r", b"\r" + self._prefix) + line[len(body) :]


class TerminalStream:
    """Shows everything at once, as a terminal would: for progress bars and prompts. Only tracebacks wait for their end.

    Args:
        editor: of the tracebacks; None where the stream has none.
    """

    def __init__(self, editor: Editor | None = None) -> None:
        self._editor = editor
        self._started = b""
        self._line_is_shown = False

    @property
    def holds(self) -> bool:
        """Whether a traceback, or what may become one, waits for `flush`."""
        return bool(self._started) or (self._editor is not None and self._editor.holds)

    def feed(self, data: bytes) -> bytes:
        """Take what was read, and return what to show now."""
        editor = self._editor
        if editor is None:
            return data
        return b"".join(self._feed_piece(piece, editor) for piece in data.splitlines(keepends=True))

    def flush(self) -> bytes:
        """Return all that is held."""
        if self._editor is None:
            return b""
        started, self._started = self._started, b""
        self._line_is_shown = self._line_is_shown or bool(started)
        return b"".join(self._editor.flush()) + started

    def finish(self) -> bytes:
        """Return all that is held."""
        return self.flush()

    def _feed_piece(self, piece: bytes, editor: Editor) -> bytes:
        """Take a line, or the beginning or the rest of one."""
        ends = piece.endswith(b"\n")
        if self._line_is_shown:
            self._line_is_shown = not ends
            return piece
        self._started += piece
        if ends:
            line, self._started = self._started, b""
            return b"".join(editor.feed(line))
        if editor.holds or HEADER.startswith(self._started):
            return b""
        return self.flush()
