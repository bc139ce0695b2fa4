"""Carries what the ranks write to the launcher's stdout and stderr.

Every stream of every rank has a pipe, and one thread reads them all. Where the launcher writes to a terminal, rank 0
gets a terminal too (a pseudo-terminal), so that progress bars, colours and prompts work. It is shown at once and
without prefix, and lines of other ranks never begin in the middle of one of its own.
"""

from __future__ import annotations

import errno
import os
import select
import selectors
import termios
import threading
import time
import tty
from contextlib import suppress

from launcher.streams import LineStream, Stream, TerminalStream
from launcher.tracebacks import Editor, Policy

CHUNK_BYTES = 65536
# A traceback that nothing has followed for so long is complete.
QUIET_SECONDS = 0.2
# The last message is not worth more than this where nobody reads.
SAY_SECONDS = 1.0
SHOW_CURSOR = b"\x1b[?25h"


class Sink:
    """Stdout or stderr of the launcher. Writers take turns at ends of lines.

    Attributes:
        file: its file descriptor.
        terminal: whether it is one.
    """

    def __init__(self, file: int) -> None:
        self.file = file
        self.terminal = os.isatty(file)
        self._unfinished_by: int | None = None

    def write(self, rank: int, data: bytes) -> None:
        """Write all of it, after ending a line that another rank has begun.

        Raises:
            OSError: nobody reads any more, or the disk is full.
        """
        if not data:
            return
        if self._unfinished_by not in (None, rank):
            data = b"\n" + data
        self._unfinished_by = None if data.endswith(b"\n") else rank
        remaining = memoryview(data)
        while remaining:
            try:
                remaining = remaining[os.write(self.file, remaining) :]
            except BlockingIOError:  # whoever shares the file has made it non-blocking
                select.select([], [self.file], [], 1.0)


class Source:
    """The reading end of one stream of one rank, and where it goes."""

    def __init__(self, file: int, rank: int, stream: Stream, sink: Sink) -> None:
        self.file = file
        self.rank = rank
        self.stream = stream
        self.sink = sink
        self.read_at = 0.0


class Relay:
    """Carries output until every stream has ended.

    Args:
        prefix: whether lines begin with `[rank] `.

    Attributes:
        policy: what is shown of tracebacks.
        error: why output could no longer be written; it is read and dropped then.
    """

    def __init__(self, prefix: bool) -> None:
        self.policy = Policy()
        self.error: OSError | None = None
        self._prefix = prefix
        self._stdout, self._stderr = _sinks()
        self._editors: dict[int, Editor] = {}
        self._terminals: list[tuple[int, Sink]] = []
        self._selector = selectors.DefaultSelector()
        self._finishing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)

    def open(self, rank: int) -> tuple[int, int]:
        """Return what a rank shall have as stdout and stderr; the caller closes both once the rank has them."""
        editor = self._editors[rank] = Editor(rank, self.policy)
        stdout = self._open(rank, self._stdout, None)
        try:
            return stdout, self._open(rank, self._stderr, editor)
        except OSError:
            os.close(stdout)
            raise

    def start(self) -> None:
        """Begin to carry; all ranks have been opened."""
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        """Whether all output has been carried, within so many seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def finish(self) -> None:
        """Nobody writes any more: carry what is there to be read, and then stop."""
        self._finishing.set()

    def close(self) -> None:
        """Close all files; what is not written by now is lost."""
        self.finish()
        if self._thread.is_alive():
            return  # it hangs in a write that nobody reads, and ends with this process
        for key in list(self._selector.get_map().values()):
            os.close(key.fd)
        self._selector.close()

    def editor(self, rank: int) -> Editor:
        """What is known of a rank's stderr."""
        return self._editors[rank]

    def say(self, message: str) -> None:
        """Write a line of the launcher's own to stderr."""
        _, writable, _ = select.select([], [self._stderr.file], [], SAY_SECONDS)
        if writable:
            with suppress(OSError):
                self._stderr.write(-1, message.encode(errors="replace") + b"\n")

    def resize(self) -> None:
        """Tell rank 0 the present size of the terminal."""
        for file, sink in self._terminals:
            with suppress(OSError):  # rank 0 has closed its terminal
                termios.tcsetwinsize(file, termios.tcgetwinsize(sink.file))

    def show_cursor(self) -> None:
        """Undo what a progress bar of rank 0 did to the terminal, where it could not do so itself."""
        for _, sink in self._terminals:
            with suppress(OSError):
                os.write(sink.file, SHOW_CURSOR)

    def _open(self, rank: int, sink: Sink, editor: Editor | None) -> int:
        stream: Stream
        if rank == 0 and sink.terminal:
            reading, writing = os.openpty()
            tty.setraw(writing)
            self._terminals.append((reading, sink))
            stream = TerminalStream(editor)
        else:
            reading, writing = os.pipe()
            stream = LineStream(b"[%d] " % rank if self._prefix else b"", editor)
        self._selector.register(reading, selectors.EVENT_READ, Source(reading, rank, stream, sink))
        return writing

    def _run(self) -> None:
        while self._selector.get_map():
            ready = self._selector.select(QUIET_SECONDS)
            for key, _ in ready:
                self._carry(key.data)
            self._flush_quiet()
            if self._finishing.is_set() and not ready:
                return

    def _carry(self, source: Source) -> None:
        data = _read(source.file)
        source.read_at = time.monotonic()
        if data:
            self._write(source, source.stream.feed(data))
        else:
            self._write(source, source.stream.finish())
            self._selector.unregister(source.file)
            os.close(source.file)

    def _flush_quiet(self) -> None:
        before = time.monotonic() - QUIET_SECONDS
        for key in self._selector.get_map().values():
            source: Source = key.data
            if source.stream.holds and source.read_at < before:
                self._write(source, source.stream.flush())

    def _write(self, source: Source, data: bytes) -> None:
        if self.error is None:
            try:
                source.sink.write(source.rank, data)
            except OSError as error:
                self.error = error


def _sinks() -> tuple[Sink, Sink]:
    """Stdout and stderr; one and the same where both are the same terminal."""
    stdout, stderr = Sink(1), Sink(2)
    if stdout.terminal and stderr.terminal and os.fstat(1).st_rdev == os.fstat(2).st_rdev:
        return stdout, stdout
    return stdout, stderr


def _read(file: int) -> bytes:
    try:
        return os.read(file, CHUNK_BYTES)
    except OSError as error:
        if error.errno == errno.EIO:  # so a pseudo-terminal says that nobody has its other end any more
            return b""
        raise
