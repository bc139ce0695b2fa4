"""One rank and its guardian, seen from the launcher."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GUARDIAN = str(Path(__file__).with_name("guardian.py"))
REAP_SECONDS = 5.0


@dataclass(frozen=True)
class Ending:
    """How and when a rank ended.

    Attributes:
        code: the exit code, or minus the number of the signal that killed it.
        at: seconds of the monotonic clock.
    """

    code: int
    at: float


class RankProcess:
    """A running rank. It has a file descriptor to select on: something is to be read when the rank starts or ends.

    Args:
        rank: its number.
        command: program and arguments.
        environment: all of its environment variables.
        stdin: file descriptor; so are stdout and stderr. The rank gets copies.

    Attributes:
        rank: its number.
        pid: its process id, once it is known; that of its guardian until then.
        ending: how it ended; None while it runs.
        stopped_at: when the launcher first sent it a signal to end; None if never.

    Raises:
        OSError: no more processes or files can be had.
    """

    def __init__(
        self,
        rank: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
    ) -> None:
        self.rank = rank
        self.ending: Ending | None = None
        self.stopped_at: float | None = None
        self._unread = b""
        self._lifeline, theirs = socket.socketpair()
        try:
            self._guardian = subprocess.Popen(
                # -I and -S: nothing of the user's is loaded into the guardian, and it starts at once.
                [sys.executable, "-I", "-S", GUARDIAN, str(theirs.fileno())],
                env=environment,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except OSError:
            self._lifeline.close()
            raise
        finally:
            theirs.close()
        self.pid = self._guardian.pid
        self._send(json.dumps(command).encode() + b"\n")

    def fileno(self) -> int:
        """The file descriptor to select on."""
        return self._lifeline.fileno()

    def signal(self, number: int) -> None:
        """Send a signal to the rank's process group; nothing happens where it has ended."""
        if number not in (signal.SIGSTOP, signal.SIGCONT):
            self.stopped_at = self.stopped_at or time.monotonic()
        self._send(bytes([number]))

    def read_news(self) -> bool:
        """Read what the guardian has to tell; False once it has gone, and with it all that the rank had started."""
        try:
            data = self._lifeline.recv(4096)
        except ConnectionError:
            data = b""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            news = json.loads(line)
            self.pid = news.get("pid", self.pid)
            if "code" in news:
                self.ending = Ending(news["code"], news["at"])
        if not data:
            self._reap()
        return bool(data)

    def kill_guardian(self) -> None:
        """Kill a guardian that does not answer; the kernel kills the rank with it."""
        self.stopped_at = self.stopped_at or time.monotonic()
        self._guardian.kill()

    def close(self) -> None:
        """Let go of the guardian, which then ends the rank if it still runs. Idempotent."""
        self._lifeline.close()
        self._reap()

    def _reap(self) -> None:
        try:
            code = self._guardian.wait(REAP_SECONDS)
        except subprocess.TimeoutExpired:
            self._guardian.kill()
            code = self._guardian.wait(REAP_SECONDS)
        if self.ending is None:  # the guardian was killed, and the rank with it
            self.ending = Ending(code, time.monotonic())

    def _send(self, data: bytes) -> None:
        with suppress(ConnectionError):  # it has ended, which its next news tell
            self._lifeline.sendall(data)
