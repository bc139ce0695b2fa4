"""How operations are watched: functions that report are put in the place of the usual ones, and taken away again.

So it costs nothing while nobody watches. All threads are watched.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tensorlib.autograd import engine
from tensorlib.autograd.engine import Pass
from tensorlib.autograd.function import Function
from tensorlib.autograd.graph import Leaf, Node, OutputNode
from tensorlib.autograd.op import Op
from tensorlib.errors import ArgumentError
from tensorlib.methods import SHORT_WAYS
from tensorlib.tensor import Tensor


class Watcher(Protocol):
    """Who wants to know of operations."""

    def begin(self, name: str, inputs: Sequence[Any]) -> Any:
        """Hear that an operation begins; what this returns goes to `end`."""

    def end(self, begun: Any) -> None:
        """Hear that an operation has ended, perhaps with an error."""


_lock = threading.Lock()
_watcher: Watcher | None = None
_usual: list[tuple[Any, str, Any]] = []


def current() -> Watcher | None:
    """Return who watches; None if nobody does."""
    return _watcher


def install(watcher: Watcher) -> None:
    """Tell a watcher of every operation from now on.

    Raises:
        ArgumentError: somebody watches already.
    """
    global _watcher
    with _lock:
        if _watcher is not None:
            raise ArgumentError("profiler: another profiler is running; only one can at a time")
        _watcher = watcher
        for name, op in SHORT_WAYS.items():
            _replace(Tensor, name, _method(watcher, op.name, vars(Tensor)[name]))
        _replace(Op, "__call__", _call(watcher))
        _replace(Function, "_apply", _apply(watcher))
        _replace(Pass, "_work_off", _work_off(watcher))
        _replace(engine, "accumulate", _accumulate(watcher))


def uninstall() -> None:
    """Put the usual functions back."""
    global _watcher
    with _lock:
        for owner, name, usual in reversed(_usual):
            setattr(owner, name, usual)
        _usual.clear()
        _watcher = None


def _replace(owner: Any, name: str, function: Any) -> None:
    _usual.append((owner, name, vars(owner)[name]))
    setattr(owner, name, function)


def watched(watcher: Watcher, name: str, inputs: Sequence[Any], function: Callable[[], Any]) -> Any:
    """Call a function between the words to a watcher."""
    begun = watcher.begin(name, inputs)
    try:
        return function()
    finally:
        watcher.end(begun)


def _method(watcher: Watcher, name: str, usual: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(usual)
    def method(*args: Any) -> Any:
        return watched(watcher, name, args, lambda: usual(*args))

    return method


def _call(watcher: Watcher) -> Callable[..., Any]:
    usual = Op.__call__

    @functools.wraps(usual)
    def call(self: Op, *args: Any, **kwargs: Any) -> Any:
        return watched(watcher, self.name, args, lambda: usual(self, *args, **kwargs))

    return call


def _apply(watcher: Watcher) -> Any:
    usual = vars(Function)["_apply"].__func__

    @functools.wraps(usual)
    def apply(cls: type[Function], *args: Any) -> Any:
        return watched(watcher, cls.name, args, lambda: usual(cls, *args))

    return classmethod(apply)


def _accumulate(watcher: Watcher) -> Callable[..., None]:
    usual = engine.accumulate

    @functools.wraps(usual)
    def accumulate(leaf: Leaf, gradient: Any, *args: Any) -> None:
        watched(watcher, "AccumulateGrad", (gradient,), lambda: usual(leaf, gradient, *args))

    return accumulate


def _work_off(watcher: Watcher) -> Callable[..., None]:
    """Return the engine's loop without its short ways."""

    def work_off(self: Pass, nodes: list[Node]) -> None:
        while nodes:
            node = nodes.pop()
            step = functools.partial(self._work_off_special, node, self.gradients.pop(node, None))
            if isinstance(node, OutputNode):
                step()  # which only hands a gradient on
            else:
                watched(watcher, f"{node.op.name}Backward", (step.args[1],), step)

    return work_off
