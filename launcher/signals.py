"""Signals as something to be read, so that the supervisor handles them between other events and never inside one."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class SignalReader:
    """Collects the signals that end or suspend a program, and changes of the terminal's size, while it is entered.

    What this process was told to ignore, as by `nohup`, stays ignored. Only for the main thread.
    """

    def __enter__(self) -> SignalReader:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._previous_wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._previous = {
            number: signal.signal(number, _do_nothing)
            for number in (*STOPPING, signal.SIGTSTP, signal.SIGWINCH)
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._previous_wakeup)
        os.close(self._reading)
        os.close(self._writing)

    def fileno(self) -> int:
        """The file descriptor to select on."""
        return self._reading

    def read(self) -> list[int]:
        """The numbers of the signals that came since the last time."""
        try:
            return list(os.read(self._reading, 64))
        except BlockingIOError:
            return []


def suspend() -> None:
    """Do what SIGTSTP does to a program that does not handle it; return when this process goes on."""
    handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, handler)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Python writes the number to the wakeup file; that is all that is needed."""
