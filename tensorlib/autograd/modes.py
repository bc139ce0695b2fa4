"""Whether operations are recorded: `no_grad`, `enable_grad`, `set_grad_enabled`. Each thread has its own setting."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from tensorlib.errors import GraphError

Params = ParamSpec("Params")
Result = TypeVar("Result")


class _Mode(threading.local):
    recording = True
    inference = False


mode = _Mode()


class InferenceCounter(list[int]):
    """The version counter of memory made in `inference_mode`: it marks it, and outside has no version to read.

    Whatever saves a tensor for backward notes its version, so that this alone refuses to save such tensors.
    """

    def __getitem__(self, index: Any) -> Any:
        """Return the version; outside of inference mode there is none."""
        if not mode.inference:
            raise GraphError(
                "a tensor made in inference_mode cannot be saved for backward; clone() it, or make it in no_grad()"
            )
        return super().__getitem__(index)


def new_counter() -> list[int]:
    """Return the version counter of new memory."""
    return InferenceCounter((0,)) if mode.inference else [0]


def is_grad_enabled() -> bool:
    """Tell whether operations of this thread are recorded for gradients."""
    return mode.recording


class _Switch:
    """A context manager and decorator that sets recording for its extent."""

    def __init__(self, enabled: bool) -> None:
        self._enabled = enabled
        self._before: list[bool] = []  # a stack, so that one object may be entered again

    def __enter__(self) -> None:
        self._before.append(mode.recording)
        mode.recording = self._enabled and not mode.inference

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.recording = self._before.pop()

    def __call__(self, function: Callable[Params, Result]) -> Callable[Params, Result]:
        @functools.wraps(function)
        def wrapped(*args: Params.args, **kwargs: Params.kwargs) -> Result:
            with _Switch(self._enabled):  # one for each call, as calls may come from several threads
                return function(*args, **kwargs)

        return wrapped


class _BareSwitch(_Switch):
    """A switch without arguments, which may also stand alone above a function: `@no_grad`."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]  # Python calls it for instances of the class only
        return made(function)


class no_grad(_BareSwitch):  # noqa: N801 - as in PyTorch
    """Operations inside are not recorded: results need no gradient and keep nothing alive.

    Works as `with no_grad():`, and as `@no_grad()` or `@no_grad` above a function.

    Example:
        >>> with no_grad():
        ...     (tensorlib.ones(1, requires_grad=True) * 2).requires_grad
        False
    """

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_BareSwitch):  # noqa: N801 - as in PyTorch
    """Operations inside are recorded, also within `no_grad`; used like it.

    Example:
        >>> @enable_grad
        ... def recording():
        ...     return is_grad_enabled()
        >>> with no_grad():
        ...     recording()
        True
    """

    def __init__(self) -> None:
        super().__init__(True)


class set_grad_enabled(_Switch):  # noqa: N801 - a context manager with a function's name, as in PyTorch
    """Switch recording on or off: at once when called, and back at the end when used in a `with` or on a function.

    Args:
        mode: whether operations are recorded.

    Example:
        >>> with set_grad_enabled(False):
        ...     is_grad_enabled()
        False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        super().__enter__()

    def __enter__(self) -> None:
        mode.recording = self._enabled and not mode.inference

    def __call__(self, function: Callable[Params, Result]) -> Callable[Params, Result]:
        """Switch only while the function runs."""
        self.__exit__(None, None, None)
        return super().__call__(function)


class inference_mode(_Switch):  # noqa: N801 - as in PyTorch
    """Operations inside are not recorded, nor can `enable_grad` inside switch recording on; used like `no_grad`.

    Tensors made inside are inference tensors for good: outside they cannot be modified in place, nor be saved for
    backward. `clone()` outside makes an ordinary tensor of one. Views inside of ordinary tensors are ordinary.

    Args:
        mode: False leaves inference mode, and switches recording on.

    Example:
        >>> with inference_mode():
        ...     is_inference_mode_enabled(), (tensorlib.ones(1, requires_grad=True) * 2).requires_grad
        (True, False)
    """

    def __new__(cls, mode: Any = True) -> Any:  # noqa: D102
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__()  # type: ignore[misc]  # Python calls it for instances of the class only
        return made(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)
        self._mode = mode
        self._outer: list[bool] = []

    def __enter__(self) -> None:
        self._outer.append(mode.inference)
        mode.inference = self._mode
        super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        mode.inference = self._outer.pop()
        super().__exit__(kind, error, trace)

    def __call__(self, function: Callable[Params, Result]) -> Callable[Params, Result]:
        """Run the function in this mode."""
        chosen = self._mode

        @functools.wraps(function)
        def wrapped(*args: Params.args, **kwargs: Params.kwargs) -> Result:
            with inference_mode(chosen):
                return function(*args, **kwargs)

        return wrapped


def is_inference_mode_enabled() -> bool:
    """Tell whether this thread is within `inference_mode`."""
    return mode.inference
