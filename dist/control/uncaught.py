"""Exceptions that nobody catches: the other ranks are told, and Python prints them as ever."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from types import TracebackType

from dist import at_exit
from dist.control.exit_codes import EXIT_PEER_FAILED
from dist.control.membership import Membership
from dist.errors import PeerError
from dist.user_code import is_user_code, shown_path

SHOWN_CHARACTERS = 300


def describe(error: BaseException) -> str:
    """Say in one line what was raised, and where in the user's own code: "raised ValueError: bad batch at train.py:41".

    >>> describe(ValueError("bad batch"))  # raised nowhere
    'raised ValueError: bad batch'
    """
    text = " ".join(str(error).split())
    text = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."
    return f"raised {type(error).__name__}" + (f": {text}" * bool(text)) + _user_line(error)


class UncaughtExceptions:
    """Reports uncaught exceptions, of all threads, to a membership between `install` and `uninstall`.

    The hooks that were there before are called as they would have been, so a traceback is printed once. One case
    differs: under a launcher, an uncaught `PeerError` prints one line and ends the process with `EXIT_PEER_FAILED`,
    because the rank at fault has told the story.
    """

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._installed = False

    def install(self) -> None:
        """Begin to report."""
        self._previous = sys.excepthook
        self._previous_of_threads = threading.excepthook
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        at_exit.register_in_child(self._at_end_of_child)
        self._installed = True

    def uninstall(self) -> None:
        """Put the previous hooks back, unless somebody else has put theirs over these; stop to report. Idempotent."""
        if sys.excepthook == self._on_exception:
            sys.excepthook = self._previous
        if threading.excepthook == self._on_thread_exception:
            threading.excepthook = self._previous_of_threads
        at_exit.unregister(self._at_end_of_child)
        self._installed = False

    def _on_exception(self, kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if self._installed and isinstance(error, PeerError) and os.environ.get("TENSORLIB_LAUNCHER"):
            print(f"PeerError: {error}", file=sys.stderr, flush=True)
            # Raised from this hook, it gives the process its exit code after an orderly end.
            raise SystemExit(EXIT_PEER_FAILED)
        self._report(error)
        self._previous(kind, error, where)

    def _on_thread_exception(self, arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value and not isinstance(arguments.exc_value, SystemExit):
            self._report(arguments.exc_value)
        self._previous_of_threads(arguments)

    def _at_end_of_child(self) -> None:
        # `multiprocessing` shows the exception that ends a process by itself, and not by the hook.
        error = sys.exception()
        if isinstance(error, Exception):
            self._report(error)

    def _report(self, error: BaseException) -> None:
        # A PeerError is a consequence: the cause is known.
        if self._installed and not isinstance(error, PeerError):
            self._membership.report(describe(error))


def _user_line(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        if is_user_code(frame.filename):
            return f" at {shown_path(frame.filename)}:{frame.lineno}"
    return f" at {shown_path(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""
