"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`. Each thread has its own setting."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

Params = ParamSpec("Params")
Result = TypeVar("Result")


class _Mode(threading.local):
    recording = True


mode = _Mode()


def is_grad_enabled() -> bool:
    """Tell whether operations of this thread are recorded for gradients."""
    return mode.recording


class set_grad_enabled:  # noqa: N801 - a context manager with a function's name, as in PyTorch
    """Switch recording on or off: at once when called, and back at the end when used in a `with` or on a function.

    Example:
        >>> with set_grad_enabled(False):
        ...     is_grad_enabled()
        False
    """

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._before = mode.recording
        mode.recording = enabled

    def __enter__(self) -> None:
        mode.recording = self._enabled

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.recording = self._before


class _Switch:
    """A context manager and decorator that sets recording for its extent."""

    _enabled: bool

    def __init__(self) -> None:
        self._before: list[bool] = []  # a stack, so that one object may be entered again

    def __enter__(self) -> None:
        self._before.append(mode.recording)
        mode.recording = self._enabled

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.recording = self._before.pop()

    def __call__(self, function: Callable[Params, Result]) -> Callable[Params, Result]:
        @functools.wraps(function)
        def wrapped(*args: Params.args, **kwargs: Params.kwargs) -> Result:
            with type(self)():
                return function(*args, **kwargs)

        return wrapped


class no_grad(_Switch):  # noqa: N801 - as in PyTorch
    """Operations inside are not recorded: results need no gradient and keep nothing alive.

    Works as `with no_grad():` and as `@no_grad()`.
    """

    _enabled = False


class enable_grad(_Switch):  # noqa: N801 - as in PyTorch
    """Operations inside are recorded, also within `no_grad`."""

    _enabled = True
