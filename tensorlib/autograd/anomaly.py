"""Finding the operation whose gradient is not a number: where its forward was called, in the user's own lines."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

from tensorlib._xp import array_module
from tensorlib.autograd import engine
from tensorlib.autograd.function import FunctionNode
from tensorlib.autograd.graph import Node, OutputNode
from tensorlib.errors import GraphError

_traces: WeakKeyDictionary[Node, str] = WeakKeyDictionary()
_plain_inits: dict[type[Node], Any] = {kind: kind.__init__ for kind in (Node, FunctionNode)}


class _State:
    enabled = False
    check_nan = True


def is_anomaly_enabled() -> bool:
    """Tell whether anomalies are looked for."""
    return _State.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Tell whether gradients are looked at for nan."""
    return _State.check_nan


class set_detect_anomaly:  # noqa: N801 - a context manager with a function's name, as in PyTorch
    """Switch the search for anomalies on or off, in all threads: at once, and back at the end of a `with`.

    While it is on, every recorded operation remembers where it was called. Where a gradient is nan, or a gradient's
    computation fails, the error shows that place. It costs much time.

    Args:
        mode: whether to search.
        check_nan: whether nan is an error.

    Raises:
        GraphError: by `backward`, where a gradient is nan.

    Example:
        >>> x = tensorlib.zeros(1, requires_grad=True)
        >>> with tensorlib.autograd.detect_anomaly():
        ...     try:
        ...         (x / x).backward()
        ...     except RuntimeError as error:
        ...         print(str(error).splitlines()[0])
        DivBackward0: the gradient of its input 0 is nan; its forward was called here:
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = (_State.enabled, _State.check_nan)
        _switch(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _switch(*self._before)


class detect_anomaly(set_detect_anomaly):  # noqa: N801 - as in PyTorch
    """Search for anomalies within a `with`; see `set_detect_anomaly`."""

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan

    def __enter__(self) -> None:
        super().__init__(True, self._check_nan)


def _switch(enabled: bool, check_nan: bool) -> None:
    _State.enabled, _State.check_nan = enabled, check_nan
    for kind, plain in _plain_inits.items():
        setattr(kind, "__init__", _tracing(plain) if enabled else plain)  # noqa: B010 - mypy refuses it otherwise
    engine.inspect = _inspect if enabled else None


def _tracing(plain: Any) -> Any:
    def init(self: Node, *args: Any) -> None:
        plain(self, *args)
        own = ("tensorlib/autograd/", "tensorlib/ops/", "tensorlib/attach.py", "tensorlib/methods.py")
        frames = [f for f in traceback.extract_stack() if not any(part in f.filename for part in own)]
        _traces[self] = "".join(traceback.format_list(frames))

    return init


def _inspect(node: Node, pull: Any) -> Any:
    """Compute a node's gradients, and tell where its forward was called if they are wrong."""
    place = f"its forward was called here:\n{_traces.get(node, 'before the search for anomalies began')}"
    try:
        results = pull()
    except Exception as error:
        error.add_note(f"{node.name()}: {place}")
        raise
    if _State.check_nan and not isinstance(node, OutputNode):
        for k, result in enumerate(results):
            if result is not None and _has_nan(result):
                raise GraphError(f"{node.name()}: the gradient of its input {k} is nan; {place}")
    return results


def _has_nan(value: Any) -> bool:
    array = getattr(value, "_array", value)
    array = array.astype("f4") if array.dtype.kind == "V" else array
    return array.dtype.kind in "fc" and bool(array_module(array).isnan(array).any())
